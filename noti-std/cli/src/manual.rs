//! What shells and `man` know of noti, made from the command line's own definition.

use std::io::{self, Write};

use clap::{Args, Command};
use clap_complete::Shell;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

use super::exit::{CODES, Exit};

/// Print a script that completes noti's command line in a shell.
#[derive(Debug, Args)]
pub(crate) struct CompletionsOptions {
    /// The shell to write for.
    shell: Shell,
}

/// Print a manual page, for `man -l -`.
#[derive(Debug, Args)]
pub(crate) struct ManOptions {
    /// The command that the page is of; without it, noti itself.
    command: Option<String>,
}

impl CompletionsOptions {
    pub(crate) fn run(&self, mut command: Command) -> Exit {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut command, "noti", &mut script);
        print(&script)
    }
}

impl ManOptions {
    pub(crate) fn run(&self, mut command: Command) -> Exit {
        command.build();
        let command = match &self.command {
            None => Some(&command),
            Some(name) => command.find_subcommand(name),
        };
        let Some(command) = command else {
            return Exit::usage("noti has no such command; see noti --help");
        };
        match page(command.clone()) {
            Ok(page) => print(&page),
            Err(error) => Exit::output(format!("the manual page cannot be made: {error}")),
        }
    }
}

fn page(command: Command) -> io::Result<Vec<u8>> {
    let mut page = Vec::new();
    let details = command.get_after_long_help().map(ToString::to_string);
    Man::new(command.after_long_help(None)).render(&mut page)?;
    if let Some(details) = details {
        // Its tables must not be filled as paragraphs are.
        let mut section = Roff::new();
        section.control("SH", ["DETAILS"]);
        section.control("nf", []);
        for line in details.lines() {
            section.text([roman(line)]);
        }
        section.control("fi", []);
        section.to_writer(&mut page)?;
    }
    let mut exits = Roff::new();
    exits.control("SH", ["EXIT STATUS"]);
    for (code, meaning) in CODES {
        exits.control("TP", []);
        exits.text([bold(code.to_string())]);
        exits.text([roman(*meaning)]);
    }
    exits.to_writer(&mut page)?;
    Ok(page)
}

/// Writes a text to stdout.
pub(crate) fn print(text: impl AsRef<[u8]>) -> Exit {
    let mut stdout = io::stdout().lock();
    match stdout
        .write_all(text.as_ref())
        .and_then(|()| stdout.flush())
    {
        Ok(()) => Exit::DONE,
        Err(error) => Exit::output(format!("writing to stdout failed: {error}")),
    }
}
