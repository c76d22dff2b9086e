//! `noti broker` as a process.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::process::Output;

use noti_tests::command::noti;
use noti_tests::listener::{ENTERPRISE_ID, ENTERPRISE_SECRET};
use noti_tests::serving::Serving;
use serde_json::json;

/// Runs `noti broker` with arguments that it cannot use.
fn refused(args: &[&str]) -> Output {
    noti()
        .args(["broker", "--enterprise-id", ENTERPRISE_ID])
        .args(args)
        .env("NOTI_ENTERPRISE_SECRET", ENTERPRISE_SECRET)
        .output()
        .unwrap()
}

#[test]
fn plain_tcp_needs_nothing_but_a_socket_and_says_that_it_is_plain() {
    let serving = Serving::start(&["--plain", "--generate", "--count", "20", "--strict"]);
    serving.process().says("no TLS");
    let mut socket = TcpStream::connect(serving.address()).unwrap();
    let login = json!({
        "cmd": "enterprise_login_req",
        "data": {"enterprise_id": ENTERPRISE_ID, "enterprise_secret": ENTERPRISE_SECRET, "prefetch_count": 5},
    });
    writeln!(socket, "{login}").unwrap();
    let lines = BufReader::new(socket.try_clone().unwrap()).lines();
    for line in lines.skip(1).take(20) {
        let event: serde_json::Value = serde_json::from_str(&line.unwrap()).unwrap();
        let ack = json!({"cmd": "enterprise_event_ack", "delivery_id": event["delivery_id"]});
        writeln!(socket, "{ack}").unwrap();
    }
    drop(socket);

    let (finished, report) = serving.finish();
    assert_eq!(finished.code(), Some(0), "{}", finished.stderr);
    assert_eq!(report["acked"], 20);
    assert_eq!(report["client_errors"], 0);
}

#[test]
fn plain_tcp_is_for_this_machine_alone_and_has_no_faults_of_tls() {
    for (args, said) in [
        (&["--listen", "0.0.0.0:0"][..], "listen at 127.0.0.1"),
        (&["--fault", "expired-certificate"], "is one of TLS"),
        (&["--ca-out", "ca.pem"], "--ca-out"),
    ] {
        let output = refused(&[args, &["--plain"]].concat());
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{args:?}: {stderr}");
        assert!(stderr.contains(said), "{args:?}: {stderr}");
        assert!(output.stdout.is_empty(), "{args:?}");
    }
}
