//! Where events go, and signals meanwhile.

use std::fs::{File, OpenOptions};
use std::io::Read as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use noti_broker::{Account, Broker, GeneratorConfig, Source};
use noti_tests::listener::{ENTERPRISE_ID, ENTERPRISE_SECRET, Listener, Listening, lines};
use noti_tests::scripted::{PATIENCE, Server, ack, event, wait_until};
use noti_tests::{pipe, process};

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

/// Waits until its output takes nothing any more: pings come and go, events wait, and none of them is acked.
fn wait_until_blocked(broker: &Broker) {
    let mut known = None;
    wait_until("a blocked output", || {
        let before = broker.report().totals;
        broker
            .wait_until(PATIENCE, |totals| totals.pings >= before.pings + 10)
            .unwrap();
        let state = Some((before.acked, before.in_flight));
        let is_same = before.in_flight > 0 && known == state;
        known = state;
        is_same
    });
}

/// Sends a signal until it ends by it: two that come together count as one.
fn insist(listening: &Listening, signal: &str) {
    wait_until("its end", || {
        let has_ended = process::state(listening.id()) == 'Z';
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
        wait_until_blocked(&broker);
        insist(&listening, signal);
        drop(stdout);
        let finished = listening.finish();
        assert_eq!(finished.code(), Some(code), "{}", finished.stderr);
        assert_eq!(finished.status.signal(), None);
    }
}

fn make_fifo(path: &Path) {
    let made = std::process::Command::new("mkfifo").arg(path).status();
    assert!(made.unwrap().success());
}

#[test]
fn a_rotation_of_a_blocked_output_does_not_keep_it_from_ending() {
    let broker = broker();
    let listener = Listener::new(broker.address(), broker.ca_pem());
    let fifo = listener.path("fifo");
    make_fifo(&fifo);
    // Open both ways, a FIFO waits for nobody.
    let reader = OpenOptions::new().read(true).write(true).open(&fifo);
    let reader = reader.unwrap();
    let listening = listener
        .args(&[
            "--output",
            fifo.to_str().unwrap(),
            "--ping-interval",
            "20ms",
        ])
        .start();
    wait_until_blocked(&broker);

    listening.signal("HUP");
    insist(&listening, "TERM");

    assert_eq!(listening.finish().code(), Some(143));
    drop(reader);
}

#[test]
fn a_rotation_that_never_ends_holds_up_neither_events_nor_the_end() {
    let server = Server::start();
    let listener = Listener::new(server.address(), server.ca_pem());
    let file = listener.path("events");
    let listening = listener.args(&["--output", file.to_str().unwrap()]).start();
    let mut peer = server.log_in();
    peer.push("1");
    assert_eq!(peer.line(), ack("1"));
    let aside = listening.path("aside");
    std::fs::rename(&file, &aside).unwrap();
    // Whoever opens it waits for a reader, who does not come.
    make_fifo(&file);
    for id in ["2", "3"] {
        listening.signal("HUP");
        peer.push(id);
        assert_eq!(peer.line(), ack(id));
    }
    let written: Vec<_> = ["1", "2", "3"].into_iter().flat_map(event).collect();
    assert_eq!(std::fs::read(&aside).unwrap(), written);

    listening.signal("TERM");
    peer.cut();
    let finished = listening.finish();
    assert_eq!(finished.code(), Some(0), "{}", finished.stderr);
}

#[test]
fn a_file_that_was_not_moved_is_gone_on_with() {
    let server = Server::start();
    let listener = Listener::new(server.address(), server.ca_pem());
    let file = listener.path("events");
    let listening = listener.args(&["--output", file.to_str().unwrap()]).start();
    let mut peer = server.log_in();
    listening.signal("HUP");
    listening.says("output opened anew");
    peer.push("1");
    assert_eq!(peer.line(), ack("1"));
    assert_eq!(std::fs::read(&file).unwrap(), event("1"));
    // It is still its own.
    let second = Listener::new(server.address(), server.ca_pem())
        .args(&["--output", file.to_str().unwrap(), "--no-reconnect"])
        .run();
    assert_eq!(second.code(), Some(74), "{}", second.stderr);
}

fn appended_to(file: &Path) -> File {
    let mut options = OpenOptions::new();
    options.append(true).create(true).open(file).unwrap()
}

/// A command that cannot start touches no file, and one that starts keeps what is not noti's.
#[test]
fn a_file_of_somebody_else_keeps_what_it_has() {
    const NOTES: &str = "notes\nwithout an end";
    let broker = broker();
    let folder = tempfile::tempdir().unwrap();
    let (output, dead) = (folder.path().join("notes"), folder.path().join("dead"));
    for file in [&output, &dead] {
        std::fs::write(file, NOTES).unwrap();
    }
    let listen = |more: &[&str]| {
        Listener::new(broker.address(), broker.ca_pem())
            .args(&["--output", output.to_str().unwrap()])
            .args(&["--dead-letter", dead.to_str().unwrap()])
            .args(more)
            .run()
    };
    let read = |file: &Path| std::fs::read_to_string(file).unwrap();

    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let finished = listen(&["--metrics", &taken]);
    assert_eq!(finished.code(), Some(2), "{}", finished.stderr);
    assert_eq!((read(&output), read(&dead)), (NOTES.into(), NOTES.into()));

    let finished = listen(&["--count", "1"]);
    assert_eq!(finished.code(), Some(0), "{}", finished.stderr);
    let text = read(&output);
    let event = text.strip_prefix(&format!("{NOTES}\n"));
    assert!(event.is_some_and(|event| event.starts_with('{')), "{text}");
    assert_eq!(read(&dead), format!("{NOTES}\n"));
}

#[test]
fn a_file_has_one_writer() {
    let server = Server::start();
    let listener = Listener::new(server.address(), server.ca_pem());
    let file = listener.path("events");
    let path = file.to_str().unwrap();
    let listening = listener.args(&["--output", path]).start();
    let mut peer = server.log_in();
    // As the first one leaves it when it is stopped in the middle of a line.
    std::fs::write(&file, "half of a li").unwrap();

    let other = || Listener::new(server.address(), server.ca_pem()).args(&["--no-reconnect"]);
    for (second, expected) in [
        (other().args(&["--output", path]), path),
        (other().args(&["--dead-letter", path]), path),
        (other().stdout(appended_to(&file).into()), "stdout"),
    ] {
        let finished = second.run();
        assert_eq!(finished.code(), Some(74), "{}", finished.stderr);
        let expected = format!("{expected} cannot be used: it is being written already");
        assert!(finished.stderr.contains(&expected), "{}", finished.stderr);
    }
    assert_eq!(std::fs::read(&file).unwrap(), b"half of a li");
    peer.push("1");
    assert_eq!(peer.line(), ack("1"));
    drop(listening);

    let both = other()
        .args(&["--output", path, "--dead-letter", path])
        .run();
    assert_eq!(both.code(), Some(74), "{}", both.stderr);
}

#[test]
fn a_stdout_that_does_not_block_is_waited_for() {
    let broker = broker();
    let (mut reader, stdout, held) = pipe::full();
    pipe::set_blocking(&stdout, false);
    let listening = Listener::new(broker.address(), broker.ca_pem())
        .args(&["--count", "2000", "--ping-interval", "20ms"])
        .stdout(stdout.into())
        .start();
    broker
        .wait_until(PATIENCE, |totals| totals.pings >= 5)
        .unwrap();
    assert_eq!(broker.report().totals.acked, 0);
    let mut printed = Vec::new();
    reader.read_to_end(&mut printed).unwrap();
    let finished = listening.finish();
    assert_eq!(finished.code(), Some(0), "{}", finished.stderr);
    assert_eq!(lines(&printed[held..]).count(), 2000);
}

#[test]
fn a_stdout_that_leads_nowhere_is_told_of() {
    for closed in [true, false] {
        let broker = broker();
        let listener = Listener::new(broker.address(), broker.ca_pem()).args(&["--count", "1"]);
        let finished = if closed {
            listener.without_stdout().run()
        } else {
            listener.stdout(Stdio::null()).run()
        };
        assert_eq!(finished.code(), Some(0), "{}", finished.stderr);
        let said = finished.stderr.contains("events are acked and gone");
        assert!(said, "{}", finished.stderr);
    }
}

#[test]
fn a_stdout_that_ends_in_the_middle_of_a_line_spoils_no_event() {
    let server = Server::start();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("events");
    for (left, begun) in [
        ("", ""),
        ("whole\n", "whole\n"),
        ("half of a li", "half of a li\n"),
    ] {
        std::fs::write(&file, left).unwrap();
        let listening = Listener::new(server.address(), server.ca_pem())
            .args(&["--count", "1"])
            .stdout(appended_to(&file).into())
            .start();
        let mut peer = server.log_in();
        peer.push("1");
        assert_eq!(peer.line(), ack("1"));
        peer.close();
        let finished = listening.finish();
        assert_eq!(finished.code(), Some(0), "{}", finished.stderr);
        let expected = [begun.as_bytes(), &event("1")].concat();
        assert_eq!(std::fs::read(&file).unwrap(), expected);
        assert_eq!(finished.stderr.contains("unfinished line"), left != begun);
    }
}
