//! The clients that are measured, each in a process of its own.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::sync::Arc;

use noti_std::{Client, Event, Secret, tls::Trust};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

/// What a client's process is told.
pub(crate) struct Call {
    pub(crate) port: u16,
    pub(crate) ca_pem: String,
    pub(crate) window: u16,
    pub(crate) events: usize,
}

/// The library: events in batches, acks in batches.
pub(crate) fn library(call: &Call) {
    let client = Client::builder("127.0.0.1", call.port)
        .credentials("enterprise-id", Secret::from("secret"))
        .trust(
            Trust::platform()
                .with_ca_pem(&call.ca_pem)
                .expect("an authority"),
        )
        .prefetch(call.window)
        .no_reconnect()
        .start()
        .expect("a client");
    let mut events = Vec::new();
    while client.recv_batch(&mut events, 512) {
        let deliveries = events.iter().filter_map(|event| match event {
            Event::Delivery(delivery) => Some(delivery),
            _ => None,
        });
        client.ack_all(deliveries);
        events.clear();
    }
}

fn stream(call: &Call) -> StreamOwned<ClientConnection, TcpStream> {
    let mut roots = RootCertStore::empty();
    let authority = CertificateDer::from_pem_slice(call.ca_pem.as_bytes()).expect("an authority");
    roots.add(authority).expect("an authority");
    let config = ClientConfig::builder()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::from(std::net::IpAddr::from(Ipv4Addr::LOCALHOST));
    let tls = ClientConnection::new(Arc::new(config), name).expect("a client");
    let socket = TcpStream::connect((Ipv4Addr::LOCALHOST, call.port)).expect("the feeder");
    socket.set_nodelay(true).expect("a socket");
    StreamOwned::new(tls, socket)
}

/// The client that people write today: a line, a `Value`, an ack written at once.
pub(crate) fn users(call: &Call) {
    let mut stream = BufReader::new(stream(call));
    let login = serde_json::json!({
        "cmd": "enterprise_login_req",
        "data": {
            "enterprise_id": "enterprise-id",
            "enterprise_secret": "secret",
            "prefetch_count": call.window,
        }
    });
    writeln!(stream.get_mut(), "{login}").expect("a link");
    let mut line = String::new();
    while stream.read_line(&mut line).is_ok_and(|read| read > 0) {
        let message: serde_json::Value = serde_json::from_str(&line).expect("JSON");
        if message["cmd"] == "enterprise_event_push" {
            std::hint::black_box((
                &message["event_type"],
                &message["did"],
                &message["created_at"],
            ));
            let ack = serde_json::json!({
                "cmd": "enterprise_event_ack",
                "delivery_id": message["delivery_id"],
            });
            let sent = stream.get_mut().write_all(format!("{ack}\n").as_bytes());
            sent.expect("a link");
        }
        line.clear();
    }
}

/// TLS alone: decrypts, counts newlines, and says so at the end.
pub(crate) fn tls_alone(call: &Call) {
    let mut stream = stream(call);
    stream.write_all(b"\n").expect("a link");
    let mut buffer = vec![0; 64 * 1024];
    // The answer to the login is a line too.
    let mut missing = call.events + 1;
    while missing > 0 {
        let read = stream.read(&mut buffer).expect("a link");
        missing -= memchr::memchr_iter(b'\n', &buffer[..read]).count();
    }
    stream.write_all(b"\n").expect("a link");
    // Until the feeder has read it.
    let _ = stream.read(&mut buffer);
}
