//! What people are told on stderr, and that telling them holds nothing up.
#![cfg(unix)]

use std::io::{BufRead as _, BufReader, Read as _};

use noti_tests::listener::{Listener, Listening};
use noti_tests::scripted::{Peer, Server, ack, wait_until};
use noti_tests::terminal::Terminal;
use noti_tests::{pipe, process};
use serde_json::Value;

fn listener(server: &Server) -> Listener {
    Listener::new(server.address(), server.ca_pem())
}

/// Some connections, each of which brings an event and is cut.
fn live_through(server: &Server, connections: usize) {
    for _ in 0..connections {
        let mut peer = server.log_in();
        peer.push("1");
        assert_eq!(peer.line_but_pings(), ack("1"));
        peer.cut();
    }
}

/// Ends it with one signal, and gives its exit code. Whatever it says meanwhile is not waited for.
fn stop(listening: Listening, peer: Peer) -> Option<i32> {
    listening.signal("TERM");
    peer.cut();
    wait_until("its end", || process::state(listening.id()) == 'Z');
    listening.finish().code()
}

#[test]
fn an_unread_stderr_holds_up_neither_the_session_nor_the_end() {
    let server = Server::start();
    let (reader, stderr, _) = pipe::full();
    let listening = listener(&server)
        .args(&["--ping-interval", "20ms", "-vv"])
        .start_with_stderr(stderr.into());
    live_through(&server, 5);
    let mut peer = server.log_in();
    for _ in 0..5 {
        assert!(peer.line().contains("enterprise_ping"));
        peer.send(b"{\"cmd\":\"enterprise_pong\"}\n");
    }
    assert_eq!(stop(listening, peer), Some(0));
    drop(reader);
}

#[test]
fn a_terminal_that_is_stopped_holds_up_neither_the_session_nor_the_end() {
    let server = Server::start();
    let terminal = Terminal::new(24, 110);
    let listening = listener(&server)
        .args(&["--format", "pretty"])
        .env("TERM", "xterm")
        .start_with_stderr(terminal.output());
    live_through(&server, 1);
    terminal.wait_for("events/s");
    terminal.hold();
    live_through(&server, 5);
    let peer = server.log_in();
    assert_eq!(stop(listening, peer), Some(0));
}

#[test]
fn a_stderr_that_is_gone_changes_no_exit_code() {
    let server = Server::start();
    let (reader, stderr) = std::io::pipe().unwrap();
    drop(reader);
    let listening = listener(&server).start_with_stderr(stderr.into());
    let mut peer = server.accept();
    assert!(peer.line().contains("enterprise_login_req"));
    peer.send(b"{\"cmd\":\"enterprise_login_res\",\"data\":{\"result\":false,\"msg\":\"no\"}}\n");
    peer.cut();
    assert_eq!(listening.finish().code(), Some(77));
}

fn json(text: &str) -> Vec<Value> {
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}")))
        .collect()
}

/// A malformed event of this length.
fn malformed(length: usize) -> Vec<u8> {
    let mut line = b"{\"cmd\":\"enterprise_event_push\",\"delivery_id\":7,\"a\":\"".to_vec();
    line.resize(length, b'\xff');
    line.push(b'\n');
    line
}

#[test]
fn lines_that_nobody_reads_in_time_are_counted_where_they_are_missing() {
    const SAID: u64 = 3000;
    const SHORTEST: u64 = 100;
    let server = Server::start();
    let (reader, stderr, held) = pipe::full();
    let listening = listener(&server)
        .args(&["--poison", "ack", "--log-format", "json"])
        .start_with_stderr(stderr.into());
    let mut peer = server.log_in();
    for number in 0..SAID {
        peer.send(&malformed((SHORTEST + number) as usize));
        assert_eq!(peer.line_but_pings(), ack("7"));
    }
    // What is acked now came after all of them, and is done before what comes next.
    for id in ["8", "9"] {
        peer.push(id);
        assert_eq!(peer.line_but_pings(), ack(id));
    }
    let mut stderr = BufReader::new(reader);
    stderr.read_exact(&mut vec![0; held]).unwrap();
    let mut kept = 0;
    let missing = loop {
        let mut line = String::new();
        stderr.read_line(&mut line).unwrap();
        let said = &json(&line)[0];
        if let Some(length) = said["fields"]["length"].as_u64() {
            assert_eq!(length, SHORTEST + kept, "in their order");
            kept += 1;
        } else if let Some(missing) = said["fields"]["lines"].as_u64() {
            assert_eq!(said["level"], "ERROR");
            break missing;
        }
    };
    assert!(kept > 1000, "{kept}");
    assert_eq!(missing, SAID - kept);

    // From there on all is said again.
    peer.cut();
    let peer = server.log_in();
    assert_eq!(stop(listening, peer), Some(0));
    let mut rest = String::new();
    stderr.read_to_string(&mut rest).unwrap();
    let rest = json(&rest);
    assert_eq!(rest[1]["fields"]["message"], "connecting anew", "{rest:?}");
    assert_eq!(rest[2]["fields"]["message"], "connected", "{rest:?}");
}

/// One connection that the server ends, and another until a signal; 201 events.
fn two_connections(arguments: &[&str]) -> String {
    let server = Server::start();
    let listening = listener(&server).args(arguments).start();
    let mut first = server.log_in();
    for id in 0..200 {
        first.push(&id.to_string());
        assert_eq!(first.line(), ack(&id.to_string()));
    }
    first.close();
    let mut second = server.log_in();
    second.push("1");
    assert_eq!(second.line(), ack("1"));
    listening.signal("TERM");
    assert_eq!(second.next_line(), None);
    second.close();
    let finished = listening.finish();
    assert_eq!(finished.code(), Some(0), "{}", finished.stderr);
    finished.stderr
}

#[test]
fn each_change_of_the_connection_is_one_line_and_no_event_is() {
    let stderr = two_connections(&["--log-format", "json"]);
    let said = json(&stderr);
    let messages: Vec<_> = said
        .iter()
        .map(|line| {
            assert!(line["timestamp"].as_str().unwrap().ends_with('Z'));
            let message = line["fields"]["message"].as_str().unwrap();
            (line["level"].as_str().unwrap(), message)
        })
        .collect();
    let [connected, logged_in, (level, disconnected), anew, rest @ ..] = messages.as_slice() else {
        panic!("{stderr}");
    };
    let start = [("INFO", "connected"), ("INFO", "logged in")];
    assert_eq!([*connected, *logged_in], start);
    assert_eq!(*level, "WARN");
    assert!(disconnected.contains("closed"), "{disconnected}");
    assert_eq!(*anew, ("INFO", "connecting anew"));
    assert_eq!(rest, start);
}

#[test]
fn text_says_the_same_in_a_line_each() {
    let stderr = two_connections(&[]);
    let lines: Vec<_> = stderr.lines().collect();
    let expected = [
        "INFO connected address=127.0.0.1:",
        "INFO logged in",
        "WARN ",
        "INFO connecting anew delay=",
        "INFO connected address=127.0.0.1:",
        "INFO logged in",
    ];
    assert_eq!(lines.len(), expected.len(), "{stderr}");
    for (line, expected) in lines.iter().zip(expected) {
        assert!(line.contains(expected), "{line}");
    }
}

#[test]
fn a_quiet_noti_says_nothing_of_what_mends_itself() {
    assert_eq!(two_connections(&["-q"]), "");
}

#[test]
fn a_server_that_says_nothing_before_the_first_login_may_miss_the_address_on_its_list() {
    let server = Server::start();
    let listening = Listener::new(server.address(), server.ca_pem())
        .args(&["--login-timeout", "100ms"])
        .start();
    // It hangs up before TLS, then after the login, and then does not answer.
    drop(server.accept_plain());
    server.accept().close();
    let silent = server.accept();
    listening.says("did not answer the login in time");
    drop(silent);
    server.log_in().close();
    listening.signal("TERM");
    let finished = listening.finish();
    let hints = finished.stderr.matches("IP allow-list").count();
    assert_eq!(hints, 1, "{}", finished.stderr);

    let listening = Listener::new(server.address(), server.ca_pem()).start();
    server.log_in().close();
    server.accept().close();
    server.log_in().close();
    listening.signal("TERM");
    let finished = listening.finish();
    assert!(
        !finished.stderr.contains("allow-list"),
        "{}",
        finished.stderr
    );
}
