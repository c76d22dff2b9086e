mod queue;

use std::fmt::Display;
use std::io::{self, Write};

use clap::{Args, ValueEnum};
use tracing_subscriber::filter::LevelFilter;

/// Diagnostics, which go to stderr.
#[derive(Debug, Args)]
#[group(skip)]
#[command(next_help_heading = "Diagnostics")]
pub(crate) struct Options {
    /// More diagnostics; twice for even more.
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    verbose: u8,

    /// Only errors.
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    quiet: bool,

    /// How diagnostics are written.
    #[arg(
        long,
        global = true,
        env = "NOTI_LOG_FORMAT",
        value_name = "FORMAT",
        default_value = "text"
    )]
    log_format: Format,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    Text,
    Json,
}

impl Options {
    pub(crate) fn start(&self) {
        let level = match (self.quiet, self.verbose) {
            (true, _) => LevelFilter::ERROR,
            (false, 0) => LevelFilter::INFO,
            (false, 1) => LevelFilter::DEBUG,
            (false, _) => LevelFilter::TRACE,
        };
        let subscriber = tracing_subscriber::fmt()
            .with_writer(|| Line)
            .with_max_level(level)
            .with_target(false);
        match self.log_format {
            Format::Text => subscriber.with_ansi(false).compact().init(),
            Format::Json => subscriber.json().init(),
        }
        queue::start();
    }
}

/// Says a line on stderr that is for people in any format, and in its place among the diagnostics.
pub(crate) fn say(line: impl Display) {
    queue::push(format!("{line}\n").as_bytes());
}

/// Lets the last diagnostics be seen before the process ends, as far as somebody reads them.
pub(crate) fn finish() {
    queue::finish();
}

/// Takes whole lines, as the subscriber writes them.
struct Line;

impl Write for Line {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        queue::push(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
