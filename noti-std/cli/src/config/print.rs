use clap::ArgMatches;
use clap::parser::ValueSource;

use super::file::ConfigFile;
use super::key::{Key, Kind};
use super::{SECRET_FILE, SECRET_VARIABLE};

/// Each effective value and where it comes from, as TOML.
pub(crate) fn print(keys: &[Key], matches: &ArgMatches, file: Option<&ConfigFile>) -> String {
    let mut text = String::new();
    for key in keys {
        let name = key.name();
        let values = values(key, matches);
        match source(key, matches, file) {
            Some(source) if !values.is_empty() => {
                let value = toml_value(key, &values);
                text += &format!("{name} = {value}  # {source}\n");
            }
            _ => text += &format!("# {name} is not set\n"),
        }
        if name == SECRET_FILE {
            let secret = match (values.is_empty(), std::env::var_os(SECRET_VARIABLE)) {
                (false, _) => "in that file, hidden here".to_owned(),
                (true, Some(_)) => format!("in the variable {SECRET_VARIABLE}, hidden here"),
                (true, None) => "not set".to_owned(),
            };
            text += &format!("# The enterprise secret is {secret}.\n");
        }
    }
    text
}

fn source(key: &Key, matches: &ArgMatches, file: Option<&ConfigFile>) -> Option<String> {
    Some(match matches.value_source(key.id())? {
        ValueSource::CommandLine => "flag".to_owned(),
        ValueSource::EnvVariable => {
            let variable = key.arg().get_env().unwrap_or_default();
            format!("variable {}", variable.to_string_lossy())
        }
        _ => match file {
            Some(file) if file.values(key.name()).is_some() => {
                format!("file {}", file.path().display())
            }
            _ => "default".to_owned(),
        },
    })
}

fn values(key: &Key, matches: &ArgMatches) -> Vec<String> {
    if key.is_count() {
        let count = matches.try_get_one::<u8>(key.id()).ok().flatten();
        return vec![count.copied().unwrap_or_default().to_string()];
    }
    let raw = matches.try_get_raw(key.id()).ok().flatten();
    raw.into_iter()
        .flatten()
        .map(|value| value.to_string_lossy().into_owned())
        .collect()
}

/// The values as the file would have them.
pub(crate) fn toml_value(key: &Key, values: &[String]) -> String {
    let one = |value: &String| match key.kind() {
        Kind::Flag => value.clone(),
        Kind::Number | Kind::Size if value.bytes().all(|byte| byte.is_ascii_digit()) => {
            value.clone()
        }
        // A string of JSON is one of TOML.
        _ => serde_json::Value::String(value.clone()).to_string(),
    };
    match values {
        values if key.is_list() => {
            let values: Vec<_> = values.iter().map(one).collect();
            format!("[{}]", values.join(", "))
        }
        values => values.first().map(one).unwrap_or_default(),
    }
}
