//! The validating scanner: RFC 8259 in UTF-8, without recursion, without copying.
//!
//! Every function takes the bytes that are left and gives back the bytes after what it has read, so a position is a
//! length and no index can be out of range. A raw `\n` ends a line (clause F1), so it is no white space here.

use super::error::JsonErrorKind;
#[cfg(fast_kernel)]
use super::fast;
use super::token::{Fault, Rest, before, escape, literal, unexpected};

/// How deep arrays and objects may nest, the message itself included (clause J2).
pub const MAX_DEPTH: u32 = 64;

#[cfg_attr(fast_kernel, inline(always))]
pub(crate) fn skip_white_space(mut rest: &[u8]) -> &[u8] {
    // Mostly there is none, and one comparison tells.
    #[cfg(fast_kernel)]
    if let [b'!'..=0xff, ..] = rest {
        return rest;
    }
    while let [b' ' | b'\t' | b'\r', tail @ ..] = rest {
        rest = tail;
    }
    rest
}

/// Reads one value. `depth` is how many arrays and objects it stands in.
#[cfg_attr(fast_kernel, inline(always))]
pub(crate) fn value(rest: &[u8], depth: u32) -> Rest<'_> {
    match rest {
        [b'{' | b'[', ..] => nested(rest, depth),
        _ => scalar(rest),
    }
}

#[cfg_attr(fast_kernel, inline(always))]
fn scalar(rest: &[u8]) -> Rest<'_> {
    #[cfg(fast_kernel)]
    if let Some(rest) = fast::scalar(rest) {
        return Ok(rest);
    }
    match rest {
        [b'"', tail @ ..] => string(tail).map(|text| text.rest),
        _ => literal(rest),
    }
}

/// A string that has been read.
pub(crate) struct Text<'a> {
    /// What stands between the quotes, escapes as they are.
    pub(crate) raw: &'a [u8],
    pub(crate) rest: &'a [u8],
}

/// Reads a string whose opening quote has been taken.
#[cfg_attr(fast_kernel, inline(always))]
pub(crate) fn string(start: &[u8]) -> Result<Text<'_>, Fault<'_>> {
    #[cfg(fast_kernel)]
    if let Some(rest) = fast::string(start)
        && let [raw @ .., _] = before(start, rest)
    {
        return Ok(Text { raw, rest });
    }
    any_string(start)
}

#[cfg_attr(fast_kernel, cold, inline(never))]
pub(crate) fn any_string(start: &[u8]) -> Result<Text<'_>, Fault<'_>> {
    let mut rest = start;
    let mut ascii = true;
    loop {
        let plain = skip_plain(rest);
        rest = plain.rest;
        ascii &= plain.ascii;
        match rest {
            [b'"', tail @ ..] => {
                let raw = before(start, rest);
                if !ascii {
                    utf8(raw, start)?;
                }
                return Ok(Text { raw, rest: tail });
            }
            [b'\\', tail @ ..] => {
                rest = escape(tail).ok_or(Fault::new(JsonErrorKind::InvalidEscape, rest))?;
            }
            [] | [b'\n', ..] => return Err(Fault::new(JsonErrorKind::UnexpectedEnd, rest)),
            _ => return Err(Fault::new(JsonErrorKind::ControlCharacter, rest)),
        }
    }
}

fn utf8<'a>(text: &'a [u8], start: &'a [u8]) -> Result<(), Fault<'a>> {
    let Some(valid) = valid_start(text) else {
        return Ok(());
    };
    let rest = start.get(valid..).unwrap_or_default();
    Err(Fault::new(JsonErrorKind::InvalidUtf8, rest))
}

/// How much of the text's start is UTF-8, if that is not all of it.
fn valid_start(text: &[u8]) -> Option<usize> {
    #[cfg(fast_kernel)]
    return core::str::from_utf8(text)
        .err()
        .map(|error| error.valid_up_to());
    #[cfg(not(fast_kernel))]
    return valid_start_by_table(text);
}

/// A third of the flash that `core`'s takes.
#[cfg(any(test, not(fast_kernel)))]
fn valid_start_by_table(text: &[u8]) -> Option<usize> {
    let mut rest = text;
    loop {
        // The table of RFC 3629, section 4.
        let (tails, first) = match rest {
            [] => return None,
            [0..=0x7f, ..] => (0, 0x80..=0xbf),
            [0xc2..=0xdf, ..] => (1, 0x80..=0xbf),
            [0xe0, ..] => (2, 0xa0..=0xbf),
            [0xed, ..] => (2, 0x80..=0x9f),
            [0xe1..=0xef, ..] => (2, 0x80..=0xbf),
            [0xf0, ..] => (3, 0x90..=0xbf),
            [0xf4, ..] => (3, 0x80..=0x8f),
            [0xf1..=0xf3, ..] => (3, 0x80..=0xbf),
            _ => return Some(before(text, rest).len()),
        };
        let mut allowed = first;
        let mut tail = rest.get(1..).unwrap_or_default();
        for _ in 0..tails {
            match tail {
                [byte, after @ ..] if allowed.contains(byte) => tail = after,
                _ => return Some(before(text, rest).len()),
            }
            allowed = 0x80..=0xbf;
        }
        rest = tail;
    }
}

struct Plain<'a> {
    /// From the first quote, backslash or control character on.
    rest: &'a [u8],
    /// Whether all that was skipped is ASCII; what is not must be checked as UTF-8.
    ascii: bool,
}

/// Skips what may stand in a string as it is.
fn skip_plain(mut rest: &[u8]) -> Plain<'_> {
    let mut ascii = true;
    while let [byte, tail @ ..] = rest {
        if matches!(byte, b'"' | b'\\' | 0..=0x1f) {
            break;
        }
        ascii &= byte.is_ascii();
        rest = tail;
    }
    Plain { rest, ascii }
}

#[cfg(fast_kernel)]
use super::fast::members as fast_members;

#[cfg(not(fast_kernel))]
const fn fast_members(_: &[u8]) -> Option<&[u8]> {
    None
}

/// Reads an array or an object with all that stands in it. Which of the two each level is stands in the bits of one
/// word, so the input's nesting costs no stack.
fn nested(start: &[u8], depth: u32) -> Rest<'_> {
    let mut rest = start;
    let mut level = 0_u32;
    let mut objects = 0_u64;
    loop {
        // A value begins here.
        let opened = match rest {
            [b'{' | b'[', ..] if depth.saturating_add(level) >= MAX_DEPTH => {
                return Err(Fault::new(JsonErrorKind::TooDeep, rest));
            }
            [b'{', tail @ ..] => {
                objects = objects.wrapping_shl(1) | 1;
                Some(tail)
            }
            [b'[', tail @ ..] => {
                objects = objects.wrapping_shl(1);
                Some(tail)
            }
            _ => None,
        };
        if let Some(tail) = opened {
            level = level.saturating_add(1);
            rest = skip_white_space(tail);
            match rest {
                [b'}', ..] if objects & 1 == 1 => {}
                [b']', ..] if objects & 1 == 0 => {}
                _ if objects & 1 == 1 => match fast_members(rest) {
                    Some(after) => rest = after,
                    None => {
                        rest = key(rest)?.rest;
                        continue;
                    }
                },
                _ => continue,
            }
        } else {
            rest = scalar(rest)?;
        }
        // A value has ended, or an empty array or object is about to.
        loop {
            rest = skip_white_space(rest);
            match rest {
                [b'}', tail @ ..] if objects & 1 == 1 => rest = tail,
                [b']', tail @ ..] if objects & 1 == 0 => rest = tail,
                [b',', tail @ ..] => {
                    rest = skip_white_space(tail);
                    if objects & 1 == 1 {
                        rest = key(rest)?.rest;
                    }
                    break;
                }
                _ => return Err(unexpected(rest)),
            }
            objects = objects.wrapping_shr(1);
            level = level.saturating_sub(1);
            if level == 0 {
                return Ok(rest);
            }
        }
    }
}

/// Reads a member's key and its colon, and the white space up to the value.
#[cfg_attr(fast_kernel, inline(always))]
pub(crate) fn key(rest: &[u8]) -> Result<Text<'_>, Fault<'_>> {
    let [b'"', tail @ ..] = rest else {
        return Err(unexpected(rest));
    };
    let text = string(tail)?;
    let rest = skip_white_space(text.rest);
    let [b':', tail @ ..] = rest else {
        return Err(unexpected(rest));
    };
    Ok(Text {
        rest: skip_white_space(tail),
        ..text
    })
}

#[cfg(test)]
#[allow(clippy::indexing_slicing)]
mod tests {
    use super::valid_start_by_table;

    /// What stands at a border of the table of RFC 3629, on either side of it.
    const BORDERS: [u8; 22] = [
        0x00, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xe1, 0xec,
        0xed, 0xee, 0xef, 0xf0, 0xf1, 0xf4, 0xf5,
    ];

    #[test]
    fn the_table_finds_what_core_finds() {
        for a in 0..=0xff {
            for b in BORDERS {
                for c in BORDERS {
                    for d in BORDERS {
                        let text = [b'x', a, b, c, d];
                        for length in 0..=text.len() {
                            let text = &text[..length];
                            let model = core::str::from_utf8(text).err();
                            let model = model.map(|error| error.valid_up_to());
                            assert_eq!(valid_start_by_table(text), model, "{text:x?}");
                        }
                    }
                }
            }
        }
    }
}
