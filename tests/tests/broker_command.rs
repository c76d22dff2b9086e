//! `noti broker` as a process.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant, UNIX_EPOCH};

use noti_broker::{Fault, Oddity, Style};
use noti_tests::command::noti;
use noti_tests::listener::{ENTERPRISE_ID, ENTERPRISE_SECRET, Listener};
use noti_tests::serving::Serving;
use serde_json::{Value, json};

/// Longer than anything that comes takes, and short enough for a test that fails.
const PATIENCE: Duration = Duration::from_secs(60);

/// Runs `noti broker` with arguments that it cannot use.
fn refused(args: &[&str]) -> Output {
    noti()
        .args(["broker", "--enterprise-id", ENTERPRISE_ID])
        .args(args)
        .env("NOTI_ENTERPRISE_SECRET", ENTERPRISE_SECRET)
        .output()
        .unwrap()
}

/// A client of a plain broker.
struct Peer(BufReader<TcpStream>);

impl Peer {
    fn logged_in(serving: &Serving, prefetch: u16) -> Self {
        let socket = TcpStream::connect(serving.address()).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut peer = Self(BufReader::new(socket));
        peer.send(&json!({
            "cmd": "enterprise_login_req",
            "data": {
                "enterprise_id": ENTERPRISE_ID,
                "enterprise_secret": ENTERPRISE_SECRET,
                "prefetch_count": prefetch,
            },
        }));
        assert!(peer.line().contains(r#""result":true"#));
        peer
    }

    fn send(&mut self, message: &Value) {
        writeln!(self.0.get_mut(), "{message}").unwrap();
    }

    fn ack(&mut self, id: &Value) {
        self.send(&json!({"cmd": "enterprise_event_ack", "delivery_id": id}));
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.0.read_line(&mut line).unwrap();
        line
    }

    fn event(&mut self) -> Value {
        parse(self.line())
    }

    /// The next events, and acks them.
    fn take(&mut self, count: usize) -> Vec<Value> {
        let take = |_| {
            let event = self.event();
            self.ack(&event["delivery_id"]);
            event
        };
        (0..count).map(take).collect()
    }
}

#[test]
fn plain_tcp_needs_nothing_but_a_socket_and_says_that_it_is_plain() {
    let serving = Serving::start(&["--plain", "--generate", "--count", "20", "--strict"]);
    serving.process().says("no TLS");
    let mut peer = Peer::logged_in(&serving, 5);
    peer.take(20);
    drop(peer);

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
fn a_signal_prints_and_writes_the_report_while_the_broker_runs() {
    let serving = Serving::start(&["--plain", "--generate", "--count", "20", "--rate", "1000"]);
    let mut peer = Peer::logged_in(&serving, 3);
    let first: Vec<_> = (0..3).map(|_| peer.event()).collect();
    serving.process().signal("USR1");
    serving.process().says("connections 1");
    let totals = serving.process().says("delivered 3, acked 0, in flight 3");
    assert!(totals.contains("in flight at most 3"), "{totals}");
    // The file is written before the last line is printed.
    let report = serving.report();
    assert_eq!(
        (&report["delivered"], &report["open"]),
        (&json!(3), &json!(1))
    );

    first
        .iter()
        .for_each(|event| peer.ack(&event["delivery_id"]));
    peer.take(17);
    drop(peer);
    let (finished, report) = serving.finish();
    assert_eq!(finished.code(), Some(0), "{}", finished.stderr);
    assert_eq!((&report["acked"], &report["open"]), (&json!(20), &json!(0)));
}

#[test]
fn with_strict_a_client_that_errs_makes_it_exit_with_1() {
    for (strict, code) in [(&["--strict"][..], 1), (&[], 0)] {
        let serving =
            Serving::start(&[&["--plain", "--generate", "--count", "1"], strict].concat());
        let mut peer = Peer::logged_in(&serving, 1);
        peer.ack(&json!(99));
        // The event may be on its way before the answer.
        let lines = [peer.line(), peer.line()];
        assert!(
            lines
                .iter()
                .any(|line| line.contains("unknown delivery_id"))
        );
        peer.ack(&json!(1));
        drop(peer);
        let (finished, report) = serving.finish();
        assert_eq!(finished.code(), Some(code), "{}", finished.stderr);
        assert!(
            finished.stderr.contains(r#"delivery_id\":99"#),
            "{}",
            finished.stderr
        );
        assert_eq!(
            (&report["client_errors"], &report["unknown_acks"]),
            (&json!(1), &json!(1))
        );
    }
}

/// What a broker generates with these arguments besides those of the test.
fn generated(args: &[&str]) -> Vec<String> {
    let serving = Serving::start(&[&["--plain", "--generate", "--count", "20"], args].concat());
    let mut peer = Peer::logged_in(&serving, 50);
    let lines = (0..20).map(|_| peer.line()).collect();
    (1..=20).for_each(|id| peer.ack(&json!(id)));
    drop(peer);
    assert_eq!(serving.finish().0.code(), Some(0));
    lines
}

fn parse(line: impl AsRef<str>) -> Value {
    serde_json::from_str(line.as_ref()).unwrap()
}

#[test]
fn a_seed_gives_the_same_run_again_and_the_time_of_events_goes_with_their_rate() {
    let events = generated(&["--seed", "7", "--rate", "1000"]);
    assert_eq!(generated(&["--seed", "7", "--rate", "1000"]), events);
    assert_ne!(generated(&["--seed", "8", "--rate", "1000"]), events);
    let created_at = |line: &String| parse(line)["created_at"].as_f64().unwrap();
    let span = created_at(&events[19]) - created_at(&events[0]);
    assert!((0.0189..0.0191).contains(&span), "{span}");
    // Without a seed they are of now.
    let now = UNIX_EPOCH.elapsed().unwrap().as_secs_f64();
    assert!(created_at(&generated(&[])[0]) >= now.floor());
}

#[test]
fn generated_events_are_of_the_kinds_sizes_and_texts_that_are_asked_for() {
    let size = |line: &String| parse(line)["data"].to_string().len();
    let kv = ["--mix", "kv=1", "--payload", "300", "--chinese"];
    let chinese = generated(&[&kv[..], &["1", "--escaped", "0"]].concat());
    for line in &chinese {
        assert_eq!(parse(line)["event_type"], "device_status_kv");
        assert!(
            line.contains("\"data\":{") && !line.contains("\\u"),
            "{line}"
        );
        assert_eq!(size(line), 300, "{line}");
    }
    assert!(chinese.iter().any(|line| !line.is_ascii()));

    let escaped = generated(&[&kv[..], &["1", "--escaped", "1"]].concat());
    assert!(escaped.iter().all(|line| line.is_ascii()));
    assert!(escaped.iter().any(|line| line.contains("\\u")));

    let ascii = generated(&[&kv[..], &["0", "--escaped", "0"]].concat());
    assert!(
        ascii
            .iter()
            .all(|line| line.is_ascii() && !line.contains("\\u"))
    );

    let ranged = generated(&["--mix", "kv=1", "--payload", "1KiB..2KiB", "--escaped", "0"]);
    assert!(
        ranged
            .iter()
            .all(|line| (1024..=2048).contains(&size(line)))
    );
    assert!(ranged.iter().any(|line| size(line) != size(&ranged[0])));

    let mixed = generated(&["--mix", "online=1,offline=1"]);
    for line in mixed {
        let kind = parse(line)["event_type"].as_str().unwrap().to_owned();
        assert!(
            ["device_online", "device_offline"].contains(&&*kind),
            "{kind}"
        );
    }
}

#[test]
fn a_mix_that_makes_no_sense_is_refused() {
    for (args, said) in [
        (["--mix", "kw=1"], "there are online, offline"),
        (["--mix", "kv"], "kv=3"),
        (["--mix", "kv=-1"], "is no weight"),
        (["--mix", "kv=0"], "has weight 0"),
        (["--payload", "9..3"], "payload"),
        (["--chinese", "2"], "share"),
    ] {
        let output = refused(&[&args[..], &["--generate", "--listen", "127.0.0.1:0"]].concat());
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{args:?}: {stderr}");
        assert!(stderr.contains(said), "{args:?}: {stderr}");
    }
}

#[test]
fn an_event_that_is_not_acked_in_time_is_pushed_again() {
    let serving = Serving::start(&[
        "--plain",
        "--generate",
        "--count",
        "1",
        "--redeliver-after",
        "100ms",
    ]);
    let mut peer = Peer::logged_in(&serving, 2);
    let mut events = [peer.event(), peer.event()];
    let ids = events.each_mut().map(|event| event["delivery_id"].take());
    assert_eq!(ids, [json!(1), json!(2)]);
    assert_eq!(events[0], events[1]);
    ids.iter().for_each(|id| peer.ack(id));
    drop(peer);
    let (finished, report) = serving.finish();
    assert_eq!(finished.code(), Some(0), "{}", finished.stderr);
    assert_eq!(
        (&report["redelivered"], &report["acked"]),
        (&json!(1), &json!(2))
    );
}

#[test]
fn only_so_many_events_are_kept_for_clients_to_come() {
    let serving = Serving::start(&["--plain", "--generate", "--count", "60", "--retain", "3"]);
    let mut leaving = Peer::logged_in(&serving, 60);
    let did = |event: &Value| (event["did"].clone(), event["created_at"].clone());
    let events: Vec<_> = (0..60).map(|_| did(&leaving.event())).collect();
    drop(leaving);
    let mut next = Peer::logged_in(&serving, 60);
    let left: Vec<_> = next.take(3).iter().map(did).collect();
    assert_eq!(left, events[57..]);
    drop(next);
    let (finished, report) = serving.finish();
    assert_eq!(finished.code(), Some(0), "{}", finished.stderr);
    assert_eq!(
        (&report["dropped"], &report["acked"]),
        (&json!(57), &json!(3))
    );
}

#[test]
fn events_that_nobody_takes_are_kept_for_so_long() {
    let serving = Serving::start(&[
        "--plain",
        "--generate",
        "--count",
        "5",
        "--rate",
        "1000",
        "--retain-for",
        "50ms",
    ]);
    // Nothing is left to wait for then.
    let (finished, report) = serving.finish();
    assert_eq!(finished.code(), Some(0), "{}", finished.stderr);
    assert_eq!(
        (&report["dropped"], &report["delivered"]),
        (&json!(5), &json!(0))
    );
}

#[test]
fn a_recording_is_replayed_faster_than_it_was_made() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("events");
    let at = [1000, 1300, 1600].map(|at| format!("{{\"created_at\":{at}}}\n"));
    std::fs::write(&file, at.concat()).unwrap();
    let start = Instant::now();
    let serving = Serving::start(&[
        "--plain",
        "--replay",
        file.to_str().unwrap(),
        "--speed",
        "1000",
    ]);
    let mut peer = Peer::logged_in(&serving, 5);
    let events = peer.take(3);
    assert!(start.elapsed() >= Duration::from_millis(600));
    let at: Vec<_> = events.iter().map(|event| &event["created_at"]).collect();
    assert_eq!(at, [&json!(1000), &json!(1300), &json!(1600)]);
    drop(peer);
    assert_eq!(serving.finish().0.code(), Some(0));
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
