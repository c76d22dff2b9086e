//! The proof of the core: what it does, clause by clause of `PROTOCOL.md`, and what it never does, whatever comes.
//!
//! The first modules are stories: given bytes, at a time, expect events, bytes, a deadline. Those after `story` are
//! properties over generated inputs.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::unreachable,
    clippy::unwrap_used
)]

mod acks;
mod errors;
mod events;
mod framing;
mod heartbeat;
mod json;
mod login;
mod poison;
mod secrets;
#[cfg(feature = "server")]
mod server;
mod sizes;
#[cfg(feature = "serde")]
mod typed;
mod values;

mod story;

mod chunking;
mod escapes;
mod grammar;
mod inputs;
mod model;
#[cfg(feature = "server")]
mod pipe;
mod recovery;
mod short_ways;
