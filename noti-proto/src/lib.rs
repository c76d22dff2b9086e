//! Protocol core.
#![no_std]

mod backoff;
mod base64;
mod config;
mod error;
mod event;
mod in_flight;
mod instant;
mod line_buf;
mod login;
mod message;
mod number;
mod payload;
mod recover;
mod scan;
#[cfg(feature = "server")]
pub mod server;
mod session;
mod storage;
mod string;
mod timers;
mod timestamp;
mod transmit;
#[cfg(feature = "serde")]
mod typed;
mod value;

pub use backoff::Backoff;
pub use base64::Base64Error;
pub use config::{Config, MAX_PREFETCH};
pub use error::{
    AckError, ConfigError, ConnectError, FieldError, JsonError, JsonErrorKind, LineError,
};
pub use event::{Delivery, Event, EventType};
pub use in_flight::{AckToken, MAX_ID, Slot};
pub use instant::Instant;
pub use line_buf::{Line, LineBuf};
pub use login::Login;
pub use number::{JsonNumber, NumberError};
pub use payload::{AttrChange, DeviceOnline, KvStatus, Payload, RawError, RawStatus};
pub use scan::MAX_DEPTH;
pub use session::{CloseReason, Session, State};
pub use storage::{Borrowed, Inline, MIN_TRANSMIT, Parts, Storage};
pub use string::{Chars, DecodeError, JsonStr};
pub use timestamp::Timestamp;
#[cfg(feature = "serde")]
pub use typed::{Reason, TypedError};
pub use value::{ArrayIter, JsonKind, JsonValue, ObjectIter};
