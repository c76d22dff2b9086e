//! What `noti listen` tells people about its server: enough to act on, no secret, and no flood.

use noti_tests::listener::{ENTERPRISE_SECRET, Listener};
use noti_tests::scripted::{Server, ack};

/// An answer with these words, which may hold anything.
fn invalid_msg(code: u32, msg: &str) -> Vec<u8> {
    let msg = serde_json::to_string(msg).unwrap();
    format!("{{\"cmd\":\"invalid_msg\",\"error_code\":{code},\"msg\":{msg}}}\n").into_bytes()
}

#[test]
fn a_server_that_repeats_the_login_does_not_bring_the_secret_to_light() {
    let server = Server::start();
    let listening = Listener::new(server.address(), server.ca_pem())
        .args(&["--no-reconnect"])
        .start();
    let mut peer = server.log_in();
    // As it is, and where only its beginning is among the words that are shown.
    peer.send(&invalid_msg(4009, ENTERPRISE_SECRET));
    peer.send(&invalid_msg(4010, &("x".repeat(990) + ENTERPRISE_SECRET)));
    peer.close();
    let finished = listening.finish();
    assert_eq!(
        finished.stderr.matches("***").count(),
        2,
        "{}",
        finished.stderr
    );
    assert!(!finished.stderr.contains("s3cr3t"), "{}", finished.stderr);

    let listening = Listener::new(server.address(), server.ca_pem()).start();
    let mut peer = server.accept();
    // The secret is in it as JSON has it.
    let login = peer.line();
    assert!(login.contains("s3cr3t"));
    peer.send(&invalid_msg(4001, &login));
    drop(peer);
    let finished = listening.finish();
    assert_eq!(finished.code(), Some(77));
    assert!(finished.stderr.contains("***"), "{}", finished.stderr);
    assert!(!finished.stderr.contains("s3cr3t"), "{}", finished.stderr);
}

#[test]
fn a_complaint_of_the_server_is_told_once_per_connection_and_code() {
    let server = Server::start();
    let listening = Listener::new(server.address(), server.ca_pem()).start();
    for _ in 0..2 {
        let mut peer = server.log_in();
        for code in [4009, 4010, 4009, 4010, 4009] {
            peer.send(&invalid_msg(code, "what?"));
        }
        // There are so many codes, and one line each would be too many.
        for code in 5000..5100 {
            peer.send(&invalid_msg(code, "and this?"));
        }
        peer.push("1");
        assert_eq!(peer.line(), ack("1"));
        peer.close();
    }
    listening.signal("TERM");
    let finished = listening.finish();
    let times = |words: &str| finished.stderr.matches(words).count();
    assert_eq!(
        (times("4009"), times("4010")),
        (2, 2),
        "{}",
        finished.stderr
    );
    assert_eq!(times("could not make sense"), 2 * 16);
}
