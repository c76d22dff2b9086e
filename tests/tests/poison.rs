//! Lines that cannot be delivered as events, in `noti listen`: kept aside, held, or lost on request.

use std::path::Path;

use noti_tests::figure::{figure, scaled};
use noti_tests::listener::{Listener, Listening};
use noti_tests::process;
use noti_tests::scripted::{Peer, Server, ack, event, wait_until};
use serde_json::Value;

fn listener(server: &Server) -> Listener {
    Listener::new(server.address(), server.ca_pem())
}

/// A dead letter: its reason, its length, and the bytes that its parts make.
fn dead_letters(file: &Path) -> Vec<(String, u64, Vec<u8>)> {
    let text = std::fs::read_to_string(file).expect("dead letters are UTF-8");
    assert!(text.is_empty() || text.ends_with('\n'), "whole lines");
    text.lines()
        .map(|line| {
            let letter: Value = serde_json::from_str(line).expect("a dead letter is JSON");
            assert!(letter["time"].as_str().expect("a time").ends_with('Z'));
            let mut bytes = Vec::new();
            for part in letter["parts"].as_array().expect("parts") {
                match (part["text"].as_str(), part["base64"].as_str()) {
                    (Some(text), None) => bytes.extend_from_slice(text.as_bytes()),
                    (None, Some(text)) => bytes.extend(base64(text)),
                    _ => panic!("{part}"),
                }
            }
            let reason = letter["reason"].as_str().expect("a reason").to_owned();
            (reason, letter["length"].as_u64().expect("a length"), bytes)
        })
        .collect()
}

fn base64(text: &str) -> Vec<u8> {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digits = text.bytes().filter(|byte| *byte != b'=');
    let digits: Vec<_> = digits
        .map(|byte| {
            ALPHABET
                .iter()
                .position(|digit| *digit == byte)
                .expect("base64")
        })
        .collect();
    let mut bytes = Vec::new();
    for group in digits.chunks(4) {
        let mut word = 0;
        for place in 0..4 {
            word = word << 6 | group.get(place).copied().unwrap_or(0);
        }
        let all = [(word >> 16) as u8, (word >> 8) as u8, word as u8];
        bytes.extend_from_slice(&all[..group.len() - 1]);
    }
    bytes
}

/// A push of which the id comes last, after this padding.
fn push(padding: &[u8], id: &str) -> Vec<u8> {
    [
        b"{\"cmd\":\"enterprise_event_push\",\"padding\":\"",
        padding,
        b"\",\"delivery_id\":",
        id.as_bytes(),
        b"}\n",
    ]
    .concat()
}

fn events(ids: &[&str]) -> Vec<u8> {
    ids.iter().flat_map(|id| event(id)).collect()
}

fn without_newline(line: &[u8]) -> Vec<u8> {
    line.strip_suffix(b"\n").unwrap().to_vec()
}

fn stop(listening: Listening, mut peer: Peer) -> String {
    listening.signal("TERM");
    assert_eq!(peer.next_line(), None, "no ack, no ping");
    peer.close();
    let finished = listening.finish();
    assert_eq!(finished.code(), Some(0), "{}", finished.stderr);
    finished.stderr
}

#[test]
fn dead_letters_are_in_the_file_byte_for_byte_before_they_are_acked() {
    let server = Server::start();
    let listener = listener(&server);
    let file = listener.path("dead");
    let listening = listener
        .args(&[
            "--max-line",
            "1KiB",
            "--dead-letter",
            file.to_str().unwrap(),
        ])
        .start();
    let mut peer = server.log_in();
    // Characters of three bytes, which parts of a KiB break; then bytes that are no text, whole and broken off.
    let long = push("传感器".repeat(700).as_bytes(), "1");
    let binary: Vec<u8> = (0..3000)
        .map(|n| (n % 256) as u8)
        .filter(|b| *b != b'\n')
        .collect();
    let broken = push(&[b"x".repeat(1500), b"\xe4\xbc".to_vec()].concat(), "\"b\"");
    let lines = [
        ("oversize", long, Some("1")),
        ("oversize", push(&binary, "2"), None),
        ("oversize", broken, None),
        ("malformed", push(b"\xff\xfe\x00", "4"), Some("4")),
        (
            "malformed",
            b"{\"cmd\":\"enterprise_event_push\",\"delivery_id\":5,}\n".to_vec(),
            Some("5"),
        ),
        ("malformed", b"No Heartbeat!\n".to_vec(), None),
    ];
    let mut expected = Vec::new();
    for (reason, line, id) in lines {
        peer.send(&line);
        expected.push((reason, without_newline(&line)));
        match id {
            // The ack has come: by now it is all in the file.
            Some(id) => while peer.line() != ack(id) {},
            None => wait_until("a dead letter", || {
                std::fs::read_to_string(&file).is_ok_and(|text| {
                    text.ends_with('\n') && text.lines().count() == expected.len()
                })
            }),
        }
        let letters = dead_letters(&file);
        assert_eq!(letters.len(), expected.len());
        for ((said, length, bytes), (reason, line)) in letters.iter().zip(&expected) {
            assert!(said.starts_with(reason), "{said}");
            assert_eq!(bytes, line, "{said}");
            assert_eq!(*length, line.len() as u64);
        }
    }
    let stderr = stop(listening, peer);
    assert!(stderr.contains("in the dead-letter file"), "{stderr}");
}

/// What is acked is in the file that the path leads to: not in one that was moved aside or removed. SIGHUP, which a
/// rotation sends, does not end the process though there is no `--output`.
#[test]
fn dead_letters_follow_a_rotation() {
    let server = Server::start();
    let listener = listener(&server);
    let (file, aside) = (listener.path("dead"), listener.path("dead.1"));
    let listening = listener
        .args(&["--dead-letter", file.to_str().unwrap()])
        .start();
    let mut peer = server.log_in();
    let mut keeps = |id: &str| {
        let line = push(b"\xff", id);
        peer.send(&line);
        assert_eq!(peer.line_but_pings(), ack(id));
        let letters = dead_letters(&file);
        let (_, _, bytes) = letters.last().expect("a dead letter");
        assert_eq!(*bytes, without_newline(&line));
        letters.len()
    };
    assert_eq!(keeps("1"), 1);
    std::fs::rename(&file, &aside).unwrap();
    listening.signal("HUP");
    assert_eq!(keeps("2"), 1, "in a file of its own");
    std::fs::remove_file(&file).unwrap();
    assert_eq!(keeps("3"), 1);
    assert_eq!(keeps("4"), 2);
    assert_eq!(dead_letters(&aside).len(), 1);
    let stderr = stop(listening, peer);
    assert!(stderr.contains("was moved or removed"), "{stderr}");
}

#[test]
fn a_dead_letter_is_written_in_a_few_pieces() {
    let server = Server::start();
    let listener = listener(&server);
    let file = listener.path("dead");
    let listening = listener
        .args(&["--dead-letter", file.to_str().unwrap()])
        .start();
    let mut peer = server.log_in();
    peer.push("1");
    assert_eq!(peer.line(), ack("1"));
    let before = process::writes(listening.id());
    // Each quote has to be escaped.
    let quotes = "\"x\",".repeat(8000);
    let line =
        format!("{{\"cmd\":\"enterprise_event_push\",\"delivery_id\":2,\"data\":[{quotes}]}}\n");
    peer.send(line.as_bytes());
    assert_eq!(peer.line_but_pings(), ack("2"));
    // Wake-ups and the warning are writes, too.
    let writes = process::writes(listening.id()) - before;
    assert!(writes < 100, "{writes} writes");
    figure(format!("{} bytes in {writes} writes", line.len()));
    let (_, _, bytes) = &dead_letters(&file)[0];
    assert_eq!(*bytes, without_newline(line.as_bytes()));
    stop(listening, peer);
}

#[test]
fn a_long_line_that_is_cut_leaves_nothing_behind() {
    let server = Server::start();
    let listener = listener(&server);
    let file = listener.path("dead");
    let listening = listener
        .args(&[
            "--max-line",
            "1KiB",
            "--dead-letter",
            file.to_str().unwrap(),
        ])
        .start();
    let line = push(&[b'x'; 5000], "1");
    let mut first = server.log_in();
    first.send(&line[..3000]);
    first.cut();
    listening.says("broke off");
    let mut second = server.log_in();
    second.send(&line);
    assert_eq!(second.line(), ack("1"));
    assert_eq!(dead_letters(&file).len(), 1);
    // The parts have been written once the file has grown.
    let before = std::fs::metadata(&file).unwrap().len();
    second.send(&line[..3000]);
    wait_until("the beginning of a dead letter", || {
        std::fs::metadata(&file).unwrap().len() > before
    });
    stop(listening, second);
    // The folder is gone with the listener; what counts is that the exit was clean.
}

#[test]
fn a_line_of_many_megabytes_costs_no_memory() {
    let megabytes = scaled(5, 50) as usize;
    let server = Server::start();
    let listener = listener(&server);
    let file = listener.path("dead");
    let listening = listener
        .args(&["--dead-letter", file.to_str().unwrap()])
        .start();
    let mut peer = server.log_in();
    peer.push("1");
    assert_eq!(peer.line(), ack("1"));
    let before = process::kib(listening.id(), "VmHWM");

    peer.send(b"{\"cmd\":\"enterprise_event_push\",\"padding\":\"");
    let piece = [b'x'; 64 * 1024];
    for _ in 0..megabytes * 16 {
        peer.send(&piece);
    }
    peer.send(b"\",\"delivery_id\":2}\n");
    assert_eq!(peer.line_but_pings(), ack("2"));

    let grown = process::kib(listening.id(), "VmHWM") - before;
    let length = std::fs::metadata(&file).unwrap().len();
    assert!(length > (megabytes * 1024 * 1024) as u64);
    assert!(grown < 3 * 1024, "grew by {grown} KiB");
    figure(format!(
        "{megabytes} MiB in one line, RSS grew by {grown} KiB"
    ));
    stop(listening, peer);
}

#[test]
fn without_a_file_they_are_held_until_they_fill_the_window() {
    let server = Server::start();
    let listening = listener(&server)
        .args(&["--prefetch", "3", "--max-line", "1KiB"])
        .start();
    let mut peer = server.log_in();
    peer.send(&push(&[b'x'; 2000], "1"));
    listening.says("oversize line: not acked");
    peer.send(&push(b"\xff", "2"));
    listening.says("malformed");
    peer.push("3");
    assert_eq!(peer.line(), ack("3"));
    peer.send(&push(b"\xff", "4"));
    assert_eq!(peer.next_line(), None, "nothing of them is acked");
    peer.close();

    let finished = listening.finish();
    assert_eq!(finished.code(), Some(65), "{}", finished.stderr);
    assert!(
        finished.stderr.contains("--dead-letter"),
        "{}",
        finished.stderr
    );
    assert_eq!(finished.stdout, event("3"));
}

#[test]
fn they_are_acked_and_lost_on_request() {
    let server = Server::start();
    let listening = listener(&server)
        .args(&["--poison", "ack", "--prefetch", "1", "--max-line", "1KiB"])
        .start();
    let mut peer = server.log_in();
    for id in ["1", "2", "3"] {
        peer.send(&push(&[b'x'; 2000], id));
        assert_eq!(peer.line(), ack(id));
        listening.says("oversize line: acked, and lost");
        let quoted = format!("\"{id}\"");
        peer.send(&push(b"\xff", &quoted));
        assert_eq!(peer.line(), ack(&quoted));
        listening.says("acked, and lost");
    }
    peer.push("4");
    assert_eq!(peer.line(), ack("4"));
    stop(listening, peer);
}

/// Nothing can ack an event without a usable id: it keeps its place in the server's window, whatever the policy.
#[test]
fn events_without_an_id_fill_the_window_under_every_policy() {
    let nameless = b"{\"cmd\":\"enterprise_event_push\"}\n";
    let long = b"{\"cmd\":\"enterprise_event_push\",\"delivery_id\":[],\"padding\":\"";
    let long = [long.as_slice(), &[b'x'; 2000], b"\"}\n"].concat();
    for policy in ["hold", "ack", "dead letter"] {
        let server = Server::start();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("dead");
        let policy = match policy {
            "dead letter" => ["--dead-letter", file.to_str().unwrap()],
            policy => ["--poison", policy],
        };
        let listening = listener(&server)
            .args(&["--prefetch", "3", "--max-line", "1KiB"])
            .args(&policy)
            .start();
        let mut peer = server.log_in();
        peer.send(nameless);
        peer.send(b"{\"cmd\":\"enterprise_pong\",\n");
        peer.push("1");
        assert_eq!(peer.line(), ack("1"));
        peer.send(&long);
        peer.push("2");
        assert_eq!(peer.line(), ack("2"));
        peer.send(nameless);
        assert_eq!(peer.next_line(), None, "nothing else is acked");
        peer.close();
        let finished = listening.finish();
        assert_eq!(finished.code(), Some(65), "{}", finished.stderr);
        assert_eq!(finished.stdout, events(&["1", "2"]));
        if policy[0] == "--dead-letter" {
            assert_eq!(dead_letters(&file).len(), 4);
        }
    }
}

/// An ack of poison that a cut has lost is no event that was written.
#[test]
fn a_lost_ack_of_poison_does_not_count() {
    let server = Server::start();
    let listening = listener(&server)
        .args(&["--poison", "ack", "--count", "2"])
        .start();
    // Its ack waits for the login, which is never answered.
    let mut first = server.accept();
    assert!(first.line().contains("enterprise_login_req"));
    first.send(&push(b"\xff", "1"));
    listening.says("acked, and lost");
    first.cut();
    let mut second = server.log_in();
    second.send(&push(b"\xff", "2"));
    assert_eq!(second.line(), ack("2"));
    for id in ["3", "4"] {
        second.push(id);
        assert_eq!(second.line(), ack(id));
    }
    assert_eq!(second.next_line(), None);
    second.close();
    let finished = listening.finish();
    assert_eq!(finished.code(), Some(0), "{}", finished.stderr);
    assert_eq!(finished.stdout, events(&["3", "4"]));
}
