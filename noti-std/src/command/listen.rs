use std::io::{self, Write};
use std::time::Duration;

use clap::Args;
use noti_std::{Client, Delivery, Event};

use super::connection::{self, time};
use super::exit::Exit;
use super::output::Output;
use super::signals::stop_on_signal;

/// How many events are written, flushed and acked together at the most.
const BATCH: usize = 512;

/// Write events to stdout, one line each, and ack each once it is written.
#[derive(Debug, Args)]
pub(crate) struct Options {
    #[command(flatten)]
    connection: connection::Options,

    /// Exit once so many events are written and their acks have left. After a cut the output may hold duplicates beyond
    /// that number.
    #[arg(long, env = "NOTI_COUNT", value_name = "N")]
    count: Option<u64>,

    /// How long acks may take to leave on exit.
    #[arg(long, env = "NOTI_DRAIN_TIMEOUT", value_name = "TIME", default_value = "5s", value_parser = time)]
    drain_timeout: Duration,
}

impl Options {
    pub(crate) fn run(&self) -> Exit {
        let client = match self.connection.client() {
            Ok(builder) => builder.start(),
            Err(exit) => return exit,
        };
        match client {
            Ok(client) => listen(client, io::stdout().lock(), self.count, self.drain_timeout),
            Err(error) => error.into(),
        }
    }
}

/// Writes what the client delivers to `writer` until a signal comes, `count` events are done, or it cannot go on.
pub(crate) fn listen(
    client: Client,
    writer: impl Write,
    count: Option<u64>,
    drain_timeout: Duration,
) -> Exit {
    let interrupter = client.interrupter();
    if let Err(error) = stop_on_signal(move || interrupter.interrupt()) {
        return Exit::unavailable(format!("signals cannot be handled: {error}"));
    }
    let written = write_events(&client, &mut Output::new(writer), count);
    // What is written is acked, whatever comes next.
    let ended = client.shutdown(drain_timeout);
    match (written, ended) {
        (Err(exit), _) => exit,
        (Ok(()), Err(error)) => error.into(),
        (Ok(()), Ok(())) => Exit::DONE,
    }
}

fn write_events(
    client: &Client,
    output: &mut Output<impl Write>,
    count: Option<u64>,
) -> Result<(), Exit> {
    let mut events = Vec::with_capacity(BATCH);
    loop {
        let missing = match count {
            // An ack that was lost with its connection does not count: that event comes again.
            Some(count) => match count.saturating_sub(done(client, count)) {
                0 => return Ok(()),
                missing => usize::try_from(missing).unwrap_or(usize::MAX),
            },
            None => usize::MAX,
        };
        if !client.recv_batch(&mut events, BATCH.min(missing)) {
            return Ok(());
        }
        let deliveries = || events.iter().filter_map(as_delivery);
        output.write(deliveries()).map_err(|error| {
            Exit::output(format!(
                "writing events failed: {error}; what was not written is not acked"
            ))
        })?;
        client.ack_all(deliveries());
        for event in events.drain(..) {
            report(&event)?;
        }
    }
}

/// How many events are done. While more than those on their way are missing, acks that were given count as done; only
/// the last wait until they have left.
fn done(client: &Client, count: u64) -> u64 {
    let stats = client.stats();
    let given = stats.acks_given - stats.acks_lost;
    if given.saturating_sub(stats.poison_acked) < count {
        return given.saturating_sub(stats.poison_acked);
    }
    client.flush();
    let stats = client.stats();
    stats.acks_sent.saturating_sub(stats.poison_acked)
}

const fn as_delivery(event: &Event) -> Option<&Delivery> {
    match event {
        Event::Delivery(delivery) => Some(delivery),
        _ => None,
    }
}

/// Tells people what is no event. The client itself logs the life of the connection.
fn report(event: &Event) -> Result<(), Exit> {
    match event {
        Event::Poison(poison) => {
            let what = poison.reason();
            let length = poison.length();
            let fate = if poison.was_acked() {
                "acked, and lost"
            } else {
                "not acked"
            };
            tracing::warn!(length, "{what} line: {fate}");
        }
        Event::WindowHeld => {
            return Err(Exit::poison(
                "oversize or malformed events fill the window; raise --max-line or --prefetch, or lose them with --poison ack",
            ));
        }
        _ => {}
    }
    Ok(())
}
