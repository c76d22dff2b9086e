//! What the broker does badly when it is told to, and how it counts that.

use std::time::{Duration, Instant};

use noti_broker::{Broker, Ended, Fault, Report, Source};
use noti_proto::server::BrokerCloseReason;
use noti_std::tls::Plaintext;

use crate::peer::{Peer, bodies, body, push_of, texts};

fn broker(faults: &[&str], events: u32) -> Broker {
    let source = Source::bodies(bodies(1..events + 1));
    let builder = Broker::builder().source(source).seed(1);
    let faults = faults.iter().map(|fault| fault.parse::<Fault>().unwrap());
    faults
        .fold(builder, |builder, fault| builder.fault(fault))
        .start()
        .unwrap()
}

/// How often each fault was committed.
fn committed(report: &Report) -> Vec<u64> {
    report.faults.iter().map(|(_, count)| *count).collect()
}

/// Reads until the end; the lines, and the bytes of an unfinished one do not count.
fn until_end(peer: &mut Peer) -> (Vec<String>, Plaintext) {
    let mut lines = Vec::new();
    loop {
        match peer.next() {
            Ok(line) => lines.push(String::from_utf8(line).unwrap()),
            Err(end) => return (lines, end),
        }
    }
}

/// The rest comes on another connection, all of it, and no client has erred.
fn the_rest_comes(broker: Broker, events: u32, before: &[String]) -> Report {
    let mut peer = Peer::logged_in(&broker, 100);
    let mut bodies: Vec<_> = before
        .iter()
        .filter(|line| line.contains("delivery_id"))
        .map(|line| push_of(line).body)
        .chain((0..events).map(|_| {
            let push = peer.push();
            peer.ack(&push.id);
            push.body
        }))
        .collect();
    bodies.sort();
    bodies.dedup();
    let mut expected = texts(1..events + 1);
    expected.sort();
    assert_eq!(bodies, expected);
    peer.close();
    let report = broker.wait();
    assert_eq!(report.totals.client_errors, 0);
    assert_eq!(report.left, 0);
    report
}

#[test]
fn a_connection_ends_where_it_is_told_to() {
    for (fault, lines, ended) in [
        ("drop:events=3", 4, Plaintext::Closed),
        ("drop:mid-line=3", 4, Plaintext::Closed),
        ("drop:events=3,how=truncate", 4, Plaintext::Truncated),
        ("no-close-notify:events=0", 1, Plaintext::Truncated),
        ("drop:bytes=0", 0, Plaintext::Closed),
        // The answer to the login, and eight bytes of an event.
        ("drop:bytes=73", 1, Plaintext::Closed),
    ] {
        let broker = broker(&[fault], 10);
        let mut peer = Peer::connect(&broker);
        peer.login(broker.enterprise_id(), broker.enterprise_secret(), 100);
        let (found, end) = until_end(&mut peer);
        assert_eq!((found.len(), end), (lines, ended), "{fault}: {found:?}");
        drop(peer);
        let report = the_rest_comes(broker, 10, &found);
        assert_eq!(committed(&report), [1], "{fault}");
        assert_eq!(report.totals.faults, 1);
        let ended = report.connections[0].ended.clone();
        assert!(matches!(ended, Some(Ended::ByFault(_))), "{ended:?}");
    }
}

#[test]
fn a_reset_is_no_end() {
    let broker = broker(&["reset:events=3"], 10);
    let mut peer = Peer::connect(&broker);
    peer.login(broker.enterprise_id(), broker.enterprise_secret(), 100);
    // What had arrived before may be lost with it.
    let (found, end) = until_end(&mut peer);
    assert!(found.len() <= 4);
    assert_eq!(end, Plaintext::Pending);
    assert_eq!(committed(&the_rest_comes(broker, 10, &found)), [1]);
}

#[test]
fn random_cuts_lose_nothing_and_are_the_same_for_the_same_seed() {
    let run = || {
        let broker = broker(&["cut:mean=300,times=30"], 50);
        let mut found = Vec::new();
        let mut cuts = Vec::new();
        for _ in 0..30 {
            let mut peer = Peer::connect(&broker);
            peer.login(broker.enterprise_id(), broker.enterprise_secret(), 100);
            let (lines, _) = until_end(&mut peer);
            cuts.push(lines.len());
            found.extend(lines);
        }
        let report = the_rest_comes(broker, 50, &found);
        assert_eq!(committed(&report), [30]);
        cuts
    };
    let cuts = run();
    assert!(
        cuts.iter().any(|lines| *lines > 1) && cuts.contains(&0),
        "{cuts:?}"
    );
    assert_eq!(run(), cuts);
}

#[test]
fn a_stall_ends() {
    for fault in [
        "stall-writing:after=2,for=300ms",
        "stall-reading:after=2,for=300ms",
    ] {
        let broker = broker(&[fault], 4);
        let start = Instant::now();
        let mut peer = Peer::logged_in(&broker, 2);
        assert_eq!(peer.take(4), texts(1..5));
        assert!(start.elapsed() >= Duration::from_millis(299), "{fault}");
        peer.close();
        assert_eq!(committed(&broker.wait()), [1]);
    }
}

#[test]
fn pongs_are_late_or_missing() {
    let broker = broker(&["no-pong:times=1", "late-pong:by=300ms,times=1"], 0);
    let mut peer = Peer::logged_in(&broker, 1);
    // Not answered: the pong that comes, late, is for the second ping.
    peer.ping();
    let start = Instant::now();
    peer.expect_nothing();
    assert!(start.elapsed() >= Duration::from_millis(299));
    peer.expect_nothing();
    peer.close();
    let report = broker.wait();
    assert_eq!(committed(&report), [1, 1]);
    assert_eq!(report.totals.pings, 3);
}

#[test]
fn a_sound_login_is_not_answered_or_refused() {
    let broker = broker(&["no-login-answer", "refuse-login:after=1"], 1);
    let mut silent = Peer::connect(&broker);
    silent.login(broker.enterprise_id(), broker.enterprise_secret(), 1);
    let first = Peer::logged_in(&broker, 1);
    first.close();
    let mut second = Peer::connect(&broker);
    second.login(broker.enterprise_id(), broker.enterprise_secret(), 1);
    assert!(second.line().contains(r#""result":false"#));
    second.expect_end();
    let mut third = Peer::logged_in(&broker, 1);
    assert_eq!(third.take(1), texts([1]));
    third.close();
    drop(silent);
    let report = broker.wait();
    assert_eq!(committed(&report), [1, 1]);
    let refused = report.connections[2].ended.clone();
    assert_eq!(
        refused,
        Some(Ended::ByBroker(BrokerCloseReason::LoginRefused))
    );
}

#[test]
fn a_login_that_is_refused_anyhow_uses_up_no_refusal() {
    let broker = broker(&["refuse-login"], 0);
    let mut wrong = Peer::connect(&broker);
    wrong.login(broker.enterprise_id(), "wrong", 1);
    assert!(wrong.line().contains("enterprise secret error"));
    wrong.expect_end();
    assert_eq!(committed(&broker.report()), [0]);
    let mut sound = Peer::connect(&broker);
    sound.login(broker.enterprise_id(), broker.enterprise_secret(), 1);
    assert!(sound.line().contains("refused by a fault"));
    sound.expect_end();
    assert_eq!(committed(&broker.report()), [1]);
}

#[test]
fn what_a_fault_adds_is_sent_though_it_fills_more_than_a_batch() {
    let long = broker(&["garbage:after=0,bytes=100000"], 1);
    let mut peer = Peer::logged_in(&long, 1);
    assert!((99_999..=100_000).contains(&peer.next().unwrap().len()));
    assert_eq!(peer.take(1), texts([1]));
    peer.close();
    assert_eq!(committed(&long.wait()), [1]);

    let twice = broker(&["duplicate:every=1"], 1500);
    let mut peer = Peer::logged_in(&twice, 3000);
    let mut taken = peer.take(3000);
    peer.close();
    taken.dedup();
    assert_eq!(taken, texts(1..1501));
    let report = twice.wait();
    assert_eq!(committed(&report), [1500]);
    assert_eq!(report.totals.redelivered, 1500);
}

#[test]
fn strange_lines_come_between_the_events() {
    let broker = broker(
        &[
            "oversize:after=1,bytes=70000",
            "malformed:after=2",
            "garbage:after=0,bytes=50",
        ],
        3,
    );
    let mut peer = Peer::logged_in(&broker, 1);
    let garbage = peer.next().unwrap();
    // A carriage return at its very end would be taken off.
    assert!((49..=50).contains(&garbage.len()) && std::str::from_utf8(&garbage).is_err());
    assert_eq!(peer.take(1), texts([1]));
    let long = peer.line();
    assert!(long.len() > 70_000);
    peer.ack("2");
    let broken = peer.line();
    assert!(
        broken.starts_with(r#"{"cmd":"enterprise_event_push","delivery_id":3,"#),
        "{broken}"
    );
    assert!(serde_json::from_str::<serde_json::Value>(&broken).is_err());
    drop(peer);

    // It comes back like any event, and first.
    let mut peer = Peer::logged_in(&broker, 1);
    assert!(peer.next().is_ok());
    peer.ack("1");
    assert_eq!(peer.take(2), texts([2, 3]));
    peer.close();
    let report = broker.wait();
    assert_eq!(committed(&report), [1, 1, 1]);
    assert_eq!((report.totals.delivered, report.totals.acked), (6, 5));
    assert_eq!(report.totals.client_errors, 0);
}

#[test]
fn records_are_tiny_or_full() {
    for fault in ["single-byte-records", "one-record:hold=50ms"] {
        let broker = broker(&[fault], 300);
        let mut peer = Peer::logged_in(&broker, 100);
        assert_eq!(peer.take(300), texts(1..301));
        peer.close();
        assert_eq!(committed(&broker.wait()), [1]);
    }
}

#[test]
fn a_duplicate_has_an_id_of_its_own_or_not() {
    let same = broker(&["duplicate:every=2,same-id"], 4);
    let mut peer = Peer::logged_in(&same, 10);
    let pushes: Vec<_> = (0..6).map(|_| peer.push()).collect();
    let ids: Vec<_> = pushes.iter().map(|push| push.id.as_str()).collect();
    assert_eq!(ids, ["1", "2", "2", "4", "5", "5"]);
    for push in &pushes {
        peer.ack(&push.id);
    }
    peer.expect_nothing();
    peer.close();
    let report = same.wait();
    assert_eq!(committed(&report), [2]);
    assert_eq!((report.totals.acked, report.totals.client_errors), (6, 0));

    // A window of two is full with one of them: both wait until it is empty.
    let narrow = broker(&["duplicate:every=1"], 3);
    let mut peer = Peer::logged_in(&narrow, 2);
    for number in [1, 2, 3] {
        let (first, second) = (peer.push(), peer.push());
        assert_eq!(
            (&*first.body, &*second.body),
            (&*body(number), &*body(number))
        );
        peer.expect_nothing();
        peer.ack(&first.id);
        peer.expect_nothing();
        peer.ack(&second.id);
    }
    peer.close();
    assert_eq!(committed(&narrow.wait()), [3]);

    let fresh = broker(&["duplicate:every=2"], 4);
    let mut peer = Peer::logged_in(&fresh, 10);
    let pushes: Vec<_> = (0..6).map(|_| peer.push()).collect();
    assert_eq!(pushes[1].body, pushes[2].body);
    assert_eq!((pushes[1].id.as_str(), pushes[2].id.as_str()), ("2", "3"));
    pushes.iter().for_each(|push| peer.ack(&push.id));
    peer.close();
    assert_eq!(fresh.wait().totals.redelivered, 2);
}

#[test]
fn more_is_sent_than_the_window_allows() {
    let broker = broker(&["overrun:by=2"], 10);
    let mut peer = Peer::logged_in(&broker, 1);
    for number in 1..=3 {
        assert_eq!(peer.push().body, body(number));
    }
    peer.expect_nothing();
    peer.ack("1");
    assert_eq!(peer.push().id, "4");
    assert_eq!(committed(&broker.report()), [1]);
}

#[test]
fn a_wrong_certificate_is_shown_once() {
    for fault in [
        "wrong-certificate",
        "expired-certificate",
        "early-certificate",
        "self-signed-certificate",
    ] {
        let broker = broker(&[fault], 1);
        assert!(Peer::try_connect(&broker).is_err(), "{fault}");
        let report = the_rest_comes(broker, 1, &[]);
        assert_eq!(committed(&report), [1]);
        assert_eq!(report.totals.faults, 1, "{fault}");
        let faults = report.connections.iter();
        let faults: Vec<_> = faults.map(|connection| connection.counts.faults).collect();
        assert_eq!(faults, [1, 0], "{fault}");
        assert_eq!(report.logins, 1);
    }
}
