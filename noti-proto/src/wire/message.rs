//! A whole line read as a message: its command, and where its members stand (clauses J1 to J4).

use super::error::LineError;
#[cfg(fast_kernel)]
use super::fast_push;
use super::line::{Batch, without_carriage_return};
use super::members::{Member, Members, Span};
use super::names;
use crate::json::error::{JsonError, JsonErrorKind};
use crate::json::scan::{self, skip_white_space};
use crate::json::string::is_name;
use crate::json::token::{Fault, Rest, before, unexpected};

/// What `cmd` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    Push,
    Pong,
    LoginAnswer,
    InvalidMessage,
    #[cfg(feature = "server")]
    Ack,
    #[cfg(feature = "server")]
    Ping,
    #[cfg(feature = "server")]
    LoginRequest,
    Other,
}

/// The commands by name, the frequent ones first.
const COMMANDS: &[(&str, Command)] = &[
    (names::EVENT_PUSH, Command::Push),
    #[cfg(feature = "server")]
    (names::EVENT_ACK, Command::Ack),
    (names::PONG, Command::Pong),
    (names::LOGIN_ANSWER, Command::LoginAnswer),
    (names::INVALID_MESSAGE, Command::InvalidMessage),
    #[cfg(feature = "server")]
    (names::PING, Command::Ping),
    #[cfg(feature = "server")]
    (names::LOGIN_REQUEST, Command::LoginRequest),
];

impl Command {
    fn named(raw: &[u8]) -> Self {
        // One comparison of known length for nearly every line.
        #[cfg(fast_kernel)]
        if raw == names::EVENT_PUSH.as_bytes() {
            return Self::Push;
        }
        let known = COMMANDS.iter().find(|(name, _)| is_name(raw, name));
        known.map_or(Self::Other, |(_, command)| *command)
    }
}

/// A line that is a JSON object with a command.
#[derive(Debug)]
pub(crate) struct Message<'a, 'm> {
    /// The exact bytes, without the line's end.
    pub(crate) line: &'a [u8],
    pub(crate) command: Command,
    pub(crate) members: &'m Members,
}

/// What a whole line is.
#[derive(Debug)]
pub(crate) enum Reading<'a, 'm> {
    Blank,
    Message(Message<'a, 'm>),
    Malformed { line: &'a [u8], error: LineError },
}

/// Reads the line that `batch` begins with, and tells the batch where it ended. `members` start empty.
pub(crate) fn read<'a, 'm>(batch: &Batch<'a>, members: &'m mut Members) -> Reading<'a, 'm> {
    #[cfg(fast_kernel)]
    let usual = fast_push::members(batch.bytes, members);
    #[cfg(not(fast_kernel))]
    let usual = None;
    match read_members(batch.bytes, usual, members) {
        Ok(rest) => {
            let line = before(batch.bytes, rest);
            batch.ends_after(line.len().saturating_add(1));
            let line = without_carriage_return(line);
            let command = match usual {
                Some(_) => Ok(Command::Push),
                None => command(line, members),
            };
            match command {
                Ok(command) => Reading::Message(Message {
                    line,
                    command,
                    members,
                }),
                Err(error) => Reading::Malformed { line, error },
            }
        }
        Err(Stop::Blank) => {
            batch.line();
            Reading::Blank
        }
        Err(Stop::Line(error)) => Reading::Malformed {
            line: batch.line(),
            error,
        },
        Err(Stop::Json(fault)) => {
            let line = batch.line();
            let offset = before(batch.bytes, fault.rest).len();
            // A line that breaks off before `\r\n` does so at its own end.
            let kind = match fault.kind {
                JsonErrorKind::ControlCharacter if offset == line.len() => {
                    JsonErrorKind::UnexpectedEnd
                }
                kind => kind,
            };
            Reading::Malformed {
                line,
                error: LineError::Json(JsonError::new(kind, offset.min(line.len()))),
            }
        }
    }
}

fn command(line: &[u8], members: &Members) -> Result<Command, LineError> {
    let value = members.value(Member::Cmd, line);
    let name = value.and_then(|value| value.as_str());
    name.map(|name| Command::named(name.as_bytes()))
        .ok_or(LineError::NoCommand)
}

/// Why a line gives no members.
enum Stop<'a> {
    Blank,
    Json(Fault<'a>),
    Line(LineError),
}

impl<'a> From<Fault<'a>> for Stop<'a> {
    fn from(fault: Fault<'a>) -> Self {
        Self::Json(fault)
    }
}

/// Validates the line, notes its members, and gives back the bytes from its end on. `usual` is what follows the members
/// that were read already, if there are such.
fn read_members<'a>(
    start: &'a [u8],
    usual: Option<&'a [u8]>,
    members: &mut Members,
) -> Result<&'a [u8], Stop<'a>> {
    let mut next = match usual {
        Some(after_value) => next_key(after_value)?,
        None => first_key(start)?,
    };
    loop {
        match next {
            Next::Key(rest) => next = next_key(read_member(start, rest, members)?)?,
            Next::End(rest) => return Ok(line_end(rest)?),
        }
    }
}

/// What an object goes on with.
enum Next<'a> {
    Key(&'a [u8]),
    /// What follows the closing brace.
    End(&'a [u8]),
}

/// Reads the opening brace.
fn first_key(start: &[u8]) -> Result<Next<'_>, Stop<'_>> {
    match skip_white_space(start) {
        [] | [b'\n', ..] => Err(Stop::Blank),
        [b'{', tail @ ..] => Ok(match skip_white_space(tail) {
            [b'}', tail @ ..] => Next::End(tail),
            key => Next::Key(key),
        }),
        other => {
            line_end(scan::value(other, 0)?)?;
            Err(Stop::Line(LineError::NotAnObject))
        }
    }
}

/// Reads what follows a value: a comma, or the closing brace.
fn next_key(rest: &[u8]) -> Result<Next<'_>, Fault<'_>> {
    match skip_white_space(rest) {
        [b',', tail @ ..] => Ok(Next::Key(skip_white_space(tail))),
        [b'}', tail @ ..] => Ok(Next::End(tail)),
        other => Err(unexpected(other)),
    }
}

/// Reads the member that `rest` begins with, and gives back what follows its value.
fn read_member<'a>(
    start: &'a [u8],
    rest: &'a [u8],
    members: &mut Members,
) -> Result<&'a [u8], Stop<'a>> {
    let key = scan::key(rest)?;
    let rest = scan::value(key.rest, 1)?;
    if let Some(member) = Member::named(key.raw)
        && let Some(span) = members.span_mut(member)
    {
        if span.is_set() && matches!(member, Member::Cmd | Member::DeliveryId) {
            return Err(Stop::Line(LineError::RepeatedMember));
        }
        *span = Span::new(offset(start, key.rest)?, offset(start, rest)?);
    }
    Ok(rest)
}

fn offset<'a>(start: &'a [u8], rest: &'a [u8]) -> Result<u32, Fault<'a>> {
    let offset = start.len().saturating_sub(rest.len());
    u32::try_from(offset).map_err(|_| Fault::new(JsonErrorKind::TooLong, rest))
}

/// Nothing but white space may follow the value in its line.
fn line_end(rest: &[u8]) -> Rest<'_> {
    match skip_white_space(rest) {
        rest @ ([] | [b'\n', ..]) => Ok(rest),
        rest => Err(Fault::new(JsonErrorKind::TrailingBytes, rest)),
    }
}
