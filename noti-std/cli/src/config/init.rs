use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::PathBuf;

use clap::{Args, Command};

use super::key::{Key, Kind, keys};
use super::print::toml_value;
use super::{COMMAND, Exit};

const HEAD: &str = "\
# Configuration of noti listen: noti listen --config FILE, or NOTI_CONFIG=FILE.
#
# Each key is a flag of noti listen, with its default or an example. Take the # away and set it. A flag wins over its
# variable (NOTI_...), and a variable over this file. Relative paths start in the folder that noti is started in.
# noti listen --config FILE --print-config shows what is in effect, and why.
#
# The enterprise secret does not belong here. Put it in a file that only noti can read, and name that with
# enterprise-secret-file.
";

/// How wide the text of comments is.
const WIDTH: usize = 116;

/// Write a configuration file with every setting, its meaning and its default.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// The file to write; one that is there already is left alone.
    #[arg(value_name = "FILE", default_value = "noti.toml")]
    file: PathBuf,
}

impl Options {
    pub(crate) fn run(&self, command: &Command) -> Exit {
        let path = self.file.display();
        match self.write(&template(command)) {
            Ok(()) => {
                eprintln!(
                    "{path} is written; set enterprise-id and enterprise-secret-file in it, then: noti listen --config {path}"
                );
                Exit::DONE
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Exit::usage(format!(
                "{path} is there already, and stays as it is; give another name, or move it away"
            )),
            Err(error) => Exit::output(format!(
                "{path} cannot be written: {error}; check its folder and its permissions"
            )),
        }
    }

    fn write(&self, text: &str) -> io::Result<()> {
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(&self.file)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()
    }
}

fn template(command: &Command) -> String {
    let mut text = HEAD.to_owned();
    for key in keys(command, COMMAND) {
        text.push('\n');
        let help = key
            .arg()
            .get_help()
            .map(ToString::to_string)
            .unwrap_or_default();
        // Clap takes the last full stop away.
        for line in wrapped(&(help + ".")) {
            text += &format!("# {line}\n");
        }
        text += &format!("# {} = {}\n", key.name(), example(&key));
    }
    text
}

/// The default, or something of the right form.
fn example(key: &Key) -> String {
    let defaults = key.arg().get_default_values().iter();
    let mut values: Vec<String> = defaults
        .map(|value| value.to_string_lossy().into_owned())
        .collect();
    if values.is_empty() {
        let names = key.arg().get_value_names().unwrap_or_default();
        let name = names.first().map(ToString::to_string);
        values.push(match key.kind() {
            Kind::Flag => "false".to_owned(),
            Kind::Number => "0".to_owned(),
            Kind::Size => "64KiB".to_owned(),
            Kind::Time => "60s".to_owned(),
            Kind::Text => key
                .choices()
                .into_iter()
                .next()
                .or(name)
                .unwrap_or_default(),
        });
    }
    toml_value(key, &values)
}

fn wrapped(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.len() + word.len() < WIDTH => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;
    use toml::de::DeTable;

    use super::*;
    use crate::Arguments;

    #[test]
    fn every_line_is_good_once_its_mark_is_taken_away() {
        let command = Arguments::command();
        let template = template(&command);
        let settings: String = template
            .lines()
            .filter_map(|line| line.strip_prefix("# "))
            .filter(|line| {
                line.split_once(" = ")
                    .is_some_and(|(key, _)| !key.contains(' '))
            })
            .map(|line| format!("{line}\n"))
            .collect();
        let table = DeTable::parse(&settings).unwrap();
        let keys = keys(&command, COMMAND);
        assert_eq!(table.get_ref().len(), keys.len());
        for key in &keys {
            assert!(table.get_ref().contains_key(key.name()), "{}", key.name());
        }
        assert!(template.lines().all(|line| line.len() <= WIDTH + 2));
    }
}
