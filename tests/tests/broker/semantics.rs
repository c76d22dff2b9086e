//! What the broker does where the service is known.

use std::io::Write;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use noti_broker::{Account, Broker, Ended, Oddity, Report, Source, Style};

use crate::peer::{PATIENCE, Peer, bodies, body, texts};

fn with_bodies(numbers: std::ops::Range<u32>) -> Broker {
    let source = Source::bodies(bodies(numbers));
    Broker::builder().source(source).start().unwrap()
}

/// The report, once it is as it should be.
fn report_once(broker: &Broker, condition: impl Fn(&Report) -> bool) -> Report {
    let start = Instant::now();
    loop {
        let report = broker.report();
        if condition(&report) {
            return report;
        }
        assert!(start.elapsed() < PATIENCE, "{report}");
    }
}

#[test]
fn a_login_is_answered_and_the_window_held() {
    let broker = with_bodies(1..11);
    let mut peer = Peer::logged_in(&broker, 3);
    for number in 1..=3 {
        let push = peer.push();
        assert_eq!((push.id, push.body), (number.to_string(), body(number)));
    }
    peer.expect_nothing();
    peer.ack("2");
    assert_eq!(peer.push().id, "4");
    peer.expect_nothing();

    let report = broker.report();
    assert_eq!((report.logins, report.open), (1, 1));
    assert_eq!(report.connections[0].prefetch, 3);
    let totals = report.totals;
    assert_eq!((totals.delivered, totals.acked, totals.pings), (4, 1, 2));
    assert_eq!((totals.in_flight, totals.in_flight_high), (3, 3));
    assert_eq!(totals.client_errors, 0);
}

#[test]
fn a_refused_login_is_told_why_and_closed() {
    let broker = Broker::start().unwrap();
    for (id, secret, said) in [
        ("nobody", "", "enterprise id not exist"),
        (broker.enterprise_id(), "wrong", "enterprise secret error"),
    ] {
        let mut peer = Peer::connect(&broker);
        peer.login(id, secret, 5);
        peer.expect(&format!(
            r#"{{"cmd":"enterprise_login_res","data":{{"result":false,"msg":"{said}"}}}}"#
        ));
        peer.expect_end();
        peer.close();
    }
    let report = broker.stop();
    assert_eq!((report.logins, report.logins_refused), (0, 2));
    for connection in report.connections {
        assert_eq!(
            connection.ended.unwrap().to_string(),
            "closed: login refused"
        );
    }
}

#[test]
fn what_a_client_does_wrong_is_answered_and_counted_with_its_line() {
    let broker = with_bodies(1..3);
    let mut peer = Peer::connect(&broker);
    let said = [
        (
            r#"{"cmd":"enterprise_ping"}"#,
            r#""error_code":4001,"msg":"not login""#,
        ),
        ("nonsense", r#""msg":"invalid message""#),
        (
            r#"{"cmd":"enterprise_login_req","data":{"enterprise_secret":"hush"}}"#,
            r#""msg":"invalid login""#,
        ),
    ];
    for (line, answer) in said {
        peer.send(line);
        peer.expect(&format!(r#"{{"cmd":"invalid_msg",{answer}}}"#));
    }
    peer.login(broker.enterprise_id(), broker.enterprise_secret(), 1);
    assert!(peer.line().contains(r#""result":true"#));
    assert_eq!(peer.push().id, "1");
    let said = [
        (r#"{"cmd":"reboot"}"#, r#""msg":"unknown cmd""#),
        (
            r#"{"cmd":"enterprise_event_ack","delivery_id":2}"#,
            r#""msg":"unknown delivery_id""#,
        ),
        (
            r#"{"cmd":"enterprise_event_ack","delivery_id":"1"}"#,
            r#""msg":"unknown delivery_id""#,
        ),
    ];
    for (line, answer) in said {
        peer.send(line);
        peer.expect(&format!(r#"{{"cmd":"invalid_msg",{answer}}}"#));
    }
    peer.login(broker.enterprise_id(), broker.enterprise_secret(), 1);
    peer.expect(r#"{"cmd":"invalid_msg","error_code":4009,"msg":"has login"}"#);
    // It can go on all the same.
    assert_eq!(peer.take(0).len(), 0);
    peer.ack("1");
    assert_eq!(peer.push().id, "2");
    peer.ack("2");
    peer.ack("2");
    peer.expect(r#"{"cmd":"invalid_msg","msg":"unknown delivery_id"}"#);

    let report = broker.report();
    assert_eq!(report.totals.client_errors, 8);
    assert_eq!(report.totals.unknown_acks, 3);
    let text = report.to_string();
    assert!(
        text.contains("an unknown command: {\\\"cmd\\\":\\\"reboot\\\"}"),
        "{text}"
    );
    assert!(!text.contains("hush") && !report.to_json().contains("hush"));
}

#[test]
fn what_was_not_acked_goes_first_to_the_next_connection_with_new_ids() {
    let broker = with_bodies(1..8);
    let mut peer = Peer::logged_in(&broker, 5);
    for _ in 0..5 {
        peer.push();
    }
    peer.ack("2");
    peer.ack("4");
    assert_eq!([peer.push().id, peer.push().id], ["6", "7"]);
    drop(peer);

    broker
        .wait_until(PATIENCE, |totals| totals.in_flight == 0)
        .unwrap();
    let mut peer = Peer::logged_in(&broker, 50);
    let pushes: Vec<_> = (0..5).map(|_| peer.push()).collect();
    let bodies: Vec<_> = pushes.iter().map(|push| push.body.clone()).collect();
    assert_eq!(bodies, texts([1, 3, 5, 6, 7]));
    let ids: Vec<_> = pushes.iter().map(|push| push.id.as_str()).collect();
    assert_eq!(ids, ["1", "2", "3", "4", "5"]);
    peer.close();
    let report = broker.stop();
    assert_eq!(report.totals.redelivered, 5);
    assert_eq!(report.totals.client_errors, 0);
    assert_eq!(report.left, 5);
    assert_eq!(report.connections[1].ended, Some(Ended::ByClient));
}

#[test]
fn connections_share_an_account_in_turn_and_one_takes_over_from_another() {
    let broker = Broker::start().unwrap();
    let mut one = Peer::logged_in(&broker, 2);
    let mut two = Peer::logged_in(&broker, 2);
    for body in bodies(1..5) {
        broker.push(body).unwrap();
    }
    let of_one = [one.push().body, one.push().body];
    let of_two = [two.push().body, two.push().body];
    let mut all: Vec<_> = of_one.iter().chain(&of_two).cloned().collect();
    all.sort();
    assert_eq!(all, texts(1..5));
    one.expect_nothing();
    drop(one);
    two.ack("1");
    two.ack("2");
    assert_eq!(two.take(2), of_one);
    two.close();
    assert_eq!(broker.wait().totals.acked, 4);
}

#[test]
fn a_silent_client_is_cut_after_the_plain_line() {
    let broker = Broker::builder()
        .idle_timeout(Duration::from_secs(4))
        .start()
        .unwrap();
    let mut peer = Peer::logged_in(&broker, 1);
    peer.expect_nothing();
    peer.expect("No Heartbeat!");
    peer.expect_end();
    drop(peer);
    let report = broker.stop();
    let ended = report.connections[0].ended.as_ref().unwrap();
    assert_eq!(ended.to_string(), "closed: silent for too long");
}

#[test]
fn a_connection_without_a_login_is_closed() {
    let broker = Broker::builder()
        .login_timeout(Duration::from_secs(4))
        .start()
        .unwrap();
    Peer::connect(&broker).expect_end();
    // One that does not even speak TLS.
    let mut raw = TcpStream::connect(broker.address()).unwrap();
    raw.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    let report = report_once(&broker, |report| report.accepted == 2 && report.open == 0);
    let ended = report.connections[1].ended.as_ref().unwrap();
    assert!(matches!(ended, Ended::Failed(_)), "{ended}");
}

#[test]
fn accounts_have_nothing_in_common() {
    let account = |name: &str, numbers| {
        Account::new(name, format!("secret of {name}")).source(Source::bodies(bodies(numbers)))
    };
    let broker = Broker::builder()
        .account(account("one", 1..3))
        .account(account("two", 3..5))
        .start()
        .unwrap();
    assert_eq!(broker.enterprise_id(), "one");
    for (name, numbers) in [("two", 3..5), ("one", 1..3)] {
        let mut peer = Peer::connect(&broker);
        peer.login(name, &format!("secret of {name}"), 10);
        assert!(peer.line().contains("true"));
        assert_eq!(peer.take(2), texts(numbers));
        peer.expect_nothing();
        peer.close();
    }
    assert!(broker.sender("three").is_none());
    let sender = broker.sender("two").unwrap();
    sender.push(bodies(5..6).remove(0)).unwrap();
    let mut peer = Peer::connect(&broker);
    peer.login("two", "secret of two", 10);
    assert!(peer.line().contains("true"));
    assert_eq!(peer.take(1), texts([5]));
    drop(sender);
    peer.close();
    assert_eq!(broker.wait().totals.acked, 5);
}

#[test]
fn an_event_that_is_not_acked_in_time_comes_again_while_the_connection_lives() {
    let broker = Broker::builder()
        .source(Source::bodies(bodies(1..2)))
        .redeliver_after(Duration::from_millis(100))
        .record_acked(10)
        .start()
        .unwrap();
    let mut peer = Peer::logged_in(&broker, 2);
    let pushes = [peer.push(), peer.push()];
    assert_eq!(pushes[0].body, pushes[1].body);
    assert_eq!(pushes.map(|push| push.id), ["1", "2"]);
    // Either ack is good, and the other is no error.
    peer.ack("2");
    peer.ack("1");
    peer.expect_nothing();
    assert_eq!(broker.acked().len(), 1);
    let totals = broker.report().totals;
    assert_eq!((totals.delivered, totals.redelivered), (2, 1));
    assert_eq!((totals.acked, totals.client_errors), (2, 0));
    peer.close();
    assert_eq!(broker.wait().totals.in_flight, 0);
}

#[test]
fn old_events_are_dropped() {
    let broker = Broker::builder()
        .retain_for(Duration::from_millis(100))
        .start()
        .unwrap();
    let mut peer = Peer::logged_in(&broker, 1);
    for body in bodies(1..6) {
        broker.push(body).unwrap();
    }
    assert_eq!(peer.push().body, body(1));
    // Those that wait become too old. What is out does not.
    report_once(&broker, |report| report.dropped == 4);
    peer.ack("1");
    peer.expect_nothing();
    peer.close();
    let report = broker.wait();
    assert_eq!((report.left, report.totals.acked), (0, 1));
}

#[test]
fn of_what_returns_only_so_many_are_kept() {
    let broker = Broker::builder().retain(3).start().unwrap();
    let mut peer = Peer::logged_in(&broker, 50);
    for body in bodies(1..6) {
        let text = body.as_str().to_owned();
        broker.push(body).unwrap();
        assert_eq!(peer.push().body, text);
    }
    drop(peer);
    broker
        .wait_until(PATIENCE, |totals| totals.in_flight == 0)
        .unwrap();
    let report = broker.report();
    assert_eq!((report.left, report.dropped), (3, 2));
    let mut peer = Peer::logged_in(&broker, 50);
    assert_eq!(peer.take(3), texts(3..6));
    peer.close();
    assert_eq!(broker.wait().left, 0);
}

#[test]
fn every_style_is_understood_and_acked() {
    for style in Oddity::ALL
        .map(|oddity| Style::PLAIN.with(oddity))
        .into_iter()
        .chain([Style::ALL])
    {
        let source = Source::generate(Default::default()).unwrap().count(200);
        let broker = Broker::builder()
            .source(source)
            .style(style)
            .seed(7)
            .start()
            .unwrap();
        let mut client = Peer::logged_in(&broker, 50);
        for _ in 0..200 {
            let push = client.push();
            client.ack(&push.id);
        }
        client.close();
        let totals = broker.wait().totals;
        assert_eq!((totals.acked, totals.client_errors), (200, 0), "{style}");
    }
}

#[test]
fn acks_on_their_way_count_when_the_broker_stops() {
    let broker = with_bodies(1..4);
    let mut peer = Peer::logged_in(&broker, 3);
    let ids: Vec<_> = (0..3).map(|_| peer.push().id).collect();
    let control = broker.control();
    let stopping = std::thread::spawn(move || broker.stop());
    peer.expect_end();
    ids.iter().for_each(|id| peer.ack(id));
    peer.close();
    let report = stopping.join().unwrap();
    assert_eq!(report.totals.acked, 3);
    assert_eq!(report.connections[0].ended, Some(Ended::Stopped));
    assert_eq!(control.report().accepted, 0, "nobody is there any more");
}

#[test]
fn a_broker_that_waits_can_be_stopped() {
    let broker = Broker::start().unwrap();
    let control = broker.control();
    let peer = Peer::logged_in(&broker, 3);
    let waiting = std::thread::spawn(move || broker.wait());
    control.stop();
    peer.close();
    assert_eq!(waiting.join().unwrap().logins, 1);
}
