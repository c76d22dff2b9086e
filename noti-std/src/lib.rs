//! The std shell.

mod client;
mod secret;
pub mod tls;

pub use client::{
    Acker, BuildError, Client, ClientBuilder, ClientError, Delivery, Disconnect, DisconnectKind,
    Event, Interrupter, Poison, PoisonPolicy, PoisonReason, Stats,
};
pub use secret::Secret;
pub use tls::{Pin, PinError, TlsError, Trust};
