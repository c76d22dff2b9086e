//! Why a call on the session is refused.

use core::error::Error;
use core::fmt;

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
