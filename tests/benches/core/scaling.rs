//! How the cost grows: with the event's size and nesting, with what its text is, with the window, with the reads.

use std::hint::black_box;

use noti_broker::{GeneratorConfig, Style};
use noti_proto::AckToken;
use noti_tests::corpus::Corpus;

use crate::READ;
use crate::measure::{processor_seconds, quantile};
use crate::noti::{Client, Memory};
use crate::outcome::Outcome;

/// Enough for the clock, little enough for the cache.
const BYTES: usize = 512 * 1024;
const ROUNDS: usize = 21;

/// Prints a table for each thing that may grow.
pub(crate) fn tables() {
    println!("\nWhat noti-proto costs as things grow\n");
    println!("| | | ns/event | ns/byte |");
    println!("|---|---:|---:|---:|");
    for size in [100, 384, 1024, 4096, 16 * 1024, 64 * 1024 - 512] {
        row(
            "data of so many bytes",
            &size.to_string(),
            &sized(size, 0.3, 0.05),
            READ,
        );
    }
    for depth in [1, 4, 16, 60] {
        row("nesting", &depth.to_string(), &nested(depth), READ);
    }
    for share in [0.0, 0.25, 0.5, 1.0] {
        let shown = format!("{:.0} %", share * 100.0);
        row("texts with escapes", &shown, &sized(384, 0.3, share), READ);
    }
    for share in [0.0, 0.25, 0.5, 1.0] {
        let shown = format!("{:.0} %", share * 100.0);
        row("texts in Chinese", &shown, &sized(384, share, 0.0), READ);
    }
    for read in [1, 8, 64, 512, 4096, READ] {
        row(
            "bytes a read",
            &read.to_string(),
            &sized(384, 0.3, 0.05),
            read,
        );
    }
    println!("\n| window | ns for an event and its ack, acks in reverse order |");
    println!("|---:|---:|");
    for window in [1, 5, 50, 1000, 8000, 32_767] {
        println!("| {window} | {:.0} |", acks(window));
    }
}

/// Status events whose `data` has this size and these shares of texts.
pub(crate) fn sized(size: u32, chinese: f64, escaped: f64) -> Corpus {
    let mut config = GeneratorConfig::default();
    config.payload = size..=size;
    config.chinese = chinese;
    config.escaped = escaped;
    let events = BYTES / (size as usize + 200);
    Corpus::written(config, events.max(4), Style::PLAIN)
}

/// Events of one size whose `data` nests so deep.
fn nested(depth: usize) -> Corpus {
    let (open, close) = ("[".repeat(depth), "]".repeat(depth));
    let filler = "1,".repeat(128 - depth);
    let line = format!(
        r#"{{"cmd":"enterprise_event_push","delivery_id":1,"event_type":"device_status_kv","did":"d","created_at":1.5,"data":{{"a":[{filler}{open}{close}]}}}}"#
    );
    let events = BYTES / line.len();
    Corpus {
        bytes: format!("{line}\n").repeat(events).into_bytes(),
        events,
    }
}

fn row(what: &str, value: &str, corpus: &Corpus, read: usize) {
    let mut memory = Memory::new(256);
    let mut client = memory.client();
    let mut outcome = Outcome::default();
    let times: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            outcome.clear();
            let start = processor_seconds();
            client.serve(&corpus.bytes, read, &mut outcome);
            assert_eq!(outcome.events, corpus.events);
            processor_seconds() - start
        })
        .collect();
    let nanoseconds = quantile(&times, 0.5) * 1e9;
    println!(
        "| {what} | {value} | {:.0} | {:.2} |",
        nanoseconds / corpus.events as f64,
        nanoseconds / corpus.bytes.len() as f64
    );
}

/// Nanoseconds for an event and its ack, when a whole window is held and then acked from its end.
fn acks(window: u16) -> f64 {
    let corpus = Corpus::ordered(usize::from(window));
    let mut memory = Memory::new(window);
    let mut client = memory.client();
    let mut held = Vec::with_capacity(usize::from(window));
    let mut outcome = Outcome::default();
    let passes = 32_767 / usize::from(window);
    let times: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let start = processor_seconds();
            for _ in 0..passes {
                fill_and_ack(&mut client, &corpus, &mut held, &mut outcome);
            }
            processor_seconds() - start
        })
        .collect();
    quantile(&times, 0.5) * 1e9 / (passes * usize::from(window)) as f64
}

fn fill_and_ack(
    client: &mut Client<'_>,
    corpus: &Corpus,
    held: &mut Vec<AckToken>,
    outcome: &mut Outcome,
) {
    client.feed(&corpus.bytes, READ, |delivery| {
        held.push(delivery.token());
        None
    });
    for token in held.drain(..).rev() {
        client.session.ack(token).expect("its first ack");
    }
    outcome.clear();
    client.transmit(outcome);
    black_box(&outcome.acks);
}
