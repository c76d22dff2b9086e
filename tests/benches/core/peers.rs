//! The clients that people write today, on other parsers, and what bounds every client.

use std::borrow::Cow;
use std::io::{BufRead, BufReader, Read};

use bytes::BytesMut;
use mqttbytes::QoS;
use mqttbytes::v4::{Packet, PubAck, Publish};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use sonic_rs::LazyValue;

use crate::READ;
use crate::outcome::{Outcome, kind};

const PUSH: &str = "enterprise_event_push";

/// A stream that gives at most so many bytes a read, as a TLS record does.
struct Reads<'a>(&'a [u8]);

impl Read for Reads<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.0.len().min(buffer.len()).min(READ);
        let (now, later) = self.0.split_at(count);
        buffer[..count].copy_from_slice(now);
        self.0 = later;
        Ok(count)
    }
}

/// The framing of the typed clients: one buffer, a search for each newline, an unfinished line moved to the front.
struct Lines {
    buffer: Vec<u8>,
    filled: usize,
}

impl Lines {
    fn new() -> Self {
        Self {
            buffer: vec![0; 4 * READ],
            filled: 0,
        }
    }

    fn each(&mut self, stream: &[u8], mut handle: impl FnMut(&mut [u8])) {
        let mut reads = Reads(stream);
        loop {
            let read = reads
                .read(&mut self.buffer[self.filled..])
                .expect("a slice");
            if read == 0 {
                return;
            }
            self.filled += read;
            let mut start = 0;
            while let Some(length) = memchr::memchr(b'\n', &self.buffer[start..self.filled]) {
                handle(&mut self.buffer[start..start + length]);
                start += length + 1;
            }
            self.buffer.copy_within(start..self.filled, 0);
            self.filled -= start;
        }
    }
}

fn millis(seconds: f64) -> u64 {
    (seconds * 1000.0).round() as u64
}

/// `lines()` and a `Value`: the client of most examples.
pub(crate) fn naive() -> impl FnMut(&[u8], &mut Outcome) {
    |stream, outcome| {
        for line in BufReader::with_capacity(READ, Reads(stream)).lines() {
            let event: Value = serde_json::from_str(&line.expect("UTF-8")).expect("JSON");
            if event["cmd"] == PUSH {
                let name = event["event_type"].as_str().expect("a kind");
                let device = event["did"].as_str().expect("a device");
                let at = event["created_at"].as_f64().expect("a time");
                outcome.event(kind(name), device, millis(at));
                outcome.ack(event["delivery_id"].to_string().as_bytes());
            }
        }
    }
}

#[derive(Deserialize)]
struct RawEvent<'a> {
    #[serde(borrow)]
    cmd: Cow<'a, str>,
    #[serde(borrow)]
    delivery_id: &'a RawValue,
    #[serde(borrow)]
    event_type: Cow<'a, str>,
    #[serde(borrow)]
    did: Cow<'a, str>,
    created_at: f64,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
}

/// serde_json into a struct that borrows the line.
pub(crate) fn serde_json_typed() -> impl FnMut(&[u8], &mut Outcome) {
    let mut lines = Lines::new();
    move |stream, outcome| {
        lines.each(stream, |line| {
            let event: RawEvent<'_> = serde_json::from_slice(line).expect("JSON");
            std::hint::black_box(event.data);
            if event.cmd == PUSH {
                outcome.event(
                    kind(&event.event_type),
                    &event.did,
                    millis(event.created_at),
                );
                outcome.ack(event.delivery_id.get().as_bytes());
            }
        });
    }
}

/// What a reader without raw values can take: the id is a number.
#[derive(Deserialize)]
struct PlainEvent<'a> {
    cmd: &'a str,
    delivery_id: u64,
    event_type: &'a str,
    did: &'a str,
    created_at: f64,
}

impl PlainEvent<'_> {
    fn handle(&self, outcome: &mut Outcome) {
        if self.cmd == PUSH {
            outcome.event(kind(self.event_type), self.did, millis(self.created_at));
            outcome.ack_number(self.delivery_id);
        }
    }
}

/// serde-json-core, which allocates nothing.
pub(crate) fn serde_json_core() -> impl FnMut(&[u8], &mut Outcome) {
    let mut lines = Lines::new();
    move |stream, outcome| {
        lines.each(stream, |line| {
            let (event, _) = serde_json_core::from_slice::<PlainEvent<'_>>(line).expect("JSON");
            event.handle(outcome);
        });
    }
}

/// simd-json, with its buffers kept.
pub(crate) fn simd_json() -> impl FnMut(&[u8], &mut Outcome) {
    let mut lines = Lines::new();
    let mut buffers = simd_json::Buffers::new(4096);
    move |stream, outcome| {
        lines.each(stream, |line| {
            let event: PlainEvent<'_> =
                simd_json::serde::from_slice_with_buffers(line, &mut buffers).expect("JSON");
            event.handle(outcome);
        });
    }
}

#[derive(Deserialize)]
struct LazyEvent<'a> {
    #[serde(borrow)]
    cmd: Cow<'a, str>,
    #[serde(borrow)]
    delivery_id: LazyValue<'a>,
    #[serde(borrow)]
    event_type: Cow<'a, str>,
    #[serde(borrow)]
    did: Cow<'a, str>,
    created_at: f64,
    #[serde(borrow)]
    data: Option<LazyValue<'a>>,
}

/// sonic-rs into a struct of lazy values.
pub(crate) fn sonic_rs() -> impl FnMut(&[u8], &mut Outcome) {
    let mut lines = Lines::new();
    move |stream, outcome| {
        lines.each(stream, |line| {
            let event: LazyEvent<'_> = sonic_rs::from_slice(line).expect("JSON");
            std::hint::black_box(&event.data);
            if event.cmd == PUSH {
                outcome.event(
                    kind(&event.event_type),
                    &event.did,
                    millis(event.created_at),
                );
                outcome.ack(event.delivery_id.as_raw_str().as_bytes());
            }
        });
    }
}

/// The same lines as the payloads of MQTT messages.
pub(crate) fn mqtt_stream(stream: &[u8]) -> Vec<u8> {
    let mut packets = BytesMut::new();
    let lines = stream.split_inclusive(|byte| *byte == b'\n');
    for (line, id) in lines.zip((1..=u16::MAX).cycle()) {
        let mut publish = Publish::new(
            "app2dev/gSFMEh75kSQ46ecqAYiJ4h/status",
            QoS::AtLeastOnce,
            line,
        );
        publish.pkid = id;
        publish.write(&mut packets).expect("a packet");
    }
    packets.to_vec()
}

/// An MQTT decoder that acks each message and does not look at its payload.
pub(crate) fn mqtt() -> impl FnMut(&[u8], &mut Outcome) {
    let mut received = BytesMut::with_capacity(4 * READ);
    let mut acks = BytesMut::with_capacity(4 * READ);
    move |stream, outcome| {
        for read in stream.chunks(READ) {
            received.extend_from_slice(read);
            while let Ok(packet) = mqttbytes::v4::read(&mut received, READ) {
                if let Packet::Publish(publish) = packet {
                    std::hint::black_box(&publish.payload);
                    outcome.events += 1;
                    PubAck::new(publish.pkid).write(&mut acks).expect("memory");
                }
            }
            outcome.acks.extend_from_slice(&acks);
            acks.clear();
        }
    }
}

/// The floor of every client of lines: finding where they end.
pub(crate) fn count_newlines() -> impl FnMut(&[u8], &mut Outcome) {
    |stream, outcome| {
        for read in stream.chunks(READ) {
            outcome.events += memchr::memchr_iter(b'\n', std::hint::black_box(read)).count();
        }
    }
}

/// The floor of every client: moving the bytes once.
pub(crate) fn copy() -> impl FnMut(&[u8], &mut Outcome) {
    let mut buffer = vec![0; READ];
    move |stream, _| {
        for read in stream.chunks(READ) {
            buffer[..read.len()].copy_from_slice(std::hint::black_box(read));
            std::hint::black_box(&mut buffer);
        }
    }
}
