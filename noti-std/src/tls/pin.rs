//! A server's key, as a user pins it.

use std::error::Error;
use std::fmt;
use std::str::FromStr;

use super::der::subject_public_key_info;

/// A server's key: the SHA-256 of the SubjectPublicKeyInfo in its certificate.
///
/// It survives a renewal of the certificate as long as the key stays. Read it with
///
/// ```sh
/// openssl x509 -in server.pem -pubkey -noout |
///     openssl pkey -pubin -outform der | openssl dgst -sha256
/// ```
///
/// and write it as these 64 hexadecimal digits, or as base64 as curl and browsers do, with or
/// without `sha256/` (or curl's `sha256//`) before it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Pin(pub(super) [u8; 32]);

impl Pin {
    /// The pin of a certificate's key; `None` if `der` is no X.509 certificate.
    pub fn of_certificate(der: &[u8]) -> Option<Self> {
        subject_public_key_info(der).map(Self::of_key)
    }

    pub(super) fn of_key(spki: &[u8]) -> Self {
        Self(super::sha256(spki))
    }
}

impl FromStr for Pin {
    type Err = PinError;

    fn from_str(text: &str) -> Result<Self, PinError> {
        let base64 = ["sha256//", "sha256/", ""]
            .iter()
            .find_map(|prefix| text.strip_prefix(prefix).filter(|rest| rest.len() == 44));
        if let Some(base64) = base64 {
            return base64_decode(base64).map(Self).ok_or(PinError::Base64);
        }
        if text.len() == 64 {
            return hex_decode(text).map(Self).ok_or(PinError::Hex);
        }
        Err(PinError::Length)
    }
}

impl fmt::Display for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256/{}", base64_encode(&self.0))
    }
}

impl fmt::Debug for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pin({self})")
    }
}

/// Why a text is no [`Pin`]. The text itself is not repeated: it may be a secret pasted by mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PinError {
    /// Neither form has this length.
    Length,
    /// 64 characters, not all of them hexadecimal digits.
    Hex,
    /// 44 characters that are not the base64 of 32 bytes.
    Base64,
}

impl fmt::Display for PinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Length => {
                "a pin has 64 hexadecimal digits or 44 characters of base64; \
                 give the SHA-256 of the server's public key, not of its certificate"
            }
            Self::Hex => "the pin has a character that is no hexadecimal digit; copy it again",
            Self::Base64 => "the pin is not the base64 of 32 bytes; copy it again",
        })
    }
}

impl Error for PinError {}

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

fn base64_encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let mut group = [0; 4];
        for (to, from) in group.iter_mut().skip(1).zip(chunk) {
            *to = *from;
        }
        let group = u32::from_be_bytes(group);
        for (digit, shift) in [18, 12, 6, 0].into_iter().enumerate() {
            text.push(match BASE64.get((group >> shift & 63) as usize) {
                Some(letter) if digit <= chunk.len() => char::from(*letter),
                _ => '=',
            });
        }
    }
    text
}

/// Exactly 32 bytes, in their one canonical form.
fn base64_decode(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    let mut places = bytes.iter_mut();
    let (mut bits, mut held) = (0_u32, 0);
    for letter in text.strip_suffix('=')?.bytes() {
        let digit = BASE64.iter().position(|known| *known == letter)?;
        bits = bits << 6 | u32::try_from(digit).ok()?;
        held += 6;
        if held >= 8 {
            held -= 8;
            *places.next()? = u8::try_from(bits >> held).ok()?;
            bits &= (1 << held) - 1;
        }
    }
    (places.next().is_none() && bits == 0).then_some(bytes)
}

pub(super) fn hex_decode(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    let (pairs, _) = text.as_bytes().as_chunks::<2>();
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        let digit = |letter: u8| char::from(letter).to_digit(16);
        *byte = u8::try_from(digit(*high)? << 4 | digit(*low)?).ok()?;
    }
    Some(bytes)
}
