//! Settings from flags, variables and a file.
//!
//! ```text
//!   --port 2016      over   NOTI_PORT=2016      over   port = 2016 in --config FILE      over   the default
//! ```
//!
//! The values of the file take the places of the defaults before the command line is read: all else is up to clap. The
//! keys of the file are the names of the flags, so there is no second list of them to keep.

mod file;
mod init;
mod key;
mod print;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{ArgMatches, Args, Command, FromArgMatches};

use super::exit::Exit;
use file::ConfigFile;
pub(crate) use init::Options as InitOptions;
use key::{Key, keys};

/// The variable that may hold the secret itself.
pub(crate) const SECRET_VARIABLE: &str = "NOTI_ENTERPRISE_SECRET";

const SECRET_FILE: &str = "enterprise-secret-file";

/// The subcommand whose flags are the keys. Other commands that take a configuration use those keys that they know.
const COMMAND: &str = "listen";

/// Where settings come from beside the command line.
#[derive(Debug, Args)]
#[group(skip)]
pub(crate) struct Options {
    /// Take settings from this TOML file too; its keys are the names of the flags. Flags and variables win over it. noti
    /// init writes one.
    #[arg(long, env = "NOTI_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
}

/// The command line with the file's values in it.
pub(crate) struct Settings {
    keys: Vec<Key>,
    matches: ArgMatches,
    file: Option<ConfigFile>,
}

impl Settings {
    /// Reads the command line, and the file that it or a variable names. Prints help, and what is wrong with the command line,
    /// as clap does.
    pub(crate) fn read(command: Command, arguments: &[OsString]) -> Result<Self, Exit> {
        let keys = keys(&command, COMMAND);
        let mut matches = matches(command.clone(), arguments);
        let mut file = None;
        if let Some((path, name)) = config_path(&matches) {
            let read = ConfigFile::read(&path, &keys)?;
            matches = self::matches(fill_in(command, &name, &read), arguments);
            file = Some(read);
        }
        Ok(Self {
            keys,
            matches,
            file,
        })
    }

    pub(crate) fn arguments<A: FromArgMatches>(&self) -> A {
        A::from_arg_matches(&self.matches).unwrap_or_else(|error| error.exit())
    }

    /// Each effective value and where it comes from, as a file that gives the same values again.
    pub(crate) fn print(&self) -> String {
        let matches = self.matches.subcommand();
        let matches = matches.map_or(&self.matches, |(_, matches)| matches);
        print::print(&self.keys, matches, self.file.as_ref())
    }
}

fn matches(command: Command, arguments: &[OsString]) -> ArgMatches {
    let matches = command.try_get_matches_from(arguments);
    matches.unwrap_or_else(|error| error.exit())
}

/// The file, and the subcommand that it is for.
fn config_path(matches: &ArgMatches) -> Option<(PathBuf, String)> {
    let (name, matches) = matches.subcommand()?;
    let path = matches.try_get_one::<PathBuf>("config").ok()??;
    Some((path.clone(), name.to_owned()))
}

/// Puts the file's values in the places of defaults, where the command has such a flag.
fn fill_in(command: Command, name: &str, file: &ConfigFile) -> Command {
    let secret_is_given = std::env::var_os(SECRET_VARIABLE).is_some();
    let default = |mut command: Command| {
        let flags: Vec<_> = command.get_arguments().filter_map(Key::of).collect();
        for key in flags {
            // The variable with the secret wins over the file, as every variable does.
            let is_overruled = secret_is_given && key.name() == SECRET_FILE;
            if let Some(values) = file.values(key.name())
                && !is_overruled
            {
                command = command.mut_arg(key.id(), |arg| arg.default_values(values));
            }
        }
        command
    };
    default(command).mut_subcommand(name, default)
}
