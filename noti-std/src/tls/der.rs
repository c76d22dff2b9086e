//! As much of X.509 as it takes to find the key in a certificate.

pub(super) const INTEGER: u8 = 0x02;
pub(super) const BIT_STRING: u8 = 0x03;
pub(super) const SEQUENCE: u8 = 0x30;
pub(super) const VERSION: u8 = 0xa0;

/// One element of DER: itself, what it holds, what follows it.
pub(super) struct Element<'a> {
    pub(super) whole: &'a [u8],
    pub(super) contents: &'a [u8],
    pub(super) rest: &'a [u8],
}

/// The element of type `tag` that `input` begins with.
pub(super) fn element(tag: u8, input: &[u8]) -> Option<Element<'_>> {
    let (found, length, after) = match input {
        [found, short @ 0..=0x7f, after @ ..] => (*found, usize::from(*short), after),
        [found, 0x81, byte @ 0x80..=0xff, after @ ..] => (*found, usize::from(*byte), after),
        [found, 0x82, high @ 1..=0xff, low, after @ ..] => (
            *found,
            usize::from(u16::from_be_bytes([*high, *low])),
            after,
        ),
        // A certificate has fewer than 64 KiB: rustls admits no longer handshake message.
        _ => return None,
    };
    let (contents, rest) = after.split_at_checked(length)?;
    let (whole, _) = input.split_at_checked(input.len() - rest.len())?;
    (found == tag).then_some(Element {
        whole,
        contents,
        rest,
    })
}

/// The whole SubjectPublicKeyInfo of a certificate of any version (RFC 5280, section 4.1).
pub(super) fn subject_public_key_info(certificate: &[u8]) -> Option<&[u8]> {
    let certificate = element(SEQUENCE, certificate)?;
    let mut fields = element(SEQUENCE, certificate.contents)?.contents;
    if let Some(version) = element(VERSION, fields) {
        fields = version.rest;
    }
    // serialNumber, signature, issuer, validity, subject
    for tag in [INTEGER, SEQUENCE, SEQUENCE, SEQUENCE, SEQUENCE] {
        fields = element(tag, fields)?.rest;
    }
    Some(element(SEQUENCE, fields)?.whole)
}

/// The contents of the AlgorithmIdentifier and the key in a SubjectPublicKeyInfo.
pub(super) fn algorithm_and_key(spki: &[u8]) -> Option<(&[u8], &[u8])> {
    let algorithm = element(SEQUENCE, element(SEQUENCE, spki)?.contents)?;
    match element(BIT_STRING, algorithm.rest)?.contents {
        // The first byte counts the unused bits of the last: a key has none.
        [0, key @ ..] => Some((algorithm.contents, key)),
        _ => None,
    }
}
