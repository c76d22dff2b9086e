//! Faults as a user writes them.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use super::kind::{DropAt, Ending, Fault, FaultKind};
use crate::certificates::Leaf;

/// Every kind of fault: its spec, where `N` stands for a number without a default, and what happens.
pub(super) const CATALOGUE: &[(&str, &str)] = &[
    ("drop:bytes=N", "the connection ends after N bytes"),
    ("drop:events=N", "it ends after N events"),
    ("drop:mid-line=N", "it ends in the line after N events"),
    ("reset:events=10", "it is reset instead of closed"),
    (
        "no-close-notify:events=10",
        "it ends without TLS's farewell",
    ),
    (
        "cut:mean=N",
        "each ends by chance, after N bytes on average",
    ),
    (
        "stall-reading:after=10,for=5s",
        "after 10 events nothing is read for 5 s",
    ),
    (
        "stall-writing:after=10,for=5s",
        "after 10 events nothing is sent for 5 s",
    ),
    ("no-pong", "a ping is not answered"),
    ("late-pong:by=5s", "a ping is answered after 5 s"),
    ("no-login-answer", "a login is not answered"),
    (
        "refuse-login:after=0",
        "a sound login is refused, after 0 others",
    ),
    (
        "oversize:after=10,bytes=100000",
        "an event of 100,000 bytes comes",
    ),
    (
        "malformed:after=10",
        "an event comes that is no JSON behind its id",
    ),
    (
        "garbage:after=10,bytes=200",
        "a line of 200 random bytes comes",
    ),
    (
        "single-byte-records",
        "each byte is a TLS record of its own",
    ),
    (
        "one-record:hold=100ms",
        "bytes are held back to fill TLS records",
    ),
    (
        "duplicate:every=10",
        "each 10th event comes twice, with two ids",
    ),
    (
        "duplicate:every=10,same-id",
        "the same, with one id for both",
    ),
    (
        "overrun:by=1",
        "1 event more is sent than the window allows",
    ),
    ("wrong-certificate", "the certificate is for another name"),
    ("expired-certificate", "the certificate has ended"),
    ("early-certificate", "the certificate has not begun"),
    (
        "self-signed-certificate",
        "the authority did not sign the certificate",
    ),
];

/// After so many events, unless it is said otherwise.
const AFTER: u64 = 10;

/// Longer lines than this are not made.
const MAX_LINE: usize = 64 << 20;

/// Why a text is no [`Fault`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseFaultError {
    spec: String,
    reason: Reason,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Reason {
    Name,
    Unknown(String),
    Missing(&'static str),
    Value(&'static str, &'static str),
}

impl fmt::Display for ParseFaultError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the fault {:?}: ", self.spec)?;
        match &self.reason {
            Reason::Name => {
                f.write_str("there is no such fault; give one of ")?;
                let mut before = "";
                for (spec, _) in CATALOGUE {
                    let (name, _) = spec.split_once(':').unwrap_or((spec, ""));
                    if name != before {
                        let separator = if before.is_empty() { "" } else { ", " };
                        write!(f, "{separator}{name}")?;
                    }
                    before = name;
                }
                Ok(())
            }
            Reason::Unknown(option) => write!(f, "it takes no option {option:?}; leave it out"),
            Reason::Missing(option) => write!(f, "it needs an option; give {option}"),
            Reason::Value(option, what) => write!(f, "{option} must be {what}"),
        }
    }
}

impl Error for ParseFaultError {}

/// The options of a spec, each taken once.
struct Options<'a>(Vec<(&'a str, &'a str)>);

impl<'a> Options<'a> {
    fn take(&mut self, name: &str) -> Option<&'a str> {
        let at = self.0.iter().position(|(given, _)| *given == name)?;
        Some(self.0.remove(at).1)
    }

    fn parsed<T>(
        &mut self,
        name: &'static str,
        what: &'static str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Result<Option<T>, Reason> {
        match self.take(name).map(parse) {
            None => Ok(None),
            Some(Some(value)) => Ok(Some(value)),
            Some(None) => Err(Reason::Value(name, what)),
        }
    }

    fn number(&mut self, name: &'static str) -> Result<Option<u64>, Reason> {
        self.parsed(name, "a whole number", |text| text.parse().ok())
    }

    fn positive(&mut self, name: &'static str) -> Result<Option<u64>, Reason> {
        self.parsed(name, "a whole number above 0", |text| {
            text.parse().ok().filter(|number| *number > 0)
        })
    }

    fn after(&mut self) -> Result<u64, Reason> {
        Ok(self.number("after")?.unwrap_or(AFTER))
    }

    fn time(&mut self, name: &'static str, default: Duration) -> Result<Duration, Reason> {
        let time = self.parsed(name, "a time such as 500ms, 60s or 4m", time)?;
        Ok(time.unwrap_or(default))
    }

    fn bytes(&mut self, default: usize) -> Result<usize, Reason> {
        let bytes = self.parsed(
            "bytes",
            "a size up to 64MiB, such as 100000 or 64KiB",
            |text| size(text).filter(|size| *size <= MAX_LINE),
        )?;
        Ok(bytes.unwrap_or(default))
    }

    fn how(&mut self, default: Ending) -> Result<Ending, Reason> {
        let how = self.parsed("how", "close, truncate or reset", |text| match text {
            "close" => Some(Ending::Close),
            "truncate" => Some(Ending::Truncate),
            "reset" => Some(Ending::Reset),
            _ => None,
        })?;
        Ok(how.unwrap_or(default))
    }

    fn drop_at(&mut self) -> Result<Option<DropAt>, Reason> {
        if let Some(bytes) = self.number("bytes")? {
            return Ok(Some(DropAt::Bytes(bytes)));
        }
        if let Some(events) = self.number("events")? {
            return Ok(Some(DropAt::Events(events)));
        }
        Ok(self.number("mid-line")?.map(DropAt::MidLine))
    }
}

pub(super) fn parse(text: &str) -> Result<Fault, ParseFaultError> {
    let text = text.trim();
    let (name, options) = text.split_once(':').unwrap_or((text, ""));
    let options = options.split(',').filter(|option| !option.is_empty());
    let mut options = Options(
        options
            .map(|option| option.split_once('=').unwrap_or((option, "")))
            .collect(),
    );
    read(name, &mut options).map_err(|reason| ParseFaultError {
        spec: text.to_owned(),
        reason,
    })
}

fn read(name: &str, options: &mut Options<'_>) -> Result<Fault, Reason> {
    let seconds = Duration::from_secs;
    let kind = match name {
        "drop" => {
            let at = options.drop_at()?;
            let at = at.ok_or(Reason::Missing("bytes=N, events=N or mid-line=N"))?;
            FaultKind::Drop(at, options.how(Ending::Close)?)
        }
        "reset" | "no-close-notify" => {
            let how = match name {
                "reset" => Ending::Reset,
                _ => Ending::Truncate,
            };
            let events = options.number("events")?.unwrap_or(AFTER);
            FaultKind::Drop(DropAt::Events(events), how)
        }
        "cut" => {
            let mean = options
                .positive("mean")?
                .ok_or(Reason::Missing("mean=BYTES"))?;
            FaultKind::Cut(mean, options.how(Ending::Close)?)
        }
        "stall-reading" => {
            FaultKind::StallReading(options.after()?, options.time("for", seconds(5))?)
        }
        "stall-writing" => {
            FaultKind::StallWriting(options.after()?, options.time("for", seconds(5))?)
        }
        "no-pong" => FaultKind::NoPong,
        "late-pong" => FaultKind::LatePong(options.time("by", seconds(5))?),
        "no-login-answer" => FaultKind::NoLoginAnswer,
        "refuse-login" => FaultKind::RefuseLogin(options.number("after")?.unwrap_or(0)),
        "oversize" => FaultKind::Oversize(options.after()?, options.bytes(100_000)?),
        "malformed" => FaultKind::Malformed(options.after()?),
        "garbage" => FaultKind::Garbage(options.after()?, options.bytes(200)?),
        "single-byte-records" => FaultKind::SingleByteRecords,
        "one-record" => FaultKind::OneRecord(options.time("hold", Duration::from_millis(100))?),
        "duplicate" => FaultKind::Duplicate {
            every: options.positive("every")?.unwrap_or(10),
            same_id: options.take("same-id").is_some(),
        },
        "overrun" => FaultKind::Overrun(
            options
                .parsed("by", "a number from 1 to 32767", |text| {
                    text.parse().ok().filter(|by| (1..=32_767).contains(by))
                })?
                .unwrap_or(1),
        ),
        "wrong-certificate" => FaultKind::Certificate(Leaf::WrongName),
        "expired-certificate" => FaultKind::Certificate(Leaf::Expired),
        "early-certificate" => FaultKind::Certificate(Leaf::NotYetValid),
        "self-signed-certificate" => FaultKind::Certificate(Leaf::SelfSigned),
        _ => return Err(Reason::Name),
    };
    let mut fault = Fault::new(kind);
    let times = options.parsed("times", "a whole number, or always", |text| match text {
        "always" => Some(None),
        _ => text.parse().ok().map(Some),
    })?;
    if let Some(times) = times {
        fault.times = times;
    }
    if let Some(seed) = options.number("seed")? {
        fault.seed = seed;
    }
    match options.0.first() {
        Some((option, _)) => Err(Reason::Unknown((*option).to_owned())),
        None => Ok(fault),
    }
}

fn time(text: &str) -> Option<Duration> {
    let unit = text.find(|letter: char| !letter.is_ascii_digit())?;
    let (number, unit) = text.split_at_checked(unit)?;
    let number: u64 = number.parse().ok()?;
    let millis = match unit {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        _ => return None,
    };
    number.checked_mul(millis).map(Duration::from_millis)
}

fn size(text: &str) -> Option<usize> {
    let (number, unit) = match text.strip_suffix("KiB") {
        Some(number) => (number, 1 << 10),
        None => match text.strip_suffix("MiB") {
            Some(number) => (number, 1 << 20),
            None => (text, 1),
        },
    };
    number.parse::<usize>().ok()?.checked_mul(unit)
}

/// A time as [`time`] reads it.
struct Time(Duration);

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_millis() {
            millis if millis % 1000 == 0 => write!(f, "{}s", millis / 1000),
            millis => write!(f, "{millis}ms"),
        }
    }
}

/// Writes the spec, with all options but those that say what holds anyway.
pub(super) fn write(fault: &Fault, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let how = |how: &Ending| match how {
        Ending::Close => "",
        Ending::Truncate => ",how=truncate",
        Ending::Reset => ",how=reset",
    };
    match &fault.kind {
        FaultKind::Drop(at, ending) => {
            match at {
                DropAt::Bytes(bytes) => write!(f, "drop:bytes={bytes}")?,
                DropAt::Events(events) => write!(f, "drop:events={events}")?,
                DropAt::MidLine(events) => write!(f, "drop:mid-line={events}")?,
            }
            f.write_str(how(ending))?;
        }
        FaultKind::Cut(mean, ending) => write!(f, "cut:mean={mean}{}", how(ending))?,
        FaultKind::StallReading(after, time) => {
            write!(f, "stall-reading:after={after},for={}", Time(*time))?;
        }
        FaultKind::StallWriting(after, time) => {
            write!(f, "stall-writing:after={after},for={}", Time(*time))?;
        }
        FaultKind::NoPong => f.write_str("no-pong")?,
        FaultKind::LatePong(by) => write!(f, "late-pong:by={}", Time(*by))?,
        FaultKind::NoLoginAnswer => f.write_str("no-login-answer")?,
        FaultKind::RefuseLogin(after) => write!(f, "refuse-login:after={after}")?,
        FaultKind::Oversize(after, bytes) => write!(f, "oversize:after={after},bytes={bytes}")?,
        FaultKind::Malformed(after) => write!(f, "malformed:after={after}")?,
        FaultKind::Garbage(after, bytes) => write!(f, "garbage:after={after},bytes={bytes}")?,
        FaultKind::SingleByteRecords => f.write_str("single-byte-records")?,
        FaultKind::OneRecord(hold) => write!(f, "one-record:hold={}", Time(*hold))?,
        FaultKind::Duplicate { every, same_id } => {
            let same_id = if *same_id { ",same-id" } else { "" };
            write!(f, "duplicate:every={every}{same_id}")?;
        }
        FaultKind::Overrun(by) => write!(f, "overrun:by={by}")?,
        FaultKind::Certificate(leaf) => f.write_str(match leaf {
            Leaf::Expired => "expired-certificate",
            Leaf::NotYetValid => "early-certificate",
            Leaf::SelfSigned => "self-signed-certificate",
            _ => "wrong-certificate",
        })?,
    }
    let mut separator = match fault.kind {
        FaultKind::NoPong
        | FaultKind::NoLoginAnswer
        | FaultKind::SingleByteRecords
        | FaultKind::Certificate(_) => ":",
        _ => ",",
    };
    if fault.times != Fault::new(fault.kind.clone()).times {
        match fault.times {
            Some(times) => write!(f, "{separator}times={times}")?,
            None => write!(f, "{separator}times=always")?,
        }
        separator = ",";
    }
    if fault.seed != 0 {
        write!(f, "{separator}seed={}", fault.seed)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn specs_parse_and_print() {
        for (text, printed) in [
            ("drop:bytes=100", "drop:bytes=100"),
            ("drop:events=3,how=close", "drop:events=3"),
            (
                "drop:mid-line=3,how=reset,times=2",
                "drop:mid-line=3,how=reset,times=2",
            ),
            ("reset", "drop:events=10,how=reset"),
            ("no-close-notify:events=0", "drop:events=0,how=truncate"),
            ("cut:mean=500,times=7,seed=3", "cut:mean=500,times=7,seed=3"),
            ("stall-reading", "stall-reading:after=10,for=5s"),
            (
                "stall-writing:for=4m,after=0",
                "stall-writing:after=0,for=240s",
            ),
            ("no-pong", "no-pong"),
            ("no-pong:times=1", "no-pong:times=1"),
            ("late-pong:by=1500ms", "late-pong:by=1500ms"),
            (
                "no-login-answer:times=always,seed=2",
                "no-login-answer:times=always,seed=2",
            ),
            ("refuse-login", "refuse-login:after=0"),
            ("oversize:bytes=64KiB", "oversize:after=10,bytes=65536"),
            ("malformed", "malformed:after=10"),
            ("garbage:after=1,bytes=9", "garbage:after=1,bytes=9"),
            ("single-byte-records", "single-byte-records"),
            ("one-record", "one-record:hold=100ms"),
            ("duplicate", "duplicate:every=10"),
            ("duplicate:same-id,every=1", "duplicate:every=1,same-id"),
            ("overrun", "overrun:by=1"),
            ("wrong-certificate", "wrong-certificate"),
            ("expired-certificate:times=3", "expired-certificate:times=3"),
            ("early-certificate", "early-certificate"),
            ("self-signed-certificate", "self-signed-certificate"),
        ] {
            let fault = parse(text).unwrap();
            assert_eq!(fault.to_string(), printed, "{text}");
            assert_eq!(parse(printed), Ok(fault), "{text}");
        }
    }

    #[test]
    fn the_catalogue_has_every_kind_with_its_defaults() {
        let mut kinds = Vec::new();
        for (spec, _) in CATALOGUE {
            let fault = parse(&spec.replace('N', "1")).unwrap();
            let (name, options) = spec.split_once(':').unwrap_or((spec, ""));
            if !options.contains('N') && !options.contains("same-id") {
                assert_eq!(parse(name), Ok(fault.clone()), "{spec}");
            }
            kinds.push(fault.to_string());
        }
        let count = kinds.len();
        kinds.dedup();
        assert_eq!(kinds.len(), count);

        let error = parse("?").unwrap_err().to_string();
        let names = error.rsplit("one of ").next().unwrap();
        assert!(
            names.starts_with("drop, reset, no-close-notify, "),
            "{names}"
        );
        assert!(names.ends_with(", early-certificate, self-signed-certificate"));
        assert_eq!(names.split(", ").count(), 21);
    }

    #[test]
    fn an_error_says_what_to_write() {
        for (text, said) in [
            ("drp", "there is no such fault; give one of drop, "),
            ("", "there is no such fault"),
            (
                "drop",
                "it needs an option; give bytes=N, events=N or mid-line=N",
            ),
            ("cut:mean=0", "mean must be a whole number above 0"),
            ("cut", "it needs an option; give mean=BYTES"),
            ("drop:bytes=-1", "bytes must be a whole number"),
            (
                "drop:bytes=1,how=softly",
                "how must be close, truncate or reset",
            ),
            (
                "late-pong:by=5",
                "by must be a time such as 500ms, 60s or 4m",
            ),
            ("no-pong:by=5s", "it takes no option \"by\"; leave it out"),
            ("oversize:bytes=1GiB", "bytes must be a size up to 64MiB"),
            ("overrun:by=0", "by must be a number from 1 to 32767"),
            (
                "no-pong:times=often",
                "times must be a whole number, or always",
            ),
        ] {
            let error = parse(text).unwrap_err().to_string();
            assert!(
                error.starts_with(&format!("the fault {text:?}: {said}")),
                "{error}"
            );
        }
    }
}
