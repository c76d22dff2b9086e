//! What can happen to a session, as values: for fuzzing and property tests of anything that drives one.
//!
//! They live here and not in noti-proto, for they are a model of its surroundings, not a part of it: in the core they
//! would be public interface, and `arbitrary` a dependency to keep.

use arbitrary::Arbitrary;

/// One thing that happens to a client's session.
#[derive(Arbitrary, Clone, Debug)]
pub enum Operation {
    /// A new connection is open.
    Connect,
    /// The transport ends.
    Disconnect,
    /// Time passes; the unit is a quarter of a second.
    Advance(u8),
    /// A long time passes: minutes.
    AdvanceMinutes(u8),
    /// The driver looks at the deadlines.
    Timeout,
    /// The driver feeds a line, in reads of the pattern of [`Reads`](crate::reads::Reads).
    Receive(Incoming, u8),
    /// The application acks the nth delivery that it holds, from the oldest on, in a circle.
    Ack(u8),
    /// The application acks with a token that it has used, or that is of another connection.
    AckOld(u8),
    /// The transport takes so many bytes.
    Transmit(u8),
    /// The driver stops reading.
    Pause,
    /// The driver reads again.
    Resume,
}

/// A line from the server.
#[derive(Arbitrary, Clone, Debug)]
pub enum Incoming {
    /// The login is accepted.
    Accepted,
    /// The login is refused.
    Refused,
    /// The answer to a ping.
    Pong,
    /// An event.
    Push(Id),
    /// An event that is longer than the buffer.
    Oversize(Id),
    /// A line that is longer than the buffer and no event.
    OversizeNoise,
    /// An event with a fault behind its id.
    Malformed(Id),
    /// A line that is no event and no JSON.
    Noise,
    /// A blank line.
    Blank,
    /// An error with a code.
    Invalid(Code),
    /// Any bytes at all, but for a `\n`.
    Raw(Vec<u8>),
}

/// A delivery's id, in the forms that the wire knows.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub enum Id {
    /// As in every capture.
    Small(u8),
    /// Beyond what a float holds.
    Large(u64),
    /// A string.
    Text(u16),
    /// As long as an id may be.
    Longest(u8),
}

/// The codes of `invalid_msg` that matter, and one that does not.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub enum Code {
    /// No code.
    None,
    /// 4000
    ServerInternal,
    /// 4001
    NotLoggedIn,
    /// 4003
    LoginLost,
    /// 4009, which ends nothing.
    AlreadyLoggedIn,
}

impl Id {
    /// Its raw bytes.
    pub fn raw(self) -> String {
        match self {
            Self::Small(number) => number.to_string(),
            Self::Large(number) => number.to_string(),
            Self::Text(number) => format!("\"id-{number:x}\""),
            Self::Longest(number) => format!("\"{number:038}\""),
        }
    }
}

impl Incoming {
    /// Its bytes, without the `\n`. Oversize means longer than `buffer`.
    pub fn line(&self, buffer: usize) -> Vec<u8> {
        let push = |id: Id, rest: &str| {
            let id = id.raw();
            format!(r#"{{"cmd":"enterprise_event_push","delivery_id":{id}{rest}"#)
        };
        let long = "x".repeat(buffer);
        let line = match self {
            Self::Accepted => r#"{"cmd":"enterprise_login_res","data":{"result":true}}"#.into(),
            Self::Refused => r#"{"cmd":"enterprise_login_res","data":{"result":false}}"#.into(),
            Self::Pong => r#"{"cmd":"enterprise_pong"}"#.into(),
            Self::Push(id) => push(*id, r#","did":"d"}"#),
            Self::Oversize(id) => push(*id, &format!(r#","did":"{long}"}}"#)),
            Self::OversizeNoise => long,
            Self::Malformed(id) => push(*id, r#","did":}"#),
            Self::Noise => "No Heartbeat!".into(),
            Self::Blank => " \t".into(),
            Self::Invalid(Code::None) => r#"{"cmd":"invalid_msg","msg":"unknown cmd"}"#.into(),
            Self::Invalid(code) => {
                let code = match code {
                    Code::ServerInternal => 4000,
                    Code::NotLoggedIn => 4001,
                    Code::LoginLost => 4003,
                    Code::None | Code::AlreadyLoggedIn => 4009,
                };
                format!(r#"{{"cmd":"invalid_msg","error_code":{code},"msg":"x"}}"#)
            }
            Self::Raw(bytes) => {
                return bytes
                    .iter()
                    .copied()
                    .filter(|byte| *byte != b'\n')
                    .collect();
            }
        };
        line.into_bytes()
    }
}
