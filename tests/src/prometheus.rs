//! A strict reader of the Prometheus text format 0.0.4, and the HTTP around it.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// An answer over HTTP.
#[derive(Debug)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The header's fields, their names in lower case.
    pub fields: BTreeMap<String, String>,
    /// The body.
    pub body: String,
}

/// Asks for a path. The answer must be whole, and the connection closed after it.
#[must_use]
pub fn get(address: SocketAddr, path: &str) -> Answer {
    let mut socket = TcpStream::connect(address).expect("somebody listens");
    let timeout = Some(Duration::from_secs(30));
    socket.set_read_timeout(timeout).expect("a timeout");
    write!(socket, "GET {path} HTTP/1.1\r\nHost: {address}\r\n\r\n").expect("it is taken");
    let mut bytes = Vec::new();
    socket
        .read_to_end(&mut bytes)
        .expect("an answer and its end");
    parse_answer(&bytes)
}

/// Reads an answer.
///
/// # Panics
/// It is no sound one.
#[must_use]
pub fn parse_answer(bytes: &[u8]) -> Answer {
    let text = std::str::from_utf8(bytes).expect("it is UTF-8");
    let (head, body) = text.split_once("\r\n\r\n").expect("a head");
    let mut lines = head.split("\r\n");
    let status = lines.next().expect("a status line");
    let status = status.strip_prefix("HTTP/1.1 ").expect("the version");
    let status = status.split(' ').next().expect("a code");
    let fields: BTreeMap<_, _> = lines
        .map(|line| {
            let (name, value) = line.split_once(": ").expect("a field");
            (name.to_ascii_lowercase(), value.to_owned())
        })
        .collect();
    assert_eq!(fields["content-length"], body.len().to_string());
    assert_eq!(fields["connection"], "close");
    Answer {
        status: status.parse().expect("a number"),
        fields,
        body: body.to_owned(),
    }
}

/// What one scrape says.
#[derive(Debug, Default)]
pub struct Scrape {
    /// The kind of each family.
    pub kinds: BTreeMap<String, String>,
    /// Each series, such as `up` or `errors_total{kind="a"}`, and its value.
    pub series: BTreeMap<String, f64>,
}

impl Scrape {
    /// The value of a series.
    ///
    /// # Panics
    /// There is none.
    #[must_use]
    pub fn value(&self, series: &str) -> f64 {
        *self
            .series
            .get(series)
            .unwrap_or_else(|| panic!("no {series} in {:?}", self.series.keys()))
    }

    /// The sum of all series of a family.
    #[must_use]
    pub fn sum(&self, family: &str) -> f64 {
        let of_family = self
            .series
            .iter()
            .filter(|(series, _)| series.split('{').next() == Some(family));
        of_family.map(|(_, value)| value).sum()
    }

    /// The series that must never go down.
    pub fn counters(&self) -> impl Iterator<Item = (&str, f64)> {
        self.series.iter().filter_map(|(series, value)| {
            let name = series.split('{').next().unwrap_or_default();
            let family = family_of(name, &self.kinds)?;
            let counts = matches!(self.kinds[family].as_str(), "counter" | "histogram");
            counts.then_some((series.as_str(), *value))
        })
    }
}

/// Asks for the metrics and reads them.
///
/// # Panics
/// They break the format or its conventions.
#[must_use]
pub fn scrape(address: SocketAddr) -> Scrape {
    let answer = get(address, "/metrics");
    assert_eq!(answer.status, 200);
    assert_eq!(
        answer.fields["content-type"],
        "text/plain; version=0.0.4; charset=utf-8"
    );
    parse(&answer.body).unwrap_or_else(|error| panic!("{error}\n{}", answer.body))
}

/// Reads the text format, more strictly than Prometheus itself: every family has a help and a type, before its
/// samples, which stand together; no series comes twice; counters and histograms are sound and named as is the custom.
///
/// # Errors
/// What is wrong, and with which line.
pub fn parse(text: &str) -> Result<Scrape, String> {
    if !text.ends_with('\n') {
        return Err("the last line has no end".to_owned());
    }
    let mut scrape = Scrape::default();
    let mut helped = BTreeSet::new();
    let mut current = String::new();
    let mut buckets: BTreeMap<String, Vec<(f64, f64)>> = BTreeMap::new();
    for line in text.lines() {
        let wrong = |what: &str| format!("{what}: {line}");
        if let Some(help) = line.strip_prefix("# HELP ") {
            let (name, help) = help.split_once(' ').ok_or_else(|| wrong("no help"))?;
            if !is_name(name, true) || help.is_empty() || !helped.insert(name.to_owned()) {
                return Err(wrong("a wrong or repeated help"));
            }
            current = name.to_owned();
        } else if let Some(kind) = line.strip_prefix("# TYPE ") {
            let (name, kind) = kind.split_once(' ').ok_or_else(|| wrong("no type"))?;
            let known = ["counter", "gauge", "histogram"].contains(&kind);
            let is_total = name.ends_with("_total");
            if name != current || !known || is_total != (kind == "counter") {
                return Err(wrong("a wrong type"));
            }
            if scrape
                .kinds
                .insert(name.to_owned(), kind.to_owned())
                .is_some()
            {
                return Err(wrong("a repeated type"));
            }
        } else {
            let sample = Sample::parse(line).ok_or_else(|| wrong("no sample"))?;
            if family_of(sample.name, &scrape.kinds) != Some(&current) {
                return Err(wrong("a sample outside of its family"));
            }
            let counts = scrape.kinds[&current] != "gauge";
            if counts && (sample.value < 0.0 || !sample.value.is_finite()) {
                return Err(wrong("a count that is none"));
            }
            if sample.name.ends_with("_bucket") && scrape.kinds[&current] == "histogram" {
                let bound = sample.labels.iter().find(|(name, _)| name == "le");
                let bound = bound.and_then(|(_, bound)| number(bound));
                let bound = bound.ok_or_else(|| wrong("a bucket without a bound"))?;
                let all = buckets.entry(current.clone()).or_default();
                if all
                    .last()
                    .is_some_and(|last| last.0 >= bound || last.1 > sample.value)
                {
                    return Err(wrong("a bucket out of order"));
                }
                all.push((bound, sample.value));
            }
            let series = sample.series.to_owned();
            if scrape.series.insert(series, sample.value).is_some() {
                return Err(wrong("a repeated series"));
            }
        }
    }
    for (family, kind) in &scrape.kinds {
        if kind == "histogram" {
            let count = scrape.series.get(&format!("{family}_count"));
            let last = buckets.get(family).and_then(|all| all.last());
            let sound =
                last.is_some_and(|(bound, value)| bound.is_infinite() && Some(value) == count);
            if !sound || !scrape.series.contains_key(&format!("{family}_sum")) {
                return Err(format!("the histogram {family} is not whole"));
            }
        } else if !scrape
            .series
            .keys()
            .any(|one| one.split('{').next() == Some(family))
        {
            return Err(format!("{family} has no sample"));
        }
    }
    Ok(scrape)
}

/// The family that a sample of this name belongs to.
fn family_of<'k>(name: &str, kinds: &'k BTreeMap<String, String>) -> Option<&'k String> {
    let histogram = ["_bucket", "_sum", "_count"]
        .iter()
        .find_map(|suffix| name.strip_suffix(suffix))
        .and_then(|family| kinds.get_key_value(family))
        .filter(|(_, kind)| *kind == "histogram");
    let plain = || {
        kinds
            .get_key_value(name)
            .filter(|(_, kind)| *kind != "histogram")
    };
    histogram.or_else(plain).map(|(family, _)| family)
}

struct Sample<'l> {
    series: &'l str,
    name: &'l str,
    labels: Vec<(String, String)>,
    value: f64,
}

impl<'l> Sample<'l> {
    fn parse(line: &'l str) -> Option<Self> {
        let (series, value) = line.rsplit_once(' ')?;
        let (name, labels) = match series.split_once('{') {
            Some((name, labels)) => (name, parse_labels(labels.strip_suffix('}')?)?),
            None => (series, Vec::new()),
        };
        let value = number(value)?;
        is_name(name, true).then_some(Self {
            series,
            name,
            labels,
            value,
        })
    }
}

fn parse_labels(mut text: &str) -> Option<Vec<(String, String)>> {
    let mut labels: Vec<(String, String)> = Vec::new();
    loop {
        let (name, rest) = text.split_once("=\"")?;
        let mut value = String::new();
        let mut chars = rest.char_indices();
        let end = loop {
            match chars.next()? {
                (at, '"') => break at,
                (_, '\\') => value.push(match chars.next()?.1 {
                    'n' => '\n',
                    plain @ ('\\' | '"') => plain,
                    _ => return None,
                }),
                (_, other) => value.push(other),
            }
        };
        if !is_name(name, false) || labels.iter().any(|(other, _)| other == name) {
            return None;
        }
        labels.push((name.to_owned(), value));
        text = &rest[end + 1..];
        match text.strip_prefix(',') {
            Some(next) => text = next,
            None if text.is_empty() => return Some(labels),
            None => return None,
        }
    }
}

fn is_name(name: &str, colon: bool) -> bool {
    let mut bytes = name.bytes();
    let first = |byte: u8| byte.is_ascii_alphabetic() || byte == b'_' || colon && byte == b':';
    bytes.next().is_some_and(first) && bytes.all(|byte| first(byte) || byte.is_ascii_digit())
}

fn number(text: &str) -> Option<f64> {
    match text {
        "+Inf" => Some(f64::INFINITY),
        "-Inf" => Some(f64::NEG_INFINITY),
        "NaN" => Some(f64::NAN),
        _ if text.bytes().any(|byte| byte.is_ascii_digit()) => text.parse().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOUND: &str = "# HELP a_total A.\n# TYPE a_total counter\na_total{x=\"1\",y=\"\\\\\\\"\\n\"} 1\na_total 2\n\
        # HELP h H.\n# TYPE h histogram\nh_bucket{le=\"0.5\"} 1\nh_bucket{le=\"+Inf\"} 2\nh_sum 3.5\nh_count 2\n";

    #[test]
    fn what_is_sound_is_read() {
        let scrape = parse(SOUND).unwrap();
        assert_eq!(scrape.value("a_total"), 2.0);
        assert_eq!(scrape.sum("a_total"), 3.0);
        assert_eq!(scrape.counters().count(), 6);
    }

    #[test]
    fn what_is_not_is_refused() {
        for (from, to) in [
            ("# HELP a_total A.\n", ""),
            ("# TYPE a_total counter\n", ""),
            ("a_total counter", "a_total gauge"),
            ("a_total 2", "a_total 2\na_total 2"),
            ("a_total 2", "a_total -2"),
            ("a_total 2", "a_total two"),
            ("a_total 2", "b_total 2"),
            ("a_total 2\n", "\n"),
            ("x=\"1\",", "x=\"1\",,"),
            ("x=\"1\"", "x=\"1"),
            ("x=\"1\"", "0x=\"1\""),
            ("y=", "x="),
            ("\\n", "\\t"),
            ("le=\"0.5\"} 1", "le=\"0.5\"} 3"),
            ("h_count 2", "h_count 3"),
            ("h_sum 3.5\n", ""),
            ("h_bucket{le=\"+Inf\"} 2\n", ""),
            ("h_count 2\n", "h_count 2\na_total{x=\"3\"} 3\n"),
            ("h_count 2\n", "h_count 2"),
        ] {
            assert!(SOUND.contains(from), "{from}");
            let text = SOUND.replacen(from, to, 1);
            assert!(parse(&text).is_err(), "{text}");
        }
    }
}
