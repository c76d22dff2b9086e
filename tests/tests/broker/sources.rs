//! Where events come from.

use std::io::{BufReader, Write};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use noti_broker::{Broker, BrokerError, GeneratorConfig, Source, TryPushError};

use crate::peer::{PATIENCE, Peer, bodies, body, texts};

#[test]
fn a_finite_source_ends_the_broker_once_all_is_acked_and_closed() {
    let source = Source::generate(GeneratorConfig::default()).unwrap();
    let broker = Broker::builder().source(source.count(100)).start().unwrap();
    let mut peer = Peer::logged_in(&broker, 10);
    let waiting = std::thread::spawn(move || broker.wait());
    assert_eq!(peer.take(100).len(), 100);
    peer.close();
    let report = waiting.join().unwrap();
    assert_eq!(
        report.totals.to_string(),
        "delivered 100, acked 100, in flight 0, redelivered 0, in flight at most 10"
    );
    assert_eq!((report.left, report.open), (0, 0));
}

#[test]
fn a_client_that_stays_is_closed_after_the_grace() {
    let broker = Broker::builder()
        .source(Source::bodies(bodies(1..3)))
        .grace(Duration::from_millis(100))
        .start()
        .unwrap();
    let mut peer = Peer::logged_in(&broker, 10);
    let waiting = std::thread::spawn(move || broker.wait());
    assert_eq!(peer.take(2), texts(1..3));
    peer.expect_end();
    peer.close();
    assert_eq!(waiting.join().unwrap().totals.acked, 2);
}

#[test]
fn an_empty_source_ends_the_broker_at_once() {
    let broker = Broker::builder()
        .source(Source::bodies([]))
        .start()
        .unwrap();
    assert_eq!(broker.wait().accepted, 0);
}

#[test]
fn a_pipe_is_read_as_it_is_written() {
    let (reader, mut writer) = std::io::pipe().unwrap();
    let broker = Broker::builder()
        .source(Source::lines(BufReader::new(reader)))
        .start()
        .unwrap();
    let mut peer = Peer::logged_in(&broker, 10);
    for number in 1..4 {
        let line = format!("{{\"cmd\":\"x\",\"delivery_id\":9,\"n\":{number}}}\n");
        writer.write_all(line.as_bytes()).unwrap();
        assert_eq!(peer.take(1), texts([number]));
    }
    writer.write_all(b"no event\n").unwrap();
    drop(writer);
    peer.close();
    let report = broker.wait();
    assert_eq!((report.totals.acked, report.source_errors), (3, 1));
    assert!(report.source_error_texts[0].starts_with("line 4, "));
}

#[test]
fn a_file_that_is_not_there_is_told_at_the_start() {
    let source = Source::file("/no/such/file");
    let error = Broker::builder().source(source).start().unwrap_err();
    assert!(matches!(error, BrokerError::Events { .. }), "{error}");
}

#[test]
fn a_rate_is_kept_and_events_wait_for_clients() {
    let source = Source::cycle(bodies(1..2)).count(30).rate(100.0);
    let start = Instant::now();
    let broker = Broker::builder().source(source).start().unwrap();
    let mut peer = Peer::logged_in(&broker, 100);
    peer.take(30);
    let took = start.elapsed();
    // The first comes at once, the 30th after 290 ms.
    assert!(took >= Duration::from_millis(285), "{took:?}");
    peer.close();
    assert_eq!(broker.wait().totals.acked, 30);
}

#[test]
fn a_full_backlog_makes_senders_wait() {
    let broker = Broker::builder().backlog(10, 1 << 20).start().unwrap();
    let sender = broker.sender(broker.enterprise_id()).unwrap();
    let mut given = 0;
    let refused = loop {
        match sender.try_push(bodies(given..given + 1).remove(0)) {
            Ok(()) => given += 1,
            Err(error) => break error,
        }
        assert!(given < 10_000, "no end of it");
    };
    assert!(matches!(refused, TryPushError::Full(refused) if refused.as_str() == body(given)));
    let (done, is_done) = mpsc::channel();
    let pushing = std::thread::spawn(move || {
        sender.push(bodies(given..given + 1).remove(0)).unwrap();
        done.send(()).unwrap();
    });
    let mut peer = Peer::logged_in(&broker, 100);
    assert_eq!(peer.take(given as usize + 1), texts(0..given + 1));
    is_done.recv_timeout(PATIENCE).unwrap();
    pushing.join().unwrap();
    peer.close();
    assert_eq!(broker.wait().left, 0);
}

#[test]
fn senders_outlive_the_broker_without_harm() {
    let broker = Broker::start().unwrap();
    let sender = broker.sender(broker.enterprise_id()).unwrap();
    drop(broker);
    let event = bodies(1..2).remove(0);
    assert_eq!(sender.push(event.clone()).unwrap_err().0, event);
    assert_eq!(
        sender.try_push(event.clone()),
        Err(TryPushError::Stopped(event))
    );
}

#[test]
fn acks_are_told_as_they_come() {
    let (to_test, acked) = mpsc::channel();
    let broker = Broker::builder()
        .source(Source::bodies(bodies(1..4)))
        .on_ack(move |body| to_test.send(body.clone()).unwrap())
        .record_acked(2)
        .start()
        .unwrap();
    let mut peer = Peer::logged_in(&broker, 3);
    peer.take(3);
    for number in 1..4 {
        assert_eq!(acked.recv_timeout(PATIENCE).unwrap().as_str(), body(number));
    }
    let kept: Vec<_> = broker
        .acked()
        .iter()
        .map(|body| body.as_str().to_owned())
        .collect();
    assert_eq!(kept, texts(1..3));
}
