//! Why a field of an event gives no value.

use core::error::Error;
use core::fmt;

/// Why a field of an event cannot be read as what it should be. The event itself is sound: it can be forwarded and
/// acked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum FieldError {
    /// The event does not have the field.
    Missing,
    /// The field is there and `null`.
    Null,
    /// The field has a value of another type.
    WrongType,
    /// The number is out of the field's range.
    OutOfRange,
}

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Missing => "the event does not have this field; treat it as optional",
            Self::Null => "the field is null; treat it as absent",
            Self::WrongType => "the field has another type; read its raw value with `member`",
            Self::OutOfRange => "the number is out of range; read its text with `member`",
        })
    }
}

impl Error for FieldError {}
