//! `noti broker` as a process.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Command, Output, Stdio};

use noti_std::broker::{Fault, Oddity, Style};
use noti_tests::command::noti;
use noti_tests::listener::{ENTERPRISE_ID, ENTERPRISE_SECRET, Listener};
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

/// A named pipe in the place of the file that is written before the address is printed: whoever opens its other end
/// knows where the broker is.
#[test]
fn a_signal_that_comes_before_the_address_ends_it_with_its_report() {
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("ca.pem");
    let report = folder.path().join("report");
    let pipe = folder.path().join("ca.pem.part");
    assert!(
        Command::new("mkfifo")
            .arg(&pipe)
            .status()
            .unwrap()
            .success()
    );
    let broker = noti()
        .args(["broker", "--listen", "127.0.0.1:0", "--generate"])
        .args(["--enterprise-id", ENTERPRISE_ID, "--ca-out"])
        .arg(&ca)
        .arg("--report")
        .arg(&report)
        .env("NOTI_ENTERPRISE_SECRET", ENTERPRISE_SECRET)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut pipe = File::open(&pipe).unwrap();
    let id = broker.id().to_string();
    let mut kill = Command::new("kill");
    assert!(kill.args(["-s", "TERM", &id]).status().unwrap().success());
    pipe.read_to_end(&mut Vec::new()).unwrap();

    let output = broker.wait_with_output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    assert!(stderr.contains("connections 0"), "{stderr}");
    assert!(std::fs::exists(report).unwrap());
}

#[test]
fn without_a_source_it_warns_and_serves_until_a_signal() {
    let serving = Serving::start(&["--strict"]);
    serving
        .process()
        .says("give --generate, --events or --replay");
    let listener = Listener::new(serving.address(), &serving.ca_pem()).start();
    listener.says("logged in");
    listener.signal("TERM");
    assert_eq!(listener.finish().code(), Some(0));
    serving.process().signal("TERM");
    let (finished, report) = serving.finish();
    assert_eq!(finished.code(), Some(0), "{}", finished.stderr);
    assert_eq!(
        (&report["logins"], &report["delivered"]),
        (&json!(1), &json!(0))
    );
}

#[test]
fn the_help_has_every_style_and_every_fault() {
    let output = noti().args(["broker", "--help"]).output().unwrap();
    let help = String::from_utf8(output.stdout).unwrap();
    let (_, reference) = help.split_once("Styles, ").expect("a list of styles");
    for oddity in Oddity::ALL {
        assert!(
            reference.contains(&format!("\n  {:<12}", oddity.name())),
            "{help}"
        );
        assert_eq!(oddity.name().parse(), Ok(Style::PLAIN.with(oddity)));
    }
    for (spec, what) in Fault::catalogue() {
        let line = reference.lines().find(|line| {
            line.get(2..)
                .is_some_and(|line| line.starts_with(&format!("{spec} ")))
        });
        assert!(
            line.is_some_and(|line| line.ends_with(what)),
            "{spec}: {help}"
        );
    }
    let examples = reference.lines().last().unwrap().split("--fault ").skip(1);
    for example in examples {
        assert!(example.trim().parse::<Fault>().is_ok(), "{example}");
    }
    let widest = reference.lines().map(|line| line.chars().count()).max();
    assert!(widest.is_some_and(|columns| columns <= 80), "{widest:?}");
}
