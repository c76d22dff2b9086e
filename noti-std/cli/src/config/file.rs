use std::collections::BTreeMap;
use std::error::Error as _;
use std::path::{Path, PathBuf};

use clap::error::ErrorKind;
use clap::{Arg, Command};
use toml::Spanned;
use toml::de::{DeInteger, DeTable, DeValue};

use super::key::{Key, Kind};
use super::{Exit, SECRET_FILE, SECRET_VARIABLE};

/// Names under which somebody might put the secret itself.
const SECRETS: [&str; 3] = ["enterprise-secret", "secret", "password"];

/// A name that is less alike than this is no likely mistyping.
const ALIKE: f64 = 0.6;

/// What a configuration file says: for each key the values as the command line would have them.
#[derive(Debug)]
pub(crate) struct ConfigFile {
    path: PathBuf,
    values: BTreeMap<String, Vec<String>>,
}

impl ConfigFile {
    pub(crate) fn read(path: &Path, keys: &[Key]) -> Result<Self, Exit> {
        let shown = path.display();
        let text = std::fs::read_to_string(path).map_err(|error| {
            Exit::usage(format!(
                "the configuration file {shown} cannot be read: {error}; check its path and its permissions"
            ))
        })?;
        let values = parse(&text, keys).map_err(|fault| {
            let (line, what) = (fault.line(&text), fault.what);
            Exit::usage(format!("{shown}:{line}: {what}"))
        })?;
        Ok(Self {
            path: path.to_owned(),
            values,
        })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn values(&self, key: &str) -> Option<&Vec<String>> {
        self.values.get(key)
    }
}

/// What is wrong, and at which byte. It never quotes the line, which may hold what is none of anybody's business.
#[derive(Debug)]
struct Fault {
    at: usize,
    what: String,
}

impl Fault {
    fn line(&self, text: &str) -> usize {
        let before = text.bytes().take(self.at);
        before.filter(|byte| *byte == b'\n').count() + 1
    }
}

fn parse(text: &str, keys: &[Key]) -> Result<BTreeMap<String, Vec<String>>, Fault> {
    let table = DeTable::parse(text).map_err(|error| Fault {
        at: error.span().unwrap_or_default().start,
        what: format!("not TOML: {}", error.message()),
    })?;
    let mut entries: Vec<_> = table.get_ref().iter().collect();
    // The first fault in the file is the one to report.
    entries.sort_by_key(|(name, _)| name.span().start);
    let mut values = BTreeMap::new();
    for (name, value) in entries {
        let at = name.span().start;
        let (name, value) = (name.get_ref().as_ref(), value.get_ref());
        let checked = find(keys, name).and_then(|key| checked(key, value));
        let checked = checked.map_err(|what| Fault { at, what })?;
        // An empty array says nothing.
        if !checked.is_empty() {
            values.insert(name.to_owned(), checked);
        }
    }
    Ok(values)
}

fn find<'k>(keys: &'k [Key], name: &str) -> Result<&'k Key, String> {
    if let Some(key) = keys.iter().find(|key| key.name() == name) {
        return Ok(key);
    }
    if SECRETS.contains(&name.replace('_', "-").as_str()) {
        return Err(format!(
            "the secret does not belong in the configuration file; put it in a file of its own, and name that with \
             {SECRET_FILE}, or in the variable {SECRET_VARIABLE}"
        ));
    }
    let alike = keys
        .iter()
        .map(|key| (strsim::jaro_winkler(key.name(), name), key.name()))
        .filter(|(alike, _)| *alike >= ALIKE)
        .max_by(|(one, _), (other, _)| one.total_cmp(other));
    Err(match alike {
        Some((_, nearest)) => format!("unknown key {name:?}; did you mean {nearest:?}?"),
        None => format!(
            "unknown key {name:?}; the keys are the flags of noti listen, see noti listen --help"
        ),
    })
}

/// The values as the command line would have them, if the flag takes them.
fn checked(key: &Key, value: &DeValue<'_>) -> Result<Vec<String>, String> {
    let wrong_type = |value: &DeValue<'_>| {
        let (name, expected, found) = (key.name(), key.expected(), value.type_str());
        let article = if found.starts_with(['a', 'i']) {
            "an"
        } else {
            "a"
        };
        format!("{name:?} must be {expected}, not {article} {found}")
    };
    let values: Vec<&DeValue<'_>> = match value {
        DeValue::Array(values) if key.is_list() => values.iter().map(Spanned::get_ref).collect(),
        value => vec![value],
    };
    let texts = values
        .into_iter()
        .map(|value| text(key.kind(), value).ok_or_else(|| wrong_type(value)));
    let texts: Vec<String> = texts.collect::<Result<_, _>>()?;
    for text in &texts {
        accept(key, text)?;
    }
    Ok(texts)
}

fn text(kind: &Kind, value: &DeValue<'_>) -> Option<String> {
    match (kind, value) {
        (Kind::Flag, DeValue::Boolean(value)) => Some(value.to_string()),
        (Kind::Number | Kind::Size, DeValue::Integer(number)) => decimal(number),
        (Kind::Size | Kind::Time | Kind::Text, DeValue::String(text)) => Some(text.to_string()),
        _ => None,
    }
}

fn decimal(number: &DeInteger<'_>) -> Option<String> {
    let number = i128::from_str_radix(number.as_str(), number.radix()).ok()?;
    Some(number.to_string())
}

/// Asks the flag itself, alone, whether it takes the value.
fn accept(key: &Key, text: &str) -> Result<(), String> {
    let name = key.name();
    if *key.kind() == Kind::Flag {
        return Ok(());
    }
    if key.is_count() {
        let number = text.parse::<u8>();
        return number
            .map(drop)
            .map_err(|error| format!("{name:?} cannot be {text}: {error}"));
    }
    let alone = Arg::new("value")
        .long("value")
        .allow_hyphen_values(true)
        .value_parser(key.arg().get_value_parser().clone());
    let alone = Command::new("noti").no_binary_name(true).arg(alone);
    let Err(error) = alone.try_get_matches_from([format!("--value={text}")]) else {
        return Ok(());
    };
    Err(match (error.kind(), error.source()) {
        (ErrorKind::InvalidValue, _) => {
            format!("{name:?} must be {}, not {text:?}", key.expected())
        }
        (_, Some(source)) => format!("{name:?} cannot be {text:?}: {source}"),
        (_, None) => format!("{name:?} cannot be {text:?}; it must be {}", key.expected()),
    })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::super::keys;
    use super::*;
    use crate::Arguments;

    fn read(text: &str) -> Result<BTreeMap<String, Vec<String>>, String> {
        let keys = keys(&Arguments::command(), "listen");
        parse(text, &keys).map_err(|fault| format!("{}: {}", fault.line(text), fault.what))
    }

    #[test]
    fn values_are_as_the_command_line_would_have_them() {
        let values = read(
            "port = 0x7df\nping-interval = \"4m\"\nmax-line = 4096\nbuffer = \"2MiB\"\nno-reconnect = true\n\
             did = [\"a\", \"b\"]\nproduct-key = \"k\"\nevent-type = []\nverbose = 2\n",
        )
        .unwrap();
        for (key, expected) in [
            ("port", &["2015"][..]),
            ("ping-interval", &["4m"]),
            ("max-line", &["4096"]),
            ("buffer", &["2MiB"]),
            ("no-reconnect", &["true"]),
            ("did", &["a", "b"]),
            ("product-key", &["k"]),
            ("verbose", &["2"]),
        ] {
            assert_eq!(values[key], expected, "{key}");
        }
        assert!(!values.contains_key("event-type"));
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line_and_what_is_expected() {
        for (text, expected) in [
            (
                "\nprot = 1",
                "2: unknown key \"prot\"; did you mean \"port\"?",
            ),
            (
                "ping_interval = 1",
                "1: unknown key \"ping_interval\"; did you mean \"ping-interval\"?",
            ),
            ("[listen]\nport = 1", "1: unknown key \"listen\""),
            ("xyzzy = 1", "see noti listen --help"),
            ("config = \"x\"", "unknown key"),
            (
                "port = \"2015\"",
                "\"port\" must be a whole number, not a string",
            ),
            (
                "port = 70000",
                "\"port\" cannot be \"70000\": 70000 is not in 0..=65535",
            ),
            ("prefetch = 0", "0 is not in 1..=32767"),
            (
                "ping-interval = 60",
                "\"ping-interval\" must be a time such as \"60s\", not an integer",
            ),
            (
                "ping-interval = \"60x\"",
                "\"ping-interval\" cannot be \"60x\": ",
            ),
            (
                "max-line = true",
                "a size such as \"64KiB\", or a number of bytes, not a boolean",
            ),
            (
                "no-reconnect = 1",
                "\"no-reconnect\" must be true or false, not an integer",
            ),
            ("host = [\"a\"]", "\"host\" must be a string, not an array"),
            (
                "did = [1]",
                "\"did\" must be a string, or an array of such, not an integer",
            ),
            (
                "poison = \"keep\"",
                "\"poison\" must be one of \"hold\", \"ack\", not \"keep\"",
            ),
            ("pin-sha256 = \"zz\"", "\"pin-sha256\" cannot be \"zz\": "),
            ("verbose = 300", "\"verbose\" cannot be 300: "),
            ("port = 1\nport = 2", "2: not TOML: duplicate key"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }

    #[test]
    fn a_secret_is_refused_and_never_repeated() {
        for text in [
            "enterprise-secret = \"hunter2\"",
            "enterprise_secret = \"hunter2\"",
            "enterprise-secret = \"hunter2",
            "enterprise-secret = hunter2",
            "secret = [\"hunter2\"]",
        ] {
            let error = read(text).unwrap_err();
            assert!(!error.contains("hunter2"), "{error}");
        }
        let error = read("enterprise-secret = \"hunter2\"").unwrap_err();
        assert!(error.contains("enterprise-secret-file"), "{error}");
    }
}
