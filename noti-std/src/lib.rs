//! A client for the Gizwits message broker 1.0 (消息代理) over TLS.
//!
//! The protocol itself is [`noti_proto`], which does no IO. This crate gives it a socket, a clock and memory:
//!
//! ```text
//!   application's threads                        client's thread
//!
//!   Client::recv  <── events, within a byte budget ──  LineBuf, Session
//!   Delivery::ack ── tokens ─────────────────────────>     │    ▲
//!                                                          ▼    │
//!                                                      TLS over TCP
//! ```
//!
//! - [`Client`] connects, logs in, delivers, acks, pings, and connects anew with backoff. Its thread never waits for the
//!   application.
//! - [`tls`] decides whom to trust: the platform's authorities, a CA file, or pinned keys. There is no way to trust
//!   everybody, and nothing of the login is sent before the server is verified.
//!
//! A local broker to try and test a program with is the crate `noti-broker`; the command `noti` is `noti-cli`.
//!
//! An event is acked when the application says so. Until then it is in the broker's hands, and comes again after a
//! crash or a cut: at least once, perhaps twice.

mod client;
mod secret;
pub mod tls;

pub use client::{
    Acker, BuildError, Bytes, Client, ClientBuilder, ClientError, Delivery, Disconnect,
    DisconnectKind, Event, Health, Interrupter, Monitor, Poison, PoisonPolicy, PoisonReason, Stats,
};
pub use noti_proto as proto;
pub use secret::Secret;
pub use tls::{Pin, PinError, TlsError, Trust};
