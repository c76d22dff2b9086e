//! A whole line read as a message: its command, and where its members stand (clauses J1 to J4).

use crate::error::{JsonError, JsonErrorKind, LineError};
use crate::line_buf::{Batch, without_carriage_return};
use crate::scan::{self, Fault, before, skip_white_space};
use crate::string::is_name;
#[cfg(target_pointer_width = "64")]
use crate::usual;
use crate::value::JsonValue;

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
    ("enterprise_event_push", Command::Push),
    #[cfg(feature = "server")]
    ("enterprise_event_ack", Command::Ack),
    ("enterprise_pong", Command::Pong),
    ("enterprise_login_res", Command::LoginAnswer),
    ("invalid_msg", Command::InvalidMessage),
    #[cfg(feature = "server")]
    ("enterprise_ping", Command::Ping),
    #[cfg(feature = "server")]
    ("enterprise_login_req", Command::LoginRequest),
];

impl Command {
    fn named(raw: &[u8]) -> Self {
        // One comparison of known length for nearly every line.
        #[cfg(target_pointer_width = "64")]
        if raw == b"enterprise_event_push" {
            return Self::Push;
        }
        let known = COMMANDS.iter().find(|(name, _)| is_name(raw, name));
        known.map_or(Self::Other, |(_, command)| *command)
    }
}

/// Where a value stands in its line. Lines longer than this can say are refused.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Span {
    start: u32,
    /// Zero where there is no value, for no value is empty.
    end: u32,
}

impl Span {
    const fn is_set(self) -> bool {
        self.end > 0
    }

    fn value(self, line: &[u8]) -> Option<JsonValue<'_>> {
        let start = usize::try_from(self.start).ok()?;
        let end = usize::try_from(self.end).ok()?;
        let raw = line.get(start..end)?;
        (!raw.is_empty()).then(|| JsonValue::from_validated(raw))
    }
}

/// The top-level members that are read often, by their place in [`Members`]. The others are looked for when they are
/// asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Member {
    Cmd,
    DeliveryId,
    EventType,
    EventId,
    ProductKey,
    Did,
    Mac,
    GroupId,
    CreatedAt,
    Data,
}

/// Their names, the frequent ones first.
const MEMBERS: [(&str, Member); 10] = [
    ("cmd", Member::Cmd),
    ("delivery_id", Member::DeliveryId),
    ("event_type", Member::EventType),
    ("event_id", Member::EventId),
    ("product_key", Member::ProductKey),
    ("did", Member::Did),
    ("mac", Member::Mac),
    ("group_id", Member::GroupId),
    ("created_at", Member::CreatedAt),
    ("data", Member::Data),
];

impl Member {
    /// The member of this name, if it is one of them. Escapes in a key do not hide it.
    fn named(key: &[u8]) -> Option<Self> {
        #[cfg(target_pointer_width = "64")]
        if let Some(member) = Self::plainly_named(key) {
            return Some(member);
        }
        let known = MEMBERS.iter().find(|(name, _)| is_name(key, name));
        known.map(|(_, member)| *member)
    }

    /// By comparisons of known length: quicker than the list, and 500 bytes of flash longer.
    #[cfg(target_pointer_width = "64")]
    const fn plainly_named(name: &[u8]) -> Option<Self> {
        Some(match name {
            b"cmd" => Self::Cmd,
            b"delivery_id" => Self::DeliveryId,
            b"event_type" => Self::EventType,
            b"event_id" => Self::EventId,
            b"product_key" => Self::ProductKey,
            b"did" => Self::Did,
            b"mac" => Self::Mac,
            b"group_id" => Self::GroupId,
            b"created_at" => Self::CreatedAt,
            b"data" => Self::Data,
            _ => return None,
        })
    }
}

/// Where the members stand.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Members([Span; MEMBERS.len()]);

impl Members {
    /// The member's value in its line.
    pub(crate) fn value<'l>(&self, member: Member, line: &'l [u8]) -> Option<JsonValue<'l>> {
        self.0.get(member as usize)?.value(line)
    }

    /// Notes where the value stands.
    #[cfg(target_pointer_width = "64")]
    pub(crate) fn note(&mut self, member: Member, start: u32, end: u32) {
        if let Some(span) = self.0.get_mut(member as usize) {
            *span = Span { start, end };
        }
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
    #[cfg(target_pointer_width = "64")]
    let usual = usual::members(batch.bytes, members);
    #[cfg(not(target_pointer_width = "64"))]
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
        other => Err(scan::unexpected(other)),
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
        && let Some(span) = members.0.get_mut(member as usize)
    {
        if span.is_set() && matches!(member, Member::Cmd | Member::DeliveryId) {
            return Err(Stop::Line(LineError::RepeatedMember));
        }
        *span = Span {
            start: offset(start, key.rest)?,
            end: offset(start, rest)?,
        };
    }
    Ok(rest)
}

fn offset<'a>(start: &'a [u8], rest: &'a [u8]) -> Result<u32, Fault<'a>> {
    let offset = start.len().saturating_sub(rest.len());
    u32::try_from(offset).map_err(|_| Fault::new(JsonErrorKind::TooLong, rest))
}

/// Nothing but white space may follow the value in its line.
fn line_end(rest: &[u8]) -> scan::Rest<'_> {
    match skip_white_space(rest) {
        rest @ ([] | [b'\n', ..]) => Ok(rest),
        rest => Err(Fault::new(JsonErrorKind::TrailingBytes, rest)),
    }
}

#[cfg(all(test, target_pointer_width = "64"))]
mod tests {
    use super::{MEMBERS, Member};

    #[test]
    fn the_quick_way_knows_the_names_of_the_list() {
        for (name, member) in MEMBERS {
            assert_eq!(Member::plainly_named(name.as_bytes()), Some(member));
        }
        for name in ["", "cm", "cmdx", "Cmd", "event_tyPe", "mic", "datum"] {
            assert_eq!(Member::plainly_named(name.as_bytes()), None);
            assert_eq!(Member::named(name.as_bytes()), None);
        }
    }
}
