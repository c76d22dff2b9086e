//! The broker without TLS, as a microcontroller behind a serial bridge meets it.

use std::io::{self, BufRead, BufReader, Write};
use std::net::TcpStream;

use noti_broker::{Broker, BrokerError, Builder, Ended, Fault, Source};

use crate::peer::{PATIENCE, bodies, push_of, texts};

/// Connects and logs in.
fn log_in(broker: &Broker, prefetch: u16) -> TcpStream {
    let mut socket = TcpStream::connect(broker.address()).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket.set_nodelay(true).unwrap();
    let login = format!(
        "{{\"cmd\":\"enterprise_login_req\",\"data\":{{\"enterprise_id\":\"{}\",\"enterprise_secret\":\"{}\",\"prefetch_count\":{prefetch}}}}}\n",
        broker.enterprise_id(),
        broker.enterprise_secret()
    );
    socket.write_all(login.as_bytes()).unwrap();
    socket
}

/// Logs in and acks so many events; their bodies.
fn consume(broker: &Broker, count: usize) -> Vec<String> {
    let mut socket = log_in(broker, 2);
    let mut lines = BufReader::new(socket.try_clone().unwrap()).lines();
    assert_eq!(
        lines.next().unwrap().unwrap(),
        r#"{"cmd":"enterprise_login_res","data":{"result":true,"msg":"ok"}}"#
    );
    let take = |line: io::Result<String>| {
        let push = push_of(&line.unwrap());
        let ack = format!(
            "{{\"cmd\":\"enterprise_event_ack\",\"delivery_id\":{}}}\n",
            push.id
        );
        socket.write_all(ack.as_bytes()).unwrap();
        push.body
    };
    lines.take(count).map(take).collect()
}

fn plain() -> Builder {
    Broker::builder().plain()
}

#[test]
fn events_come_over_bare_tcp_in_every_fault_that_needs_no_tls() {
    for fault in [
        None,
        Some("single-byte-records"),
        Some("one-record:hold=5ms"),
        Some("stall-writing:for=50ms"),
        Some("stall-reading:for=50ms"),
        Some("overrun:by=3"),
    ] {
        let mut builder = plain().source(Source::bodies(bodies(1..501)));
        if let Some(fault) = fault {
            builder = builder.fault(fault.parse::<Fault>().unwrap());
        }
        let broker = builder.start().unwrap();
        assert_eq!(broker.ca_pem(), "");
        assert_eq!(consume(&broker, 500), texts(1..501), "{fault:?}");
        let report = broker.wait();
        assert_eq!((report.totals.acked, report.totals.client_errors), (500, 0));
        assert_eq!(report.connections[0].ended, Some(Ended::ByClient));
    }
}

#[test]
fn what_was_not_acked_before_a_drop_comes_again() {
    for fault in ["drop:mid-line=20", "reset:events=20"] {
        let broker = plain()
            .source(Source::bodies(bodies(1..501)))
            .fault(fault.parse::<Fault>().unwrap())
            .start()
            .unwrap();
        let socket = log_in(&broker, 100);
        // Nothing is acked, and the end comes by itself.
        let lines = BufReader::new(&socket).split(b'\n');
        assert!(lines.map_while(Result::ok).count() <= 22, "{fault}");
        drop(socket);

        assert_eq!(consume(&broker, 500), texts(1..501), "{fault}");
        let report = broker.wait();
        assert!(report.totals.redelivered >= 20, "{fault}: {report}");
        assert_eq!((report.totals.acked, report.totals.client_errors), (500, 0));
    }
}

#[test]
fn a_client_that_speaks_tls_does_not_get_in() {
    let broker = plain().start().unwrap();
    let client = broker.client().no_reconnect().start().unwrap();
    assert_eq!(client.deliveries().count(), 0);
    let report = broker.stop();
    assert_eq!((report.accepted, report.logins), (1, 0));
}

#[test]
fn nothing_but_this_machine_can_reach_it() {
    for (address, exposed) in [
        ("127.0.0.1:0", false),
        ("127.0.0.2:0", false),
        ("localhost:0", false),
        ("0.0.0.0:0", true),
        ("[::]:0", true),
        ("192.0.2.1:0", true),
    ] {
        let started = plain().listen(address).start();
        let refused = matches!(started, Err(BrokerError::PlainAddress { .. }));
        assert_eq!(refused, exposed, "{address}: {started:?}");
    }
}

#[test]
fn the_faults_of_tls_are_refused() {
    for fault in [
        "wrong-certificate",
        "expired-certificate",
        "early-certificate",
        "self-signed-certificate",
        "no-close-notify",
        "drop:bytes=9,how=truncate",
        "cut:mean=9,how=truncate",
    ] {
        let started = plain().fault(fault.parse::<Fault>().unwrap()).start();
        assert!(
            matches!(started, Err(BrokerError::PlainFault { .. })),
            "{fault}"
        );
    }
}
