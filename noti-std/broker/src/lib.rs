//! A local broker over real TLS sockets: for trying, testing and demonstrating a client without an account.
//!
//! ```text
//!    Source, Sender                       Broker: one thread
//!   generated devices    ┌───────────────────────────────────────────────────────┐
//!   JSON lines, replay   │  account: queue ── round robin ──> connection: window │ <── TLS ──> client
//!   events of a program ─┼─>                             └──> connection: window │ <── TLS ──> client
//!                        │     ^                                       │         │
//!                        │     └───── un-acked when it closes ─────────┘         │
//!                        └───────────────────────────────────────────────────────┘
//!                                                  Report: what was seen
//! ```
//!
//! It behaves as the service does where the service is known, and badly on request: see [`Style`] for the legal forms
//! in which a line can be written, and [`Fault`] for what can go wrong.
//!
//! Any client can be pointed at it: at [`Broker::address`], with [`Broker::ca_pem`] as the authority to trust. For a device
//! that leaves TLS to somebody else, such as a microcontroller behind a serial bridge, there is [`Builder::plain`].
//!
//! ```
//! use noti_broker::{Broker, GeneratorConfig, Source};
//!
//! let broker = Broker::builder()
//!     .source(Source::generate(GeneratorConfig::default())?.count(100))
//!     .start()?;
//! let client = broker.client().start()?;
//! for delivery in client.deliveries().take(100) {
//!     delivery.ack();
//! }
//! client.shutdown(std::time::Duration::from_secs(5))?;
//! assert_eq!(broker.wait().totals.acked, 100);
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! ```
//!
//! Memory is bounded. A connection takes about 30 KiB, most of it TLS's; one that events are pushed to, up to 64 KiB more to
//! collect them in, 48 bytes for each delivery that its prefetch allows, and what those events themselves take. What
//! waits is bounded by [`Builder::backlog`]; what a fault adds comes besides. On Linux on x86-64 the process `noti broker` takes up to
//! 13 MiB alone, 42 MiB with 1,000 idle connections, and 44 MiB with 50 busy ones besides.

mod body;
pub mod certificates;
mod clock;
mod connection;
mod error;
mod fault;
mod generate;
mod handle;
mod hub;
mod queue;
mod report;
mod serve;
mod settings;
mod source;
mod storage;
mod style;
mod text;
mod transport;
mod wake;

pub use self::body::{Body, BodyError, ReadError, read_bodies};
pub use self::certificates::Leaf;
pub use self::error::BrokerError;
pub use self::fault::{DropAt, Ending, Fault, FaultKind, ParseFaultError};
pub use self::generate::{
    Generator, GeneratorConfig, GeneratorConfigError, MAX_DEVICES, MAX_PAYLOAD, Mix,
};
pub use self::handle::{Broker, Control, TimedOut};
pub use self::report::{ClientFault, ConnectionReport, Counts, Ended, Report};
pub use self::settings::{Account, Builder};
pub use self::source::{Sender, Source, Stopped, TryPushError};
pub use self::style::{Composer, Oddity, ParseStyleError, Style, Terminator};
