//! The driver over scripted transports: what it sends, what it hands over, and when.
//!
//! A test may panic, and std is at hand: the crate's lints are for its code.
#![cfg(all(feature = "embedded-io", feature = "embedded-io-async"))]
#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::std_instead_of_core,
    clippy::string_slice,
    clippy::unwrap_used
)]

mod asynchronous;
mod blocking;
mod errors;
mod peer;
