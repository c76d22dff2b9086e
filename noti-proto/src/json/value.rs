//! Values: views on validated text.

use core::fmt;

use super::error::{JsonError, JsonErrorKind};
use super::number::JsonNumber;
use super::scan::{self, skip_white_space};
use super::string::{JsonStr, is_name};
use super::token::{Fault, before};

/// A JSON value as it stands in the line. Nothing is decoded until it is asked for.
///
/// ```
/// use noti_proto::json::JsonValue;
///
/// let value = JsonValue::parse(br#"{"power":true,"speeds":[1,20]}"#).unwrap();
/// let (key, power) = value.as_object().unwrap().next().unwrap();
/// assert!(key == "power" && power.as_bool() == Some(true));
///
/// let speeds = value.member("speeds").unwrap();
/// let last = speeds.as_array().unwrap().last().unwrap();
/// assert_eq!(last.as_number().unwrap().to_u32(), Ok(20));
/// ```
#[derive(Clone, Copy)]
pub struct JsonValue<'a> {
    /// Accepted by the scanner, without white space around it.
    raw: &'a [u8],
}

/// The type of a JSON value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum JsonKind {
    /// `null`
    Null,
    /// `true` or `false`
    Bool,
    /// A number
    Number,
    /// A string
    String,
    /// An array
    Array,
    /// An object
    Object,
}

impl<'a> JsonValue<'a> {
    /// Validates a text that is one value, with white space around it at most. A raw `\n` is no white space (clause F1).
    ///
    /// # Errors
    /// What the text has that RFC 8259 does not allow, and where.
    pub fn parse(text: &'a [u8]) -> Result<Self, JsonError> {
        let start = skip_white_space(text);
        let read = scan::value(start, 0).and_then(|rest| match skip_white_space(rest) {
            [] => Ok(rest),
            rest => Err(Fault::new(JsonErrorKind::TrailingBytes, rest)),
        });
        match read {
            Ok(rest) => Ok(Self::from_validated(before(start, rest))),
            Err(fault) => Err(JsonError::new(fault.kind, before(text, fault.rest).len())),
        }
    }

    pub(crate) const fn from_validated(raw: &'a [u8]) -> Self {
        Self { raw }
    }

    /// The value's exact text.
    #[must_use]
    pub fn raw(&self) -> &'a str {
        core::str::from_utf8(self.raw).unwrap_or_default()
    }

    /// The value's exact bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &'a [u8] {
        self.raw
    }

    /// The value's type.
    #[must_use]
    pub const fn kind(&self) -> JsonKind {
        match self.raw {
            [b'"', ..] => JsonKind::String,
            [b'{', ..] => JsonKind::Object,
            [b'[', ..] => JsonKind::Array,
            [b't' | b'f', ..] => JsonKind::Bool,
            [b'n', ..] => JsonKind::Null,
            _ => JsonKind::Number,
        }
    }

    /// Whether the value is `null`.
    #[must_use]
    pub const fn is_null(&self) -> bool {
        matches!(self.kind(), JsonKind::Null)
    }

    /// The truth value, if it is one.
    #[must_use]
    pub const fn as_bool(&self) -> Option<bool> {
        match self.raw {
            b"true" => Some(true),
            b"false" => Some(false),
            _ => None,
        }
    }

    /// The string, if it is one.
    #[must_use]
    pub fn as_str(&self) -> Option<JsonStr<'a>> {
        match self.raw {
            [b'"', inside @ .., b'"'] => Some(JsonStr::from_validated(inside)),
            _ => None,
        }
    }

    /// The number, if it is one.
    #[must_use]
    pub fn as_number(&self) -> Option<JsonNumber<'a>> {
        match self.kind() {
            JsonKind::Number => Some(JsonNumber::from_validated(self.raw)),
            _ => None,
        }
    }

    /// The members in their order, if it is an object. A repeated key comes each time.
    #[must_use]
    pub fn as_object(&self) -> Option<ObjectIter<'a>> {
        match self.raw {
            [b'{', rest @ ..] => Some(ObjectIter { rest }),
            _ => None,
        }
    }

    /// The elements in their order, if it is an array.
    #[must_use]
    pub fn as_array(&self) -> Option<ArrayIter<'a>> {
        match self.raw {
            [b'[', rest @ ..] => Some(ArrayIter { rest }),
            _ => None,
        }
    }

    /// The member that the protocol names so, like [`member`](Self::member).
    pub(crate) fn protocol_member(&self, name: &str) -> Option<JsonValue<'a>> {
        let members = self.as_object()?;
        let named = members.filter(|(key, _)| is_name(key.as_bytes(), name));
        named.last().map(|(_, value)| value)
    }

    /// The member of that name, if this is an object that has it; the last one where it is repeated. O(length).
    #[must_use]
    pub fn member(&self, name: &str) -> Option<JsonValue<'a>> {
        let members = self.as_object()?;
        let named = members.filter(|(key, _)| *key == name);
        named.last().map(|(_, value)| value)
    }
}

impl<'a> JsonStr<'a> {
    /// Reads a string with its quotes, which must be the whole text, without white space around it.
    #[must_use]
    pub fn parse(text: &'a [u8]) -> Option<Self> {
        let [b'"', .., b'"'] = text else {
            return None;
        };
        JsonValue::parse(text).ok()?.as_str()
    }
}

impl fmt::Display for JsonValue<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.raw())
    }
}

impl fmt::Debug for JsonValue<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.raw())
    }
}

#[cfg(feature = "defmt")]
impl defmt::Format for JsonValue<'_> {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "{=str}", self.raw());
    }
}

/// The members of an object: key and value, in their order.
#[derive(Clone, Debug)]
pub struct ObjectIter<'a> {
    /// From after the opening brace, or after a value, on.
    rest: &'a [u8],
}

impl<'a> Iterator for ObjectIter<'a> {
    type Item = (JsonStr<'a>, JsonValue<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let key = scan::key(after_comma(self.rest)).ok()?;
        let rest = scan::value(key.rest, 1).ok()?;
        let value = JsonValue::from_validated(before(key.rest, rest));
        self.rest = rest;
        Some((JsonStr::from_validated(key.raw), value))
    }
}

/// The elements of an array, in their order.
#[derive(Clone, Debug)]
pub struct ArrayIter<'a> {
    /// From after the opening bracket, or after a value, on.
    rest: &'a [u8],
}

impl<'a> Iterator for ArrayIter<'a> {
    type Item = JsonValue<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        let start = after_comma(self.rest);
        let rest = scan::value(start, 1).ok()?;
        self.rest = rest;
        Some(JsonValue::from_validated(before(start, rest)))
    }
}

fn after_comma(rest: &[u8]) -> &[u8] {
    match skip_white_space(rest) {
        [b',', tail @ ..] => skip_white_space(tail),
        rest => rest,
    }
}
