//! What becomes of the acks that an application gives.

use std::time::{Duration, Instant};

use noti_std::ClientError;
use noti_tests::scripted::{PATIENCE, Server, ack, event};

#[test]
fn a_second_ack_of_a_delivery_is_neither_sent_nor_lost() {
    let server = Server::start();
    let client = server.client().start().unwrap();
    let mut peer = server.log_in();
    peer.push("1");
    peer.push("2");
    let deliveries: Vec<_> = client.deliveries().take(2).collect();
    let [first, second] = &deliveries[..] else {
        panic!("two deliveries");
    };
    // At once, and once the first has left.
    client.ack_all([first, first]);
    assert!(client.flush());
    first.ack();
    second.ack();
    assert!(client.flush());
    assert_eq!(peer.line() + &peer.line(), ack("1") + &ack("2"));
    let stats = client.stats();
    assert_eq!(
        (stats.acks_given, stats.acks_sent, stats.acks_lost),
        (2, 2, 0)
    );
    client.shutdown(PATIENCE).unwrap();
}

#[test]
fn all_acks_that_are_pending_leave_in_one_record() {
    let server = Server::start();
    let client = server.client().prefetch(200).start().unwrap();
    let mut peer = server.log_in();
    let ids: Vec<_> = (0..200).map(|id| id.to_string()).collect();
    for id in &ids {
        peer.push(id);
    }
    let deliveries: Vec<_> = client.deliveries().take(ids.len()).collect();
    peer.count_records();
    client.ack_all(&deliveries);
    for id in &ids {
        assert_eq!(peer.line(), ack(id));
    }
    assert_eq!(peer.records(), 1);
}

#[test]
fn acks_that_cannot_leave_are_reported_and_the_stall_timeout_holds_at_the_end_too() {
    const BATCH: usize = 1000;
    let server = Server::start();
    let client = server
        .client()
        .prefetch(32_767)
        .stall_timeout(Duration::from_secs(5))
        .start()
        .unwrap();
    let mut peer = server.log_in();
    let events: Vec<u8> = (0..BATCH)
        .flat_map(|id| event(&format!("\"an-id-that-is-as-long-as-an-id-{id:07}\"")))
        .collect();
    // Until the acks that nobody reads fill what the kernel has for them.
    loop {
        let stats = client.stats();
        if stats.acks_given - stats.acks_sent >= 20_000 {
            break;
        }
        peer.send(&events);
        let deliveries: Vec<_> = client.deliveries().take(BATCH).collect();
        client.ack_all(&deliveries);
    }
    let start = Instant::now();
    let ended = client.shutdown(PATIENCE);
    assert!(
        matches!(ended, Err(ClientError::AcksUnsent { acks }) if acks >= 10_000),
        "{ended:?}"
    );
    assert!(start.elapsed() < PATIENCE / 2, "{:?}", start.elapsed());
}
