//! Short ways of the scanner where a register holds eight bytes. A microcontroller would pay KiB of flash for them.
//!
//! Each reads what the function of `scan` beside it reads, or gives `None` where a text is not of the usual form: then that
//! function decides, and says what is wrong. So what is accepted does not depend on what stands here.

use crate::scan::{escape, literal};

const ONES: u64 = u64::from_le_bytes([1; 8]);
const HIGH: u64 = u64::from_le_bytes([0x80; 8]);

/// How many bytes stand before the first one that has its high bit set, in the order of the text.
#[inline(always)]
fn before_first(high_bits: u64) -> usize {
    usize::try_from(high_bits.trailing_zeros() / 8).unwrap_or_default()
}

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

/// Skips characters of three bytes, one at least.
#[inline(always)]
fn skip_three_bytes(rest: &[u8]) -> Option<&[u8]> {
    const LEADS: u32 = u32::from_le_bytes([0xf0, 0xc0, 0xc0, 0]);
    const THREE_BYTES: u32 = u32::from_le_bytes([0xe0, 0x80, 0x80, 0]);
    let mut left = rest;
    // What follows has one byte more at least, the closing quote.
    while let [first, _, _, _, ..] = left
        && let Some((chunk, _)) = left.split_first_chunk::<4>()
        && u32::from_le_bytes(*chunk) & LEADS == THREE_BYTES
        // These two have rules of their own.
        && !matches!(first, 0xe0 | 0xed)
    {
        left = left.get(3..).unwrap_or_default();
    }
    (left.len() < rest.len()).then_some(left)
}

/// Skips what ASCII has in a string as it is, up to a quote, a backslash, a control character, or what is not ASCII.
#[inline(always)]
fn skip_ascii(mut rest: &[u8]) -> &[u8] {
    const TWOS: u64 = u64::from_le_bytes([2; 8]);
    const AFTER_SPACES: u64 = u64::from_le_bytes([b' ' + 1; 8]);
    const BACKSLASHES: u64 = u64::from_le_bytes([b'\\'; 8]);

    while let Some((chunk, tail)) = rest.split_first_chunk::<8>() {
        let word = u64::from_le_bytes(*chunk);
        // Changing this bit swaps quote and space, and leaves control characters what they are: both are then below
        // `!`. A subtraction borrows, and so sets the high bit, where a byte is smaller. Borrows run upwards only, so
        // the lowest bit that is set is always right.
        let quote_or_control = (word ^ TWOS).wrapping_sub(AFTER_SPACES);
        let backslash = (word ^ BACKSLASHES).wrapping_sub(ONES);
        let stops = (quote_or_control | backslash | word) & HIGH;
        if stops != 0 {
            return rest.get(before_first(stops)..).unwrap_or_default();
        }
        rest = tail;
    }
    while let [b' ' | b'!' | b'#'..=b'[' | b']'..=0x7f, tail @ ..] = rest {
        rest = tail;
    }
    rest
}

/// The high bit of each byte that is no digit; above the lowest such byte nothing is sure.
#[inline(always)]
const fn no_digits(word: u64) -> u64 {
    const ZEROS: u64 = u64::from_le_bytes([b'0'; 8]);
    /// What carries anything above nine into the high bit.
    const CARRIES: u64 = u64::from_le_bytes([0x80 - 10; 8]);
    let values = word ^ ZEROS;
    (values.wrapping_add(CARRIES) | values) & HIGH
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

/// Skips digits eight at a time.
#[inline(always)]
pub(crate) fn skip_digits(mut rest: &[u8]) -> &[u8] {
    while let Some((chunk, tail)) = rest.split_first_chunk::<8>() {
        let stops = no_digits(u64::from_le_bytes(*chunk));
        if stops != 0 {
            return rest.get(before_first(stops)..).unwrap_or_default();
        }
        rest = tail;
    }
    while let [b'0'..=b'9', tail @ ..] = rest {
        rest = tail;
    }
    rest
}

/// The number that the first eight bytes are, if they are digits: neighbours are put together to pairs, pairs to fours,
/// fours to the whole.
#[inline(always)]
pub(crate) fn eight_digits(text: &[u8]) -> Option<(u64, &[u8])> {
    const VALUES: u64 = u64::from_le_bytes([0x0f; 8]);
    const PAIRS: u64 = 0x00ff_00ff_00ff_00ff;
    const FOURS: u64 = 0x0000_ffff_0000_ffff;
    const WHOLE: u64 = 0xffff_ffff;
    // The digit that counts for more stands in the lower bits.
    let join = |word: u64, weight: u64, width: u32| {
        let lower = word.wrapping_mul(weight);
        lower.wrapping_add(word.wrapping_shr(width))
    };
    let (chunk, rest) = text.split_first_chunk::<8>()?;
    let digits = u64::from_le_bytes(*chunk);
    let pairs = join(digits & VALUES, 10, 8) & PAIRS;
    let fours = join(pairs, 100, 16) & FOURS;
    let whole = join(fours, 10_000, 32) & WHOLE;
    (no_digits(digits) == 0).then_some((whole, rest))
}

#[cfg(test)]
#[allow(clippy::expect_used, clippy::indexing_slicing)]
mod tests {
    extern crate std;
    use std::string::String;
    use std::vec::Vec;

    use proptest::prelude::*;

    use super::{eight_digits, members, number, skip_digits, string};
    use crate::scan::{self, any_string};

    /// The same walk by the functions that the short ways stand beside. `None` where a member is not complete.
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
            other => scan::number(other).ok(),
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
            prop_assert_eq!(number(text), scan::number(text).ok());
        }
    }
}
