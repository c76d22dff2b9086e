//! What can be wrong, layer by layer: the bytes of a line, a field of an event, a call.

use core::error::Error;
use core::fmt;

/// Why a line is not a message that the session can act on; reported in `Event::Malformed`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum LineError {
    /// The line is no JSON text (clause J1).
    Json(JsonError),
    /// JSON, but no object (clause J3).
    NotAnObject,
    /// No `cmd`, or one that is no string (clause J3).
    NoCommand,
    /// `cmd` or `delivery_id` stands in it twice, so it is not clear what to ack (clause J4).
    RepeatedMember,
    /// An event without `delivery_id` (clause A3).
    NoDeliveryId,
    /// A `delivery_id` that is an array or an object (clause A3).
    DeliveryIdNotScalar,
    /// A `delivery_id` of more than [`MAX_ID`](crate::MAX_ID) bytes (clause A3).
    DeliveryIdTooLong,
    /// A login answer whose `data.result` is neither `true` nor `false` (clause L3).
    NoLoginResult,
}

impl fmt::Display for LineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Json(error) => return error.fmt(f),
            Self::NotAnObject => "the line is JSON but no object; keep it and ask the service about it",
            Self::NoCommand => "the message has no string `cmd`; keep it and ask the service about it",
            Self::RepeatedMember => {
                "the message has `cmd` or `delivery_id` twice; keep it, it cannot be acked safely"
            }
            Self::NoDeliveryId => "the event has no `delivery_id`; keep it, it cannot be acked",
            Self::DeliveryIdNotScalar => {
                "the event's `delivery_id` is an array or an object; keep it, it cannot be acked"
            }
            Self::DeliveryIdTooLong => {
                "the event's `delivery_id` is longer than 40 bytes; keep it, it cannot be acked"
            }
            Self::NoLoginResult => {
                "the login answer has no boolean `data.result`; check that the server speaks protocol 1.0"
            }
        })
    }
}

impl Error for LineError {}

/// Where a text stops being JSON, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct JsonError {
    kind: JsonErrorKind,
    offset: usize,
}

impl JsonError {
    pub(crate) const fn new(kind: JsonErrorKind, offset: usize) -> Self {
        Self { kind, offset }
    }

    /// What is wrong.
    #[must_use]
    pub const fn kind(&self) -> JsonErrorKind {
        self.kind
    }

    /// The offset, in bytes from the start of the line or text, of the first byte that cannot be accepted.
    #[must_use]
    pub const fn offset(&self) -> usize {
        self.offset
    }
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {}", self.kind, self.offset)
    }
}

impl Error for JsonError {}

/// What makes a text no JSON text (RFC 8259), or more than this crate reads of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum JsonErrorKind {
    /// A byte that the grammar does not allow there.
    UnexpectedByte,
    /// The text ends before its value is complete.
    UnexpectedEnd,
    /// Bytes after the value.
    TrailingBytes,
    /// A raw control character in a string.
    ControlCharacter,
    /// A backslash that no escape follows.
    InvalidEscape,
    /// A string that is not UTF-8.
    InvalidUtf8,
    /// A number that the grammar does not allow.
    InvalidNumber,
    /// Nested deeper than [`MAX_DEPTH`](crate::MAX_DEPTH).
    TooDeep,
    /// Longer than 4 GiB, which no line is.
    TooLong,
}

impl fmt::Display for JsonErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::UnexpectedByte => "no JSON: unexpected byte",
            Self::UnexpectedEnd => "no JSON: the text breaks off",
            Self::TrailingBytes => "no JSON: something follows the value",
            Self::ControlCharacter => "no JSON: raw control character in a string",
            Self::InvalidEscape => "no JSON: invalid escape in a string",
            Self::InvalidUtf8 => "no JSON: a string is not UTF-8",
            Self::InvalidNumber => "no JSON: invalid number",
            Self::TooDeep => "nested deeper than 64 levels",
            Self::TooLong => "longer than 4 GiB",
        })
    }
}

/// Why a field of an event cannot be read as what it should be. The event itself is sound: it can be forwarded and
/// acked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum FieldError {
    /// The event does not have the field.
    Missing,
    /// The field is there and `null`.
    Null,
    /// The field has a value of another type.
    WrongType,
    /// The number is out of the field's range.
    OutOfRange,
}

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Missing => "the event does not have this field; treat it as optional",
            Self::Null => "the field is null; treat it as absent",
            Self::WrongType => "the field has another type; read its raw value with `member`",
            Self::OutOfRange => "the number is out of range; read its text with `member`",
        })
    }
}

impl Error for FieldError {}

/// Why a session cannot be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum ConfigError {
    /// The prefetch is zero or above 32,767 (clause L2).
    Prefetch,
    /// There are fewer slots than the prefetch, or more than 65,534.
    Slots,
    /// The transmit buffer is shorter than [`MIN_TRANSMIT`](crate::MIN_TRANSMIT).
    TransmitBuffer,
    /// The ping interval is zero or above 270 seconds (clause H1).
    PingInterval,
    /// A timeout is zero or above a day.
    Timeout,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Prefetch => "the prefetch must be from 1 to 32767",
            Self::Slots => "give at least as many slots as the prefetch, and at most 65534",
            Self::TransmitBuffer => "give a transmit buffer that holds an ack: 96 bytes at least",
            Self::PingInterval => "the ping interval must be from 1 ms to 270 s",
            Self::Timeout => "timeouts must be from 1 ms to 24 h",
        })
    }
}

impl Error for ConfigError {}

/// Why a connection cannot be logged in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum ConnectError {
    /// The login does not fit the transmit buffer.
    LoginTooLong {
        /// The bytes that the login takes.
        needed: usize,
        /// The transmit buffer's length.
        available: usize,
    },
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::LoginTooLong { needed, available } = self;
        write!(
            f,
            "the login takes {needed} bytes and the transmit buffer has {available}; give a longer one"
        )
    }
}

impl Error for ConnectError {}

/// Why an ack was not taken. Neither is a loss: the first means that the broker will deliver the event again, the
/// second that it is acked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum AckError {
    /// The delivery's connection has ended, and its id with it (clause A4).
    Stale,
    /// The delivery was acked before.
    AlreadyAcked,
    /// The token is of another session.
    OtherSession,
}

impl fmt::Display for AckError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Stale => "the connection of this delivery has ended; expect the event again",
            Self::AlreadyAcked => "this delivery was acked before; ack each once",
            Self::OtherSession => {
                "this token is of another session; give it to the session it came from"
            }
        })
    }
}

impl Error for AckError {}
