//! Many connections at once.

use std::sync::mpsc::{self, Sender};
use std::thread;

use noti_std::tls::{ClientTls, Trust};
use noti_tests::figure::figure;
use noti_tests::listener::{ENTERPRISE_ID, ENTERPRISE_SECRET};
use noti_tests::process::kib;
use noti_tests::serving::Serving;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::peer::{PATIENCE, Peer, push_of};

const IDLE: usize = 1000;
const BUSY: usize = 50;
const EVENTS: usize = 20_000;
const WINDOW: u16 = 20;

/// What the process may take alone; what the documentation of the broker says of a connection, and half as much again for the
/// allocator where little is in use.
const ALONE_KIB: u64 = 20 * 1024;
const IDLE_KIB: u64 = 30 + 15;
const BUSY_KIB: u64 = 30 + 64;

/// Idle connections hold the one event that their window takes, until they close.
#[test]
fn a_thousand_idle_connections_and_fifty_busy_ones_take_bounded_memory() {
    allow_many_sockets();
    let count = EVENTS.to_string();
    let serving = Serving::start(&["--generate", "--count", &count, "--strict"]);
    let most_memory = || kib(serving.process().id(), "VmHWM");
    let trust = Trust::platform().with_ca_pem(&serving.ca_pem()).unwrap();
    let tls = ClientTls::new(&trust, "localhost").unwrap();
    let log_in = |prefetch| {
        let mut peer = Peer::with_tls(serving.address(), &tls).unwrap();
        peer.login(ENTERPRISE_ID, ENTERPRISE_SECRET, prefetch);
        peer.expect_login();
        peer
    };

    let alone = most_memory();
    let hold_one = |_| {
        let mut peer = log_in(1);
        let _ = peer.push();
        peer
    };
    let idle: Vec<_> = (0..IDLE).map(hold_one).collect();
    let with_idle = most_memory();
    let (sender, acked) = mpsc::channel();
    let busy: Vec<_> = (0..BUSY)
        .map(|_| (log_in(WINDOW), sender.clone()))
        .map(|(peer, acked)| thread::spawn(move || consume(peer, &acked)))
        .collect();
    let wait_for = |acks| (0..acks).for_each(|_| acked.recv_timeout(PATIENCE).expect("an ack"));
    wait_for(EVENTS - IDLE);
    let with_all = most_memory();
    drop(idle);
    wait_for(IDLE);
    let (finished, report) = serving.finish();
    busy.into_iter().for_each(|peer| peer.join().unwrap());

    assert_eq!(finished.code(), Some(0), "{}", finished.stderr);
    assert_eq!(report["acked"], EVENTS);
    assert_eq!(report["redelivered"], IDLE);
    assert_eq!(report["accepted"], IDLE + BUSY);
    let connections = report["connections"].as_array().unwrap();
    let busy = connections
        .iter()
        .filter(|connection| connection["prefetch"] == WINDOW);
    for connection in busy.clone() {
        assert!(connection["acked"].as_u64() > Some(0), "{connection}");
        let high = connection["in_flight_high"].as_u64();
        assert!(high <= Some(WINDOW.into()), "{connection}");
    }
    assert_eq!(busy.count(), BUSY);
    let bound = ALONE_KIB + IDLE as u64 * IDLE_KIB + BUSY as u64 * BUSY_KIB;
    assert!(with_all <= bound, "{with_all} KiB of {bound} KiB");
    figure(format_args!(
        "{alone} KiB alone, {with_idle} KiB with {IDLE} idle connections, {with_all} KiB with {BUSY} busy ones besides"
    ));
}

/// Acks everything, and tells of each ack.
fn consume(mut peer: Peer, acked: &Sender<()>) {
    while let Ok(line) = peer.next() {
        let push = push_of(str::from_utf8(&line).unwrap());
        peer.ack(&push.id);
        acked.send(()).unwrap();
    }
}

/// As many as the system lets a process have; the broker inherits that.
fn allow_many_sockets() {
    let limit = getrlimit(Resource::Nofile);
    let limit = Rlimit {
        current: limit.maximum,
        ..limit
    };
    setrlimit(Resource::Nofile, limit).unwrap();
}
