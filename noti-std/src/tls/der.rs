//! As much of X.509 as it takes to find the key in a certificate, and its dates.

pub(super) const INTEGER: u8 = 0x02;
pub(super) const BIT_STRING: u8 = 0x03;
pub(super) const UTC_TIME: u8 = 0x17;
pub(super) const GENERALIZED_TIME: u8 = 0x18;
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
    let mut fields = from_validity(certificate)?;
    // validity, subject
    for tag in [SEQUENCE, SEQUENCE] {
        fields = element(tag, fields)?.rest;
    }
    Some(element(SEQUENCE, fields)?.whole)
}

/// When a certificate begins and when it ends, in seconds from 1970.
pub(super) fn validity(certificate: &[u8]) -> Option<(u64, u64)> {
    let validity = element(SEQUENCE, from_validity(certificate)?)?.contents;
    let (begin, rest) = time(validity)?;
    let (end, _) = time(rest)?;
    Some((begin, end))
}

/// The fields of a certificate that follow its serialNumber, signature and issuer.
fn from_validity(certificate: &[u8]) -> Option<&[u8]> {
    let certificate = element(SEQUENCE, certificate)?;
    let mut fields = element(SEQUENCE, certificate.contents)?.contents;
    if let Some(version) = element(VERSION, fields) {
        fields = version.rest;
    }
    for tag in [INTEGER, SEQUENCE, SEQUENCE] {
        fields = element(tag, fields)?.rest;
    }
    Some(fields)
}

/// A time in one of its two forms (RFC 5280, section 4.1.2.5), and what follows it.
fn time(input: &[u8]) -> Option<(u64, &[u8])> {
    let (year, digits, rest) = if let Some(time) = element(UTC_TIME, input) {
        let (year, digits) = two_digits(time.contents)?;
        // Two digits are a year from 1950 to 2049.
        let century = if year < 50 { 2000 } else { 1900 };
        (century + year, digits, time.rest)
    } else {
        let time = element(GENERALIZED_TIME, input)?;
        let (century, digits) = two_digits(time.contents)?;
        let (year, digits) = two_digits(digits)?;
        (century * 100 + year, digits, time.rest)
    };
    let (month, digits) = two_digits(digits)?;
    let (day, digits) = two_digits(digits)?;
    let (hour, digits) = two_digits(digits)?;
    let (minute, digits) = two_digits(digits)?;
    let (second, end) = two_digits(digits)?;
    if end != b"Z" || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    // Counted from March of the year 0, as in `Day`, which is the way back.
    let (year, month) = match month {
        3.. => (year, month - 3),
        _ => (year.checked_sub(1)?, month + 9),
    };
    let days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1;
    let seconds = (hour * 60 + minute) * 60 + second;
    Some((days.checked_sub(719_468)? * 86_400 + seconds, rest))
}

fn two_digits(text: &[u8]) -> Option<(u64, &[u8])> {
    match text {
        [tens @ b'0'..=b'9', ones @ b'0'..=b'9', rest @ ..] => {
            Some((u64::from(tens - b'0') * 10 + u64::from(ones - b'0'), rest))
        }
        _ => None,
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_in_both_forms() {
        for (tag, text, expected) in [
            (UTC_TIME, "700101000000Z", Some(0)),
            (UTC_TIME, "491231235959Z", Some(2_524_607_999)),
            (UTC_TIME, "691231235959Z", None),
            (GENERALIZED_TIME, "20240229120000Z", Some(1_709_208_000)),
            (GENERALIZED_TIME, "22000101000000Z", Some(7_258_118_400)),
            (GENERALIZED_TIME, "99991231235959Z", Some(253_402_300_799)),
            (GENERALIZED_TIME, "20241301000000Z", None),
            (GENERALIZED_TIME, "20240101000000", None),
            (GENERALIZED_TIME, "2024010100000x", None),
            (GENERALIZED_TIME, "", None),
        ] {
            let mut der = vec![tag, u8::try_from(text.len()).unwrap()];
            der.extend(text.bytes());
            der.push(7);
            let read = time(&der);
            assert_eq!(read, expected.map(|seconds| (seconds, &[7][..])), "{text}");
        }
    }
}
