//! A whole line read as a message: its command, and where its members stand (clauses J1 to J4).

use crate::error::{JsonError, JsonErrorKind, LineError};
use crate::line_buf::{Batch, without_carriage_return};
use crate::scan::{self, Fault, Text, before, skip_white_space};
use crate::string::JsonStr;
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
    fn named(value: JsonStr<'_>) -> Self {
        let known = COMMANDS.iter().find(|(name, _)| value == **name);
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

    pub(crate) fn value(self, line: &[u8]) -> Option<JsonValue<'_>> {
        let start = usize::try_from(self.start).ok()?;
        let end = usize::try_from(self.end).ok()?;
        let raw = line.get(start..end)?;
        (!raw.is_empty()).then(|| JsonValue::from_validated(raw))
    }
}

/// The top-level members that the protocol names.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Members {
    pub(crate) cmd: Span,
    pub(crate) delivery_id: Span,
    pub(crate) event_type: Span,
    pub(crate) event_id: Span,
    pub(crate) product_key: Span,
    pub(crate) did: Span,
    pub(crate) mac: Span,
    pub(crate) group_id: Span,
    pub(crate) created_at: Span,
    pub(crate) ip: Span,
    pub(crate) country: Span,
    pub(crate) region: Span,
    pub(crate) city: Span,
    pub(crate) data: Span,
    pub(crate) msg: Span,
    pub(crate) error_code: Span,
}

impl Members {
    /// Escapes in a key do not hide it.
    fn named(&mut self, key: &Text<'_>) -> Option<&mut Span> {
        if !key.escaped {
            return self.plainly_named(key.raw);
        }
        let mut name = [0; 16];
        let name = JsonStr::from_validated(key.raw)
            .decode_into(&mut name)
            .ok()?;
        self.plainly_named(name.as_bytes())
    }

    fn plainly_named(&mut self, name: &[u8]) -> Option<&mut Span> {
        Some(match name {
            b"cmd" => &mut self.cmd,
            b"delivery_id" => &mut self.delivery_id,
            b"event_type" => &mut self.event_type,
            b"event_id" => &mut self.event_id,
            b"product_key" => &mut self.product_key,
            b"did" => &mut self.did,
            b"mac" => &mut self.mac,
            b"group_id" => &mut self.group_id,
            b"created_at" => &mut self.created_at,
            b"ip" => &mut self.ip,
            b"country" => &mut self.country,
            b"region" => &mut self.region,
            b"city" => &mut self.city,
            b"data" => &mut self.data,
            b"msg" => &mut self.msg,
            b"error_code" => &mut self.error_code,
            _ => return None,
        })
    }
}

/// A line that is a JSON object with a command.
#[derive(Debug)]
pub(crate) struct Message<'a> {
    /// The exact bytes, without the line's end.
    pub(crate) line: &'a [u8],
    pub(crate) command: Command,
    pub(crate) members: Members,
}

/// What a whole line is.
#[derive(Debug)]
pub(crate) enum Reading<'a> {
    Blank,
    Message(Message<'a>),
    Malformed { line: &'a [u8], error: LineError },
}

/// Reads the line that `batch` begins with, and tells the batch where it ended.
pub(crate) fn read<'a>(batch: &Batch<'a>) -> Reading<'a> {
    let mut members = Members::default();
    match read_members(batch.bytes, &mut members) {
        Ok(rest) => {
            let line = before(batch.bytes, rest);
            batch.ends_after(line.len().saturating_add(1));
            let line = without_carriage_return(line);
            match command(line, &members) {
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
    let value = members.cmd.value(line).and_then(|value| value.as_str());
    value.map(Command::named).ok_or(LineError::NoCommand)
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

/// Validates the line, notes its members, and gives back the bytes from its end on.
fn read_members<'a>(start: &'a [u8], members: &mut Members) -> Result<&'a [u8], Stop<'a>> {
    let mut rest = match skip_white_space(start) {
        [] | [b'\n', ..] => return Err(Stop::Blank),
        [b'{', tail @ ..] => skip_white_space(tail),
        other => {
            line_end(scan::value(other, 0)?)?;
            return Err(Stop::Line(LineError::NotAnObject));
        }
    };
    if let [b'}', tail @ ..] = rest {
        return Ok(line_end(tail)?);
    }
    loop {
        let key = scan::key(rest)?;
        rest = scan::value(key.rest, 1)?;
        if let Some(span) = members.named(&key) {
            let repeated = span.is_set();
            *span = Span {
                start: offset(start, key.rest)?,
                end: offset(start, rest)?,
            };
            if repeated
                && matches!(JsonStr::from_validated(key.raw), name if name == "cmd" || name == "delivery_id")
            {
                return Err(Stop::Line(LineError::RepeatedMember));
            }
        }
        rest = skip_white_space(rest);
        match rest {
            [b',', tail @ ..] => rest = skip_white_space(tail),
            [b'}', tail @ ..] => return Ok(line_end(tail)?),
            _ => return Err(scan::unexpected(rest).into()),
        }
    }
}

fn offset<'a>(start: &'a [u8], rest: &'a [u8]) -> Result<u32, Fault<'a>> {
    u32::try_from(before(start, rest).len()).map_err(|_| Fault::new(JsonErrorKind::TooLong, rest))
}

/// Nothing but white space may follow the value in its line.
fn line_end(rest: &[u8]) -> scan::Rest<'_> {
    match skip_white_space(rest) {
        rest @ ([] | [b'\n', ..]) => Ok(rest),
        rest => Err(Fault::new(JsonErrorKind::TrailingBytes, rest)),
    }
}
