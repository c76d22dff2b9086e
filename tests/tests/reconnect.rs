//! What ends a connection, and what comes after it.

use std::time::Duration;

use noti_broker::{Account, Broker, Fault, GeneratorConfig, Source};
use noti_std::{Client, DisconnectKind, Event, Trust};
use noti_tests::client::client;
use noti_tests::listener::{ENTERPRISE_ID, ENTERPRISE_SECRET, Listener};
use noti_tests::scripted::{PATIENCE, Server, ack};

fn broker(faults: &[&str]) -> Broker {
    let source = Source::generate(GeneratorConfig::default()).unwrap();
    let account = Account::new(ENTERPRISE_ID, ENTERPRISE_SECRET).source(source);
    let mut builder = Broker::builder().account(account);
    for fault in faults {
        builder = builder.fault(fault.parse::<Fault>().unwrap());
    }
    builder.start().unwrap()
}

fn disconnect(client: &Client) -> DisconnectKind {
    loop {
        match client.recv_timeout(PATIENCE).expect("an event in time") {
            Event::Disconnected(why) => return why.kind(),
            _ => continue,
        }
    }
}

#[test]
fn a_login_that_is_refused_after_one_has_succeeded_is_retried() {
    let broker = broker(&["drop:events=3,times=1", "refuse-login:after=1,times=2"]);
    let finished = Listener::new(broker.address(), broker.ca_pem())
        .args(&["--count", "50"])
        .run();
    assert_eq!(finished.code(), Some(0), "{}", finished.stderr);
    assert!(finished.stderr.contains("refused"), "{}", finished.stderr);
    let report = broker.stop();
    assert_eq!((report.logins, report.logins_refused), (2, 2));
}

#[test]
fn a_first_login_that_is_refused_is_retried_on_request() {
    let broker = broker(&["refuse-login:times=3"]);
    let finished = Listener::new(broker.address(), broker.ca_pem())
        .args(&["--count", "1", "--retry-refused"])
        .run();
    assert_eq!(finished.code(), Some(0), "{}", finished.stderr);
    let report = broker.stop();
    assert_eq!((report.logins, report.logins_refused), (1, 3));
}

#[test]
fn a_login_that_is_not_answered_is_given_up() {
    let broker = broker(&["no-login-answer:times=2"]);
    let client = client(broker.address().port(), broker.ca_pem())
        .login_timeout(Duration::from_millis(200))
        .start()
        .unwrap();
    assert_eq!(disconnect(&client), DisconnectKind::LoginTimeout);
    assert_eq!(disconnect(&client), DisconnectKind::LoginTimeout);
    client.deliveries().next().unwrap().ack();
    assert_eq!(client.stats().logins, 1);
}

#[test]
fn every_code_of_an_invalid_msg_has_its_consequence() {
    let server = Server::start();
    let client = server.client().retry_refused(true).start().unwrap();
    let message =
        |code| format!("{{\"cmd\":\"invalid_msg\",\"error_code\":{code},\"msg\":\"no\"}}\n");
    for (code, kind) in [
        (4000, DisconnectKind::ServerError),
        (4001, DisconnectKind::LoginLost),
        (4003, DisconnectKind::LoginLost),
    ] {
        let mut peer = server.log_in();
        peer.push("1");
        client.deliveries().next().unwrap().ack();
        assert_eq!(peer.line(), ack("1"));
        peer.send(message(code).as_bytes());
        assert_eq!(peer.next_line(), None, "it goes");
        drop(peer);
        assert_eq!(disconnect(&client), kind, "{code}");
    }
    // Before the login is answered, any of them refuses it.
    let mut peer = server.accept();
    assert!(peer.line().contains("login_req"));
    peer.send(message(4001).as_bytes());
    assert_eq!(disconnect(&client), DisconnectKind::LoginRefused);
    // Others are told, and no more.
    let mut peer = server.log_in();
    peer.send(message(4009).as_bytes());
    peer.push("2");
    let told = client.events().find_map(|event| match event {
        Event::InvalidMsg { code, msg } => Some((code, msg)),
        _ => None,
    });
    assert_eq!(told, Some((Some(4009), "no".to_owned())));
    client.deliveries().next().unwrap().ack();
    assert_eq!(peer.line(), ack("2"));
}

#[test]
fn a_server_that_overruns_the_window_is_left_once_the_acks_are_out() {
    let broker = broker(&["overrun:by=6,times=1"]);
    let client = client(broker.address().port(), broker.ca_pem())
        .prefetch(5)
        .start()
        .unwrap();
    assert_eq!(disconnect(&client), DisconnectKind::WindowExceeded);
    for delivery in client.deliveries().take(20) {
        delivery.ack();
    }
    broker
        .wait_until(PATIENCE, |totals| totals.acked == 20)
        .unwrap();
    let report = broker.stop();
    assert_eq!((report.logins, report.totals.client_errors), (2, 0));
}

#[test]
fn a_name_that_does_not_resolve_is_tried_again() {
    let server = Server::start();
    // No resolver needs the network to know that two dots are none.
    let client = Client::builder("no..such..name", 1)
        .credentials(ENTERPRISE_ID, ENTERPRISE_SECRET)
        .trust(Trust::platform().with_ca_pem(server.ca_pem()).unwrap())
        .server_name("localhost")
        .reconnect(Duration::from_millis(1), Duration::from_millis(20))
        .start()
        .unwrap();
    for _ in 0..3 {
        assert_eq!(disconnect(&client), DisconnectKind::Resolve);
    }
    client.shutdown(PATIENCE).unwrap();
}

#[test]
fn a_refused_connection_is_tried_again_and_ends_it_without_reconnect() {
    let port = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().port()
    };
    let server = Server::start();
    let client = client(port, server.ca_pem()).start().unwrap();
    for _ in 0..3 {
        assert_eq!(disconnect(&client), DisconnectKind::Connect);
    }
    drop(client);
    let finished = Listener::new(([127, 0, 0, 1], port).into(), server.ca_pem())
        .args(&["--no-reconnect"])
        .run();
    assert_eq!(finished.code(), Some(69), "{}", finished.stderr);
    assert!(
        finished.stderr.contains("connecting to"),
        "{}",
        finished.stderr
    );
}

#[test]
fn whoever_stops_it_need_not_wait_for_the_next_attempt() {
    // The stop comes at the same moment as the end of the connection; the next attempt would be in an hour.
    for round in 0..50 {
        let server = Server::start();
        let client = server
            .client()
            .reconnect(Duration::from_secs(3600), Duration::from_secs(3600))
            .start()
            .unwrap();
        let peer = server.log_in();
        std::thread::scope(|scope| {
            scope.spawn(|| match round % 2 {
                0 => drop(peer),
                _ => peer.cut(),
            });
            client.shutdown(Duration::from_secs(60)).unwrap();
        });
    }
}

#[test]
fn a_server_that_never_stops_talking_does_not_keep_it_from_ending() {
    let server = Server::start();
    let client = server.client().start().unwrap();
    let mut peer = server.log_in();
    peer.push("1");
    client.deliveries().next().unwrap().ack();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let noise = [b' '; 64 * 1024];
            while peer.try_send(&noise).is_ok() {}
        });
        client.shutdown(Duration::from_millis(100)).unwrap();
    });
}

#[test]
fn times_without_end_are_no_reason_to_panic() {
    let server = Server::start();
    let client = server
        .client()
        .connect_timeout(Duration::MAX)
        .reconnect(Duration::ZERO, Duration::MAX)
        .start()
        .unwrap();
    let mut peer = server.log_in();
    peer.push("1");
    client.deliveries().next().unwrap().ack();
    assert_eq!(peer.line(), ack("1"));
    drop(peer);
    client.shutdown(Duration::MAX).unwrap();
}

#[test]
fn an_alert_after_the_login_is_a_disconnect_like_any_other() {
    let server = Server::start();
    let client = server.client().start().unwrap();
    server.log_in().alert();
    assert_eq!(disconnect(&client), DisconnectKind::Tls);
    let mut peer = server.log_in();
    peer.push("1");
    client.deliveries().next().unwrap().ack();
    assert_eq!(peer.line(), ack("1"));
}

#[test]
fn a_client_that_connects_anew_resumes_its_tls_session() {
    let server = Server::start();
    let _client = server.client().start().unwrap();
    let resumed = [(); 4].map(|()| {
        let peer = server.log_in();
        let resumed = peer.is_resumed();
        peer.close();
        resumed
    });
    assert_eq!(resumed, [false, true, true, true]);
}

#[test]
fn delays_grow_until_a_session_has_proved_itself_and_a_login_proves_nothing() {
    let server = Server::start();
    let client = server
        .client()
        .reconnect(Duration::from_millis(1), Duration::from_millis(128))
        .start()
        .unwrap();
    let delay = || {
        let mut events = client.events();
        let delay = events.find_map(|event| match event {
            Event::Retrying { delay } => Some(delay),
            _ => None,
        });
        delay.unwrap()
    };
    // Were each of these logins to start the delays over, none would be longer than the first can be. By chance they are
    // all so short once in 2^39 times.
    let longest_first = Duration::from_millis(2);
    let delays = [(); 10].map(|()| {
        server.log_in().close();
        delay()
    });
    assert!(delays.iter().max() > Some(&longest_first), "{delays:?}");

    let mut peer = server.log_in();
    peer.push("1");
    client.deliveries().next().unwrap().ack();
    peer.close();
    assert!(delay() <= longest_first);
}
