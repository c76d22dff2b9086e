//! Where events go, and signals meanwhile.

use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::time::Duration;

use noti_std::Broker;
use noti_std::broker::{Account, GeneratorConfig, Source};
use noti_tests::listener::{ENTERPRISE_ID, ENTERPRISE_SECRET, Listener, Listening, lines};
use noti_tests::scripted::{PATIENCE, wait_until};

fn broker() -> Broker {
    let source = Source::generate(GeneratorConfig::default())
        .unwrap()
        .rate(2000.0);
    Broker::builder()
        .account(Account::new(ENTERPRISE_ID, ENTERPRISE_SECRET).source(source))
        .start()
        .unwrap()
}

/// The ids of the events in a file; they grow by one from event to event.
fn ids(file: &Path) -> Vec<u64> {
    let written = std::fs::read(file).unwrap();
    assert!(written.is_empty() || written.ends_with(b"\n"));
    lines(&written)
        .map(|line| {
            let line: serde_json::Value = serde_json::from_slice(line).unwrap();
            line["delivery_id"].as_u64().unwrap()
        })
        .collect()
}

#[test]
fn a_rotated_file_is_whole_and_a_new_one_takes_over() {
    let broker = broker();
    let listener = Listener::new(broker.address(), broker.ca_pem());
    let file = listener.path("events");
    let listening = listener.args(&["--output", file.to_str().unwrap()]).start();
    let mut rotated = Vec::new();
    for number in 0..5 {
        wait_until("events", || {
            std::fs::metadata(&file).is_ok_and(|file| file.len() > 10_000)
        });
        let aside = listening.path(&format!("events.{number}"));
        std::fs::rename(&file, &aside).unwrap();
        listening.signal("HUP");
        listening.says("output opened anew");
        rotated.push(aside);
    }
    rotated.push(file);
    listening.signal("TERM");
    // Its folder goes with it.
    let all: Vec<u64> = {
        wait_until("the last ack", || broker.report().open == 0);
        rotated.iter().flat_map(|file| ids(file)).collect()
    };
    assert_eq!(listening.finish().code(), Some(0));
    let acked = broker.stop().totals.acked;
    assert_eq!(all, (1..=acked).collect::<Vec<_>>());
}

/// Sends a signal until it ends by it: two that come together count as one.
fn insist(listening: &Listening, signal: &str) {
    let id = listening.id();
    wait_until("its end", || {
        let status = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
        // A zombie, until it is waited for.
        let has_ended = status.contains(") Z ");
        if !has_ended {
            listening.signal(signal);
        }
        std::thread::sleep(Duration::from_millis(20));
        has_ended
    });
}

#[test]
fn a_second_signal_ends_it_though_stdout_is_blocked() {
    for (signal, code) in [("TERM", 143), ("INT", 130)] {
        let broker = broker();
        let mut listening = Listener::new(broker.address(), broker.ca_pem())
            .args(&["--ping-interval", "20ms"])
            .start();
        let stdout = listening.take_stdout();
        // Pings go out once nothing else does: stdout is full.
        broker
            .wait_until(PATIENCE, |totals| totals.pings >= 10)
            .unwrap();
        insist(&listening, signal);
        drop(stdout);
        let finished = listening.finish();
        assert_eq!(finished.code(), Some(code), "{}", finished.stderr);
        assert_eq!(finished.status.signal(), None);
    }
}

#[test]
fn a_rotation_of_a_blocked_output_does_not_keep_it_from_ending() {
    let broker = broker();
    let listener = Listener::new(broker.address(), broker.ca_pem());
    let fifo = listener.path("fifo");
    let made = std::process::Command::new("mkfifo").arg(&fifo).status();
    assert!(made.unwrap().success());
    // Open both ways, a FIFO waits for nobody.
    let reader = std::fs::OpenOptions::new()
        .read(true)
        .write(true)
        .open(&fifo);
    let reader = reader.unwrap();
    let listening = listener
        .args(&[
            "--output",
            fifo.to_str().unwrap(),
            "--ping-interval",
            "20ms",
        ])
        .start();
    broker
        .wait_until(PATIENCE, |totals| totals.pings >= 10)
        .unwrap();

    listening.signal("HUP");
    insist(&listening, "TERM");

    assert_eq!(listening.finish().code(), Some(143));
    drop(reader);
}
