//! Fast paths of the scanner (`cfg(fast_kernel)`, chosen in `build.rs`); they would cost a microcontroller several KiB of
//! flash.
//!
//! Each accepts a subset of its counterpart in `scan` and returns `None` otherwise, so what is accepted never depends on
//! this module.

use super::swar::{skip_ascii, skip_digits, skip_three_bytes};
use super::token::{escape, literal};

/// Reads the members that an object begins with, as long as their values are neither arrays nor objects and at most a
/// space stands between tokens. Gives back what follows the last value that was read; `None` when none was.
#[inline(always)]
pub(crate) fn members(start: &[u8]) -> Option<&[u8]> {
    let mut after = member(start)?;
    while let [b',', rest @ ..] = after
        && let Some(next) = member(rest)
    {
        after = next;
    }
    Some(after)
}

#[inline(always)]
fn member(rest: &[u8]) -> Option<&[u8]> {
    let ([b'"', key @ ..] | [b' ', b'"', key @ ..]) = rest else {
        return None;
    };
    let [b':', value @ ..] = string(key)? else {
        return None;
    };
    match value {
        [b' ', value @ ..] => scalar_after_space(value),
        _ => scalar(value),
    }
}

/// In a function of its own, so that compact members are walked in one piece.
#[inline(never)]
fn scalar_after_space(value: &[u8]) -> Option<&[u8]> {
    scalar(value)
}

/// Reads a string, a number, a literal.
#[inline(always)]
pub(crate) fn scalar(rest: &[u8]) -> Option<&[u8]> {
    match rest {
        [b'"', tail @ ..] => string(tail),
        [b'0'..=b'9', tail @ ..] if matches!(tail, [b',' | b'}', ..]) => Some(tail),
        [b'0'..=b'9', ..] => number(rest),
        _ => literal(rest).ok(),
    }
}

/// Reads a string whose opening quote has been taken: ASCII, escapes, and characters of three bytes, such as Chinese.
#[inline(always)]
pub(crate) fn string(start: &[u8]) -> Option<&[u8]> {
    match skip_ascii(start) {
        [b'"', tail @ ..] => Some(tail),
        // In a function of its own, so that this one has nothing to save.
        rest => string_beyond_ascii(rest),
    }
}

#[inline(never)]
fn string_beyond_ascii(mut rest: &[u8]) -> Option<&[u8]> {
    loop {
        rest = match rest {
            [b'"', tail @ ..] => return Some(tail),
            [b'\\', tail @ ..] => escape(tail)?,
            [0x80..=0xff, ..] => skip_three_bytes(rest)?,
            [b' '..=0x7f, ..] => skip_ascii(rest),
            _ => return None,
        };
    }
}

/// Reads a number without a sign.
#[inline(always)]
pub(crate) fn number(start: &[u8]) -> Option<&[u8]> {
    let mut rest = match start {
        [b'0', tail @ ..] => tail,
        _ => digits(start)?,
    };
    // Most are integers.
    if let [b',' | b'}', ..] = rest {
        return Some(rest);
    }
    if let [b'.', tail @ ..] = rest {
        rest = digits(tail)?;
    }
    if let [b'e' | b'E', b'+' | b'-', tail @ ..] | [b'e' | b'E', tail @ ..] = rest {
        rest = digits(tail)?;
    }
    Some(rest)
}

/// Skips one digit at least.
#[inline(always)]
fn digits(start: &[u8]) -> Option<&[u8]> {
    let rest = skip_digits(start);
    (rest.len() < start.len()).then_some(rest)
}

#[cfg(test)]
#[allow(clippy::expect_used, clippy::indexing_slicing)]
mod tests {
    extern crate std;
    use std::string::String;
    use std::vec::Vec;

    use proptest::prelude::*;

    use super::super::scan::any_string;
    use super::{members, number, string};
    use crate::json::swar::{eight_digits, skip_digits};
    use crate::json::token;

    /// The same walk by the general functions. `None` where a member is not complete.
    fn member_in_general(rest: &[u8]) -> Option<&[u8]> {
        let [b'"', key @ ..] = rest.strip_prefix(b" ").unwrap_or(rest) else {
            return None;
        };
        let [b':', value @ ..] = any_string(key).ok()?.rest else {
            return None;
        };
        match value.strip_prefix(b" ").unwrap_or(value) {
            [b'"', text @ ..] => Some(any_string(text).ok()?.rest),
            [b't', b'r', b'u', b'e', tail @ ..] => Some(tail),
            [b'f', b'a', b'l', b's', b'e', tail @ ..] => Some(tail),
            [b'n', b'u', b'l', b'l', tail @ ..] => Some(tail),
            other => token::number(other).ok(),
        }
    }

    /// Text as it is in lines, and what may stand where it should not.
    fn text() -> impl Strategy<Value = Vec<u8>> {
        let piece = prop_oneof![
            4 => "[ -~]{0,20}".prop_map(String::into_bytes),
            2 => "[一-龥，。é€😀]{1,4}".prop_map(String::into_bytes),
            2 => "\"[a-z]{0,9}\": ?(-?[0-9]{1,10}([.][0-9]{1,9})?|\"[a-z]{0,9}\"|true|null)(, ?|[}])".prop_map(String::into_bytes),
            1 => r#"\\(u[0-9a-fA-F]{4}|["\\/bfnrtx])"#.prop_map(String::into_bytes),
            1 => proptest::collection::vec(any::<u8>(), 0..4),
            1 => Just(b"\"".to_vec()),
        ];
        proptest::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn a_string_ends_where_the_general_walk_ends_it(text in text()) {
            let general = any_string(&text).ok().map(|text| text.rest);
            if let Some(rest) = string(&text) {
                prop_assert_eq!(Some(rest), general);
            }
        }

        #[test]
        fn members_end_where_the_general_walk_ends_them(text in text()) {
            let Some(end) = members(&text) else {
                return Ok(());
            };
            let mut rest = &text[..];
            loop {
                rest = member_in_general(rest).expect("a member");
                if rest.len() == end.len() {
                    break;
                }
                rest = rest.strip_prefix(b",").expect("a comma");
            }
        }

        #[test]
        fn digits_are_digits(text in "[0-9]{0,20}[ -~]{0,9}") {
            let digits = text.bytes().take_while(u8::is_ascii_digit).count();
            let text = text.as_bytes();
            prop_assert_eq!(skip_digits(text), &text[digits..]);
            let model = text.get(..8).filter(|_| digits >= 8).and_then(|eight| core::str::from_utf8(eight).ok()?.parse().ok());
            prop_assert_eq!(eight_digits(text).map(|(value, _)| value), model);
        }

        #[test]
        fn a_number_is_what_the_general_walk_takes_for_one(text in "[0-9]{1,10}([.]?[0-9eE+-]{0,12})[ -~]{0,2}") {
            let text = text.as_bytes();
            prop_assert_eq!(number(text), token::number(text).ok());
        }
    }
}
