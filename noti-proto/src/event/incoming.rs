//! What a session tells the application.

use super::delivery::Delivery;
use super::token::AckToken;
use crate::json::string::JsonStr;
use crate::wire::error::LineError;

/// What a line, or a part of one, means. It borrows the line's bytes, not the session.
#[derive(Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Event<'a> {
    /// The server accepted the login (clause L3).
    LoggedIn,
    /// The server refused the login, and the session is closed (clauses L4 and E1).
    LoginRefused {
        /// The code of an `invalid_msg`; a login answer has none.
        code: Option<u32>,
        /// The server's words.
        msg: Option<JsonStr<'a>>,
    },
    /// A device event. Ack it when the application is done with it.
    Delivery(Delivery<'a>),
    /// The answer to a ping (clause H2).
    Pong,
    /// The server could not make sense of something (clause E1). Look at [`Session::state`](crate::Session::state):
    /// some codes end the session (clauses E2 and E3).
    InvalidMsg {
        /// The server's code, if it gave one.
        code: Option<u32>,
        /// The server's words.
        msg: Option<JsonStr<'a>>,
    },
    /// The next bytes of a line that is longer than the buffer (clause F5). If the connection ends before
    /// [`OversizeEnd`](Self::OversizeEnd), drop the parts: the line comes again.
    OversizePart {
        /// As many bytes as the buffer holds, or one less.
        bytes: &'a [u8],
    },
    /// The last bytes of a line that is longer than the buffer.
    OversizeEnd {
        /// The bytes since the last part; there may be none.
        bytes: &'a [u8],
        /// The whole line's length in bytes.
        length: u64,
        /// Whether the line is an event. Without a token it keeps its place in the server's window until the connection
        /// ends (clause A3).
        push: bool,
        /// Acks the event, if its id could be found. Keep the line first.
        token: Option<AckToken>,
    },
    /// A line that cannot be acted on. The session goes on.
    Malformed {
        /// The exact bytes.
        line: &'a [u8],
        /// What is wrong with it.
        error: LineError,
        /// Whether the line is an event. Without a token it keeps its place in the server's window until the connection
        /// ends (clause A3): when as many as the prefetch do, nothing more will come.
        push: bool,
        /// Acks the event, if its id is beyond doubt (clause A5). Keep the line first.
        token: Option<AckToken>,
    },
    /// A sound message with a command that a client does not know, or does not expect now.
    Unknown {
        /// The exact bytes.
        line: &'a [u8],
    },
}
