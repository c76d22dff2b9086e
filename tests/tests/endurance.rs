//! A client that runs for long: nothing is left behind by what is over. `tests/torture` runs these at full length.

use std::io::Read as _;
use std::time::{Duration, Instant};

use noti_broker::{Account, Broker, Fault, GeneratorConfig, Source};
use noti_std::{Client, Event, Trust};
use noti_tests::figure::{figure, scaled};
use noti_tests::listener::{ENTERPRISE_ID, ENTERPRISE_SECRET, Listener};
use noti_tests::process;
use noti_tests::scripted::wait_until;

/// No test of these takes so long.
const PATIENCE: Duration = Duration::from_secs(300);

fn account() -> Account {
    let endless = Source::generate(GeneratorConfig::default()).unwrap();
    Account::new(ENTERPRISE_ID, ENTERPRISE_SECRET).source(endless)
}

#[test]
fn reconnects_leave_no_thread_descriptor_or_memory_behind() {
    let reconnects = scaled(300, 10_000);
    let broker = Broker::builder()
        .account(account())
        .fault("drop:events=1,times=always".parse::<Fault>().unwrap())
        .start()
        .unwrap();
    let listener = Listener::new(broker.address(), broker.ca_pem());
    let output = listener.path("events");
    let listening = listener
        .args(&[
            "--output",
            output.to_str().unwrap(),
            "--sync",
            "never",
            "-q",
        ])
        .start();
    let standing = |reconnects| {
        wait_until_long(|| broker.report().logins >= reconnects);
        let pid = listening.id();
        // A look-up of the name is a thread for a moment, a connection a descriptor.
        let least = |what: fn(u32) -> usize| (0..100).map(|_| what(pid)).min().unwrap();
        (
            least(process::threads),
            least(process::descriptors),
            process::kib(pid, "VmRSS"),
        )
    };

    let start = Instant::now();
    let before = standing(reconnects / 10);
    let after = standing(reconnects);

    assert!(after.0 <= before.0 + 1, "threads: {before:?}, {after:?}");
    assert!(
        after.1 <= before.1 + 2,
        "descriptors: {before:?}, {after:?}"
    );
    assert!(after.2 <= before.2 + 1024, "KiB: {before:?}, {after:?}");
    let rate = reconnects * 1000 / (start.elapsed().as_millis().max(1) as u64);
    figure(format!(
        "{reconnects} reconnects, {rate} a second; threads {} -> {}, descriptors {} -> {}, RSS {} -> {} KiB",
        before.0, after.0, before.1, after.1, before.2, after.2
    ));
}

fn wait_until_long(mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < PATIENCE, "it takes too long");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn clients_that_are_dropped_leave_nothing_behind() {
    let clients = scaled(100, 2000);
    let broker = Broker::builder().account(account()).start().unwrap();
    let one = |number: u64| {
        let client = Client::builder("127.0.0.1", broker.address().port())
            .credentials(ENTERPRISE_ID, ENTERPRISE_SECRET)
            .trust(Trust::platform().with_ca_pem(broker.ca_pem()).unwrap())
            .start()
            .unwrap();
        // Dropped on its way, or with events that nobody has taken, one of which is held on to.
        let held = match number % 3 {
            0 => None,
            _ => client
                .events()
                .find(|event| matches!(event, Event::Delivery(_))),
        };
        if number % 3 == 1 {
            client.shutdown(Duration::from_secs(60)).unwrap();
        }
        drop(held);
    };
    let pid = std::process::id();
    (0..10).for_each(one);
    let before = process::descriptors(pid);
    let memory = process::kib(pid, "VmRSS");
    (0..clients).for_each(one);
    // The broker in this process sees the last one's end a moment later; other tests here have descriptors, too.
    wait_until("closed descriptors", || {
        process::descriptors(pid) < before + 30
    });
    let grown = process::kib(pid, "VmRSS").saturating_sub(memory);
    assert!(grown < 20 * 1024, "grew by {grown} KiB");
    figure(format!(
        "{clients} clients dropped, descriptors {before} -> {}, RSS grew by {grown} KiB, broker included",
        process::descriptors(pid)
    ));
}

#[test]
fn memory_is_flat_over_a_million_events() {
    let events = scaled(20_000, 1_000_000);
    let broker = Broker::builder().account(account()).start().unwrap();
    let mut listening = Listener::new(broker.address(), broker.ca_pem())
        .args(&["--prefetch", "50"])
        .start();
    let mut stdout = listening.take_stdout();
    let reader = std::thread::spawn(move || {
        let mut buffer = vec![0; 64 * 1024];
        // Until it ends.
        while stdout.read(&mut buffer).is_ok_and(|n| n > 0) {}
    });
    let start = Instant::now();
    let mut seen = Vec::new();
    for part in [events / 10, events] {
        broker
            .wait_until(PATIENCE, |totals| totals.acked >= part)
            .unwrap();
        seen.push(process::kib(listening.id(), "VmHWM"));
    }
    let rate = events * 1000 / (start.elapsed().as_millis().max(1) as u64);
    listening.signal("TERM");
    reader.join().unwrap();
    assert_eq!(listening.finish().code(), Some(0));
    let report = broker.stop();
    assert_eq!((report.accepted, report.totals.client_errors), (1, 0));
    assert!(report.totals.in_flight_high <= 50);
    let [first, last] = seen[..] else {
        panic!("two figures");
    };
    // A binary with debug information and the broker in it is larger.
    let most = scaled(20, 6) * 1024;
    assert!(first <= most, "{first} KiB");
    assert!(last <= first + 512, "grew from {first} to {last} KiB");
    figure(format!(
        "{events} events through a window of 50, {rate} a second, peak RSS {first} KiB after {}, {last} KiB after all",
        events / 10
    ));
}
