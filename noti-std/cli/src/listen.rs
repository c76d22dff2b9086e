use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use noti_forward::{DeadLetter, Filter};
use noti_std::{Client, Delivery, Event, PoisonPolicy};
use signal_hook::consts::SIGHUP;

use super::config;
use super::connection::{self, time};
use super::exit::Exit;
use super::filter;
use super::form::{self, Form};
use super::metrics::{self, Metrics};
use super::output::{Output, Sync};
use super::pretty::with_status_line;
use super::progress::Progress;
use super::service::Service;
use super::signals::{Caught, catch_signals};

/// How many events are written, flushed and acked together at the most.
const BATCH: usize = 512;

const WRITING: &str = "Writing";

/// Write events to stdout or a file, one line each, and ack each once it is written.
#[derive(Debug, Args)]
pub(crate) struct Options {
    #[command(flatten)]
    config: config::Options,

    /// Print each setting that is in effect, with its source, instead of listening. The secret stays hidden.
    #[arg(long)]
    print_config: bool,

    #[command(flatten)]
    connection: connection::Options,

    #[command(flatten)]
    form: form::Options,

    #[command(flatten)]
    filter: filter::Options,

    /// Exit once so many events are written and their acks have left. After a cut the output may hold duplicates beyond
    /// that number.
    #[arg(long, help_heading = WRITING, env = "NOTI_COUNT", value_name = "N")]
    count: Option<u64>,

    /// Append events to this file instead of writing them to stdout. SIGHUP reopens it, for rotation.
    #[arg(long, help_heading = WRITING, env = "NOTI_OUTPUT", value_name = "FILE")]
    output: Option<PathBuf>,

    /// When the events of --output are put on the disk; acks wait for that.
    #[arg(long, help_heading = WRITING, env = "NOTI_SYNC", value_name = "WHEN", default_value = "batch")]
    sync: Sync,

    /// Append oversize and malformed lines to this file, on the disk before they are acked.
    #[arg(long, help_heading = WRITING, env = "NOTI_DEAD_LETTER", value_name = "FILE")]
    dead_letter: Option<PathBuf>,

    /// How long acks may take to leave on exit.
    #[arg(long, help_heading = WRITING, env = "NOTI_DRAIN_TIMEOUT", value_name = "TIME", default_value = "5s", value_parser = time)]
    drain_timeout: Duration,

    /// Serve metrics for Prometheus (/metrics) and a health check (/healthz) over HTTP. A port alone is open to this machine
    /// only.
    #[arg(long, help_heading = "Diagnostics", env = "NOTI_METRICS", value_name = "[IP:]PORT", value_parser = metrics::address)]
    metrics: Option<SocketAddr>,
}

impl Options {
    pub(crate) const fn print_config(&self) -> bool {
        self.print_config
    }

    pub(crate) fn run(&self) -> Exit {
        match self.start() {
            Ok((client, journal, signals)) => {
                listen(client, journal, signals, self.count, self.drain_timeout)
            }
            Err(exit) => exit,
        }
    }

    fn start(&self) -> Result<(Client, Journal, Caught), Exit> {
        // Files are opened only once all else is known to be usable.
        let mut builder = self.connection.client()?;
        let metrics = self.metrics.map(metrics::Unserved::bind).transpose()?;
        let output = match &self.output {
            Some(path) => Output::file(path, self.sync).map_err(|error| unusable(path, &error))?,
            None => stdout()?,
        };
        let dead_letter = match &self.dead_letter {
            Some(path) => {
                builder = builder.poison(PoisonPolicy::Deliver);
                Some(DeadLetter::open(path).map_err(|error| unusable(path, &error))?)
            }
            None => None,
        };
        // A dead-letter file follows a rotation by itself, but the signal must not end the process.
        let has_file = self.output.is_some() || self.dead_letter.is_some();
        let signals = catch_signals(has_file.then_some(SIGHUP))?;
        let client = builder.start()?;
        let form = self.form.form(output.is_terminal());
        let mut journal = Journal::new(output, form);
        journal.dead_letter = dead_letter;
        journal.filter = self.filter.filter();
        if let Some(metrics) = metrics {
            journal.metrics = Some(metrics.serve(client.monitor())?);
        }
        Ok((client, journal, signals))
    }
}

/// Stdout as the output.
pub(crate) fn stdout() -> Result<Output, Exit> {
    Output::stdout().map_err(|error| unusable(Path::new("stdout"), &error))
}

fn unusable(path: &Path, error: &io::Error) -> Exit {
    let path = path.display();
    if error.kind() == io::ErrorKind::ResourceBusy {
        return Exit::output(format!("{path} cannot be used: {error}"));
    }
    Exit::output(format!(
        "{path} cannot be used: {error}; check its folder, its permissions and the disk"
    ))
}

/// Where everything goes that is received.
#[derive(Debug)]
pub(crate) struct Journal {
    output: Output,
    form: Form,
    filter: Filter,
    dead_letter: Option<DeadLetter>,
    /// Acks of what was not written to the output, and so does not count.
    others_acked: u64,
    metrics: Option<Metrics>,
    progress: Progress,
}

impl Journal {
    pub(crate) fn new(output: Output, form: Form) -> Self {
        Self {
            output,
            form,
            filter: Filter::default(),
            dead_letter: None,
            others_acked: 0,
            metrics: None,
            progress: Progress::default(),
        }
    }
}

/// Writes what the client delivers until a signal comes, `count` events are done, or it cannot go on.
pub(crate) fn listen(
    client: Client,
    mut journal: Journal,
    signals: Caught,
    count: Option<u64>,
    drain_timeout: Duration,
) -> Exit {
    let interrupter = client.interrupter();
    let reopener = match journal.output.reopener() {
        Ok(reopener) => reopener,
        Err(error) => return Exit::unavailable(format!("no thread for SIGHUP: {error}")),
    };
    if let Err(exit) = signals.handle(move || interrupter.interrupt(), reopener) {
        return exit;
    }
    let service = Service::start(&client);
    let written = if journal.form.has_status_line() {
        let (progress, monitor) = (journal.progress.clone(), client.monitor());
        with_status_line(
            move || progress.standing(&monitor),
            || write_events(&client, &mut journal, count),
        )
    } else {
        write_events(&client, &mut journal, count)
    };
    // A long line that has not come to its end will come again. If this fails too, the next start mends it.
    let _ = journal.abandon();
    if let Some(service) = &service {
        service.stopping();
    }
    // What is written is acked, whatever comes next.
    let ended = client.shutdown(drain_timeout);
    match (written, ended) {
        (Err(exit), _) => exit,
        (Ok(()), Err(error)) => error.into(),
        (Ok(()), Ok(())) => Exit::DONE,
    }
}

fn write_events(client: &Client, journal: &mut Journal, count: Option<u64>) -> Result<(), Exit> {
    let failed = |error| {
        Exit::output(format!(
            "writing events failed: {error}; what was not written is not acked"
        ))
    };
    let mut events = Vec::with_capacity(BATCH);
    loop {
        let missing = match count {
            // An ack that was lost with its connection does not count: that event comes again.
            Some(count) => match count.saturating_sub(done(client, journal, count)) {
                0 => return Ok(()),
                missing => usize::try_from(missing).unwrap_or(usize::MAX),
            },
            None => usize::MAX,
        };
        if !client.recv_batch(&mut events, BATCH.min(missing)) {
            return Ok(());
        }
        let unwanted = |event: &mut Event| !journal.filter.passes(event);
        let filtered: Vec<Event> = events.extract_if(.., unwanted).collect();
        let wanted = || events.iter().filter_map(as_delivery);
        journal
            .output
            .write(wanted(), &mut journal.form)
            .map_err(failed)?;
        if let Some(metrics) = &journal.metrics {
            metrics.count(&events);
            metrics.count_filtered(filtered.len() as u64);
        }
        journal.progress.count(&events, &filtered);
        client.ack_all(wanted());
        if !filtered.is_empty() {
            let number = filtered.len() as u64;
            let filtered = filtered.iter().filter_map(as_delivery);
            journal.ack_others(client, count.is_some(), number, || client.ack_all(filtered));
        }
        for event in events.drain(..) {
            journal
                .keep(&event, client, count.is_some())
                .map_err(failed)?;
            report(&event)?;
        }
    }
}

/// How many events are done. While more than those on their way are missing, acks that were given count as done; only
/// the last wait until they have left.
fn done(client: &Client, journal: &Journal, count: u64) -> u64 {
    let stats = client.stats();
    let others = stats.poison_acked + journal.others_acked;
    let given = (stats.acks_given - stats.acks_lost).saturating_sub(others);
    if given < count {
        return given;
    }
    client.flush();
    let stats = client.stats();
    let others = stats.poison_acked + journal.others_acked;
    stats.acks_sent.saturating_sub(others)
}

const fn as_delivery(event: &Event) -> Option<&Delivery> {
    match event {
        Event::Delivery(delivery) => Some(delivery),
        _ => None,
    }
}

impl Journal {
    /// Keeps what is no event, if there is a file for it, and acks it then.
    fn keep(&mut self, event: &Event, client: &Client, counts: bool) -> io::Result<()> {
        let Some(dead_letter) = &mut self.dead_letter else {
            return Ok(());
        };
        match event {
            Event::PoisonPart(bytes) => dead_letter.part(bytes.as_ref()),
            Event::Poison(poison) => {
                dead_letter.finish(poison)?;
                if let Some(acker) = poison.acker() {
                    self.ack_others(client, counts, 1, || acker.ack());
                }
                Ok(())
            }
            Event::Disconnected(_) => dead_letter.abandon(),
            _ => Ok(()),
        }
    }

    /// Gives so many acks of what was not written to the output. With a count, it must be known how many of them have left.
    fn ack_others(&mut self, client: &Client, counts: bool, number: u64, ack: impl FnOnce()) {
        if !counts {
            return ack();
        }
        // Whether it is one of these acks that is lost, or another, shows only when there is no other.
        client.flush();
        let before = client.stats().acks_lost;
        ack();
        client.flush();
        let lost = client.stats().acks_lost - before;
        self.others_acked += number.saturating_sub(lost);
    }

    fn abandon(&mut self) -> io::Result<()> {
        match &mut self.dead_letter {
            Some(dead_letter) => dead_letter.abandon(),
            None => Ok(()),
        }
    }
}

/// Tells people what is no event. The client itself logs the life of the connection.
fn report(event: &Event) -> Result<(), Exit> {
    match event {
        Event::Poison(poison) => {
            let what = poison.reason();
            let length = poison.length();
            let fate = match (poison.was_acked(), poison.acker()) {
                (true, _) => "acked, and lost",
                (false, Some(_)) => "in the dead-letter file, and acked",
                (false, None) => "not acked",
            };
            tracing::warn!(length, "{what} line: {fate}");
        }
        Event::WindowHeld => {
            return Err(Exit::poison(
                "oversize or malformed events fill the window; keep them with --dead-letter, raise --max-line, or lose them with --poison ack; those without a usable id can only be dealt with at the service",
            ));
        }
        _ => {}
    }
    Ok(())
}
