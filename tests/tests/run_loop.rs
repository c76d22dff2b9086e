//! The README's client, on the core and a blocking TLS stream alone, against the broker.

use std::io::ErrorKind::{Interrupted, TimedOut, WouldBlock};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use noti_broker::{Body, Broker};
use noti_proto::{Config, Event, Inline, Instant, LineBuf, Login, Session, State};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

#[test]
fn twenty_lines_on_the_core_log_in_and_ack() -> Result<(), Box<dyn std::error::Error>> {
    let broker = Broker::builder().record_acked(1).start()?;
    broker.push(Body::parse(r#"{"event_type":"device_offline","did":"a"}"#)?)?;
    let transport = connect(&broker)?;
    let start = std::time::Instant::now();
    let clock = || Instant::ZERO.saturating_add(start.elapsed());
    let login = Login {
        enterprise_id: broker.enterprise_id(),
        enterprise_secret: broker.enterprise_secret(),
    };

    run(transport, clock, &login)?;

    broker.wait_until(Duration::from_secs(30), |totals| totals.acked == 1)?;
    assert_eq!(broker.stop().totals.client_errors, 0);
    Ok(())
}

/// The README's loop; it ends with the first event whose ack has left.
fn run(
    mut transport: impl Read + Write,
    clock: impl Fn() -> Instant,
    login: &Login<'_>,
) -> Result<(), Box<dyn std::error::Error>> {
    let mut lines = LineBuf::new([0; 4096]);
    let mut session = Session::new(Config::default(), Inline::<256, 5>::new())?;
    session.connected(clock(), login)?;
    let mut acked = false;
    while !matches!(session.state(), State::Closed(_)) {
        while let bytes @ [_, ..] = session.poll_transmit(clock()) {
            let length = bytes.len();
            transport.write_all(bytes)?;
            transport.flush()?;
            session.transmitted(clock(), length);
        }
        if acked && session.unsent() == 0 {
            return Ok(());
        }
        match transport.read(lines.spare()) {
            Ok(0) => break,
            Ok(read) => {
                lines.commit(read);
                session.note_received(clock());
            }
            Err(error) if matches!(error.kind(), WouldBlock | TimedOut | Interrupted) => {}
            Err(error) => return Err(error.into()),
        }
        while let Some(line) = lines.next_line() {
            if let Some(Event::Delivery(delivery)) = session.handle_line(clock(), line) {
                session.ack(delivery.token())?;
                acked = true;
            }
        }
        session.handle_timeout(clock());
    }
    Err(format!("ended as {:?}", session.state()).into())
}

fn connect(
    broker: &Broker,
) -> Result<StreamOwned<ClientConnection, TcpStream>, Box<dyn std::error::Error>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(broker.ca_pem().as_bytes())?)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let socket = TcpStream::connect(broker.address())?;
    socket.set_read_timeout(Some(Duration::from_millis(100)))?;
    let tls = ClientConnection::new(Arc::new(config), "localhost".try_into()?)?;
    Ok(StreamOwned::new(tls, socket))
}
