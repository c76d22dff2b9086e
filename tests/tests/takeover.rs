//! Two listeners of one account, of which one dies.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read};
use std::time::Duration;

use noti_broker::{Account, Body, Broker, Generator, GeneratorConfig, Source};
use noti_tests::figure::figure;
use noti_tests::listener::{ENTERPRISE_ID, ENTERPRISE_SECRET, Listener, lines};

const EVENTS: usize = 10_000;

/// Longer than all of it takes on a slow machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// The bodies of the whole lines of an output.
fn bodies(output: &[u8]) -> BTreeSet<String> {
    let whole = output.iter().rposition(|byte| *byte == b'\n');
    let whole = &output[..whole.map_or(0, |end| end + 1)];
    let body = |line| {
        let body = Body::parse(str::from_utf8(line).expect("lines are UTF-8"));
        body.expect("lines are events").as_str().to_owned()
    };
    lines(whole).map(body).collect()
}

#[test]
fn when_one_of_two_listeners_is_killed_the_other_gets_what_it_had_not_acked() {
    let generator = Generator::new(GeneratorConfig::default()).unwrap();
    let sent: Vec<_> = generator.take(EVENTS).collect();
    let source = Source::bodies(sent.clone());
    let broker = Broker::builder()
        .account(Account::new(ENTERPRISE_ID, ENTERPRISE_SECRET).source(source))
        .start()
        .unwrap();
    let listener = || Listener::new(broker.address(), broker.ca_pem());

    let mut dying = listener().start();
    dying.says("logged in");
    let mut stdout = BufReader::new(dying.take_stdout());
    let mut dying_output = Vec::new();
    for _ in 0..2000 {
        let read = stdout.read_until(b'\n', &mut dying_output).unwrap();
        assert!(read > 0, "it ended early: {:?}", dying.finish());
    }
    // Nobody reads more of it, so that it stands still with a full window, while the other one goes on.
    let survivor = listener();
    let file = survivor.path("events");
    let survivor = survivor.args(&["--output", file.to_str().unwrap()]).start();
    let half = |acked| acked >= EVENTS as u64 / 2;
    broker
        .wait_until(PATIENCE, |totals| half(totals.acked))
        .unwrap();
    dying.signal("KILL");
    stdout.read_to_end(&mut dying_output).unwrap();
    assert_eq!(dying.finish().code(), None);

    let all = |acked| acked >= EVENTS as u64;
    broker
        .wait_until(PATIENCE, |totals| all(totals.acked))
        .unwrap();
    survivor.signal("TERM");
    let output = std::fs::read(&file).unwrap();
    let finished = survivor.finish();
    assert_eq!(finished.code(), Some(0), "{}", finished.stderr);

    let report = broker.stop();
    let [dead, alive] = &report.connections[..] else {
        panic!("two connections, not {report}");
    };
    let unacked = dead.counts.delivered - dead.counts.acked;
    assert!(unacked > 0, "{report}");
    assert_eq!(report.totals.redelivered, unacked, "{report}");
    assert_eq!(alive.counts.redelivered, unacked, "{report}");
    assert_eq!(report.totals.acked, EVENTS as u64, "{report}");
    assert_eq!(
        (report.left, report.totals.client_errors),
        (0, 0),
        "{report}"
    );
    let sent: BTreeSet<_> = sent.iter().map(|body| body.as_str().to_owned()).collect();
    let (before, after) = (bodies(&dying_output), bodies(&output));
    assert!(
        before.len() >= 2000 && after.len() >= 2000,
        "both had a share"
    );
    assert!(before.union(&after).eq(&sent), "an event is lost");
    figure(format_args!(
        "{EVENTS} events: {} to the one killed, {} to the other, {unacked} of them after it had got them",
        before.len(),
        after.len()
    ));
}
