//! `noti listen` as a process against the broker, over real TLS.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use noti_broker::{Account, Body, Broker, Fault, Generator, GeneratorConfig, Source};
use noti_tests::listener::{ENTERPRISE_ID, ENTERPRISE_SECRET, Listener, lines};
use serde_json::Value;

const KINDS: [&str; 6] = [
    "device_online",
    "device_offline",
    "attr_fault",
    "attr_alert",
    "device_status_raw",
    "device_status_kv",
];

fn events(count: usize) -> Vec<Body> {
    let generator = Generator::new(GeneratorConfig::default()).expect("the defaults are good");
    generator.take(count).collect()
}

fn account(source: Source) -> Account {
    Account::new(ENTERPRISE_ID, ENTERPRISE_SECRET).source(source)
}

fn endless() -> Source {
    Source::cycle(events(5000))
}

fn listener(broker: &Broker) -> Listener {
    Listener::new(broker.address(), broker.ca_pem())
}

/// An event's line without its id, which differs from delivery to delivery.
fn body_of(line: &[u8]) -> String {
    let line = std::str::from_utf8(line).expect("lines are UTF-8");
    Body::parse(line)
        .expect("lines are events")
        .as_str()
        .to_owned()
}

/// What the broker saw acked, in the order of the acks.
#[derive(Clone, Default)]
struct Acked(Arc<Mutex<Vec<String>>>);

impl Acked {
    fn record(&self) -> impl FnMut(&Body) + Send + 'static {
        let acked = self.0.clone();
        move |body| acked.lock().unwrap().push(body.as_str().to_owned())
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

#[test]
fn all_six_kinds_arrive_byte_for_byte_and_are_acked_once() {
    let sent = events(600);
    let broker = Broker::builder()
        .account(account(Source::bodies(sent.clone())))
        .start()
        .unwrap();

    let finished = listener(&broker).args(&["--count", "600"]).run();

    assert_eq!(finished.code(), Some(0), "{}", finished.stderr);
    let expected = sent.iter().zip(1..).map(|(body, number)| {
        let members = body.inner();
        format!(r#"{{"cmd":"enterprise_event_push","delivery_id":{number},{members}}}"#)
    });
    let lines: Vec<_> = lines(&finished.stdout).collect();
    for (line, expected) in lines.iter().zip(expected) {
        assert_eq!(String::from_utf8_lossy(line), expected);
    }
    assert_eq!(lines.len(), 600);
    let kinds: BTreeSet<_> = lines.iter().map(|line| event_type(line)).collect();
    assert_eq!(kinds, KINDS.map(str::to_owned).into());

    let totals = broker.stop().totals;
    assert_eq!((totals.delivered, totals.acked), (600, 600));
    assert_eq!((totals.redelivered, totals.client_errors), (0, 0));
}

fn event_type(line: &[u8]) -> String {
    let event: Value = serde_json::from_slice(line).expect("lines are JSON");
    event["event_type"].as_str().expect("a string").to_owned()
}

#[test]
fn the_link_is_cut_at_random_bytes_and_everything_still_arrives() {
    let sent = events(2000);
    let broker = Broker::builder()
        .account(account(Source::bodies(sent.clone())))
        .fault("cut:mean=9000".parse::<Fault>().unwrap())
        .seed(7)
        .start()
        .unwrap();

    let listener = listener(&broker);
    let events = listener.path("events");
    let listening = listener
        .args(&["--output", events.to_str().unwrap()])
        .start();
    broker
        .wait_until(Duration::from_secs(120), |totals| {
            totals.acked >= 2000 && totals.in_flight == 0
        })
        .unwrap();
    let report = broker.stop();
    let printed = std::fs::read(&events).unwrap();
    listening.signal("TERM");
    let finished = listening.finish();

    assert_eq!(finished.code(), Some(0), "{}", finished.stderr);
    assert!(report.accepted > 20, "cut often: {}", report.accepted);
    assert_eq!(report.totals.client_errors, 0, "no stale ack: {report}");
    assert_eq!(report.left, 0);
    let printed: BTreeSet<_> = lines(&printed).map(body_of).collect();
    let sent: BTreeSet<_> = sent.iter().map(|body| body.as_str().to_owned()).collect();
    assert_eq!(printed, sent);
}

#[test]
fn sigterm_acks_what_is_printed_and_no_more() {
    let acked = Acked::default();
    let broker = Broker::builder()
        .account(account(endless()))
        .on_ack(acked.record())
        .start()
        .unwrap();
    let mut listening = listener(&broker).start();
    let mut stdout = BufReader::new(listening.take_stdout());
    let mut printed = Vec::new();
    for _ in 0..200 {
        stdout.read_until(b'\n', &mut printed).unwrap();
    }

    listening.signal("TERM");
    std::io::Read::read_to_end(&mut stdout, &mut printed).unwrap();

    let finished = listening.finish();
    assert_eq!(finished.code(), Some(0), "{}", finished.stderr);
    let printed: Vec<_> = lines(&printed).map(body_of).collect();
    assert!(printed.len() >= 200);
    assert_eq!(broker.stop().totals.client_errors, 0);
    assert_eq!(acked.take(), printed);
}

#[test]
fn a_count_ends_once_the_acks_have_left_though_events_go_on() {
    let acked = Acked::default();
    let broker = Broker::builder()
        .account(account(endless()))
        .on_ack(acked.record())
        .start()
        .unwrap();

    let finished = listener(&broker).args(&["--count", "100"]).run();

    assert_eq!(finished.code(), Some(0), "{}", finished.stderr);
    let printed: Vec<_> = lines(&finished.stdout).map(body_of).collect();
    assert_eq!(printed.len(), 100);
    assert_eq!(broker.stop().totals.client_errors, 0);
    assert_eq!(acked.take(), printed);
}

#[test]
fn a_refused_login_ends_it_after_one_attempt_with_the_servers_words_and_a_hint() {
    let broker = Broker::builder()
        .account(Account::new(ENTERPRISE_ID, "another secret"))
        .start()
        .unwrap();

    let finished = listener(&broker).run();

    assert_eq!(finished.code(), Some(77));
    assert!(
        finished.stderr.contains("enterprise secret error"),
        "{}",
        finished.stderr
    );
    assert!(
        finished.stderr.contains("allow-list"),
        "{}",
        finished.stderr
    );
    let report = broker.stop();
    assert_eq!((report.accepted, report.logins_refused), (1, 1));
}

#[test]
fn a_certificate_that_does_not_verify_gets_no_byte_of_the_login_and_is_tried_again() {
    let broker = Broker::builder()
        .account(account(endless()))
        .start()
        .unwrap();
    let stranger = Broker::builder().start().unwrap();
    let listening = Listener::new(broker.address(), stranger.ca_pem())
        .args(&["--no-reconnect"])
        .run();

    assert_eq!(listening.code(), Some(69));
    assert!(
        listening.stderr.contains("--ca-file"),
        "{}",
        listening.stderr
    );
    let report = broker.stop();
    assert_eq!(
        (report.accepted, report.logins, report.logins_refused),
        (1, 0, 0)
    );
    assert_eq!(report.totals.client_errors, 0);
}

#[test]
fn the_secret_is_nowhere_in_what_it_says() {
    let broker = Broker::builder()
        .account(account(Source::bodies(events(10))))
        .start()
        .unwrap();
    for format in ["text", "json"] {
        let finished = listener(&broker)
            .args(&["-vv", "--log-format", format, "--count", "5"])
            .run();
        assert_eq!(finished.code(), Some(0), "{}", finished.stderr);
        assert!(finished.stderr.contains("logged in"), "{}", finished.stderr);
        assert!(!finished.stderr.contains("s3cr3t"), "{}", finished.stderr);
        assert!(
            !finished.stderr.contains("never-to-be-seen"),
            "{}",
            finished.stderr
        );
    }
}

#[test]
fn what_is_missing_is_named_with_the_flag_and_the_variable_that_give_it() {
    for (arguments, expected) in [
        (&["listen"][..], "--enterprise-id or NOTI_ENTERPRISE_ID"),
        (
            &["listen", "--enterprise-id", "e"],
            "--enterprise-secret-file or NOTI_ENTERPRISE_SECRET",
        ),
        (
            &[
                "listen",
                "--enterprise-id",
                "e",
                "--enterprise-secret-file",
                "/dev/null",
            ],
            "the secret file /dev/null is empty",
        ),
        (&["listen", "--prefetch", "0"], "1..=32767"),
        (&["listen", "--ping-interval", "4x"], "--ping-interval"),
        (&["lisen"], "listen"),
    ] {
        let output = noti_tests::command::noti()
            .args(arguments)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {stderr}");
        assert!(stderr.contains(expected), "{arguments:?}: {stderr}");
        assert!(output.stdout.is_empty());
    }
}
