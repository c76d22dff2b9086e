use std::io::{self, IsTerminal};

use clap::{Args, ValueEnum};
use noti_forward::{Field, Select};
use noti_std::Delivery;

use super::pretty::Pretty;

/// How events are written.
#[derive(Debug, Args)]
#[group(skip)]
#[command(next_help_heading = "Events")]
pub(crate) struct Options {
    /// How events are written: raw, their exact bytes, or pretty, for people. Without it, pretty on a terminal and raw
    /// elsewhere.
    #[arg(long, env = "NOTI_FORMAT", value_name = "FORMAT")]
    format: Option<Format>,

    /// Write only these fields, separated by tabs: names such as did, or data.temperature for one further down;
    /// repeatable. What is missing is empty; tabs, line ends and backslashes are escaped as by PostgreSQL's COPY.
    #[arg(
        long,
        env = "NOTI_SELECT",
        value_name = "FIELD",
        value_delimiter = ',',
        conflicts_with = "format"
    )]
    select: Vec<Field>,

    /// Colors in pretty. By default on a terminal, unless NO_COLOR is set.
    #[arg(long, env = "NOTI_COLOR", value_name = "WHEN", default_value = "auto")]
    color: Color,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    Raw,
    Pretty,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Color {
    Auto,
    Always,
    Never,
}

impl Options {
    /// The form for an output that is a terminal or not.
    pub(crate) fn form(&self, to_terminal: bool) -> Form {
        if !self.select.is_empty() {
            return Form::Select(Select::new(self.select.clone()));
        }
        let fallback = if to_terminal {
            Format::Pretty
        } else {
            Format::Raw
        };
        match self.format.unwrap_or(fallback) {
            Format::Raw => Form::Raw,
            Format::Pretty => Form::Pretty(Box::new(Pretty::new(
                self.is_colored(to_terminal),
                to_terminal,
            ))),
        }
    }

    fn is_colored(&self, to_terminal: bool) -> bool {
        let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        match self.color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => to_terminal && !unwanted && !is_dumb(),
        }
    }
}

/// Whether the terminal understands nothing but text.
fn is_dumb() -> bool {
    std::env::var_os("TERM").is_some_and(|term| term == "dumb")
}

/// How events are written, a line each.
#[derive(Debug)]
pub(crate) enum Form {
    /// Their exact bytes.
    Raw,
    Select(Select),
    Pretty(Box<Pretty>),
}

impl Form {
    /// Whether a status line goes with it: where people look on, and nobody else reads stderr.
    pub(crate) fn has_status_line(&self) -> bool {
        matches!(self, Self::Pretty(_)) && io::stderr().is_terminal() && !is_dumb()
    }

    /// Adds the lines of these events.
    pub(crate) fn append_all<'l, 'd>(
        &mut self,
        lines: &'l mut Vec<u8>,
        deliveries: impl IntoIterator<Item = &'d Delivery>,
    ) -> &'l [u8] {
        if let Self::Pretty(pretty) = self {
            pretty.fit();
        }
        let mut text = String::new();
        for delivery in deliveries {
            match self {
                Self::Raw => {
                    lines.extend_from_slice(delivery.line());
                    lines.push(b'\n');
                    continue;
                }
                Self::Select(select) => select.append(&delivery.view(), &mut text),
                Self::Pretty(pretty) => pretty.append(&delivery.view(), &mut text),
            }
            lines.extend_from_slice(text.as_bytes());
            text.clear();
        }
        lines
    }
}
