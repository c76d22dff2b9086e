use std::net::SocketAddr;
use std::time::Duration;

use noti_proto::{AckToken, LineError};

use super::delivery::{Acker, Charge, Delivery};
use super::disconnect::Disconnect;

/// What a [`Client`](crate::Client) tells the application. All but the deliveries may be ignored.
///
/// An application that takes no events for long misses changes of the connection, once 256 of them wait for it.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event {
    /// A device event. Ack it once the application is done with it.
    Delivery(Delivery),
    /// A connection is open, and the server is verified.
    Connected {
        /// Where to.
        address: SocketAddr,
    },
    /// The server accepted the login.
    LoggedIn,
    /// The next bytes of a line that is longer than the buffer; only with
    /// [`PoisonPolicy::Deliver`](crate::PoisonPolicy::Deliver).
    PoisonPart(Bytes),
    /// A line that cannot be delivered as an event.
    Poison(Poison),
    /// As many events as the prefetch are held un-acked, by the policy or because their ids are of no use: nothing more will
    /// arrive on this connection.
    WindowHeld,
    /// The server could not make sense of something.
    InvalidMsg {
        /// The server's code.
        code: Option<u32>,
        /// The server's words, the first thousand characters. Where they repeat the enterprise secret, they have `***`.
        msg: String,
    },
    /// A sound message that this client does not know.
    Unknown(Bytes),
    /// The answer to a ping came after so long.
    Pong {
        /// From the moment the ping had left.
        round_trip: Duration,
    },
    /// The connection ended, or could not be made.
    Disconnected(Disconnect),
    /// The client will connect anew.
    Retrying {
        /// After so long.
        delay: Duration,
    },
}

impl Event {
    /// Whether it tells of the connection, and not of a line that the byte budget counts.
    pub(super) const fn is_news(&self) -> bool {
        match self {
            // As many as the prefetch of lines came before it.
            Self::Delivery(_)
            | Self::PoisonPart(_)
            | Self::Poison(_)
            | Self::Unknown(_)
            | Self::WindowHeld => false,
            Self::Connected { .. }
            | Self::LoggedIn
            | Self::InvalidMsg { .. }
            | Self::Pong { .. }
            | Self::Disconnected(_)
            | Self::Retrying { .. } => true,
        }
    }
}

/// Bytes of a line, counted in the client's byte budget until they are dropped.
#[derive(Debug)]
pub struct Bytes {
    pub(super) bytes: Vec<u8>,
    pub(super) _charge: Charge,
}

impl AsRef<[u8]> for Bytes {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// A line that is too long or no sound message. What became of it is up to the
/// [`PoisonPolicy`](crate::PoisonPolicy).
#[derive(Debug)]
pub struct Poison {
    pub(super) reason: PoisonReason,
    pub(super) length: u64,
    pub(super) bytes: Bytes,
    /// It is an event, and holds its place in the server's window. Both are taken when the policy is applied.
    pub(super) in_window: bool,
    pub(super) token: Option<AckToken>,
    pub(super) acker: Option<Acker>,
    pub(super) acked: bool,
}

/// What is wrong with a [`Poison`] line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PoisonReason {
    /// It is longer than the buffer.
    Oversize,
    /// It is no sound message.
    Malformed(LineError),
}

impl std::fmt::Display for PoisonReason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Oversize => f.write_str("oversize"),
            Self::Malformed(error) => write!(f, "malformed ({error})"),
        }
    }
}

impl Poison {
    pub(super) const fn new(
        reason: PoisonReason,
        length: u64,
        bytes: Bytes,
        in_window: bool,
        token: Option<AckToken>,
    ) -> Self {
        Self {
            reason,
            length,
            bytes,
            in_window,
            token,
            acker: None,
            acked: false,
        }
    }

    /// What is wrong with it.
    #[must_use]
    pub const fn reason(&self) -> PoisonReason {
        self.reason
    }

    /// The whole line's length in bytes.
    #[must_use]
    pub const fn length(&self) -> u64 {
        self.length
    }

    /// A malformed line whole; of an oversize one, with [`PoisonPolicy::Deliver`](crate::PoisonPolicy::Deliver), what
    /// follows the parts, else nothing.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes.bytes
    }

    /// Acks the event that the line is; `None` when its id is in doubt, or the policy does not leave it to the application.
    #[must_use]
    pub const fn acker(&self) -> Option<&Acker> {
        self.acker.as_ref()
    }

    /// Whether the client acked it, as [`PoisonPolicy::Ack`](crate::PoisonPolicy::Ack) says.
    #[must_use]
    pub const fn was_acked(&self) -> bool {
        self.acked
    }
}
