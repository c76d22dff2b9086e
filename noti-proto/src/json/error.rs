//! What makes a text invalid JSON, and where.

use core::error::Error;
use core::fmt;

/// Where a text stops being JSON, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct JsonError {
    kind: JsonErrorKind,
    offset: usize,
}

impl JsonError {
    pub(crate) const fn new(kind: JsonErrorKind, offset: usize) -> Self {
        Self { kind, offset }
    }

    /// What is wrong.
    #[must_use]
    pub const fn kind(&self) -> JsonErrorKind {
        self.kind
    }

    /// The offset, in bytes from the start of the line or text, of the first byte that cannot be accepted.
    #[must_use]
    pub const fn offset(&self) -> usize {
        self.offset
    }
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {}", self.kind, self.offset)
    }
}

impl Error for JsonError {}

/// What makes a text no JSON text (RFC 8259), or more than this crate reads of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum JsonErrorKind {
    /// A byte that the grammar does not allow there.
    UnexpectedByte,
    /// The text ends before its value is complete.
    UnexpectedEnd,
    /// Bytes after the value.
    TrailingBytes,
    /// A raw control character in a string.
    ControlCharacter,
    /// A backslash that no escape follows.
    InvalidEscape,
    /// A string that is not UTF-8.
    InvalidUtf8,
    /// A number that the grammar does not allow.
    InvalidNumber,
    /// Nested deeper than [`MAX_DEPTH`](crate::json::MAX_DEPTH).
    TooDeep,
    /// Longer than 4 GiB, which no line is.
    TooLong,
}

impl fmt::Display for JsonErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::UnexpectedByte => "no JSON: unexpected byte",
            Self::UnexpectedEnd => "no JSON: the text breaks off",
            Self::TrailingBytes => "no JSON: something follows the value",
            Self::ControlCharacter => "no JSON: raw control character in a string",
            Self::InvalidEscape => "no JSON: invalid escape in a string",
            Self::InvalidUtf8 => "no JSON: a string is not UTF-8",
            Self::InvalidNumber => "no JSON: invalid number",
            Self::TooDeep => "nested deeper than 64 levels",
            Self::TooLong => "longer than 4 GiB",
        })
    }
}
