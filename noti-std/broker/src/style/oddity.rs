//! The strangenesses of a line by name, and what each means for its id.

use std::error::Error;
use std::fmt;
use std::str::FromStr;

/// One strangeness of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Oddity {
    /// The top-level members stand in random order.
    Shuffle,
    /// Random white space between tokens, at the start and at the end of the line; never a line
    /// feed.
    Spaces,
    /// The line ends in `\r\n`.
    Crlf,
    /// Some characters of keys and strings are written as `\uXXXX`, and some `/` as `\/`. The
    /// delivery's id is left alone.
    Escapes,
    /// `created_at` in the form `1.49984374779399991035e+09`.
    Exponent,
    /// `delivery_id` is a string, such as `"5c1b7e0a-0001"`.
    StringIds,
    /// `delivery_id` is a number near or above 2^64.
    HugeIds,
    /// `group_id` is `null`.
    NullGroup,
    /// `group_id` is absent.
    NoGroup,
    /// `data` of a `device_status_raw` is `{"raw":"…"}`.
    RawObject,
    /// `data` of a `device_status_raw` is a string.
    RawString,
}

impl Oddity {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Shuffle,
        Self::Spaces,
        Self::Crlf,
        Self::Escapes,
        Self::Exponent,
        Self::StringIds,
        Self::HugeIds,
        Self::NullGroup,
        Self::NoGroup,
        Self::RawObject,
        Self::RawString,
    ];

    /// The name by which a user asks for it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Shuffle => "shuffle",
            Self::Spaces => "spaces",
            Self::Crlf => "crlf",
            Self::Escapes => "escapes",
            Self::Exponent => "exponent",
            Self::StringIds => "string-ids",
            Self::HugeIds => "huge-ids",
            Self::NullGroup => "null-group",
            Self::NoGroup => "no-group",
            Self::RawObject => "raw-object",
            Self::RawString => "raw-string",
        }
    }

    /// What it does, in a few words.
    #[must_use]
    pub fn description(self) -> &'static str {
        match self {
            Self::Shuffle => "members in random order",
            Self::Spaces => "white space between tokens",
            Self::Crlf => "lines end in \\r\\n",
            Self::Escapes => "characters written as \\uXXXX",
            Self::Exponent => "created_at as 1.49984374779399991035e+09",
            Self::StringIds => "delivery_id is a string",
            Self::HugeIds => "delivery_id is a number around 2^64",
            Self::NullGroup => "group_id is null",
            Self::NoGroup => "group_id is missing",
            Self::RawObject => "raw data as {\"raw\":\"…\"}",
            Self::RawString => "raw data as a string",
        }
    }

    fn bit(self) -> u16 {
        1 << self as u16
    }
}

/// A set of [`Oddity`]s; the empty set, the default, is the plain form.
///
/// Every oddity of the set holds for every line. Where two exclude one another (`null-group` and
/// `no-group`, `raw-object` and `raw-string`), one is drawn for each line; of `string-ids` and
/// `huge-ids`, even deliveries have the first, odd ones the second.
///
/// Parses from comma-separated names, with `plain` for none and `all` for all: `"shuffle,crlf"`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Style(u16);

/// Numbers from here on are "huge": the first seven deliveries fit 64 bits, the others do not.
const HUGE: u128 = (1 << 64) - 8;

/// How a string id begins; the delivery's number follows in hexadecimal digits.
const STRING_ID: &str = "5c1b7e0a-";

impl Style {
    /// The compact form with members in the order of the document.
    pub const PLAIN: Self = Self(0);

    /// Every oddity.
    pub const ALL: Self = Self((1 << Oddity::ALL.len()) - 1);

    /// This set and `oddity`.
    #[must_use]
    pub fn with(self, oddity: Oddity) -> Self {
        Self(self.0 | oddity.bit())
    }

    /// Whether the set has `oddity`.
    #[must_use]
    pub fn has(self, oddity: Oddity) -> bool {
        self.0 & oddity.bit() != 0
    }

    /// The `delivery_id` of delivery `number`, as the JSON token that goes on the wire: at most 27
    /// bytes.
    #[must_use]
    pub fn id_token(self, number: u64) -> String {
        match (self.has(Oddity::StringIds), self.has(Oddity::HugeIds)) {
            (true, huge) if !huge || number.is_multiple_of(2) => {
                format!("\"{STRING_ID}{number:04x}\"")
            }
            (_, true) => (HUGE + u128::from(number)).to_string(),
            _ => number.to_string(),
        }
    }

    /// The delivery that has this `delivery_id`, given as the raw JSON token of an ack.
    ///
    /// Only the exact bytes of [`id_token`](Self::id_token) count: `1.0` and `01` are not `1` (3
    /// and 4 of the document: the id comes back in its original data type).
    #[must_use]
    pub fn number_of(self, token: &[u8]) -> Option<u64> {
        let token = std::str::from_utf8(token).ok()?;
        let number = match token.strip_prefix('"') {
            Some(text) => {
                u64::from_str_radix(text.strip_prefix(STRING_ID)?.strip_suffix('"')?, 16).ok()?
            }
            None if self.has(Oddity::HugeIds) => token
                .parse::<u128>()
                .ok()?
                .checked_sub(HUGE)?
                .try_into()
                .ok()?,
            None => token.parse().ok()?,
        };
        // Writing it again is the whole check of the form.
        (self.id_token(number) == token).then_some(number)
    }
}

impl FromStr for Style {
    type Err = ParseStyleError;

    fn from_str(text: &str) -> Result<Self, ParseStyleError> {
        text.split(',')
            .map(str::trim)
            .try_fold(Self::PLAIN, |style, name| match name {
                "plain" => Ok(style),
                "all" => Ok(Self::ALL),
                _ => match Oddity::ALL.into_iter().find(|oddity| oddity.name() == name) {
                    Some(oddity) => Ok(style.with(oddity)),
                    None => Err(ParseStyleError {
                        name: name.to_owned(),
                    }),
                },
            })
    }
}

impl fmt::Display for Style {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::PLAIN {
            return f.write_str("plain");
        }
        let mut separator = "";
        for oddity in Oddity::ALL.into_iter().filter(|&oddity| self.has(oddity)) {
            write!(f, "{separator}{}", oddity.name())?;
            separator = ",";
        }
        Ok(())
    }
}

/// A name that stands for no style.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseStyleError {
    name: String,
}

impl fmt::Display for ParseStyleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name } = self;
        write!(
            f,
            "unknown style {name:?}; write one or several of these, separated by commas: plain, all"
        )?;
        Oddity::ALL
            .into_iter()
            .try_for_each(|oddity| write!(f, ", {}", oddity.name()))
    }
}

impl Error for ParseStyleError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_parse_and_print() {
        let cases = [
            ("plain", Style::PLAIN, "plain"),
            ("all", Style::ALL, &Oddity::ALL.map(Oddity::name).join(",")),
            (
                " crlf , shuffle",
                Style::PLAIN.with(Oddity::Shuffle).with(Oddity::Crlf),
                "shuffle,crlf",
            ),
            ("all,plain,crlf", Style::ALL, &Style::ALL.to_string()),
        ];
        for (text, style, name) in cases {
            assert_eq!(text.parse(), Ok(style), "{text}");
            assert_eq!(style.to_string(), name);
            assert_eq!(name.parse(), Ok(style));
        }
        for oddity in Oddity::ALL {
            assert_eq!(oddity.name().parse(), Ok(Style::PLAIN.with(oddity)));
            assert!(Style::ALL.has(oddity) && !Style::PLAIN.has(oddity));
        }
    }

    #[test]
    fn an_unknown_name_is_told_the_choices() {
        for (text, name) in [
            ("shufle", "\"shufle\""),
            ("", "\"\""),
            ("crlf,", "\"\""),
            ("CRLF", "\"CRLF\""),
        ] {
            let error = text.parse::<Style>().unwrap_err().to_string();
            assert!(
                error.starts_with(&format!("unknown style {name};")),
                "{error}"
            );
            assert!(
                Oddity::ALL
                    .iter()
                    .all(|oddity| error.contains(oddity.name())),
                "{error}"
            );
        }
    }

    #[test]
    fn ids_come_back_as_the_numbers_they_were() {
        let ids = [Oddity::StringIds, Oddity::HugeIds];
        let styles = [
            Style::PLAIN,
            Style::PLAIN.with(ids[0]),
            Style::PLAIN.with(ids[1]),
            Style::PLAIN.with(ids[0]).with(ids[1]),
        ];
        for style in styles {
            for number in (0..70_000).chain([u64::from(u32::MAX), 1 << 53, u64::MAX - 1, u64::MAX])
            {
                let token = style.id_token(number);
                assert_eq!(
                    style.number_of(token.as_bytes()),
                    Some(number),
                    "{style}: {token}"
                );
                assert!(token.len() <= 27, "{token}");
            }
        }
        assert_eq!(styles[0].id_token(1), "1");
        assert_eq!(styles[1].id_token(1), "\"5c1b7e0a-0001\"");
        assert_eq!(styles[2].id_token(7), "18446744073709551615");
        assert_eq!(styles[2].id_token(8), "18446744073709551616");
    }

    #[test]
    fn other_bytes_are_no_id() {
        let cases: [(&str, &[&str]); 4] = [
            (
                "plain",
                &[
                    "",
                    "1.0",
                    "01",
                    "+1",
                    " 1",
                    "1 ",
                    "1e0",
                    "-0",
                    "\"1\"",
                    "18446744073709551616",
                    "null",
                    "\"",
                    "\u{661}",
                ],
            ),
            (
                "string-ids",
                &[
                    "1",
                    "\"5c1b7e0a-1\"",
                    "\"5c1b7e0a-00001\"",
                    "\"5c1b7e0a-000A\"",
                    "\"5c1b7e0a-+001\"",
                    "\"5c1b7e0a-",
                    "5c1b7e0a-0001",
                ],
            ),
            (
                "huge-ids",
                &[
                    "1",
                    "18446744073709551607",
                    "018446744073709551616",
                    "18446744073709551616.0",
                    "1e20",
                    "340282366920938463463374607431768211456",
                    "36893488147419103224",
                ],
            ),
            (
                "string-ids,huge-ids",
                &["\"5c1b7e0a-0001\"", "18446744073709551608", "1"],
            ),
        ];
        for (style, tokens) in cases {
            let style: Style = style.parse().unwrap();
            for token in tokens {
                assert_eq!(style.number_of(token.as_bytes()), None, "{style}: {token}");
            }
            assert_eq!(style.number_of(b"\xff1"), None);
        }
    }
}
