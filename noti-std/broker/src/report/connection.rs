//! What was seen on one connection.

use std::borrow::Cow;
use std::fmt;
use std::net::SocketAddr;

use noti_proto::server::{BrokerCloseReason, ClientError};
use serde_json::{Value, json};

use super::{Counts, merge};

/// Errors of one client that are kept word by word; more are only counted.
const KEPT_ERRORS: usize = 16;

/// The bytes that are kept of a client's wrong line.
const KEPT_LINE: usize = 512;

/// Something that a client did wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClientFault {
    /// What it was.
    pub error: ClientError,
    /// The beginning of its line, up to 512 bytes. A line that may hold a secret is not kept.
    pub line: Vec<u8>,
}

impl ClientFault {
    fn new(error: ClientError, line: &[u8]) -> Self {
        let is_login = matches!(
            error,
            ClientError::InvalidLogin | ClientError::AlreadyLoggedIn
        );
        let line = match is_login || contains(line, b"secret") {
            true => b"(not kept: it may hold a secret)",
            false => line.get(..KEPT_LINE).unwrap_or(line),
        };
        Self {
            error,
            line: line.to_vec(),
        }
    }

    fn what(&self) -> Cow<'static, str> {
        Cow::Borrowed(match self.error {
            ClientError::Malformed(error) => return Cow::Owned(error.to_string()),
            ClientError::Oversize => "a line that is too long",
            ClientError::UnknownCommand => "an unknown command",
            ClientError::InvalidLogin => "a login with missing or wrong fields",
            ClientError::NotLoggedIn => "a message before the login",
            ClientError::AlreadyLoggedIn => "a second login",
            ClientError::UnknownDelivery => "an ack of nothing that is un-acked here",
            _ => "another error",
        })
    }
}

impl fmt::Display for ClientFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = String::from_utf8_lossy(&self.line);
        // Escaped: the line is a stranger's, and the report may go to a terminal.
        write!(f, "{}: {}", self.what(), line.escape_debug())
    }
}

fn contains(line: &[u8], word: &[u8]) -> bool {
    line.windows(word.len()).any(|part| part == word)
}

/// How a connection ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ended {
    /// The client closed it.
    ByClient,
    /// It broke off: the client did not take its leave.
    BrokenOff,
    /// It failed; the text says how.
    Failed(String),
    /// The broker closed it by the rules of the protocol.
    ByBroker(BrokerCloseReason),
    /// The broker closed it because of this fault.
    ByFault(String),
    /// The broker stopped, or its source had ended.
    Stopped,
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ByClient => "closed by the client",
            Self::BrokenOff => "broken off by the client",
            Self::Failed(text) => return write!(f, "failed: {text}"),
            Self::ByFault(fault) => return write!(f, "ended by the fault {fault}"),
            Self::ByBroker(reason) => match reason {
                BrokerCloseReason::LoginRefused => "closed: login refused",
                BrokerCloseReason::LoginTimeout => "closed: no login in time",
                BrokerCloseReason::Idle => "closed: silent for too long",
                BrokerCloseReason::TransmitStalled => {
                    "closed: the client took no byte for too long"
                }
                _ => "closed",
            },
            Self::Stopped => "closed at the end",
        })
    }
}

/// What was seen on one connection.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ConnectionReport {
    /// Connections count from 1, in the order of their coming.
    pub number: u64,
    /// The client's address.
    pub peer: SocketAddr,
    /// The enterprise id, once it is logged in.
    pub account: Option<String>,
    /// The prefetch that it asked for.
    pub prefetch: u16,
    /// What was counted.
    pub counts: Counts,
    /// The first 16 things that the client did wrong.
    pub client_errors: Vec<ClientFault>,
    /// How it ended; `None` while it lives.
    pub ended: Option<Ended>,
}

impl ConnectionReport {
    pub(crate) fn new(number: u64, peer: SocketAddr) -> Self {
        Self {
            number,
            peer,
            account: None,
            prefetch: 0,
            counts: Counts::default(),
            client_errors: Vec::new(),
            ended: None,
        }
    }

    pub(crate) fn err(&mut self, error: ClientError, line: &[u8]) {
        self.counts.err(error);
        if self.client_errors.len() < KEPT_ERRORS {
            self.client_errors.push(ClientFault::new(error, line));
        }
    }

    pub(super) fn to_json(&self) -> Value {
        let errors: Vec<_> = self
            .client_errors
            .iter()
            .map(|error| {
                json!({
                    "error": error.what(),
                    "line": String::from_utf8_lossy(&error.line),
                })
            })
            .collect();
        let mut value = json!({
            "connection": self.number,
            "peer": self.peer.to_string(),
            "account": self.account,
            "prefetch": self.prefetch,
            "errors": errors,
            "ended": self.ended.as_ref().map(ToString::to_string),
        });
        merge(&mut value, self.counts.to_json());
        value
    }
}

impl fmt::Display for ConnectionReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            number,
            peer,
            counts,
            ..
        } = self;
        write!(f, "connection {number} from {peer}: {counts}")?;
        match &self.ended {
            Some(ended) => write!(f, "; {ended}")?,
            None => f.write_str("; open")?,
        }
        self.client_errors
            .iter()
            .try_for_each(|error| write!(f, "\n  client error: {error}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_bounded() {
        let mut connection = ConnectionReport::new(1, ([127, 0, 0, 1], 4711).into());
        for _ in 0..100 {
            connection.err(ClientError::Oversize, b"x");
        }
        assert_eq!(connection.counts.client_errors, 100);
        assert_eq!(connection.client_errors.len(), KEPT_ERRORS);
    }
}
