//! What breaks in the existing clients, one test each: the list at the end of the wire facts.

use std::io::Read as _;
use std::sync::Mutex;
use std::time::Duration;

use noti_broker::{Account, Broker, GeneratorConfig, Source};
use noti_std::{
    Client, ClientBuilder, Delivery, DisconnectKind, Event, PoisonPolicy, PoisonReason,
};
use noti_tests::figure::figure;
use noti_tests::scripted::{PATIENCE, Peer, Server, ack, event, wait_until};

const ID: &str = "enterprise";
const SECRET: &str = "s3cr3t";

fn client(server: &Server) -> ClientBuilder {
    builder(server.address().port(), server.ca_pem())
}

fn builder(port: u16, ca_pem: &str) -> ClientBuilder {
    noti_tests::client::client(port, ca_pem).credentials(ID, SECRET)
}

fn next(client: &Client) -> Event {
    client.recv_timeout(PATIENCE).expect("an event in time")
}

fn delivery(client: &Client) -> Delivery {
    loop {
        if let Event::Delivery(delivery) = next(client) {
            return delivery;
        }
    }
}

fn disconnect(client: &Client) -> DisconnectKind {
    loop {
        if let Event::Disconnected(why) = next(client) {
            return why.kind();
        }
    }
}

fn line(id: &str) -> Vec<u8> {
    event(id).trim_ascii_end().to_vec()
}

#[test]
fn the_end_of_the_stream_is_seen_and_the_client_connects_anew() {
    let server = Server::start();
    let client = client(&server).start().unwrap();

    server.log_in().cut();
    assert_eq!(disconnect(&client), DisconnectKind::Broken);
    server.log_in().close();
    assert_eq!(disconnect(&client), DisconnectKind::Closed);
    server.log_in().push("1");

    assert_eq!(delivery(&client).line(), line("1"));
    assert_eq!(client.stats().logins, 3);
}

#[test]
fn a_reset_is_like_any_other_end_and_failed_attempts_end_nothing() {
    let server = Server::start();
    let client = client(&server).start().unwrap();
    let mut peer = server.log_in();
    peer.push("1");
    delivery(&client).ack();
    peer.reset();

    assert_eq!(disconnect(&client), DisconnectKind::Broken);
    for _ in 0..5 {
        drop(server.accept_plain());
    }
    server.log_in().push("2");

    assert_eq!(delivery(&client).line(), line("2"));
}

#[test]
fn a_half_open_link_is_seen_by_the_missing_pong_though_a_read_is_under_way() {
    let server = Server::start();
    let client = client(&server)
        .ping_interval(Duration::from_millis(50))
        .pong_timeout(Duration::from_millis(100))
        .start()
        .unwrap();

    let mut silent = server.log_in();
    assert!(silent.line().contains("enterprise_ping"));
    assert_eq!(disconnect(&client), DisconnectKind::PongTimeout);

    let mut alive = server.log_in();
    assert!(alive.line().contains("enterprise_ping"));
}

#[test]
fn an_event_is_acked_when_the_application_says_so_and_not_before() {
    let server = Server::start();
    let client = client(&server)
        .ping_interval(Duration::from_millis(20))
        .start()
        .unwrap();
    let mut peer = server.log_in();
    peer.push("1");
    let held = delivery(&client);
    // Whatever the client would say by itself, it says it before its third ping.
    for _ in 0..3 {
        assert_eq!(peer.line(), "{\"cmd\":\"enterprise_ping\"}\n");
        peer.send(b"{\"cmd\":\"enterprise_pong\"}\n");
    }

    held.ack();

    assert_eq!(peer.line_but_pings(), ack("1"));
}

#[test]
fn an_ack_of_an_earlier_connection_is_never_sent() {
    let server = Server::start();
    let client = client(&server).start().unwrap();
    let mut first = server.log_in();
    first.push("7");
    let old = delivery(&client);
    first.cut();
    let mut second = server.log_in();
    second.push("1");
    let new = delivery(&client);

    old.ack();
    new.ack();

    assert_eq!(second.line(), ack("1"));
    assert!(client.flush());
    assert_eq!(
        (client.stats().acks_sent, client.stats().acks_lost),
        (1, 1),
        "the old one is lost"
    );
}

#[test]
fn a_character_that_is_split_over_two_reads_stays_whole() {
    let server = Server::start();
    let client = client(&server).start().unwrap();
    let text =
        "{\"cmd\":\"enterprise_event_push\",\"delivery_id\":1,\"data\":{\"温度传感器\":\"开\"}}";
    let mut peer = server.log_in();
    for byte in text.as_bytes() {
        let before = client.stats().bytes_received;
        peer.send(&[*byte]);
        // Each byte is a read of its own.
        wait_until("a read", || client.stats().bytes_received > before);
    }
    peer.send(b"\n");

    let delivery = delivery(&client);
    assert_eq!(std::str::from_utf8(delivery.line()).unwrap(), text);
}

#[test]
fn lines_come_out_whole_however_they_are_read_and_none_outlives_its_connection() {
    let server = Server::start();
    let client = client(&server).start().unwrap();
    let mut first = server.log_in();
    let half = &event("4")[..30];
    first.send(&[&event("1")[..], b"\r\n", &event("2"), &event("3"), half].concat());
    let before: Vec<_> = (0..3).map(|_| delivery(&client)).collect();
    first.cut();
    let mut second = server.log_in();
    second.push("1");
    let after = delivery(&client);

    let lines: Vec<_> = before.iter().map(|delivery| delivery.line()).collect();
    assert_eq!(lines, [line("1"), line("2"), line("3")]);
    assert_eq!(after.line(), line("1"));
    assert_eq!(client.stats().poison, 0);
}

#[test]
fn a_line_over_the_limit_neither_closes_the_connection_nor_leaks_its_place_in_the_window() {
    let server = Server::start();
    let client = client(&server)
        .prefetch(1)
        .max_line(256)
        .poison(PoisonPolicy::Ack)
        .start()
        .unwrap();
    let mut peer = server.log_in();
    let padding = "x".repeat(5000);
    peer.send(
        format!("{{\"padding\":\"{padding}\",\"delivery_id\":\"a\",\"cmd\":\"enterprise_event_push\"}}\n")
            .as_bytes(),
    );
    assert_eq!(peer.line(), ack("\"a\""));
    peer.push("2");
    delivery(&client).ack();

    assert_eq!(peer.line(), ack("2"));
    let stats = client.stats();
    assert_eq!(
        (stats.oversize, stats.poison_acked, stats.logins),
        (1, 1, 1)
    );
}

#[test]
fn a_slow_consumer_blocks_no_ping() {
    let server = Server::start();
    let client = client(&server)
        .ping_interval(Duration::from_millis(20))
        .start()
        .unwrap();
    let mut peer = server.log_in();
    peer.push("1");
    let held = delivery(&client);
    for _ in 0..20 {
        assert!(peer.line().contains("enterprise_ping"));
        peer.send(b"{\"cmd\":\"enterprise_pong\"}\n");
    }
    held.ack();
    assert_eq!(peer.line_but_pings(), ack("1"));
}

#[test]
fn bad_credentials_are_tried_once_and_if_retried_then_with_the_longest_delay() {
    let broker = Broker::builder()
        .account(Account::new(ID, "another"))
        .start()
        .unwrap();
    let once = builder(broker.address().port(), broker.ca_pem())
        .start()
        .unwrap();
    assert_eq!(disconnect(&once), DisconnectKind::LoginRefused);
    assert!(once.recv().is_none(), "it has ended");
    assert_eq!(broker.report().accepted, 1);

    let longest = Duration::from_secs(3600);
    let patient = builder(broker.address().port(), broker.ca_pem())
        .reconnect(Duration::from_millis(1), longest)
        .retry_refused(true)
        .start()
        .unwrap();
    assert_eq!(disconnect(&patient), DisconnectKind::LoginRefused);
    let Event::Retrying { delay } = next(&patient) else {
        panic!("it tries again");
    };
    assert_eq!(delay, longest);
    patient.shutdown(Duration::ZERO).unwrap();
    assert_eq!(broker.stop().logins_refused, 2);
}

#[test]
fn a_handler_that_panics_takes_nothing_down_but_its_own_event() {
    let broker = Broker::builder()
        .account(
            Account::new(ID, SECRET).source(
                Source::generate(GeneratorConfig::default())
                    .unwrap()
                    .count(20),
            ),
        )
        .start()
        .unwrap();
    let client = builder(broker.address().port(), broker.ca_pem())
        .start()
        .unwrap();
    let handled = Mutex::new(0);
    for (delivery, number) in client.deliveries().zip(1..=20) {
        std::thread::scope(|scope| {
            let handler = scope.spawn(|| {
                // No message on the terminal for a panic that is meant.
                if number % 5 == 0 {
                    std::panic::resume_unwind(Box::new("a bug in the handler"));
                }
                delivery.ack();
                *handled.lock().unwrap() += 1;
            });
            assert_eq!(handler.join().is_err(), number % 5 == 0);
        });
        if number == 20 {
            break;
        }
    }
    broker
        .wait_until(PATIENCE, |totals| totals.acked == 16)
        .unwrap();
    assert_eq!(*handled.lock().unwrap(), 16);
    client.shutdown(PATIENCE).unwrap();
    let report = broker.stop();
    assert_eq!((report.logins, report.left), (1, 4), "these come again");
}

#[test]
fn no_secret_is_in_what_is_printed_for_debugging() {
    let server = Server::start();
    let builder = client(&server);
    let shown = format!("{builder:?}");
    let client = builder.start().unwrap();
    let mut peer = server.accept();
    assert!(peer.line().contains(SECRET), "to the verified server alone");
    let shown = format!("{shown}{client:?}{:?}", client.monitor());
    assert!(!shown.contains(SECRET), "{shown}");
}

#[test]
fn a_server_that_nobody_vouches_for_gets_no_login() {
    let stranger = Server::start();
    let server = Server::start();
    let client = builder(server.address().port(), stranger.ca_pem())
        .start()
        .unwrap();
    let mut socket = server.accept_plain();
    assert_eq!(
        socket.read(&mut [0; 1]).unwrap(),
        1,
        "the first of its hello"
    );
    drop(socket);
    assert!(matches!(
        disconnect(&client),
        DisconnectKind::Broken | DisconnectKind::Tls
    ));
}

#[test]
fn created_at_keeps_all_of_its_digits() {
    let server = Server::start();
    let client = client(&server).start().unwrap();
    let mut peer = server.log_in();
    for (number, seconds, nanos) in [
        ("1.49984374779399991035e+09", 1_499_843_747, 793_999_910),
        ("1466000000.123", 1_466_000_000, 123_000_000),
        ("1.489401746187E9", 1_489_401_746, 187_000_000),
        ("4294967297", 4_294_967_297, 0),
    ] {
        peer.send(
            format!(
                "{{\"cmd\":\"enterprise_event_push\",\"delivery_id\":1,\"created_at\":{number}}}\n"
            )
            .as_bytes(),
        );
        let delivery = delivery(&client);
        let time = delivery.view().created_at().unwrap();
        assert_eq!((time.seconds(), time.subsec_nanos()), (seconds, nanos));
        delivery.ack();
        assert_eq!(peer.line(), ack("1"));
    }
}

#[test]
fn every_id_comes_back_as_it_was_sent() {
    let server = Server::start();
    let client = client(&server).start().unwrap();
    let mut peer = server.log_in();
    for id in [
        "0",
        "-0",
        "9007199254740993",
        "18446744073709551616",
        "1e3",
        "1.50",
        "\"\"",
        "\"5c1b-0001\"",
        "\"\\u0041\\\"\"",
        "true",
        "null",
    ] {
        peer.push(id);
        delivery(&client).ack();
        assert_eq!(peer.line(), ack(id));
    }
}

/// An id that makes long acks.
fn long_id(number: u64) -> String {
    format!("\"an-id-that-is-as-long-as-an-id-{number:07}\"")
}

/// Pushes events, all of which are acked at once, and reads no ack, until the kernel takes no more of them. How many
/// events it were.
fn fill_both_directions(client: &Client, peer: &mut Peer) -> u64 {
    let mut pushed = 0;
    loop {
        let stats = client.stats();
        let is_full = stats.acks_given - stats.acks_sent - stats.acks_lost >= 20_000;
        if is_full || stats.disconnects > 0 {
            return pushed;
        }
        // Were the client to wait for its acks to leave, this would block for ever.
        if peer.try_send(&event(&long_id(pushed))).is_ok() {
            pushed += 1;
        }
    }
}

/// Acks every delivery until the connection ends.
fn ack_all(client: &Client) -> Option<DisconnectKind> {
    for event in client.events() {
        match event {
            Event::Delivery(delivery) => delivery.ack(),
            Event::Disconnected(why) => return Some(why.kind()),
            _ => {}
        }
    }
    None
}

#[test]
fn partial_writes_lose_no_byte_and_both_directions_may_be_full() {
    let server = Server::start();
    let client = client(&server).prefetch(32_767).start().unwrap();
    let interrupter = client.interrupter();
    let mut peer = server.log_in();
    std::thread::scope(|scope| {
        let consumer = scope.spawn(|| ack_all(&client));

        let pushed = fill_both_directions(&client, &mut peer);

        for number in 0..pushed {
            assert_eq!(peer.line_but_pings(), ack(&long_id(number)));
        }
        wait_until("every ack", || client.stats().acks_sent == pushed);
        interrupter.interrupt();
        assert_eq!(
            consumer.join().unwrap(),
            None,
            "one connection all the time"
        );
        figure(format!("{pushed} acks, all of them and in order"));
    });
}

#[test]
fn a_server_that_reads_nothing_any_more_is_given_up_after_the_stall_timeout() {
    let server = Server::start();
    let client = client(&server)
        .prefetch(32_767)
        .stall_timeout(Duration::from_secs(1))
        .start()
        .unwrap();
    let mut peer = server.log_in();
    std::thread::scope(|scope| {
        let consumer = scope.spawn(|| ack_all(&client));
        fill_both_directions(&client, &mut peer);
        assert_eq!(
            consumer.join().unwrap(),
            Some(DisconnectKind::TransmitStalled)
        );
    });

    let mut next = server.log_in();
    assert!(client.flush());
    let stats = client.stats();
    assert!(stats.acks_lost > 0, "{stats:?}");
    assert_eq!(stats.acks_sent + stats.acks_lost, stats.acks_given);
    next.push("1");
    assert_eq!(delivery(&client).line(), line("1"));
}

#[test]
fn a_malformed_line_is_told_and_the_next_is_delivered() {
    let server = Server::start();
    let client = client(&server).start().unwrap();
    let mut peer = server.log_in();
    peer.send(b"No Heartbeat!\n\n");
    peer.push("1");
    loop {
        match next(&client) {
            Event::Poison(poison) => {
                assert!(matches!(poison.reason(), PoisonReason::Malformed(_)));
                assert_eq!(poison.bytes(), b"No Heartbeat!");
                break;
            }
            Event::Delivery(_) => panic!("the malformed line came first"),
            _ => {}
        }
    }
    assert_eq!(delivery(&client).line(), line("1"));
}
