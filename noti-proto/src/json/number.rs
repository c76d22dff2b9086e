//! JSON numbers, kept as text and read on demand by integer arithmetic.

use core::fmt;

#[cfg(fast_kernel)]
use super::swar;
use super::token::{before, skip_digits};

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
/// use noti_proto::json::{JsonNumber, NumberError};
///
/// let number = JsonNumber::parse("1.5e3").unwrap();
/// assert_eq!(number.to_u32(), Ok(1500));
/// assert_eq!(JsonNumber::parse("1.5").unwrap().to_u32(), Err(NumberError::NotInteger));
/// assert_eq!(JsonNumber::parse("0x10"), None);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct JsonNumber<'a> {
    /// Of ASCII, like every number.
    text: &'a [u8],
}

impl<'a> JsonNumber<'a> {
    /// Wraps a text that the scanner has found to be a number.
    ///
    /// Any other text is harmless but useless: the integer readers answer `OutOfRange`.
    pub(crate) const fn from_validated(text: &'a [u8]) -> Self {
        Self { text }
    }

    /// Wraps `text` if the whole of it is a number by the grammar of RFC 8259, section 6.
    ///
    /// White space around it, a leading `+`, leading zeros, and a point without digits on both
    /// sides are refused.
    pub fn parse(text: &'a str) -> Option<Self> {
        Decimal::parse(text.as_bytes()).map(|_| Self {
            text: text.as_bytes(),
        })
    }

    /// The number exactly as it was received.
    pub const fn text(self) -> &'a str {
        match core::str::from_utf8(self.text) {
            Ok(text) => text,
            Err(_) => "",
        }
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
        match self.text().parse::<f64>() {
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
        #[cfg(fast_kernel)]
        if let Some(split) = usual_split(self.text) {
            return split;
        }
        match Decimal::parse(self.text) {
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
        f.write_str(self.text())
    }
}

#[cfg(feature = "defmt")]
impl defmt::Format for JsonNumber<'_> {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "{=str}", self.text());
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
        let before = self.exponent.saturating_add_unsigned(self.whole.len());
        let digits_before = usize::try_from(before).unwrap_or_default();
        let (whole, after) = cut(self.whole, digits_before);
        let digits_before = digits_before.saturating_sub(whole.len());
        let (whole_too, after_too) = cut(self.fraction, digits_before);
        let mut integer = append(append(Some(0), whole), whole_too);
        // Zeros that the exponent asks for and the text does not have: 1e3. Zero stays zero however
        // many follow.
        let mut zeros = digits_before.saturating_sub(whole_too.len());
        while zeros > 0 && !matches!(integer, None | Some(0)) {
            zeros = zeros.wrapping_sub(1);
            integer = append(integer, b"0");
        }
        let fractional = after.iter().chain(after_too).any(|digit| *digit != b'0');
        Split {
            below_zero: self.negative && (fractional || integer != Some(0)),
            whole: integer,
            nanos: nanos(before.min(0).unsigned_abs(), after, after_too),
            fractional,
        }
    }
}

/// What the last of so many places after the point counts, in billionths.
#[cfg(fast_kernel)]
const NANOS_BY_PLACES: [u64; 9] = [
    1_000_000_000,
    100_000_000,
    10_000_000,
    1_000_000,
    100_000,
    10_000,
    1_000,
    100,
    10,
];

/// The two forms in which servers print the time of this era, ten digits before the point or `e+09` behind the first:
/// what `Decimal` would find, without taking the number apart first.
#[cfg(fast_kernel)]
fn usual_split(text: &[u8]) -> Option<Split> {
    let digit = |byte: &u8| u64::from(byte & 0xf);
    let (whole, fraction) = match text {
        [first, b'.', tail @ .., b'e', b'+', b'0', b'9'] => {
            let (eight, [last, fraction @ ..]) = swar::eight_digits(tail)? else {
                return None;
            };
            if !first.is_ascii_digit() || !last.is_ascii_digit() {
                return None;
            }
            let billions = digit(first).wrapping_mul(1_000_000_000);
            let others = eight.wrapping_mul(10).wrapping_add(digit(last));
            (billions.wrapping_add(others), fraction)
        }
        [b'1'..=b'9', ..] => {
            let (eight, [tens, ones, b'.', fraction @ ..]) = swar::eight_digits(text)? else {
                return None;
            };
            if !tens.is_ascii_digit() || !ones.is_ascii_digit() || fraction.is_empty() {
                return None;
            }
            let last = digit(tens).wrapping_mul(10).wrapping_add(digit(ones));
            (eight.wrapping_mul(100).wrapping_add(last), fraction)
        }
        _ => return None,
    };
    let nanos = match swar::eight_digits(fraction) {
        Some((eight, [last, ..])) => eight.wrapping_mul(10).wrapping_add(digit(last)),
        _ => {
            let places = fraction.iter().fold(0_u64, |value, byte| {
                value.wrapping_mul(10).wrapping_add(digit(byte))
            });
            places.wrapping_mul(*NANOS_BY_PLACES.get(fraction.len())?)
        }
    };
    swar::skip_digits(fraction).is_empty().then(|| Split {
        below_zero: false,
        whole: Some(whole),
        nanos: u32::try_from(nanos).unwrap_or_default(),
        fractional: fraction.iter().any(|digit| *digit != b'0'),
    })
}

/// The first nine places after the point, of which `zeros` are zeros that the text does not have.
fn nanos(zeros: usize, digits: &[u8], digits_too: &[u8]) -> u32 {
    let places = 9_usize.saturating_sub(zeros);
    let (digits, _) = cut(digits, places);
    let places = places.saturating_sub(digits.len());
    let (digits_too, _) = cut(digits_too, places);
    let value = append(append(Some(0), digits), digits_too).unwrap_or_default();
    let mut value = u32::try_from(value).unwrap_or_default();
    for _ in digits_too.len()..places {
        value = value.wrapping_mul(10);
    }
    value
}

/// The first `at` digits, if there are so many, and the others.
fn cut(digits: &[u8], at: usize) -> (&[u8], &[u8]) {
    digits.split_at_checked(at).unwrap_or((digits, &[]))
}

/// The run of digits that `text` begins with, and what follows it.
fn digits(text: &[u8]) -> (&[u8], &[u8]) {
    let rest = skip_digits(text);
    (before(text, rest), rest)
}

/// The integer with these digits at its end; `None` once it has outgrown a `u64`.
fn append(integer: Option<u64>, digits: &[u8]) -> Option<u64> {
    #[cfg(fast_kernel)]
    let (integer, digits) = append_by_eight(integer, digits);
    digits.iter().fold(integer, |integer, digit| {
        let digit = digit.wrapping_sub(b'0');
        integer?.checked_mul(10)?.checked_add(u64::from(digit))
    })
}

/// Appends eight digits at a time, and gives back those that are left.
#[cfg(fast_kernel)]
fn append_by_eight(mut integer: Option<u64>, mut digits: &[u8]) -> (Option<u64>, &[u8]) {
    while let Some((eight, rest)) = swar::eight_digits(digits) {
        let appended = integer.and_then(|integer| integer.checked_mul(100_000_000));
        integer = appended.and_then(|integer| integer.checked_add(eight));
        digits = rest;
    }
    (integer, digits)
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
            let wrapped = JsonNumber::from_validated(text.as_bytes());
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

        #[cfg(fast_kernel)]
        #[test]
        fn the_usual_forms_split_as_all_do(
            text in "[0-9][.][0-9]{8,22}e[+]09|[0-9]{10}[.][0-9]{0,12}|[0-9.]{9,12}(e[+]0[89])?",
        ) {
            let parts = |split: Split| (split.below_zero, split.whole, split.nanos, split.fractional);
            if let Some(usual) = usual_split(text.as_bytes()) {
                let general = Decimal::parse(text.as_bytes()).unwrap().split();
                prop_assert_eq!(parts(usual), parts(general), "{}", text);
            }
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
            let wrapped = JsonNumber::from_validated(text.as_bytes());
            let _ = (wrapped.to_u32(), wrapped.to_i64(), wrapped.to_f64(), wrapped.split().nanos);
        }
    }
}
