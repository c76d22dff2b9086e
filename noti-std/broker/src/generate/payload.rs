//! The `data` of status events: data points as an object, device frames as base64.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use fastrand::Rng;

use super::catalogue::{FILLER, POINTS, Text, Values};
use crate::text::{below, push_escaped, push_fmt, push_hex};

/// How texts are written.
#[derive(Clone, Copy)]
pub(super) struct Shares {
    pub(super) chinese: f64,
    pub(super) escaped: f64,
}

impl Shares {
    pub(super) fn chinese(self, rng: &mut Rng) -> bool {
        rng.f64() < self.chinese
    }

    pub(super) fn escaped(self, rng: &mut Rng) -> bool {
        rng.f64() < self.escaped
    }

    /// A text in the language that was drawn for it, as a JSON string.
    pub(super) fn push_text(self, out: &mut String, rng: &mut Rng, text: &Text, chinese: bool) {
        out.push('"');
        push_escaped(out, text.get(chinese), self.escaped(rng));
        out.push('"');
    }
}

/// The data points that the devices of one kind report: the same names in the same order each time.
pub(super) struct Product {
    /// 32 hexadecimal digits.
    pub(super) key: String,
    names: Vec<Name>,
    filler: Name,
    // Where in the catalogue this product begins.
    first: usize,
}

/// A key as JSON text without its quotes, in both spellings; a key must not change its language
/// between two events.
struct Name {
    plain: String,
    escaped: String,
}

impl Name {
    fn new(text: &Text, rng: &mut Rng, shares: Shares) -> Self {
        let text = text.get(shares.chinese(rng));
        let mut name = Self {
            plain: String::new(),
            escaped: String::new(),
        };
        push_escaped(&mut name.plain, text, false);
        push_escaped(&mut name.escaped, text, true);
        name
    }

    fn spelled(&self, escaped: bool) -> &str {
        if escaped { &self.escaped } else { &self.plain }
    }
}

impl Product {
    pub(super) fn new(rng: &mut Rng, shares: Shares) -> Self {
        let mut key = String::with_capacity(32);
        push_hex(&mut key, rng, 32);
        let names = POINTS
            .iter()
            .map(|point| Name::new(&point.name, rng, shares))
            .collect();
        Self {
            key,
            names,
            filler: Name::new(&FILLER, rng, shares),
            first: below(rng, POINTS.len()),
        }
    }

    /// An object of data points, `size` bytes long; a size below the shortest object gives the
    /// shortest.
    pub(super) fn push_kv(&self, out: &mut String, rng: &mut Rng, shares: Shares, size: usize) {
        // The last byte is the closing brace.
        let end = out.len() + size.saturating_sub(1);
        let filler = self.filler.spelled(shares.escaped(rng));
        // Two pairs of quotes and a colon.
        let filler_size = filler.len() + 5;
        out.push('{');
        for count in 0.. {
            if count > 0 {
                out.push(',');
            }
            let mark = out.len();
            self.push_point(out, rng, shares, count);
            if out.len() == end {
                break;
            }
            // Room for a comma and the shortest filler must stay, or the exact size would be out of
            // reach.
            if out.len() + 1 + filler_size > end {
                out.truncate(mark);
                let digits = end.saturating_sub(mark + filler_size);
                push_fmt(out, format_args!("\"{filler}\":\""));
                push_hex(out, rng, digits);
                out.push('"');
                debug_assert!(out.len() == end || count == 0, "the wanted size");
                break;
            }
        }
        out.push('}');
    }

    /// One data point. Beyond the last one of the catalogue it begins again, with a number behind
    /// the name.
    fn push_point(&self, out: &mut String, rng: &mut Rng, shares: Shares, count: usize) {
        let at = (self.first + count) % POINTS.len();
        let escaped = shares.escaped(rng);
        out.push('"');
        out.push_str(self.names[at].spelled(escaped));
        match count / POINTS.len() {
            0 => {}
            round => push_fmt(out, format_args!("_{}", round + 1)),
        }
        out.push_str("\":");
        if rng.u32(0..64) == 0 {
            out.push_str("null");
            return;
        }
        match POINTS[at].values {
            Values::Flag => out.push(if rng.bool() { '1' } else { '0' }),
            Values::Bool => out.push_str(if rng.bool() { "true" } else { "false" }),
            Values::Whole(low, high) => push_fmt(out, format_args!("{}", rng.i32(low..=high))),
            Values::Tenths(low, high) => {
                let value = rng.i32(low..=high);
                let sign = if value < 0 { "-" } else { "" };
                let value = value.unsigned_abs();
                push_fmt(out, format_args!("{sign}{}.{}", value / 10, value % 10));
            }
            Values::Names(names) => {
                let name = &names[below(rng, names.len())];
                let chinese = shares.chinese(rng);
                shares.push_text(out, rng, name, chinese);
            }
            Values::Hex(digits) => {
                out.push('"');
                push_hex(out, rng, digits);
                out.push('"');
            }
        }
    }
}

/// A device frame in base64, as a string or as `{"raw":"…"}`, at most `size` bytes long and at
/// least `size - 7`; a size below the shortest frame gives the shortest.
///
/// `frame` is scratch space.
pub(super) fn push_raw(out: &mut String, rng: &mut Rng, size: usize, frame: &mut Vec<u8>) {
    let as_object = rng.bool();
    let (before, after) = if as_object {
        ("{\"raw\":\"", "\"}")
    } else {
        ("\"", "\"")
    };
    let characters = size.saturating_sub(before.len() + after.len());
    // All three paddings of base64 occur.
    let bytes = (characters / 4 * 3).saturating_sub(below(rng, 3));
    push_frame(frame, rng, bytes);
    out.push_str(before);
    STANDARD.encode_string(frame, out);
    out.push_str(after);
}

/// The shortest frame: header, length, flag, command, action.
const SHORTEST_FRAME: usize = 4 + 1 + 1 + 2 + 1;

/// A whole device frame of `size` bytes or one less, such as `00000003 07 00 0091 04 010203`:
/// header, length of the rest (seven bits a byte, the low ones first), flag, command, action "the
/// device reports", and the status bytes.
fn push_frame(frame: &mut Vec<u8>, rng: &mut Rng, size: usize) {
    let size = size.max(SHORTEST_FRAME);
    let after_header = size - 4;
    // Sized by a number that holds the length bytes too: at the edge of one more byte the frame is
    // one shorter.
    let rest = after_header - length_bytes(after_header).count();
    frame.clear();
    frame.extend([0, 0, 0, 3]);
    frame.extend(length_bytes(rest));
    let status = frame.len() + 4;
    frame.extend([0, 0x00, 0x91, 4]);
    frame.resize(status + rest - 4, 0);
    rng.fill(&mut frame[status..]);
}

/// A length, seven bits a byte, the low ones first; the top bit says that more follow.
fn length_bytes(length: usize) -> impl Iterator<Item = u8> {
    let mut left = Some(length);
    std::iter::from_fn(move || {
        let length = left?;
        let low = (length & 0x7f) as u8;
        left = Some(length >> 7).filter(|&rest| rest > 0);
        Some(if left.is_some() { low | 0x80 } else { low })
    })
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn objects_of_data_points_have_the_wanted_size() {
        let mut rng = Rng::with_seed(1);
        for (chinese, escaped) in [(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.5, 0.5)] {
            let shares = Shares { chinese, escaped };
            let product = Product::new(&mut rng, shares);
            for size in (0..600).chain([4_096, 65_536, 100_001]) {
                let mut text = String::new();
                product.push_kv(&mut text, &mut rng, shares, size);
                let Ok(Value::Object(data)) = serde_json::from_str(&text) else {
                    panic!("{text}")
                };
                // A repeated key would count once here.
                let names = text.matches("\":").count();
                assert!(data.len() == names, "{text}");
                assert!(
                    text.len() == size || (size < 50 && names == 1),
                    "{size}: {text}"
                );
            }
        }
    }

    #[test]
    fn frames_state_their_length() {
        let mut rng = Rng::with_seed(2);
        let mut frame = Vec::new();
        for size in (0..300).chain([16_300, 16_400, 70_000]) {
            push_frame(&mut frame, &mut rng, size);
            let wanted = size.max(SHORTEST_FRAME);
            assert!(
                frame.len() == wanted || frame.len() + 1 == wanted,
                "{size}: {}",
                frame.len()
            );
            assert_eq!(frame[..4], [0, 0, 0, 3]);
            let digits = frame[4..].iter().position(|byte| byte & 0x80 == 0).unwrap() + 1;
            let length = frame[4..][..digits]
                .iter()
                .rev()
                .fold(0, |sum, &byte| sum << 7 | usize::from(byte & 0x7f));
            assert_eq!(length, frame.len() - 4 - digits);
            assert_eq!(frame[4 + digits..][..4], [0, 0, 0x91, 4]);
        }
    }

    #[test]
    fn raw_data_has_the_wanted_size_in_both_forms() {
        let mut rng = Rng::with_seed(3);
        let mut frame = Vec::new();
        let mut objects = 0;
        for size in 30..1_000 {
            let mut text = String::new();
            push_raw(&mut text, &mut rng, size, &mut frame);
            assert!(
                text.len() <= size && text.len() + 7 >= size,
                "{size}: {}",
                text.len()
            );
            let data: Value = serde_json::from_str(&text).unwrap();
            let raw = data.get("raw").inspect(|_| objects += 1).unwrap_or(&data);
            assert_eq!(STANDARD.decode(raw.as_str().unwrap()).unwrap(), frame);
        }
        assert!((300..700).contains(&objects), "{objects}");
    }
}
