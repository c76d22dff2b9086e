//! The protocol core of a client for the Gizwits message broker 1.0 (消息代理): newline-delimited JSON in which a
//! server pushes device events and the client acks each.
//!
//! No IO, no clock, no allocation: bytes and time come in, bytes, events and a deadline come out. The same core runs on
//! a microcontroller with a few KiB of memory, in an async runtime, under a fuzzer, and in a simulation whose time is a
//! number.
//!
//! ```text
//!         bytes from the transport                             bytes to the transport
//!                  │                                                     ▲
//!                  ▼                                                     │
//!         LineBuf::spare, commit                   Session::poll_transmit, transmitted
//!                  │                                                     │
//!              next_line ──> Line ──> Session::handle_line ──> Event ──> application
//!                                                                        │
//!                             Session::ack(AckToken) <── once it is done ┘
//!
//!         time: Session::poll_timeout says when to call Session::handle_timeout
//! ```
//!
//! [`LineBuf`] owns the received bytes, [`Session`] owns the protocol's state, and they do not know each other. An
//! [`Event`] borrows its line, never the session, so the application can [ack](Session::ack) while it still reads the
//! event, hand the [`AckToken`] to another thread, or ack much later.
//!
//! # A whole client
//!
//! Everything but the socket. `transport` is any byte stream, `clock` any source of milliseconds.
//!
//! ```
//! use noti_proto::{Config, Event, Inline, Instant, LineBuf, Login, Session, State};
//! # use std::io::{ErrorKind::{Interrupted, TimedOut, WouldBlock}, Read, Write};
//! # fn handle(_: &noti_proto::Delivery<'_>) {}
//! # fn run(mut transport: impl Read + Write, clock: impl Fn() -> Instant) -> std::io::Result<()> {
//!
//! let mut lines = LineBuf::new([0; 4096]);
//! let mut session = Session::new(Config::default(), Inline::<256, 5>::new()).expect("it fits");
//! let login = Login { enterprise_id: "id", enterprise_secret: "secret" };
//! session.connected(clock(), &login).expect("it fits");
//!
//! while !matches!(session.state(), State::Closed(_)) {
//!     // 1. Send what there is: the login, acks, a ping.
//!     while let bytes @ [_, ..] = session.poll_transmit(clock()) {
//!         let length = bytes.len();
//!         transport.write_all(bytes)?;
//!         transport.flush()?;
//!         session.transmitted(clock(), length);
//!     }
//!     // 2. Wait for bytes, until session.poll_timeout() at the latest: the transport has a read timeout.
//!     match transport.read(lines.spare()) {
//!         Ok(0) => break,
//!         Ok(read) => {
//!             lines.commit(read);
//!             session.note_received(clock());
//!         }
//!         Err(error) if matches!(error.kind(), WouldBlock | TimedOut | Interrupted) => {}
//!         Err(error) => return Err(error),
//!     }
//!     // 3. Handle all that has arrived, before any deadline.
//!     while let Some(line) = lines.next_line() {
//!         if let Some(Event::Delivery(delivery)) = session.handle_line(clock(), line) {
//!             handle(&delivery);
//!             session.ack(delivery.token()).expect("its connection is open");
//!         }
//!     }
//!     // 4. Do what is due.
//!     session.handle_timeout(clock());
//! }
//! session.disconnected(clock());
//! # Ok(())
//! # }
//! ```
//!
//! # What it promises
//!
//! - An event is acked only when the application says so, once, on the connection that it came from.
//! - Nothing that a server sends makes it panic, loop, or use more memory. A line that is too long or no JSON is
//!   reported, with a token where its id is beyond doubt, so that it cannot block the window for ever.
//! - Memory is the caller's: the receive buffer, the transmit buffer, and 48 bytes for each delivery that may be un-acked.
//! - The credentials are overwritten in the transmit buffer once they have left.
//!
//! # Features
//!
//! None is on by default.
//!
//! - `serde`: `data` into the application's own types, through serde-json-core.
//! - `server`: the broker's end, for local brokers, tests and simulations.
//! - `embedded-io`, `embedded-io-async`: run loops over any byte stream.
//! - `defmt`: `defmt::Format` for the types that an application logs.
//!
//! The protocol itself, clause by clause, is in [`protocol`].
//!
//! # Where to find what
//!
//! Five layers; each imports only those before it.
//!
//! | Layer | Holds |
//! |---|---|
//! | [`json`] | the scanner and its fast paths, and views of what it has accepted: value, string, number |
//! | `wire` | lines; every literal of the protocol in `names`; where a message's members stand; the login; `salvage`, which finds the id of a line that cannot be read |
//! | `event` | the kinds of event, their fields, and the token that acks one |
//! | `session` | the client's state machine in `machine`, where a ping is decided; `acks`, which keeps the ids that are echoed; deadlines, configuration, memory |
//! | `driver`, `server` | run loops over byte streams; the broker's end |
#![no_std]
#![forbid(unsafe_code)]

#[doc = include_str!("../PROTOCOL.md")]
pub mod protocol {}

#[cfg(any(feature = "embedded-io", feature = "embedded-io-async"))]
pub mod driver;
mod event;
pub mod json;
#[cfg(feature = "server")]
pub mod server;
mod session;
mod wire;

pub use event::base64::Base64Error;
#[cfg(feature = "serde")]
pub use event::de::{Reason, TypedError};
pub use event::delivery::{Delivery, Layout};
pub use event::error::FieldError;
pub use event::incoming::Event;
pub use event::kind::EventType;
pub use event::payload::{AttrChange, DeviceOnline, KvStatus, Payload, RawError, RawStatus};
pub use event::timestamp::Timestamp;
pub use event::token::AckToken;
pub use session::acks::Slot;
pub use session::backoff::Backoff;
pub use session::config::{Config, MAX_PREFETCH};
pub use session::error::{AckError, ConfigError, ConnectError};
pub use session::instant::Instant;
pub use session::machine::{CloseReason, Session, State};
pub use session::storage::{Borrowed, Inline, MIN_TRANSMIT, Parts, Storage};
pub use wire::error::LineError;
pub use wire::line::{Line, LineBuf};
pub use wire::login::Login;
pub use wire::names::MAX_ID;
