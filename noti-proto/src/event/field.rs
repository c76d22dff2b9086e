//! A field that must be there, and of its type.

use super::error::FieldError;
use crate::json::number::JsonNumber;
use crate::json::string::JsonStr;
use crate::json::value::JsonValue;

/// A member that is there and not `null`.
pub(crate) fn present(member: Option<JsonValue<'_>>) -> Result<JsonValue<'_>, FieldError> {
    match member {
        None => Err(FieldError::Missing),
        Some(value) if value.is_null() => Err(FieldError::Null),
        Some(value) => Ok(value),
    }
}

pub(crate) fn string(member: Option<JsonValue<'_>>) -> Result<JsonStr<'_>, FieldError> {
    present(member)?.as_str().ok_or(FieldError::WrongType)
}

pub(crate) fn number(member: Option<JsonValue<'_>>) -> Result<JsonNumber<'_>, FieldError> {
    present(member)?.as_number().ok_or(FieldError::WrongType)
}
