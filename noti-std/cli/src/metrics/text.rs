//! The text format of Prometheus, version 0.0.4.

use std::fmt::{self, Display, Write};
use std::time::UNIX_EPOCH;

use noti_std::{Health, Monitor};

use super::counts::{Counts, EVENT_TYPES};
use super::histogram::Histogram;

/// Everything there is to know.
pub(super) fn write(counts: &Counts, monitor: &Monitor) -> String {
    let mut text = String::with_capacity(8 * 1024);
    // A String takes whatever is written to it.
    let _ = metrics(&mut text, counts, monitor);
    text
}

fn metrics(text: &mut String, counts: &Counts, monitor: &Monitor) -> fmt::Result {
    let stats = monitor.stats();
    let (buffered, limit) = monitor.buffered();
    let logged_in = monitor.health() == Health::LoggedIn;
    let version = env!("CARGO_PKG_VERSION");
    let start = counts.start.duration_since(UNIX_EPOCH).unwrap_or_default();

    family(text, "noti_build_info", "gauge", "The running noti.")?;
    writeln!(text, "noti_build_info{{version=\"{version}\"}} 1")?;
    let seconds = start.as_secs_f64();
    gauge(
        text,
        "process_start_time_seconds",
        "When noti started, in seconds since 1970.",
        seconds,
    )?;
    gauge(
        text,
        "noti_logged_in",
        "1 while logged in to the broker, else 0.",
        u8::from(logged_in),
    )?;
    counter(
        text,
        "noti_logins_total",
        "Logins that succeeded.",
        stats.logins,
    )?;

    let name = "noti_disconnects_total";
    family(
        text,
        name,
        "counter",
        "Connections that ended, or could not be made.",
    )?;
    for (kind, count) in monitor.disconnects() {
        writeln!(text, "{name}{{reason=\"{}\"}} {count}", kind.name())?;
    }

    let name = "noti_events_total";
    family(text, name, "counter", "Events that were written.")?;
    for (kind, count) in EVENT_TYPES.iter().zip(counts.events) {
        writeln!(text, "{name}{{type=\"{kind}\"}} {count}")?;
    }
    let name = "noti_events_filtered_total";
    counter(
        text,
        name,
        "Events that the filters left out, and that were acked.",
        counts.filtered,
    )?;

    let name = "noti_poison_lines_total";
    family(
        text,
        name,
        "counter",
        "Lines that could not be delivered as events.",
    )?;
    let malformed = stats.poison.saturating_sub(stats.oversize);
    writeln!(text, "{name}{{reason=\"oversize\"}} {}", stats.oversize)?;
    writeln!(text, "{name}{{reason=\"malformed\"}} {malformed}")?;

    counter(
        text,
        "noti_acks_sent_total",
        "Acks that have left.",
        stats.acks_sent,
    )?;
    let name = "noti_acks_lost_total";
    counter(
        text,
        name,
        "Acks whose connection had ended; those events come again.",
        stats.acks_lost,
    )?;
    counter(
        text,
        "noti_received_bytes_total",
        "Bytes received, after decryption.",
        stats.bytes_received,
    )?;
    gauge(
        text,
        "noti_in_flight_events",
        "Events that are un-acked now.",
        stats.in_flight,
    )?;
    gauge(
        text,
        "noti_buffer_bytes",
        "Bytes of events that wait to be written.",
        buffered,
    )?;
    gauge(
        text,
        "noti_buffer_limit_bytes",
        "With so many bytes waiting, reading stops.",
        limit,
    )?;
    counter(
        text,
        "noti_pings_total",
        "Pings that have left.",
        stats.pings,
    )?;

    let name = "noti_ping_round_trip_seconds";
    histogram(
        text,
        name,
        "How long answers to pings took.",
        &counts.round_trip,
    )?;
    let name = "noti_event_lag_seconds";
    let help = "From an event's created_at to the moment it was written.";
    histogram(text, name, help, &counts.lag)
}

fn family(text: &mut String, name: &str, kind: &str, help: &str) -> fmt::Result {
    writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}")
}

fn counter(text: &mut String, name: &str, help: &str, value: u64) -> fmt::Result {
    family(text, name, "counter", help)?;
    writeln!(text, "{name} {value}")
}

fn gauge(text: &mut String, name: &str, help: &str, value: impl Display) -> fmt::Result {
    family(text, name, "gauge", help)?;
    writeln!(text, "{name} {value}")
}

fn histogram<const N: usize>(
    text: &mut String,
    name: &str,
    help: &str,
    histogram: &Histogram<N>,
) -> fmt::Result {
    family(text, name, "histogram", help)?;
    for (bound, count) in histogram.cumulative() {
        writeln!(text, "{name}_bucket{{le=\"{bound}\"}} {count}")?;
    }
    let (count, sum) = (histogram.count(), histogram.sum());
    writeln!(text, "{name}_bucket{{le=\"+Inf\"}} {count}")?;
    writeln!(text, "{name}_sum {sum}\n{name}_count {count}")
}
