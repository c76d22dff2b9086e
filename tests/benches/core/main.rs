//! What an event costs in noti-proto and elsewhere: `cargo bench -p noti-tests --bench core`.
//!
//! Every contender handles the same stream in reads of 16 KiB, and takes from each event its id, its type, its device and its
//! time; those that speak the protocol must write the same acks. They run in turn, round after round, so that what
//! disturbs the machine disturbs all of them; a ratio is the median over the rounds, with the 10th and the 90th
//! percentile.
//!
//! `--run NAME PASSES` does nothing but so many passes of one contender, for `tests/instructions`.

mod measure;
mod noti;
mod outcome;
mod peers;
mod scaling;

use std::process::ExitCode;

use noti_tests::corpus::Corpus;

use self::measure::{Contender, table};
use self::noti::Memory;
use self::outcome::Outcome;

/// The longest read: what a TLS record holds.
const READ: usize = 16 * 1024;
const EVENTS: usize = 4096;
const WINDOW: u16 = 256;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["--run", name, passes] => return run(name, passes.parse().expect("a number")),
        ["--bench"] | [] => {}
        _ => {
            eprintln!("usage: core [--run NAME PASSES]");
            return ExitCode::from(2);
        }
    }
    ordered();
    disordered();
    scaling::tables();
    ExitCode::SUCCESS
}

/// The contenders that read every field and send acks, noti-proto first.
fn clients<'a>(memory: &'a mut Memory, stream: &'a [u8]) -> Vec<Contender<'a>> {
    let mut client = memory.client();
    vec![
        Contender::new("noti-proto", stream, move |stream, outcome| {
            client.serve(stream, READ, outcome);
        }),
        Contender::new("lines() + serde_json::Value", stream, peers::naive()),
        Contender::new(
            "serde_json typed, RawValue",
            stream,
            peers::serde_json_typed(),
        ),
        Contender::new("serde-json-core", stream, peers::serde_json_core()),
        Contender::new("sonic-rs typed, lazy", stream, peers::sonic_rs()),
        Contender::new("simd-json typed", stream, peers::simd_json()),
    ]
}

/// All passes of one contender.
fn run(name: &str, passes: usize) -> ExitCode {
    let corpus = match name {
        "disordered" => Corpus::disordered(EVENTS),
        "long-by-byte" => scaling::sized(60 * 1024, 0.3, 0.05),
        _ => Corpus::ordered(EVENTS),
    };
    let stream = &corpus.bytes;
    let mut memory = Memory::new(WINDOW);
    let mut outcome = Outcome::default();
    let mut pass: Box<dyn FnMut()> = match name {
        "noti-proto" | "disordered" | "by-byte" => {
            let read = if name == "by-byte" { 1 } else { READ };
            let mut client = memory.client();
            let outcome = &mut outcome;
            Box::new(move || {
                outcome.clear();
                client.serve(stream, read, outcome);
            })
        }
        "framing" => Box::new(|| assert_eq!(noti::frame(stream, READ), corpus.events)),
        "framing-by-byte" | "long-by-byte" => {
            Box::new(|| assert_eq!(noti::frame(stream, 1), corpus.events))
        }
        "naive" => {
            let mut naive = peers::naive();
            let outcome = &mut outcome;
            Box::new(move || {
                outcome.clear();
                naive(stream, outcome);
            })
        }
        _ => {
            eprintln!("no contender has the name {name}");
            return ExitCode::from(2);
        }
    };
    // What grows to its size once does so before it counts.
    pass();
    let allocations = allocation_counter::measure(|| (0..passes).for_each(|_| pass()));
    println!(
        "events {} bytes {} allocations {}",
        passes * corpus.events,
        passes * stream.len(),
        allocations.count_total
    );
    ExitCode::SUCCESS
}

fn ordered() {
    let corpus = Corpus::ordered(EVENTS);
    let stream = &corpus.bytes;
    let lines: Vec<&[u8]> = stream.split(|byte| *byte == b'\n').collect();
    let packets = peers::mqtt_stream(stream);
    let (mut memory, mut other) = (Memory::new(WINDOW), Memory::new(WINDOW));
    let mut contenders = clients(&mut memory, stream);
    measure::check(&mut contenders);
    let mut client = other.client();
    contenders.extend([
        Contender::new("MQTT QoS 1, payload unread", &packets, peers::mqtt()),
        Contender::new(
            "noti-proto, fields unread",
            stream,
            move |stream, outcome| {
                for bytes in stream.chunks(READ) {
                    client.feed(bytes, READ, |delivery| Some(delivery.token()));
                    client.transmit(outcome);
                }
            },
        ),
        Contender::new("  its validation", stream, |_, outcome| {
            outcome.events += noti::validate(&lines);
        }),
        Contender::new(
            "  its framing, by a search a line",
            stream,
            |stream, outcome| {
                outcome.events += noti::frame(stream, READ);
            },
        ),
        Contender::new("floor: newlines by memchr", stream, peers::count_newlines()),
        Contender::new("floor: memcpy", stream, peers::copy()),
    ]);
    println!(
        "\n{} events of {} bytes on average, members in the order of the document\n",
        corpus.events,
        stream.len() / corpus.events
    );
    table(&mut contenders, corpus.events);
}

fn disordered() {
    let ordered = Corpus::ordered(EVENTS);
    let corpus = Corpus::disordered(EVENTS);
    let stream = &corpus.bytes;
    let (mut memory, mut other) = (Memory::new(WINDOW), Memory::new(WINDOW));
    let mut contenders = clients(&mut memory, stream);
    // These two take no strings with escapes.
    contenders
        .retain(|contender| !["serde-json-core", "simd-json typed"].contains(&contender.name));
    measure::check(&mut contenders);
    let mut client = other.client();
    contenders.push(Contender::new(
        "noti-proto, ordered events",
        &ordered.bytes,
        move |stream, outcome| {
            client.serve(stream, READ, outcome);
        },
    ));
    println!(
        "\n{} events of {} bytes on average: the same ones with members shuffled, white space, escapes, CRLF\n",
        corpus.events,
        stream.len() / corpus.events
    );
    table(&mut contenders, corpus.events);
}
