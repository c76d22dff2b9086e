//! Consumers that do not keep up: the session lives on, and memory is what was said.

use std::io::{BufRead as _, BufReader};
use std::time::Duration;

use noti_broker::{Account, Broker, GeneratorConfig, Source};
use noti_std::Event;
use noti_tests::client::client;
use noti_tests::figure::figure;
use noti_tests::listener::{ENTERPRISE_ID, ENTERPRISE_SECRET, Listener, lines};
use noti_tests::process;
use noti_tests::scripted::{PATIENCE, Server, ack, event, wait_until};

fn broker() -> Broker {
    let endless = Source::generate(GeneratorConfig::default()).unwrap();
    Broker::builder()
        .account(Account::new(ENTERPRISE_ID, ENTERPRISE_SECRET).source(endless))
        .start()
        .unwrap()
}

#[test]
fn a_stuck_consumer_keeps_its_session_and_its_memory() {
    let broker = broker();
    let mut listening = Listener::new(broker.address(), broker.ca_pem())
        .args(&["--prefetch", "20000", "--buffer", "256KiB"])
        .args(&["--ping-interval", "50ms", "--pong-timeout", "5s"])
        .start();
    let mut stdout = BufReader::new(listening.take_stdout());

    // Nobody reads stdout. So many pings take longer than ping interval and pong timeout together.
    let pings = |count| move |totals: &noti_broker::Counts| totals.pings >= count;
    broker.wait_until(PATIENCE, pings(10)).unwrap();
    let before = process::kib(listening.id(), "VmHWM");
    broker.wait_until(PATIENCE, pings(120)).unwrap();
    let grown = process::kib(listening.id(), "VmHWM") - before;

    let report = broker.report();
    assert_eq!((report.accepted, report.logins), (1, 1));
    assert!(grown <= 512, "grew by {grown} KiB");
    // It goes on where it was.
    let acked = report.totals.acked;
    let mut line = Vec::new();
    for _ in 0..40_000 {
        line.clear();
        assert!(stdout.read_until(b'\n', &mut line).unwrap() > 0);
    }
    broker
        .wait_until(PATIENCE, |totals| totals.acked > acked)
        .unwrap();
    let report = broker.report();
    assert_eq!((report.accepted, report.totals.client_errors), (1, 0));
    figure(format!(
        "stuck for 120 pings: 1 connection, RSS grew by {grown} KiB"
    ));
}

#[test]
fn the_byte_budget_holds_whatever_the_window() {
    const BUDGET: usize = 64 * 1024;
    let broker = broker();
    let client = client(broker.address().port(), broker.ca_pem())
        .prefetch(32_767)
        .buffer(BUDGET)
        .max_line(16 * 1024)
        .ping_interval(Duration::from_millis(20))
        .start()
        .unwrap();
    let monitor = client.monitor();
    broker
        .wait_until(PATIENCE, |totals| totals.pings >= 20)
        .unwrap();
    let (held, limit) = monitor.buffered();
    assert_eq!(limit, BUDGET);
    // One line may come on top.
    assert!((BUDGET..BUDGET + 2048).contains(&held), "{held}");
    for delivery in client.deliveries().take(50_000) {
        assert!(monitor.buffered().0 < BUDGET + 2048);
        delivery.ack();
    }
    broker
        .wait_until(PATIENCE, |totals| totals.acked == 50_000)
        .unwrap();
    assert_eq!(broker.report().logins, 1);
}

#[test]
fn a_pong_behind_a_backlog_that_nobody_takes_is_no_disconnect() {
    let server = Server::start();
    let client = server
        .client()
        .prefetch(1000)
        .buffer(4096)
        .ping_interval(Duration::from_millis(50))
        .pong_timeout(Duration::from_secs(2))
        .start()
        .unwrap();
    let mut peer = server.log_in();
    let backlog: Vec<_> = (0..900).flat_map(|id| event(&id.to_string())).collect();
    peer.send(&backlog);
    // The answers stand behind what the client has no room for; by the last ping the first is overdue.
    for _ in 0..50 {
        assert!(peer.line().contains("enterprise_ping"));
        peer.send(b"{\"cmd\":\"enterprise_pong\"}\n");
    }

    for (id, delivery) in client.deliveries().take(900).enumerate() {
        assert_eq!(delivery.line(), event(&id.to_string()).trim_ascii_end());
        delivery.ack();
    }
    for id in 0..900 {
        assert_eq!(peer.line_but_pings(), ack(&id.to_string()));
    }
    assert_eq!(client.stats().logins, 1);
    assert_eq!(client.stats().disconnects, 0);
}

#[test]
fn whatever_a_server_says_to_a_stuck_consumer_costs_no_memory() {
    let server = Server::start();
    let client = server
        .client()
        .buffer(64 * 1024)
        .ping_interval(Duration::from_millis(20))
        .start()
        .unwrap();
    let mut peer = server.log_in();
    let words = "x".repeat(5000);
    let invalid = format!("{{\"cmd\":\"invalid_msg\",\"msg\":\"{words}\"}}\n");
    for _ in 0..1000 {
        peer.send(invalid.as_bytes());
    }
    // Short lines cost more than their bytes.
    let _ = peer.try_send(&b"1\n".repeat(100_000));
    wait_until("a full buffer", || {
        let (held, budget) = client.monitor().buffered();
        held >= budget
    });
    let pings = client.stats().pings;
    wait_until("pings that go on, unanswered", || {
        client.stats().pings >= pings + 5
    });

    let (held, budget) = client.monitor().buffered();
    assert!(held < budget + 2048, "{held}");
    let mut told = 0;
    while let Some(event) = client.try_recv() {
        if let Event::InvalidMsg { msg, .. } = event {
            assert_eq!(msg.len(), 1000);
            told += 1;
        }
    }
    assert!((100..=300).contains(&told), "{told}");
}

#[test]
fn a_stuck_consumer_on_a_bad_link_costs_no_memory_and_no_login() {
    let server = Server::start();
    let client = server
        .client()
        .buffer(1)
        .ping_interval(Duration::from_millis(20))
        .start()
        .unwrap();
    // Hundreds of connections that end, while nobody looks.
    for _ in 0..300 {
        server.log_in().cut();
    }
    let mut peer = server.log_in();
    peer.push("1");
    wait_until("a delivery", || client.stats().delivered == 1);
    // A ping finds out.
    drop(peer);
    // Without room for one more byte it does not even connect; it does once there is room.
    wait_until("a disconnect", || client.stats().disconnects == 301);
    let mut news = 0;
    let delivery = loop {
        match client.recv_timeout(PATIENCE).expect("an event") {
            Event::Delivery(delivery) => break delivery,
            _ => news += 1,
        }
    };
    assert!(news <= 300, "{news} changes were kept");
    // This silence is as long as fifty backoffs.
    while client.recv_timeout(Duration::from_secs(1)).is_some() {}
    assert!(!server.is_called(), "it waits");
    drop(delivery);
    server.log_in().push("2");
}

#[test]
fn the_lines_of_a_slow_reader_are_those_of_a_fast_one() {
    let broker = broker();
    let mut listening = Listener::new(broker.address(), broker.ca_pem())
        .args(&["--count", "3000", "--buffer", "4KiB"])
        .start();
    let mut stdout = listening.take_stdout();
    let mut printed = Vec::new();
    let mut piece = [0; 100];
    loop {
        match std::io::Read::read(&mut stdout, &mut piece).unwrap() {
            0 => break,
            n => printed.extend_from_slice(&piece[..n]),
        }
    }
    assert_eq!(listening.finish().code(), Some(0));
    let ids = lines(&printed).map(|line| {
        let line: serde_json::Value = serde_json::from_slice(line).unwrap();
        line["delivery_id"].as_u64().unwrap()
    });
    assert!(ids.eq(1..=3000));
}
