//! Strings: read without copying, decoded where the caller wants them, written for the login.

use core::error::Error;
use core::fmt;

use super::find::memchr;

/// A JSON string as it stands in the line, between its quotes.
///
/// It compares with `&str` by its decoded text, whatever escapes it was written with:
///
/// ```
/// use noti_proto::json::JsonStr;
///
/// let text = JsonStr::parse(br#""\u4f20\u611f\u5668""#).unwrap();
/// assert!(text == "传感器");
/// assert_eq!(text.raw(), r"\u4f20\u611f\u5668");
///
/// let mut buffer = [0; 16];
/// assert_eq!(text.decode_into(&mut buffer), Ok("传感器"));
/// ```
#[derive(Clone, Copy)]
pub struct JsonStr<'a> {
    /// Accepted by the scanner.
    raw: &'a [u8],
}

impl<'a> JsonStr<'a> {
    /// What stands between the quotes of a string that the scanner has accepted.
    pub(crate) const fn from_validated(raw: &'a [u8]) -> Self {
        Self { raw }
    }

    /// The text as it was sent, escapes and all.
    #[must_use]
    pub const fn raw(&self) -> &'a str {
        match core::str::from_utf8(self.raw) {
            Ok(raw) => raw,
            Err(_) => "",
        }
    }

    pub(crate) const fn as_bytes(&self) -> &'a [u8] {
        self.raw
    }

    /// The text itself, when it was sent without escapes; `None` when it must be decoded first.
    #[must_use]
    pub fn as_plain(&self) -> Option<&'a str> {
        match memchr(b'\\', self.raw) {
            None => Some(self.raw()),
            Some(_) => None,
        }
    }

    /// The decoded characters. A lone surrogate, which the grammar allows, is an error in its place; the characters
    /// after it follow.
    #[must_use]
    pub fn chars(&self) -> Chars<'a> {
        Chars {
            rest: self.raw().chars(),
        }
    }

    /// Decodes into `buffer`. A buffer as long as [`raw`](Self::raw) is always long enough.
    ///
    /// # Errors
    /// [`DecodeError::BufferTooSmall`], or [`DecodeError::LoneSurrogate`].
    pub fn decode_into<'b>(&self, buffer: &'b mut [u8]) -> Result<&'b str, DecodeError> {
        let mut length = 0_usize;
        self.decode(|bytes| {
            let end = length.saturating_add(bytes.len());
            let room = buffer.get_mut(length..end);
            for (to, byte) in room
                .ok_or(DecodeError::BufferTooSmall)?
                .iter_mut()
                .zip(bytes)
            {
                *to = *byte;
            }
            length = end;
            Ok(())
        })?;
        let text = buffer.get(..length).unwrap_or_default();
        Ok(core::str::from_utf8(text).unwrap_or_default())
    }

    /// Decodes into a string of at most `N` bytes.
    ///
    /// # Errors
    /// [`DecodeError::BufferTooSmall`], or [`DecodeError::LoneSurrogate`].
    pub fn to_heapless<const N: usize>(&self) -> Result<heapless::String<N>, DecodeError> {
        let mut text = heapless::Vec::<u8, N>::new();
        self.decode(|bytes| {
            text.extend_from_slice(bytes)
                .map_err(|_| DecodeError::BufferTooSmall)
        })?;
        Ok(heapless::String::from_utf8(text).unwrap_or_default())
    }

    /// Gives the decoded text to `sink`, in pieces that are whole characters.
    fn decode(
        &self,
        mut sink: impl FnMut(&[u8]) -> Result<(), DecodeError>,
    ) -> Result<(), DecodeError> {
        if let Some(plain) = self.as_plain() {
            return sink(plain.as_bytes());
        }
        for character in self.chars() {
            let (bytes, length) = utf8(character?);
            sink(bytes.get(..length).unwrap_or_default())?;
        }
        Ok(())
    }
}

impl PartialEq<str> for JsonStr<'_> {
    fn eq(&self, other: &str) -> bool {
        if memchr(b'\\', self.raw).is_none() {
            return self.raw == other.as_bytes();
        }
        let mut others = other.chars();
        self.chars()
            .all(|ours| ours.is_ok_and(|ours| others.next() == Some(ours)))
            && others.next().is_none()
    }
}

impl PartialEq<&str> for JsonStr<'_> {
    fn eq(&self, other: &&str) -> bool {
        *self == **other
    }
}

/// The decoded text; a lone surrogate shows as U+FFFD.
impl fmt::Display for JsonStr<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use fmt::Write as _;
        if let Some(plain) = self.as_plain() {
            return f.pad(plain);
        }
        self.chars().try_for_each(|character| {
            f.write_char(character.unwrap_or(char::REPLACEMENT_CHARACTER))
        })
    }
}

/// The raw text between its quotes.
impl fmt::Debug for JsonStr<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.raw())
    }
}

#[cfg(feature = "defmt")]
impl defmt::Format for JsonStr<'_> {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "{=str}", self.raw());
    }
}

/// The decoded characters of a [`JsonStr`].
#[derive(Clone, Debug)]
pub struct Chars<'a> {
    rest: core::str::Chars<'a>,
}

impl Iterator for Chars<'_> {
    type Item = Result<char, DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        let character = self.rest.next()?;
        if character != '\\' {
            return Some(Ok(character));
        }
        Some(self.escape())
    }
}

impl Chars<'_> {
    fn escape(&mut self) -> Result<char, DecodeError> {
        Ok(match self.rest.next() {
            Some('b') => '\u{8}',
            Some('f') => '\u{c}',
            Some('n') => '\n',
            Some('r') => '\r',
            Some('t') => '\t',
            Some('u') => return self.unicode_escape(),
            Some(itself) => itself,
            // The scanner lets no string end in a backslash.
            None => char::REPLACEMENT_CHARACTER,
        })
    }

    fn unicode_escape(&mut self) -> Result<char, DecodeError> {
        let unit = self.hex();
        if let Some(character) = char::from_u32(unit) {
            return Ok(character);
        }
        if unit < 0xdc00 {
            // Only what completes the pair is taken; anything else is read on its own.
            let mut ahead = self.clone();
            if ahead.rest.next() == Some('\\') && ahead.rest.next() == Some('u') {
                let low = ahead.hex();
                if (0xdc00..0xe000).contains(&low) {
                    *self = ahead;
                    let pair = (((unit & 0x3ff) << 10) | (low & 0x3ff)).saturating_add(0x1_0000);
                    return char::from_u32(pair).ok_or(DecodeError::LoneSurrogate);
                }
            }
        }
        Err(DecodeError::LoneSurrogate)
    }

    /// Four hexadecimal digits, which the scanner has seen to.
    fn hex(&mut self) -> u32 {
        (0..4).fold(0, |unit, _| {
            let digit = self.rest.next().and_then(|digit| digit.to_digit(16));
            (unit << 4) | digit.unwrap_or_default()
        })
    }
}

/// The UTF-8 of a character and its length. `char::encode_utf8` would bring a panic into the linked program.
fn utf8(character: char) -> ([u8; 4], usize) {
    let code = u32::from(character);
    let [.., low] = code.to_be_bytes();
    // The six bits of a continuation byte, counted from the right.
    let continuation = |shift: u32| {
        let [.., byte] = (code >> shift).to_be_bytes();
        (byte & 0x3f) | 0x80
    };
    let lead = |shift: u32, mark: u8| {
        let [.., byte] = (code >> shift).to_be_bytes();
        byte | mark
    };
    match code {
        0..=0x7f => ([low, 0, 0, 0], 1),
        0x80..=0x7ff => ([lead(6, 0xc0), continuation(0), 0, 0], 2),
        0x800..=0xffff => ([lead(12, 0xe0), continuation(6), continuation(0), 0], 3),
        _ => (
            [
                lead(18, 0xf0),
                continuation(12),
                continuation(6),
                continuation(0),
            ],
            4,
        ),
    }
}

/// Whether the inside of a string is this name of the protocol, which is of ASCII letters, digits and underscores only:
/// far less code than what compares any text. No escape but `\u` stands for such a character.
pub(crate) fn is_name(mut raw: &[u8], name: &str) -> bool {
    // With an escape it is five bytes longer at least.
    if raw.len() < name.len().saturating_add(5) {
        return raw == name.as_bytes();
    }
    for expected in name.bytes() {
        let (byte, tail) = match raw {
            [b'\\', b'u', b'0', b'0', high, low, tail @ ..] => {
                ((hex(*high) << 4) | hex(*low), tail)
            }
            [byte, tail @ ..] => (*byte, tail),
            [] => return false,
        };
        if byte != expected {
            return false;
        }
        raw = tail;
    }
    raw.is_empty()
}

/// The value of a hexadecimal digit that the scanner has seen to.
const fn hex(digit: u8) -> u8 {
    // The letters of both cases stand nine places after the digits, by their lowest bits.
    match digit {
        b'0'..=b'9' => digit & 0xf,
        _ => (digit & 0xf).wrapping_add(9),
    }
}

/// Gives `text` to `sink` as the inside of a JSON string. Only what must be escaped is (RFC 8259, section 7).
pub(crate) fn write_escaped(text: &str, sink: &mut impl FnMut(&[u8])) {
    for byte in text.bytes() {
        match byte {
            b'"' | b'\\' => sink(&[b'\\', byte]),
            b'\n' => sink(br"\n"),
            b'\r' => sink(br"\r"),
            b'\t' => sink(br"\t"),
            0..=0x1f => sink(&[
                b'\\',
                b'u',
                b'0',
                b'0',
                hex_digit(byte >> 4),
                hex_digit(byte & 0xf),
            ]),
            _ => sink(&[byte]),
        }
    }
}

const fn hex_digit(nibble: u8) -> u8 {
    match nibble {
        0..=9 => nibble | b'0',
        _ => nibble.wrapping_add(b'a' - 10),
    }
}

/// Why a string cannot be decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum DecodeError {
    /// The buffer is shorter than the decoded text.
    BufferTooSmall,
    /// Half of a surrogate pair stands alone, which is no character (clause J5).
    LoneSurrogate,
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BufferTooSmall => {
                "the text is longer than the buffer; give one as long as the raw text"
            }
            Self::LoneSurrogate => "the string holds half of a surrogate pair; use its raw text",
        })
    }
}

impl Error for DecodeError {}
