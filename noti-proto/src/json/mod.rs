//! JSON text as it stands in a line: a validating scanner (RFC 8259 in UTF-8) and views of what it has accepted.
//!
//! Nothing is copied and nothing is decoded until it is asked for. [`JsonValue::parse`] reads a text of the caller's; the
//! fields of an event and the values in it are views of its line.

pub(crate) mod error;
#[cfg(fast_kernel)]
pub(crate) mod fast;
pub(crate) mod find;
pub(crate) mod number;
pub(crate) mod scan;
pub(crate) mod string;
#[cfg(fast_kernel)]
pub(crate) mod swar;
pub(crate) mod token;
pub(crate) mod value;

pub use self::error::{JsonError, JsonErrorKind};
pub use self::number::{JsonNumber, NumberError};
pub use self::scan::MAX_DEPTH;
pub use self::string::{Chars, DecodeError, JsonStr};
pub use self::value::{ArrayIter, JsonKind, JsonValue, ObjectIter};
