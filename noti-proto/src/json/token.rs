//! The smallest pieces of JSON text: escapes, numbers and literals, and what is wrong with them.
//!
//! Every function takes the bytes that are left and returns the bytes after what it has read.

use super::error::JsonErrorKind;
#[cfg(fast_kernel)]
pub(crate) use super::swar::skip_digits;

/// What is wrong, and the bytes from there on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fault<'a> {
    pub(crate) kind: JsonErrorKind,
    pub(crate) rest: &'a [u8],
}

impl<'a> Fault<'a> {
    pub(crate) const fn new(kind: JsonErrorKind, rest: &'a [u8]) -> Self {
        Self { kind, rest }
    }
}

/// The bytes that are left, or what is wrong with them.
pub(crate) type Rest<'a> = Result<&'a [u8], Fault<'a>>;

/// What `whole` holds before `rest`, its own tail.
pub(crate) fn before<'a>(whole: &'a [u8], rest: &[u8]) -> &'a [u8] {
    let length = whole.len().saturating_sub(rest.len());
    whole.get(..length).unwrap_or_default()
}

/// Reads an escape whose backslash has been taken.
pub(crate) fn escape(rest: &[u8]) -> Option<&[u8]> {
    match rest {
        [
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't',
            tail @ ..,
        ] => Some(tail),
        [b'u', a, b, c, d, tail @ ..] => [a, b, c, d]
            .iter()
            .all(|digit| digit.is_ascii_hexdigit())
            .then_some(tail),
        _ => None,
    }
}

/// Reads a number, `true`, `false` or `null`.
#[cfg_attr(fast_kernel, inline(always))]
pub(crate) fn literal(rest: &[u8]) -> Rest<'_> {
    match rest {
        [b'-' | b'0'..=b'9', ..] => number(rest),
        [b't', b'r', b'u', b'e', tail @ ..]
        | [b'f', b'a', b'l', b's', b'e', tail @ ..]
        | [b'n', b'u', b'l', b'l', tail @ ..] => Ok(tail),
        _ => Err(unexpected(rest)),
    }
}

pub(crate) fn number(start: &[u8]) -> Rest<'_> {
    let invalid = |rest| Fault::new(JsonErrorKind::InvalidNumber, rest);
    let unsigned = match start {
        [b'-', tail @ ..] => tail,
        _ => start,
    };
    let mut rest = match unsigned {
        [b'0', tail @ ..] => tail,
        [b'1'..=b'9', tail @ ..] => skip_digits(tail),
        _ => return Err(invalid(unsigned)),
    };
    if let [b'.', tail @ ..] = rest {
        rest = digits(tail).ok_or(invalid(tail))?;
    }
    if let [b'e' | b'E', tail @ ..] = rest {
        let exponent = match tail {
            [b'+' | b'-', tail @ ..] => tail,
            _ => tail,
        };
        rest = digits(exponent).ok_or(invalid(exponent))?;
    }
    Ok(rest)
}

/// One digit at least.
fn digits(rest: &[u8]) -> Option<&[u8]> {
    match rest {
        [b'0'..=b'9', tail @ ..] => Some(skip_digits(tail)),
        _ => None,
    }
}

pub(crate) const fn unexpected(rest: &[u8]) -> Fault<'_> {
    let kind = match rest {
        [] | [b'\n', ..] => JsonErrorKind::UnexpectedEnd,
        _ => JsonErrorKind::UnexpectedByte,
    };
    Fault::new(kind, rest)
}

#[cfg(not(fast_kernel))]
pub(crate) fn skip_digits(mut rest: &[u8]) -> &[u8] {
    while let [b'0'..=b'9', tail @ ..] = rest {
        rest = tail;
    }
    rest
}
