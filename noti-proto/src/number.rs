//! JSON numbers, kept as text and read on demand by integer arithmetic.

use core::fmt;

/// A JSON number as the server wrote it.
///
/// The text is kept, so no digit is lost and nothing is computed for a number that nobody reads.
/// The readers that return integers go by value, not by form: `1000`, `1e3`, `1000.0` and `0.1E+4`
/// are the same integer.
///
/// `==` compares the **text**: `1e3` and `1000` differ here although their values agree. Compare
/// what a reader such as [`to_i64`](Self::to_i64) returns to compare values.
///
/// ```
/// use noti_proto::{JsonNumber, NumberError};
///
/// let number = JsonNumber::parse("1.5e3").unwrap();
/// assert_eq!(number.to_u32(), Ok(1500));
/// assert_eq!(JsonNumber::parse("1.5").unwrap().to_u32(), Err(NumberError::NotInteger));
/// assert_eq!(JsonNumber::parse("0x10"), None);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct JsonNumber<'a> {
    text: &'a str,
}

impl<'a> JsonNumber<'a> {
    /// Wraps a text that the scanner has found to be a number.
    ///
    /// Any other text is harmless but useless: the integer readers answer `OutOfRange`.
    pub(crate) const fn from_validated(text: &'a str) -> Self {
        Self { text }
    }

    /// Wraps `text` if the whole of it is a number by the grammar of RFC 8259, section 6.
    ///
    /// White space around it, a leading `+`, leading zeros, and a point without digits on both
    /// sides are refused.
    pub fn parse(text: &'a str) -> Option<Self> {
        Decimal::parse(text.as_bytes()).map(|_| Self { text })
    }

    /// The number exactly as it was received.
    pub const fn text(self) -> &'a str {
        self.text
    }

    /// The value as a `u64`.
    ///
    /// # Errors
    /// [`NotInteger`](NumberError::NotInteger) for a value with a fractional part, else
    /// [`OutOfRange`](NumberError::OutOfRange) for one below 0 or above `u64::MAX`. `-0` is 0.
    pub fn to_u64(self) -> Result<u64, NumberError> {
        match self.integer()? {
            (false, magnitude) => Ok(magnitude),
            (true, _) => Err(NumberError::OutOfRange),
        }
    }

    /// The value as an `i64`.
    ///
    /// # Errors
    /// [`NotInteger`](NumberError::NotInteger) for a value with a fractional part, else
    /// [`OutOfRange`](NumberError::OutOfRange) for one outside `i64::MIN..=i64::MAX`.
    pub fn to_i64(self) -> Result<i64, NumberError> {
        let (below_zero, magnitude) = self.integer()?;
        let value = if below_zero {
            0_i64.checked_sub_unsigned(magnitude)
        } else {
            0_i64.checked_add_unsigned(magnitude)
        };
        value.ok_or(NumberError::OutOfRange)
    }

    /// The value as a `u32`.
    ///
    /// # Errors
    /// [`NotInteger`](NumberError::NotInteger) for a value with a fractional part, else
    /// [`OutOfRange`](NumberError::OutOfRange) for one below 0 or above `u32::MAX`. `-0` is 0.
    pub fn to_u32(self) -> Result<u32, NumberError> {
        u32::try_from(self.to_u64()?).map_err(|_| NumberError::OutOfRange)
    }

    /// The value as the nearest `f64`; a value too small for one is 0.
    ///
    /// Nothing in this crate calls it: `core`'s float parser brings a table of 10 KiB, which a
    /// microcontroller pays for only when its own program calls this.
    ///
    /// # Errors
    /// [`OutOfRange`](NumberError::OutOfRange) for a value beyond `f64::MAX`, which an `f64` could
    /// hold only as infinity.
    pub fn to_f64(self) -> Result<f64, NumberError> {
        match self.text.parse::<f64>() {
            Ok(value) if value.is_finite() => Ok(value),
            _ => Err(NumberError::OutOfRange),
        }
    }

    /// Whether the value is below zero, and its magnitude.
    fn integer(self) -> Result<(bool, u64), NumberError> {
        let split = self.split();
        if split.fractional {
            return Err(NumberError::NotInteger);
        }
        let magnitude = split.whole.ok_or(NumberError::OutOfRange)?;
        Ok((split.below_zero, magnitude))
    }

    /// The value cut at its decimal point, wherever the exponent puts that.
    pub(crate) fn split(self) -> Split {
        match Decimal::parse(self.text.as_bytes()) {
            Some(decimal) => decimal.split(),
            // No number, which the scanner has ruled out: read as out of range rather than as some
            // value.
            None => Split {
                below_zero: false,
                whole: None,
                nanos: 0,
                fractional: false,
            },
        }
    }
}

/// Prints the text of the number.
impl fmt::Debug for JsonNumber<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text)
    }
}

/// Why a [`JsonNumber`] does not fit the type asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum NumberError {
    /// The value has a fractional part, and an integer was asked for.
    NotInteger,
    /// The value is smaller or larger than the type can hold.
    OutOfRange,
}

impl fmt::Display for NumberError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotInteger => {
                "the number has a fractional part: read it as an f64, or take its text"
            }
            Self::OutOfRange => {
                "the number does not fit the type: read it as a wider one, or take its text"
            }
        })
    }
}

impl core::error::Error for NumberError {}

/// A value cut at its decimal point.
pub(crate) struct Split {
    /// Whether the value is less than zero; false for `-0`.
    pub(crate) below_zero: bool,
    /// The digits before the point, `None` if they exceed a `u64`.
    pub(crate) whole: Option<u64>,
    /// The first nine digits after the point; those beyond are cut off, not rounded.
    pub(crate) nanos: u32,
    /// Whether any digit after the point is not zero, those beyond the ninth included.
    pub(crate) fractional: bool,
}

/// A number taken apart: `±(whole fraction) · 10^(exponent − len(fraction))`, with `whole fraction`
/// one run of digits.
struct Decimal<'a> {
    negative: bool,
    whole: &'a [u8],
    fraction: &'a [u8],
    /// Saturated. An `isize` is enough to be exact: a run of digits long enough to bring a larger
    /// exponent back into range does not fit into memory.
    exponent: isize,
}

impl<'a> Decimal<'a> {
    /// Takes a number apart; `None` if `text` is not one by RFC 8259.
    fn parse(text: &'a [u8]) -> Option<Self> {
        let (negative, text) = match text {
            [b'-', rest @ ..] => (true, rest),
            _ => (false, text),
        };
        let (whole, text) = digits(text);
        if let [] | [b'0', _, ..] = whole {
            return None;
        }
        let (fraction, text) = match text {
            [b'.', rest @ ..] => match digits(rest) {
                ([], _) => return None,
                split => split,
            },
            _ => (&[][..], text),
        };
        let (down, exponent) = match text {
            [] => (false, &b"0"[..]),
            [b'e' | b'E', b'-', rest @ ..] => (true, rest),
            [b'e' | b'E', b'+', rest @ ..] | [b'e' | b'E', rest @ ..] => (false, rest),
            _ => return None,
        };
        let (exponent, []) = digits(exponent) else {
            return None;
        };
        if exponent.is_empty() {
            return None;
        }
        let magnitude = exponent.iter().fold(0_isize, |sum, digit| {
            sum.saturating_mul(10)
                .saturating_add_unsigned(usize::from(digit.wrapping_sub(b'0')))
        });
        Some(Self {
            negative,
            whole,
            fraction,
            exponent: if down {
                magnitude.wrapping_neg()
            } else {
                magnitude
            },
        })
    }

    /// Walks the digits once, and no further than the text is long plus the twenty digits of a
    /// `u64`.
    fn split(&self) -> Split {
        // How many digits stand before the point; below zero, how many zeros stand between the
        // point and the first.
        let mut before = self.exponent.saturating_add_unsigned(self.whole.len());
        let mut whole = Some(0_u64);
        let mut nanos = 0_u32;
        let mut fractional = false;
        // What a one is worth in the place after the point that comes next. Zero from the tenth on.
        let mut unit = 100_000_000_u32;
        for _ in before.max(-9)..0 {
            unit /= 10;
        }
        for byte in self.whole.iter().chain(self.fraction) {
            let digit = byte.wrapping_sub(b'0');
            if before > 0 {
                before = before.wrapping_sub(1);
                whole = append(whole, digit);
            } else {
                fractional |= digit != 0;
                nanos = nanos.wrapping_add(unit.wrapping_mul(u32::from(digit)));
                unit /= 10;
            }
        }
        // Zeros that the exponent asks for and the text does not have: 1e3. Zero stays zero however
        // many follow.
        while before > 0 && !matches!(whole, None | Some(0)) {
            before = before.wrapping_sub(1);
            whole = append(whole, 0);
        }
        Split {
            below_zero: self.negative && (fractional || whole != Some(0)),
            whole,
            nanos,
            fractional,
        }
    }
}

/// The run of digits that `text` begins with, and what follows it.
fn digits(text: &[u8]) -> (&[u8], &[u8]) {
    let length = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    text.split_at_checked(length).unwrap_or((text, &[]))
}

/// The integer with one more digit at its end; `None` once it has outgrown a `u64`.
fn append(integer: Option<u64>, digit: u8) -> Option<u64> {
    integer?.checked_mul(10)?.checked_add(u64::from(digit))
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects, clippy::unwrap_used)]
mod tests {
    extern crate std;
    use super::*;
    use proptest::prelude::*;
    use serde_json::value::RawValue;
    use std::{format, string::String, string::ToString};

    fn number(text: &str) -> JsonNumber<'_> {
        JsonNumber::parse(text).unwrap()
    }

    #[test]
    fn an_integer_is_read_from_every_form() {
        let forms = [
            ("0", 0),
            ("-0", 0),
            ("-0.000", 0),
            ("0e5", 0),
            ("-0E-5", 0),
            ("0e999999999999999999999999", 0),
            ("-0.0e-999999999999999999999999", 0),
            ("7", 7),
            ("1000", 1000),
            ("1e3", 1000),
            ("1E+3", 1000),
            ("1e0003", 1000),
            ("1000.0", 1000),
            ("0.1e4", 1000),
            ("0.001e6", 1000),
            ("10000e-1", 1000),
            ("1000000e-3", 1000),
            ("1000.000e-0", 1000),
            ("4294967295", u32::MAX),
            ("4.294967295e9", u32::MAX),
        ];
        for (text, value) in forms {
            assert_eq!(number(text).to_u32(), Ok(value), "{text}");
            assert_eq!(number(text).to_u64(), Ok(value.into()), "{text}");
            assert_eq!(number(text).to_i64(), Ok(value.into()), "{text}");
        }
    }

    #[test]
    fn each_type_ends_where_it_ends() {
        use NumberError::OutOfRange;
        assert_eq!(number("4294967296").to_u32(), Err(OutOfRange));
        assert_eq!(number("-1").to_u32(), Err(OutOfRange));

        assert_eq!(number("18446744073709551615").to_u64(), Ok(u64::MAX));
        assert_eq!(number("1.8446744073709551615e19").to_u64(), Ok(u64::MAX));
        assert_eq!(number("18446744073709551616").to_u64(), Err(OutOfRange));
        assert_eq!(number("18446744073709551620").to_u64(), Err(OutOfRange));
        assert_eq!(number("1e20").to_u64(), Err(OutOfRange));
        assert_eq!(number("-1").to_u64(), Err(OutOfRange));
        assert_eq!(number("-1e-0").to_u64(), Err(OutOfRange));

        assert_eq!(number("9223372036854775807").to_i64(), Ok(i64::MAX));
        assert_eq!(number("9223372036854775808").to_i64(), Err(OutOfRange));
        assert_eq!(number("-9223372036854775808").to_i64(), Ok(i64::MIN));
        assert_eq!(number("-9.223372036854775808e18").to_i64(), Ok(i64::MIN));
        assert_eq!(number("-9223372036854775809").to_i64(), Err(OutOfRange));
        assert_eq!(number("-18446744073709551616").to_i64(), Err(OutOfRange));
    }

    #[test]
    fn a_fraction_is_never_an_integer_however_small_or_large_the_value() {
        for text in [
            "0.5",
            "-0.5",
            "1.000000000000000000000000000000000000001",
            "15e-1",
            "1e-1",
            "1e-400",
            "-1e-400",
            "1e-999999999999999999999999",
            "99999999999999999999999999.5",
        ] {
            assert_eq!(
                number(text).to_u32(),
                Err(NumberError::NotInteger),
                "{text}"
            );
            assert_eq!(
                number(text).to_u64(),
                Err(NumberError::NotInteger),
                "{text}"
            );
            assert_eq!(
                number(text).to_i64(),
                Err(NumberError::NotInteger),
                "{text}"
            );
        }
    }

    #[test]
    fn an_enormous_exponent_is_out_of_range_and_takes_no_time() {
        for text in [
            "1e20",
            "1e400",
            "1e999999999999",
            "1e9223372036854775807",
            "1e9223372036854775808",
            "1e4294967296",
            "1e18446744073709551616",
            "0.001e9223372036854775807",
            "123456789012345678901e9223372036854775807",
            "1e99999999999999999999999999999999999999",
        ] {
            assert_eq!(
                number(text).to_u64(),
                Err(NumberError::OutOfRange),
                "{text}"
            );
            assert_eq!(
                number(text).to_i64(),
                Err(NumberError::OutOfRange),
                "{text}"
            );
        }
    }

    #[test]
    fn a_long_run_of_digits_and_its_exponent_cancel_out() {
        let zeros = "0".repeat(5000);
        assert_eq!(number(&format!("0.{zeros}42e5002")).to_u64(), Ok(42));
        assert_eq!(number(&format!("42{zeros}e-5000")).to_u64(), Ok(42));
        assert_eq!(number(&format!("42{zeros}e-4999")).to_u64(), Ok(420));
        assert_eq!(
            number(&format!("42{zeros}e-5002")).to_u64(),
            Err(NumberError::NotInteger)
        );
        assert_eq!(number(&format!("42.{zeros}")).to_u64(), Ok(42));
        assert_eq!(
            number(&format!("42.{zeros}1")).to_u64(),
            Err(NumberError::NotInteger)
        );
    }

    #[test]
    fn an_f64_is_the_nearest_or_none() {
        assert_eq!(
            number("1.49984374779399991035e+09").to_f64(),
            Ok(1_499_843_747.794)
        );
        assert_eq!(number("-0.5").to_f64(), Ok(-0.5));
        assert_eq!(number("1e-400").to_f64(), Ok(0.0));
        assert_eq!(number("1.7976931348623157e308").to_f64(), Ok(f64::MAX));
        assert_eq!(number("1e400").to_f64(), Err(NumberError::OutOfRange));
        assert_eq!(number("-1e400").to_f64(), Err(NumberError::OutOfRange));
    }

    #[test]
    fn only_the_grammar_of_json_is_a_number() {
        for text in [
            "",
            "-",
            "+1",
            "--1",
            "01",
            "-01",
            "00",
            "1.",
            ".1",
            "-.1",
            "1.e3",
            "e3",
            "1e",
            "1e+",
            "1e-",
            "1e+-3",
            "1e3.0",
            "1.2.3",
            "1e3e3",
            " 1",
            "1 ",
            "1,",
            "0x10",
            "1_000",
            "NaN",
            "Infinity",
            "-Infinity",
            "null",
            "\u{661}",
            "1\u{0}",
        ] {
            assert_eq!(JsonNumber::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_text_that_is_no_number_is_refused_even_when_wrapped_unchecked() {
        for text in ["", "-", "true", "1.", "1e", "\u{661}"] {
            let wrapped = JsonNumber::from_validated(text);
            assert_eq!(wrapped.to_u64(), Err(NumberError::OutOfRange), "{text:?}");
        }
    }

    #[test]
    fn numbers_compare_and_print_as_their_text() {
        assert_eq!(number("1e3"), number("1e3"));
        assert_ne!(number("1e3"), number("1000"));
        assert_eq!(number("1e3").to_u64(), number("1000").to_u64());
        assert_eq!(number("-1.50E+3").text(), "-1.50E+3");
        assert_eq!(format!("{:?}", number("-1.50E+3")), "-1.50E+3");
    }

    #[test]
    fn an_error_says_what_to_do() {
        for error in [NumberError::NotInteger, NumberError::OutOfRange] {
            assert!(error.to_string().contains(": read it as"), "{error}");
        }
    }

    /// What the readers have to answer for `mantissa * 10^exponent`.
    fn model(mantissa: i128, exponent: i32) -> Result<i128, NumberError> {
        let power = 10_i128.pow(exponent.unsigned_abs());
        if exponent >= 0 {
            Ok(mantissa * power)
        } else if mantissa % power == 0 {
            Ok(mantissa / power)
        } else {
            Err(NumberError::NotInteger)
        }
    }

    fn narrowed<T: TryFrom<i128>>(value: Result<i128, NumberError>) -> Result<T, NumberError> {
        T::try_from(value?).map_err(|_| NumberError::OutOfRange)
    }

    /// Writes `mantissa * 10^exponent` with `places` digits after the point.
    fn write(mantissa: i128, exponent: i32, places: usize) -> String {
        let sign = if mantissa < 0 { "-" } else { "" };
        let digits = format!("{:0width$}", mantissa.unsigned_abs(), width = places + 1);
        let (whole, fraction) = digits.split_at(digits.len() - places);
        let point = if places == 0 { "" } else { "." };
        let exponent = exponent + i32::try_from(places).unwrap();
        format!("{sign}{whole}{point}{fraction}e{exponent}")
    }

    /// Mantissas of any length, those at the ends of the types, and those with zeros to give away.
    fn mantissas() -> impl Strategy<Value = i128> {
        let ends = prop_oneof![
            Just(0_i128),
            Just(i128::from(u32::MAX)),
            Just(i128::from(u64::MAX)),
            Just(i128::from(i64::MIN)),
            Just(i128::from(i64::MAX)),
        ];
        prop_oneof![
            (any::<i64>(), 0_u32..64).prop_map(|(value, shift)| i128::from(value >> shift)),
            (ends, -1_i128..=1).prop_map(|(end, step)| end + step),
            any::<i128>().prop_map(|value| value >> 60),
        ]
    }

    proptest! {
        #[test]
        fn integers_agree_with_128_bit_arithmetic_in_every_form(
            mantissa in mantissas(),
            zeros in 0_u32..10,
            exponent in -25_i32..=8,
            places in 0_usize..30,
        ) {
            let mantissa = mantissa * 10_i128.pow(zeros);
            let value = model(mantissa, exponent);
            let text = write(mantissa, exponent, places);
            prop_assert_eq!(number(&text).to_u32(), narrowed(value), "{}", text);
            prop_assert_eq!(number(&text).to_u64(), narrowed(value), "{}", text);
            prop_assert_eq!(number(&text).to_i64(), narrowed(value), "{}", text);
        }

        #[test]
        fn plain_integers_agree_with_serde_json(mantissa in mantissas()) {
            let text = mantissa.to_string();
            prop_assert_eq!(number(&text).to_u32().ok(), serde_json::from_str(&text).ok());
            prop_assert_eq!(number(&text).to_u64().ok(), serde_json::from_str(&text).ok());
            prop_assert_eq!(number(&text).to_i64().ok(), serde_json::from_str(&text).ok());
        }

        #[test]
        fn the_grammar_agrees_with_serde_json(text in "-?[-+.eE0-9]{0,9}|-?[0-9]{0,3}([.][0-9]{0,3})?([eE][-+]?[0-9]{0,3})?") {
            let model = serde_json::from_str::<&RawValue>(&text).is_ok();
            prop_assert_eq!(JsonNumber::parse(&text).is_some(), model, "{}", text);
        }

        #[test]
        fn every_number_is_read_as_an_f64_to_the_last_but_one_bit_of_serde_json(
            text in "-?(0|[1-9][0-9]{0,20})([.][0-9]{1,20})?([eE][-+]?[0-9]{1,3})?",
        ) {
            // serde_json is not correctly rounding without its feature `float_roundtrip`.
            match (number(&text).to_f64(), serde_json::from_str::<f64>(&text)) {
                (Ok(ours), Ok(theirs)) => {
                    let tolerance = theirs.abs() * 4.0 * f64::EPSILON + f64::from_bits(4);
                    prop_assert!((ours - theirs).abs() <= tolerance, "{}", text);
                }
                (Err(_), Err(_)) => {}
                other => prop_assert!(false, "{}: {:?}", text, other),
            }
        }

        #[test]
        fn no_text_at_all_makes_a_reader_panic(text in any::<String>()) {
            let wrapped = JsonNumber::from_validated(&text);
            let _ = (wrapped.to_u32(), wrapped.to_i64(), wrapped.to_f64(), wrapped.split().nanos);
        }
    }
}
