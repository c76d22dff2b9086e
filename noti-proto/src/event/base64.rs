//! Base64 of raw device frames, decoded into a caller's buffer.

use core::fmt;

/// Decodes base64 (RFC 4648, section 4: the standard alphabet) into the front of `into` and returns
/// the length.
///
/// The text ends with its canonical padding or with none. Everything else is refused: white space,
/// the URL-safe alphabet, half of a padding, padding before the end, and trailing bits that are not
/// zero (RFC 4648, section 3.5), since no encoder writes them: the text is damaged. It comes as an
/// iterator because a JSON string may hold it escaped (`\/`).
///
/// The whole text is read even when `into` is full, so that `BufferTooSmall` can tell the length
/// that it needs. What `into` holds after an error is unspecified.
pub(crate) fn decode<C: Into<char>>(
    chars: impl IntoIterator<Item = C>,
    into: &mut [u8],
) -> Result<usize, Base64Error> {
    let mut decoder = Decoder {
        into,
        decoded: 0,
        symbols: 0,
        padding: 0,
        partial: 0,
    };
    for char in chars {
        decoder.push(char.into())?;
    }
    decoder.finish()
}

/// Why a text is not base64, or could not be decoded.
///
/// Positions count characters from 0, after JSON's escapes are undone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Base64Error {
    /// A character outside the alphabet, a `=` where no padding belongs, or a character after the
    /// padding.
    InvalidByte {
        /// Where the character stands.
        position: usize,
    },
    /// The text ends in the middle of a byte or of its padding.
    InvalidLength {
        /// The length of the text in characters.
        length: usize,
    },
    /// The last character before the padding holds bits that belong to no byte.
    TrailingBits {
        /// Where the character stands.
        position: usize,
    },
    /// The text is sound, but its bytes do not fit into the buffer.
    BufferTooSmall {
        /// The length in bytes that would have been enough.
        needed: usize,
    },
}

impl fmt::Display for Base64Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (before, number, after) = match *self {
            Self::InvalidByte { position } => (
                "the base64 text is wrong at character ",
                position,
                ": keep the line as it is, another delivery will not differ",
            ),
            Self::InvalidLength { length } => (
                "the base64 text ends too early, after ",
                length,
                " characters: keep the line as it is, another delivery will not differ",
            ),
            Self::TrailingBits { position } => (
                "the base64 text has bits left over at character ",
                position,
                ": keep the line as it is, another delivery will not differ",
            ),
            Self::BufferTooSmall { needed } => (
                "the buffer is too small for the base64 text: decode into one of at least ",
                needed,
                " bytes",
            ),
        };
        write!(f, "{before}{number}{after}")
    }
}

impl core::error::Error for Base64Error {}

/// What [`decode`] does with each character, apart from the iterator's type so that there is one
/// copy of it.
struct Decoder<'b> {
    into: &'b mut [u8],
    /// Bytes decoded, whether they fitted into the buffer or not.
    decoded: usize,
    /// Characters of the alphabet read.
    symbols: usize,
    /// Characters of padding read.
    padding: usize,
    /// The upper bits of the byte that is not complete yet, its lower ones zero.
    partial: u8,
}

impl Decoder<'_> {
    fn push(&mut self, char: char) -> Result<(), Base64Error> {
        // How much padding may follow here: what completes the last group of four.
        let room = match self.symbols & 3 {
            2 => 2,
            3 => 1,
            _ => 0,
        };
        match sextet(char) {
            Some(bits) if self.padding == 0 => self.push_bits(bits),
            None if char == '=' && self.padding < room => {
                self.padding = self.padding.wrapping_add(1)
            }
            _ => {
                return Err(Base64Error::InvalidByte {
                    position: self.length(),
                });
            }
        }
        Ok(())
    }

    fn push_bits(&mut self, bits: u8) {
        // Each of the four characters of a group completes a byte, except the first.
        let (byte, partial) = match self.symbols & 3 {
            0 => (None, bits << 2),
            1 => (Some(bits >> 4), bits << 4),
            2 => (Some(bits >> 2), bits << 6),
            _ => (Some(bits), 0),
        };
        if let Some(low) = byte {
            if let Some(slot) = self.into.get_mut(self.decoded) {
                *slot = self.partial | low;
            }
            self.decoded = self.decoded.wrapping_add(1);
        }
        self.partial = partial;
        self.symbols = self.symbols.wrapping_add(1);
    }

    fn finish(self) -> Result<usize, Base64Error> {
        if matches!((self.symbols & 3, self.padding), (1, _) | (2, 1)) {
            return Err(Base64Error::InvalidLength {
                length: self.length(),
            });
        }
        if self.partial != 0 {
            return Err(Base64Error::TrailingBits {
                position: self.symbols.wrapping_sub(1),
            });
        }
        if self.decoded > self.into.len() {
            return Err(Base64Error::BufferTooSmall {
                needed: self.decoded,
            });
        }
        Ok(self.decoded)
    }

    /// Characters read so far.
    fn length(&self) -> usize {
        self.symbols.wrapping_add(self.padding)
    }
}

/// The six bits that a character of the standard alphabet stands for.
fn sextet(char: char) -> Option<u8> {
    let byte = u8::try_from(char).ok()?;
    match byte {
        b'A'..=b'Z' => Some(byte.wrapping_sub(b'A')),
        b'a'..=b'z' => Some(byte.wrapping_sub(b'a').wrapping_add(26)),
        b'0'..=b'9' => Some(byte.wrapping_sub(b'0').wrapping_add(52)),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    }
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects, clippy::indexing_slicing)]
mod tests {
    extern crate std;
    use super::*;
    use proptest::prelude::*;
    use std::{format, string::String, string::ToString, vec, vec::Vec};

    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    /// Encodes bit by bit, without padding: as unlike the decoder as it can be.
    fn encode(bytes: &[u8]) -> String {
        let bits: String = bytes.iter().map(|byte| format!("{byte:08b}")).collect();
        bits.as_bytes()
            .chunks(6)
            .map(|six| {
                let index =
                    (0..6).fold(0, |sum, i| sum * 2 + usize::from(six.get(i) == Some(&b'1')));
                char::from(ALPHABET[index])
            })
            .collect()
    }

    fn padded(mut text: String) -> String {
        while !text.len().is_multiple_of(4) {
            text.push('=');
        }
        text
    }

    fn decoded(text: &str) -> Result<Vec<u8>, Base64Error> {
        let mut buffer = vec![0; text.len()];
        let length = decode(text.chars(), &mut buffer)?;
        buffer.truncate(length);
        Ok(buffer)
    }

    #[test]
    fn the_vectors_of_rfc_4648_decode_with_padding_and_without() {
        let vectors = [
            ("", ""),
            ("Zg==", "f"),
            ("Zm8=", "fo"),
            ("Zm9v", "foo"),
            ("Zm9vYg==", "foob"),
            ("Zm9vYmE=", "fooba"),
            ("Zm9vYmFy", "foobar"),
        ];
        for (text, bytes) in vectors {
            assert_eq!(decoded(text), Ok(bytes.into()), "{text}");
            assert_eq!(
                decoded(text.trim_end_matches('=')),
                Ok(bytes.into()),
                "{text}"
            );
        }
    }

    #[test]
    fn a_device_frame_decodes() {
        let frame = [0, 0, 0, 3, 7, 0, 0, 0x91, 4, 1, 2, 3];
        assert_eq!(decoded("AAAAAwcAAJEEAQID"), Ok(frame.into()));
    }

    #[test]
    fn a_damaged_text_is_refused_at_its_position() {
        use Base64Error::{InvalidByte, InvalidLength, TrailingBits};
        let texts = [
            // Not of the alphabet.
            ("Zm9v ", InvalidByte { position: 4 }),
            (" Zm9v", InvalidByte { position: 0 }),
            ("Zm\n9v", InvalidByte { position: 2 }),
            ("Zm-v", InvalidByte { position: 2 }),
            ("Zm9_", InvalidByte { position: 3 }),
            ("Zm9\u{0}", InvalidByte { position: 3 }),
            // Positions count characters; none is taken for its lowest byte.
            ("\u{4e2d}Zg==", InvalidByte { position: 0 }),
            ("Zm9\u{141}", InvalidByte { position: 3 }),
            ("\u{fffd}", InvalidByte { position: 0 }),
            // Padding in the wrong place, and anything after it.
            ("=", InvalidByte { position: 0 }),
            ("====", InvalidByte { position: 0 }),
            ("Z===", InvalidByte { position: 1 }),
            ("Zm9v=", InvalidByte { position: 4 }),
            ("Zg===", InvalidByte { position: 4 }),
            ("Zm8==", InvalidByte { position: 4 }),
            ("Zg==Zg==", InvalidByte { position: 4 }),
            ("Zg=A", InvalidByte { position: 3 }),
            ("Zm8=\n", InvalidByte { position: 4 }),
            // Cut.
            ("Z", InvalidLength { length: 1 }),
            ("Zm9vY", InvalidLength { length: 5 }),
            ("Zg=", InvalidLength { length: 3 }),
            // "Zg==" and "Zm8=" with one bit more.
            ("Zh==", TrailingBits { position: 1 }),
            ("Zh", TrailingBits { position: 1 }),
            ("Zm9=", TrailingBits { position: 2 }),
            ("Zm9", TrailingBits { position: 2 }),
        ];
        for (text, error) in texts {
            assert_eq!(decoded(text), Err(error), "{text:?}");
        }
    }

    #[test]
    fn each_ending_stands_for_one_sequence_of_bytes() {
        let endings = |length: u32| {
            (0..64_usize.pow(length))
                .filter(|index| {
                    let text: String = (0..length)
                        .map(|i| char::from(ALPHABET[index >> (6 * i) & 63]))
                        .collect();
                    decoded(&text).is_ok()
                })
                .count()
        };
        assert_eq!(endings(1), 0);
        assert_eq!(endings(2), 256);
        assert_eq!(endings(3), 65536);
    }

    #[test]
    fn a_buffer_that_is_too_small_learns_the_length_it_needs() {
        let mut buffer = [0; 5];
        let needed = Err(Base64Error::BufferTooSmall { needed: 6 });
        assert_eq!(decode("Zm9vYmFy".chars(), &mut buffer), needed);
        assert_eq!(decode("Zm9vYmFy".chars(), &mut []), needed);
        assert_eq!(decode("Zm9vYmE=".chars(), &mut buffer), Ok(5));
        assert_eq!(&buffer, b"fooba");
        assert_eq!(decode("".chars(), &mut []), Ok(0));
        // Damage is worth more than a length.
        let damaged = Err(Base64Error::InvalidByte { position: 8 });
        assert_eq!(decode("Zm9vYmFy!".chars(), &mut []), damaged);
    }

    #[test]
    fn an_error_is_one_sentence() {
        let sentences = [
            (
                Base64Error::InvalidByte { position: 7 },
                "the base64 text is wrong at character 7: \
                 keep the line as it is, another delivery will not differ",
            ),
            (
                Base64Error::BufferTooSmall { needed: 6 },
                "the buffer is too small for the base64 text: decode into one of at least 6 bytes",
            ),
        ];
        for (error, sentence) in sentences {
            assert_eq!(error.to_string(), sentence);
        }
    }

    proptest! {
        #[test]
        fn what_was_encoded_decodes(bytes in any::<Vec<u8>>()) {
            let text = encode(&bytes);
            prop_assert_eq!(decoded(&text), Ok(bytes.clone()));
            let text = padded(text);
            prop_assert_eq!(decoded(&text), Ok(bytes.clone()));

            // As bytes, into a buffer of exactly the length, of which not a byte more is written.
            let mut buffer = vec![0xaa; bytes.len() + 1];
            prop_assert_eq!(decode(text.bytes(), &mut buffer[..bytes.len()]), Ok(bytes.len()));
            prop_assert_eq!(buffer.pop(), Some(0xaa));
            prop_assert_eq!(buffer, bytes);
        }

        #[test]
        fn what_decodes_is_what_an_encoder_writes(text in "[A-Dgw+/=]{0,9}|.{0,5}") {
            if let Ok(bytes) = decoded(&text) {
                let bare = encode(&bytes);
                prop_assert!(text == bare || text == padded(bare), "{}", text);
            }
        }
    }
}
