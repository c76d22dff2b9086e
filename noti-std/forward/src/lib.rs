//! Brings the events of a [`noti_std::Client`] to where they are needed, and makes them safe there before they are
//! acknowledged.
//!
//! - [`AppendFile`]: a file of lines that survives a crash complete, with one writer at a time.
//! - [`Stdout`]: the process's stdout, as such a file where it leads to one.
//! - [`DeadLetter`]: a file for lines that cannot be delivered.
//! - [`Filter`]: which events are wanted.
//! - [`Select`]: chosen fields of events, in columns.

mod append_file;
mod dead_letter;
#[cfg(test)]
mod events;
mod filter;
mod select;
mod stdout;

pub use append_file::{AppendFile, Identity};
pub use dead_letter::DeadLetter;
pub use filter::Filter;
pub use select::{Field, Select};
pub use stdout::Stdout;
// For the diagnostics of the command, which wait for stderr in the same way.
#[doc(hidden)]
pub use stdout::write_all;
