//! An event without what belongs to one delivery.
//!
//! The broker keeps a [`Body`] for as long as the event is not acked, and adds `cmd` and
//! `delivery_id` each time it pushes it: the id belongs to one connection, the body to the event.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;
use std::io::{self, BufRead};
use std::mem;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// One device event as a JSON object on one line, without the members `cmd` and `delivery_id`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Body {
    // A JSON object without white space around its top-level members, so that splicing needs no
    // search.
    text: Box<str>,
}

impl Body {
    /// Takes an event as a user wrote it.
    ///
    /// Members named `cmd` or `delivery_id`, however spelled, are dropped. The others keep their
    /// order, their spelling and any repetition; white space between them goes, white space within
    /// their values stays.
    ///
    /// # Errors
    /// The text holds a line break, or is not one JSON object.
    pub fn parse(text: &str) -> Result<Self, BodyError> {
        if let Some(at) = text.find('\n') {
            return Err(BodyError::LineBreak { column: at + 1 });
        }
        let mut body = String::with_capacity(text.len());
        body.push('{');
        for member in members(text).map_err(BodyError::not_an_object)? {
            if matches!(&*member.name, "cmd" | "delivery_id") {
                continue;
            }
            if body.len() > 1 {
                body.push(',');
            }
            body.push_str(member.key);
            body.push(':');
            body.push_str(member.value);
        }
        body.push('}');
        Ok(Self {
            text: body.into_boxed_str(),
        })
    }

    /// Takes what the generator wrote, which is of the right form by construction.
    pub(super) fn generated(text: &str) -> Self {
        debug_assert!(text.starts_with('{') && text.ends_with('}'), "an object");
        Self { text: text.into() }
    }

    /// The JSON object.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// What stands between the braces; empty for an object without members.
    #[must_use]
    pub fn inner(&self) -> &str {
        self.text
            .strip_prefix('{')
            .and_then(|text| text.strip_suffix('}'))
            .unwrap_or("")
    }
}

/// Reads events from a file or a pipe, one a line. Blank lines are skipped; lines may end in
/// `\r\n`.
///
/// Each line is held in memory whole, so the source is one that the user trusts.
pub fn read_bodies(source: impl BufRead) -> impl Iterator<Item = Result<Body, ReadError>> {
    // A source that fails once may fail for ever (a directory does): the failure is the last item.
    let mut failed = false;
    let lines = source
        .split(b'\n')
        .zip(1..)
        .take_while(move |(line, _)| !mem::replace(&mut failed, line.is_err()));
    lines.filter_map(|(line, number)| match line {
        Ok(line) if line.trim_ascii().is_empty() => None,
        Ok(line) => Some(parse_bytes(&line).map_err(|error| ReadError::Line { number, error })),
        Err(error) => Some(Err(ReadError::Read { number, error })),
    })
}

fn parse_bytes(line: &[u8]) -> Result<Body, BodyError> {
    let text = std::str::from_utf8(line).map_err(|error| BodyError::NotUtf8 {
        column: error.valid_up_to() + 1,
    })?;
    Body::parse(text)
}

/// Why a text is no event body. Columns count bytes from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BodyError {
    /// A line break stands in the text; on the wire it would end the message.
    LineBreak {
        /// Where it stands.
        column: usize,
    },
    /// The text is not one JSON object.
    NotAnObject {
        /// Where reading failed.
        column: usize,
        /// What was wrong there.
        reason: String,
    },
    /// The line is not UTF-8.
    NotUtf8 {
        /// The first byte that does not fit.
        column: usize,
    },
}

impl BodyError {
    fn not_an_object(error: serde_json::Error) -> Self {
        let text = error.to_string();
        // The text is one line, so serde_json's own "at line 1" would contradict the line of the
        // file.
        let place = format!(" at line {} column {}", error.line(), error.column());
        // The column is 0 where nothing was read yet.
        let reason = text.strip_suffix(&place).unwrap_or(&text).to_owned();
        Self::NotAnObject {
            column: error.column().max(1),
            reason,
        }
    }
}

impl fmt::Display for BodyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LineBreak { column } => {
                write!(
                    f,
                    "column {column}: a line break; write the event on one line"
                )
            }
            Self::NotAnObject { column, reason } => {
                write!(f, "column {column}: not a JSON object: {reason}")
            }
            Self::NotUtf8 { column } => {
                write!(f, "column {column}: not UTF-8; save the file as UTF-8")
            }
        }
    }
}

impl Error for BodyError {}

/// Why [`read_bodies`] could not give an event. Lines count from 1.
#[derive(Debug)]
#[non_exhaustive]
pub enum ReadError {
    /// The source could not be read.
    Read {
        /// The line that was being read.
        number: u64,
        /// What the system said.
        error: io::Error,
    },
    /// A line is no event.
    Line {
        /// The line.
        number: u64,
        /// What is wrong with it.
        error: BodyError,
    },
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read { number, error } => write!(f, "line {number}: cannot read: {error}"),
            Self::Line { number, error } => write!(f, "line {number}, {error}"),
        }
    }
}

impl Error for ReadError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Read { error, .. } => Some(error),
            Self::Line { error, .. } => Some(error),
        }
    }
}

/// One top-level member of an object: spans of its text, and the name that the key spells.
pub(super) struct Member<'a> {
    pub(super) name: Cow<'a, str>,
    pub(super) key: &'a str,
    pub(super) value: &'a str,
}

/// Splits the text of a JSON object into its members, in order, with their exact spelling.
pub(super) fn members(text: &str) -> Result<Vec<Member<'_>>, serde_json::Error> {
    serde_json::from_str::<Members<'_>>(text).map(|members| members.0)
}

struct Members<'a>(Vec<Member<'a>>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Collect;

        impl<'de> Visitor<'de> for Collect {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some((key, value)) = map.next_entry::<&RawValue, &RawValue>()? {
                    members.push(Member {
                        name: decoded(key.get())?,
                        key: key.get(),
                        value: value.get(),
                    });
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(Collect)
    }
}

/// The text that a JSON string spells.
fn decoded<E: serde::de::Error>(raw: &str) -> Result<Cow<'_, str>, E> {
    match raw.strip_prefix('"').and_then(|raw| raw.strip_suffix('"')) {
        Some(plain) if !plain.contains('\\') => Ok(Cow::Borrowed(plain)),
        _ => serde_json::from_str(raw).map(Cow::Owned).map_err(E::custom),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drops_what_belongs_to_a_delivery() {
        let cases = [
            (
                r#"{"cmd":"enterprise_event_push","delivery_id":7,"a":1}"#,
                r#"{"a":1}"#,
            ),
            (
                r#" { "a" : 1 , "cmd" : "x" , "b" : [ 1, 2 ] } "#,
                r#"{"a":1,"b":[ 1, 2 ]}"#,
            ),
            (
                r#"{"c\u006dd":"x","delivery\u005fid":"y","a":1}"#,
                r#"{"a":1}"#,
            ),
            (r#"{"cmd":1,"cmd":2}"#, "{}"),
            (
                r#"{"a":{"cmd":1},"\u0061":1e400,"a":"\ud800"}"#,
                r#"{"a":{"cmd":1},"\u0061":1e400,"a":"\ud800"}"#,
            ),
            ("{}\r", "{}"),
        ];
        for (text, body) in cases {
            assert_eq!(
                Body::parse(text).map(|body| body.as_str().to_owned()),
                Ok(body.to_owned()),
                "{text}"
            );
        }
    }

    #[test]
    fn refuses_what_is_no_object_on_one_line() {
        let cases = [
            ("{\n}", "column 2: a line break"),
            ("[1]", "column 1: not a JSON object: invalid type"),
            ("", "column 1: not a JSON object: EOF"),
            ("{\"a\" 1}", "column 6: not a JSON object: expected `:`"),
            ("{} {}", "column 4: not a JSON object: trailing characters"),
            ("{\"a\":01}", "column 7: not a JSON object: invalid number"),
        ];
        for (text, start) in cases {
            let error = Body::parse(text).unwrap_err().to_string();
            assert!(error.starts_with(start), "{text}: {error}");
            assert!(!error.contains("at line"), "{error}");
        }
    }

    #[test]
    fn reads_a_file_and_names_the_line() {
        let file = b"{\"a\":1}\r\n\n  \n{\"b\":\xff}\n{\"c\":1\n{\"d\":\"\xe7\x94\xb5\"}";
        let read: Vec<_> = read_bodies(&file[..])
            .map(|body| match body {
                Ok(body) => body.as_str().to_owned(),
                Err(error) => error.to_string(),
            })
            .collect();
        assert_eq!(
            read,
            [
                "{\"a\":1}",
                "line 4, column 6: not UTF-8; save the file as UTF-8",
                "line 5, column 6: not a JSON object: EOF while parsing an object",
                "{\"d\":\"电\"}",
            ]
        );
    }

    #[test]
    fn a_source_that_fails_is_not_read_again() {
        struct Broken;

        impl io::Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::ErrorKind::IsADirectory.into())
            }
        }

        let read: Vec<_> = read_bodies(io::BufReader::new(Broken)).collect();
        assert!(
            matches!(read[..], [Err(ReadError::Read { number: 1, .. })]),
            "{read:?}"
        );
    }

    #[test]
    fn inner_is_what_stands_between_the_braces() {
        assert_eq!(Body::parse("{ }").unwrap().inner(), "");
        assert_eq!(Body::parse("{\"a\":{}}").unwrap().inner(), "\"a\":{}");
    }
}
