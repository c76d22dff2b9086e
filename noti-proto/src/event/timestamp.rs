//! The moment of an event, read exactly from the number that the server prints.

use crate::json::number::{JsonNumber, NumberError};

/// A moment in UTC: whole seconds since 1970-01-01T00:00:00Z, and nanoseconds.
///
/// The server prints `created_at` as a float with up to twenty digits. Seconds and nanoseconds hold
/// what an `f64` would round, and order as the moments do.
///
/// ```
/// use noti_proto::json::JsonNumber;
/// use noti_proto::Timestamp;
///
/// let created_at = JsonNumber::parse("1.49984374779399991035e+09").unwrap();
/// let moment = Timestamp::from_number(created_at).unwrap();
/// assert_eq!((moment.seconds(), moment.subsec_nanos()), (1_499_843_747, 793_999_910));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Timestamp {
    // The derived order compares the fields from the top: seconds have to come first.
    seconds: u64,
    nanoseconds: u32,
}

impl Timestamp {
    /// Reads a number of seconds, in whatever form it is written, by integer arithmetic.
    ///
    /// Digits beyond the ninth after the point are cut off, not rounded, so a value too small for a
    /// nanosecond is 0.
    ///
    /// # Errors
    /// [`OutOfRange`](NumberError::OutOfRange) for a value below 0 (`-0` is 0), or of more than
    /// `u64::MAX` whole seconds.
    pub fn from_number(number: JsonNumber<'_>) -> Result<Self, NumberError> {
        let split = number.split();
        match split.whole {
            Some(seconds) if !split.below_zero => Ok(Self {
                seconds,
                nanoseconds: split.nanos,
            }),
            _ => Err(NumberError::OutOfRange),
        }
    }

    /// Whole seconds since 1970-01-01T00:00:00Z.
    pub const fn seconds(self) -> u64 {
        self.seconds
    }

    /// Nanoseconds since the last whole second, at most 999,999,999.
    pub const fn subsec_nanos(self) -> u32 {
        self.nanoseconds
    }

    /// Whole milliseconds since 1970-01-01T00:00:00Z; `u64::MAX` if they are more than that.
    pub fn as_millis(self) -> u64 {
        // Saturating u64 steps: a 128-bit product would cost a microcontroller flash.
        self.seconds
            .saturating_mul(1000)
            .saturating_add(u64::from(self.nanoseconds / 1_000_000))
    }
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects, clippy::unwrap_used)]
mod tests {
    extern crate std;
    use super::*;
    use proptest::prelude::*;
    use std::{format, string::String};

    fn read(text: &str) -> Result<Timestamp, NumberError> {
        Timestamp::from_number(JsonNumber::parse(text).unwrap())
    }

    fn at(seconds: u64, nanoseconds: u32) -> Timestamp {
        Timestamp {
            seconds,
            nanoseconds,
        }
    }

    #[test]
    fn every_form_seen_on_the_wire_is_exact() {
        let forms = [
            ("1466000000.123", at(1_466_000_000, 123_000_000)),
            ("1.489401746187E9", at(1_489_401_746, 187_000_000)),
            ("1.49984374779399991035e+09", at(1_499_843_747, 793_999_910)),
            ("1499843747", at(1_499_843_747, 0)),
            ("1499843747.0", at(1_499_843_747, 0)),
            ("0.0014e12", at(1_400_000_000, 0)),
            ("1499843747794e-3", at(1_499_843_747, 794_000_000)),
            ("1499843747794000000E-9", at(1_499_843_747, 794_000_000)),
        ];
        for (text, moment) in forms {
            assert_eq!(read(text), Ok(moment), "{text}");
        }
    }

    #[test]
    fn digits_beyond_nanoseconds_are_cut_off() {
        let forms = [
            ("0.000000001", at(0, 1)),
            ("1e-9", at(0, 1)),
            ("1e-10", at(0, 0)),
            ("9e-10", at(0, 0)),
            ("0.9999999999999", at(0, 999_999_999)),
            ("12345678901234567890e-19", at(1, 234_567_890)),
            ("12345678901234567890e-28", at(0, 1)),
            ("12345678901234567890e-29", at(0, 0)),
            ("1e-400", at(0, 0)),
            ("1e-999999999999999999999999", at(0, 0)),
        ];
        for (text, moment) in forms {
            assert_eq!(read(text), Ok(moment), "{text}");
        }
    }

    #[test]
    fn zero_is_zero_in_every_form() {
        for text in [
            "0",
            "-0",
            "0.000",
            "-0.0e5",
            "0e999999999999999999999",
            "-0e-400",
        ] {
            assert_eq!(read(text), Ok(at(0, 0)), "{text}");
        }
    }

    #[test]
    fn a_moment_before_1970_or_beyond_u64_is_out_of_range() {
        assert_eq!(
            read("18446744073709551615.9999999999"),
            Ok(at(u64::MAX, 999_999_999))
        );
        for text in [
            "18446744073709551616",
            "1e20",
            "1e400",
            "1e999999999999",
            "1e99999999999999999999999999999",
            "-1",
            "-1499843747.5",
            "-0.000000001",
            "-1e-400",
            "-1e400",
        ] {
            assert_eq!(read(text), Err(NumberError::OutOfRange), "{text}");
        }
    }

    #[test]
    fn milliseconds_are_whole_and_saturate() {
        assert_eq!(
            read("1499843747.7949").unwrap().as_millis(),
            1_499_843_747_794
        );
        assert_eq!(at(0, 999_999).as_millis(), 0);
        assert_eq!(at(u64::MAX / 1000, 615_999_999).as_millis(), u64::MAX);
        assert_eq!(at(u64::MAX / 1000, 614_999_999).as_millis(), u64::MAX - 1);
        assert_eq!(at(u64::MAX / 1000 + 1, 0).as_millis(), u64::MAX);
        assert_eq!(at(u64::MAX, 999_999_999).as_millis(), u64::MAX);
    }

    #[test]
    fn moments_order_by_time() {
        assert!(at(1, 999_999_999) < at(2, 0));
        assert!(at(2, 1) > at(2, 0));
    }

    /// The same number by moving the point through a string of digits.
    fn model(whole: &str, fraction: &str, exponent: i32) -> Option<Timestamp> {
        // More zeros on both sides than any exponent of the test moves the point by.
        let margin = "0".repeat(60);
        let digits = format!("{margin}{whole}{fraction}{margin}");
        let point = i32::try_from(margin.len() + whole.len()).unwrap() + exponent;
        let (seconds, fraction) = digits.split_at(usize::try_from(point).unwrap());
        let nanoseconds = fraction.get(..9).unwrap().parse().unwrap();
        Some(at(seconds.parse().ok()?, nanoseconds))
    }

    proptest! {
        #[test]
        fn seconds_and_nanoseconds_agree_with_moving_the_point_in_a_string(
            whole in "0|[1-9][0-9]{0,21}",
            fraction in "[0-9]{0,22}",
            exponent in -45_i32..=45,
            mark in "[eE]",
        ) {
            let point = if fraction.is_empty() { "" } else { "." };
            let text = format!("{whole}{point}{fraction}{mark}{exponent}");
            prop_assert_eq!(read(&text).ok(), model(&whole, &fraction, exponent), "{}", text);
        }

        #[test]
        fn an_f64_of_the_same_text_agrees_within_its_rounding(
            text in "[1-9][0-9]{0,9}[.][0-9]{1,20}(e[-+]?[0-6])?",
        ) {
            let float = JsonNumber::parse(&text).unwrap().to_f64().unwrap();
            let moment = read(&text).unwrap();
            let span = core::time::Duration::new(moment.seconds(), moment.subsec_nanos());
            // One nanosecond is cut off at most; the rest is the rounding of both floats.
            let tolerance = 1e-9 + float * 2.0 * f64::EPSILON;
            prop_assert!((float - span.as_secs_f64()).abs() <= tolerance, "{}", text);
        }

        #[test]
        fn a_moment_reads_back_from_its_own_digits(
            seconds in any::<u64>(),
            nanoseconds in 0_u32..1_000_000_000,
        ) {
            let text = format!("{seconds}.{nanoseconds:09}");
            prop_assert_eq!(read(&text), Ok(at(seconds, nanoseconds)));
            let text = format!("{seconds}{nanoseconds:09}e-9");
            let text = text.trim_start_matches('0');
            let text = if text.starts_with('e') { String::from("0") } else { text.into() };
            prop_assert_eq!(read(&text), Ok(at(seconds, nanoseconds)));
        }
    }
}
