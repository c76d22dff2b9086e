//! TLS over real sockets: what the client lets through, and what it keeps to itself.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread;

use noti_broker::certificates::{Authority, Leaf};
use noti_std::tls::{
    ClientTls, Pin, Plaintext, Receive, ServerTls, TlsConnection, TlsError, TlsVersion, Trust,
};

const LOGIN: &[u8] = b"{\"cmd\":\"login_req\",\"prefetch_count\":50,\"data\":[]}\n";

/// Sends `bytes` as soon as the peer is verified, then receives until the end of the stream.
fn converse(
    tls: &mut TlsConnection,
    socket: &mut TcpStream,
    mut bytes: &[u8],
) -> Result<(Vec<u8>, Plaintext), TlsError> {
    let mut received = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        // These sockets block, so all that can be sent is sent here.
        while let n @ 1.. = tls.transmit(bytes, socket)? {
            bytes = &bytes[n..];
        }
        if bytes.is_empty() && !tls.is_handshaking() {
            tls.close_notify();
            tls.flush(socket)?;
        }
        let _ = tls.receive(socket)?;
        loop {
            match tls.read(&mut buffer) {
                Plaintext::Data(n) => received.extend(&buffer[..n]),
                Plaintext::Pending => break,
                end => return Ok((received, end)),
            }
        }
    }
}

/// Runs a server for one connection, and a client against it.
fn meet<T: Send + 'static>(
    client: &ClientTls,
    server: impl FnOnce(TcpStream) -> T + Send + 'static,
) -> (Result<(Vec<u8>, Plaintext), TlsError>, T) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = thread::spawn(move || server(listener.accept().unwrap().0));
    let mut socket = TcpStream::connect(address).unwrap();
    let mut tls = TlsConnection::client(client).unwrap();
    let outcome = converse(&mut tls, &mut socket, LOGIN);
    // To close with bytes unread would be a reset, which can overtake an alert.
    socket.shutdown(Shutdown::Write).unwrap();
    let _ = socket.read_to_end(&mut Vec::new());
    (outcome, server.join().unwrap())
}

#[test]
fn a_trusted_server_gets_the_login_and_both_ends_close_cleanly() {
    let authority = Authority::new().unwrap();
    let identity = authority.issue(Leaf::Good).unwrap();
    let pin = Pin::of_certificate(&identity.chain[0]).unwrap();
    let events = vec![b'e'; 300_000];
    for version in TlsVersion::ALL {
        for trust in [
            Trust::platform().with_ca_pem(&authority.pem()).unwrap(),
            Trust::platform().with_pin(pin),
        ] {
            let client = ClientTls::new(&trust, "localhost").unwrap();
            let server = ServerTls::new(&identity, &[*version]).unwrap();
            let reply = events.clone();
            let (outcome, served) = meet(&client, move |mut socket| {
                let mut tls = TlsConnection::server(&server).unwrap();
                converse(&mut tls, &mut socket, &reply)
            });
            assert_eq!(outcome.unwrap(), (events.clone(), Plaintext::Closed));
            assert_eq!(served.unwrap(), (LOGIN.to_vec(), Plaintext::Closed));
        }
    }
}

#[test]
fn a_refused_server_learns_why_and_gets_no_login() {
    let authority = Authority::new().unwrap();
    let trust = Trust::platform().with_ca_pem(&authority.pem()).unwrap();
    let client = ClientTls::new(&trust, "localhost").unwrap();
    for version in TlsVersion::ALL {
        for (leaf, kind) in [
            (Leaf::WrongName, "wrong-name"),
            (Leaf::Expired, "expired"),
            (Leaf::NotYetValid, "not-yet-valid"),
            (Leaf::SelfSigned, "unknown-authority"),
        ] {
            let identity = authority.issue(leaf).unwrap();
            let server = ServerTls::new(&identity, &[*version]).unwrap();
            let (outcome, served) = meet(&client, move |mut socket| {
                let mut tls = TlsConnection::server(&server).unwrap();
                converse(&mut tls, &mut socket, b"")
            });
            assert_eq!(outcome.unwrap_err().kind(), kind);
            assert_eq!(served.unwrap_err().kind(), "alert");
        }
    }
}

#[test]
fn a_cut_stream_shows() {
    let authority = Authority::new().unwrap();
    let trust = Trust::platform().with_ca_pem(&authority.pem()).unwrap();
    let client = ClientTls::new(&trust, "localhost").unwrap();
    let server = ServerTls::new(&authority.issue(Leaf::Good).unwrap(), TlsVersion::ALL).unwrap();
    let (outcome, ()) = meet(&client, move |mut socket| {
        let mut tls = TlsConnection::server(&server).unwrap();
        while tls.transmit(b"half a li", &mut socket).unwrap() == 0 {
            let _ = tls.receive(&mut socket).unwrap();
        }
        socket.shutdown(Shutdown::Write).unwrap();
        // Unread bytes would make the close a reset.
        while tls.receive(&mut socket).unwrap() != Receive::End {
            let _ = tls.read(&mut [0; 4096]);
        }
    });
    assert_eq!(
        outcome.unwrap(),
        (b"half a li".to_vec(), Plaintext::Truncated)
    );
}

#[test]
fn a_server_without_tls_or_with_an_old_one_gets_no_login() {
    let trust = Trust::platform()
        .with_ca_pem(&Authority::new().unwrap().pem())
        .unwrap();
    let client = ClientTls::new(&trust, "localhost").unwrap();
    for (answer, kind) in [
        (
            &b"{\"cmd\":\"login_res\",\"data\":{\"result\":true}}\n"[..],
            "not-tls",
        ),
        (&[21, 3, 2, 0, 2, 2, 70], "version"),
        (b"", "closed-in-handshake"),
    ] {
        let (outcome, heard) = meet(&client, move |mut socket| {
            socket.write_all(answer).unwrap();
            socket.shutdown(Shutdown::Write).unwrap();
            let mut heard = Vec::new();
            socket.read_to_end(&mut heard).unwrap();
            heard
        });
        assert_eq!(outcome.unwrap_err().kind(), kind);
        assert!(!heard.windows(5).any(|bytes| bytes == b"login"));
    }
}
