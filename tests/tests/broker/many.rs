//! Many connections at once.

use std::thread;

use noti_std::Broker;
use noti_std::broker::{Generator, GeneratorConfig};
use noti_std::tls::{ClientTls, Trust};

use crate::peer::{Peer, push_of};

#[test]
fn fifty_busy_connections_share_the_events_beside_many_idle_ones() {
    const BUSY: usize = 50;
    const IDLE: usize = 150;
    const EVENTS: usize = 20_000;
    const WINDOW: u16 = 20;
    let broker = Broker::start().unwrap();
    let trust = Trust::platform().with_ca_pem(broker.ca_pem()).unwrap();
    let tls = ClientTls::new(&trust, "localhost").unwrap();
    let idle: Vec<_> = (0..IDLE)
        .map(|_| Peer::with_tls(&broker, &tls).unwrap())
        .collect();
    let work = |mut peer: Peer| {
        move || {
            while let Ok(line) = peer.next() {
                let push = push_of(str::from_utf8(&line).unwrap());
                peer.ack(&push.id);
            }
        }
    };
    let busy: Vec<_> = (0..BUSY)
        .map(|_| Peer::logged_in(&broker, WINDOW))
        .map(|peer| thread::spawn(work(peer)))
        .collect();
    for body in Generator::new(GeneratorConfig::default())
        .unwrap()
        .take(EVENTS)
    {
        broker.push(body).unwrap();
    }
    drop(idle);
    let report = broker.wait();
    for peer in busy {
        peer.join().unwrap();
    }
    assert_eq!(report.totals.acked, EVENTS as u64);
    assert_eq!(report.totals.client_errors, 0);
    assert_eq!(report.accepted, (BUSY + IDLE) as u64);
    for connection in report
        .connections
        .iter()
        .filter(|connection| connection.account.is_some())
    {
        assert!(connection.counts.acked > 0, "{connection}");
        assert!(
            connection.counts.in_flight_high <= u64::from(WINDOW),
            "{connection}"
        );
    }
}
