//! Small pieces of JSON text, written to a `String`.

use std::fmt;

use fastrand::Rng;

/// The inside of a JSON string. `escaped` writes the first character and all beyond ASCII as
/// `\uXXXX`, and `/` as `\/`.
pub(super) fn push_escaped(out: &mut String, text: &str, escaped: bool) {
    for (at, character) in text.char_indices() {
        match character {
            character if escaped && (at == 0 || !character.is_ascii()) => {
                push_unicode(out, character)
            }
            '"' | '\\' => out.extend(['\\', character]),
            '/' if escaped => out.push_str("\\/"),
            '\0'..' ' => push_unicode(out, character),
            character => out.push(character),
        }
    }
}

/// A character as `\uXXXX`, or as a surrogate pair of two such.
pub(super) fn push_unicode(out: &mut String, character: char) {
    for unit in character.encode_utf16(&mut [0; 2]) {
        push_fmt(out, format_args!("\\u{unit:04x}"));
    }
}

/// So many random hexadecimal digits.
pub(super) fn push_hex(out: &mut String, rng: &mut Rng, mut digits: usize) {
    while digits >= 16 {
        push_fmt(out, format_args!("{:016x}", rng.u64(..)));
        digits -= 16;
    }
    if digits > 0 {
        let low = rng.u64(..) & ((1 << (4 * digits)) - 1);
        push_fmt(out, format_args!("{low:0digits$x}"));
    }
}

/// Writing to a `String` cannot fail; this says so once.
pub(super) fn push_fmt(out: &mut String, text: fmt::Arguments<'_>) {
    let _ = fmt::Write::write_fmt(out, text);
}

/// A random index into a list of `length` items, the same on 32 and on 64 bits: `fastrand` draws a
/// `usize` differently.
pub(super) fn below(rng: &mut Rng, length: usize) -> usize {
    rng.u64(0..length as u64) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escaped_text_means_the_same() {
        for text in ["a", "优", "已上锁🔒", "a/b\\c\"d", "\u{1}\t\"", ""] {
            for escaped in [false, true] {
                let mut json = String::from("\"");
                push_escaped(&mut json, text, escaped);
                json.push('"');
                assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
                assert!(
                    !escaped || text.is_empty() || json.contains("\\u"),
                    "{json}"
                );
                assert!(!escaped || json.is_ascii(), "{json}");
            }
        }
    }
}
