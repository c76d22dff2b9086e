//! What a broker's session tells, and what a client can do wrong.

use core::error::Error;
use core::fmt;

use crate::json::string::JsonStr;
use crate::wire::error::LineError;

/// What a client's line means.
#[non_exhaustive]
pub enum BrokerEvent<'a> {
    /// The client asks to be let in: call [`accept_login`](super::BrokerSession::accept_login) or
    /// [`refuse_login`](super::BrokerSession::refuse_login).
    LoginRequest(LoginRequest<'a>),
    /// The client is done with a delivery.
    Acked {
        /// What [`BrokerSession::push`](super::BrokerSession::push) was given for it.
        tag: u32,
    },
    /// The client sent a ping; the answer is on its way, unless answers are withheld.
    Ping,
    /// The client sent something wrong; it has been told (clause E1).
    ClientError {
        /// What it did.
        error: ClientError,
        /// The exact bytes of its line, or of the last part of one that is longer than the buffer.
        line: &'a [u8],
    },
}

/// Leaves out a client's lines: a login that went wrong holds its secret.
impl fmt::Debug for BrokerEvent<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LoginRequest(request) => f.debug_tuple("LoginRequest").field(request).finish(),
            Self::Acked { tag } => f.debug_struct("Acked").field("tag", tag).finish(),
            Self::Ping => f.write_str("Ping"),
            Self::ClientError { error, .. } => f
                .debug_struct("ClientError")
                .field("error", error)
                .finish_non_exhaustive(),
        }
    }
}

/// A client's login (clause L1).
#[derive(Clone, Copy)]
pub struct LoginRequest<'a> {
    /// The enterprise id.
    pub enterprise_id: JsonStr<'a>,
    /// The enterprise secret.
    pub enterprise_secret: JsonStr<'a>,
    /// How many deliveries may be out un-acked (clause L2).
    pub prefetch: u16,
}

/// Hides the secret.
impl fmt::Debug for LoginRequest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoginRequest")
            .field("enterprise_id", &self.enterprise_id)
            .field("prefetch", &self.prefetch)
            .finish_non_exhaustive()
    }
}

/// What a client can do wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClientError {
    /// The line is no message.
    Malformed(LineError),
    /// The line is longer than the buffer.
    Oversize,
    /// A command that the broker does not know.
    UnknownCommand,
    /// A login whose fields are missing, of a wrong type, or out of range.
    InvalidLogin,
    /// Something else than a login, before the login (clause E2).
    NotLoggedIn,
    /// A second login (clause L6).
    AlreadyLoggedIn,
    /// An ack of nothing that is un-acked on this connection (clause A4).
    UnknownDelivery,
}

impl ClientError {
    pub(super) const COUNT: usize = 6;

    /// How the client is told: place in the list of owed answers, code if there is one, text.
    pub(super) const fn answer(self) -> (usize, Option<u32>, &'static str) {
        match self {
            Self::Malformed(_) | Self::Oversize => (0, None, "invalid message"),
            Self::UnknownCommand => (1, None, "unknown cmd"),
            Self::InvalidLogin => (2, None, "invalid login"),
            Self::NotLoggedIn => (3, Some(4001), "not login"),
            Self::AlreadyLoggedIn => (4, Some(4009), "has login"),
            Self::UnknownDelivery => (5, None, "unknown delivery_id"),
        }
    }

    /// One of each kind of answer.
    pub(super) const ANSWERS: [Self; Self::COUNT] = [
        Self::Oversize,
        Self::UnknownCommand,
        Self::InvalidLogin,
        Self::NotLoggedIn,
        Self::AlreadyLoggedIn,
        Self::UnknownDelivery,
    ];
}

/// Why an event was not pushed. Nothing was sent, and nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PushError {
    /// The client is not logged in, or no longer.
    NotLoggedIn,
    /// The client has as many deliveries un-acked as it asked for.
    WindowFull,
    /// The transmit buffer has no room now: transmit first. If it is empty, the event is longer than it is.
    NoRoom,
    /// The delivery id is longer than [`MAX_ID`](crate::MAX_ID).
    IdTooLong,
    /// The event is no JSON object on one line.
    NotAnObject,
}

impl fmt::Display for PushError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotLoggedIn => "the client is not logged in; keep the event for another",
            Self::WindowFull => "the client's window is full; wait for an ack",
            Self::NoRoom => "the transmit buffer has no room; transmit first, or give a longer one",
            Self::IdTooLong => "the delivery id is longer than 40 bytes; use a shorter one",
            Self::NotAnObject => "the event is no JSON object on one line; leave it out",
        })
    }
}

impl Error for PushError {}
