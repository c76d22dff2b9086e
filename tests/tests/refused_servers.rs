//! Servers that are not to be trusted, as `noti listen` meets them: not one byte of the login is sent, the reason is told,
//! and it tries again with backoff.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use noti_broker::certificates::{Authority, Leaf};
use noti_broker::{Account, Body, Broker, Fault, Source};
use noti_std::tls::{Identity, Pin, TlsVersion};
use noti_tests::listener::{ENTERPRISE_ID, ENTERPRISE_SECRET, Listener};
use noti_tests::scripted::{Door, Server, Tap};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ServerConfig, ServerConnection};

/// The types of TLS records (RFC 8446, section 5.1).
const CHANGE_CIPHER_SPEC: u8 = 20;
const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;

/// An alert, and what TLS 1.3 wraps it in.
const SEALED_ALERT: usize = 2 + 1 + 16;

/// Asserts that a client said hello and goodbye, and nothing else. The login alone would be three times as long.
fn assert_no_login(said: &[u8]) {
    let mut rest = said;
    let mut records = Vec::new();
    while let [kind, _, _, high, low, tail @ ..] = rest {
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        records.push((*kind, length));
        rest = tail.get(length..).expect("whole records");
    }
    assert!(rest.is_empty());
    let [(HANDSHAKE, _), others @ ..] = &records[..] else {
        panic!("no hello: {records:?}");
    };
    for (kind, length) in others {
        let is_small = *length <= SEALED_ALERT;
        assert!(
            is_small || *kind == ALERT || *kind == CHANGE_CIPHER_SPEC,
            "{records:?}"
        );
    }
}

/// Lets `noti listen` meet the server at `tap` twice; `answer` serves one connection, and gives what the client said.
fn refused_twice(listener: Listener, words: &str, mut carry: impl FnMut() -> Vec<u8>) {
    let listening = listener.start();
    for _ in 0..2 {
        assert_no_login(&carry());
        listening.says(words);
        listening.says("connecting anew");
    }
    listening.signal("TERM");
    // A third attempt may be under way.
    let finished = listening.finish();
    assert_eq!(finished.code(), Some(0), "{}", finished.stderr);
    assert!(
        !finished.stderr.contains("logged in"),
        "{}",
        finished.stderr
    );
}

#[test]
fn bad_certificates_are_named_and_a_good_one_after_them_is_taken() {
    for (fault, words) in [
        ("wrong-certificate:times=2", "is for wrong-name.invalid"),
        ("expired-certificate:times=2", "ended on 2001-01-01"),
        ("early-certificate:times=2", "begins on 2100-01-01"),
        (
            "self-signed-certificate:times=2",
            "no trusted authority vouches",
        ),
    ] {
        let body = Body::parse(r#"{"event_type":"device_offline","did":"a"}"#).unwrap();
        let broker = Broker::builder()
            .account(Account::new(ENTERPRISE_ID, ENTERPRISE_SECRET).source(Source::bodies([body])))
            .fault(fault.parse::<Fault>().unwrap())
            .start()
            .unwrap();
        let tap = Tap::on(broker.address());
        let listening = Listener::new(tap.address(), broker.ca_pem())
            .args(&["--count", "1"])
            .start();

        for _ in 0..2 {
            assert_no_login(&tap.carry(|_| {}));
            listening.says(words);
        }
        tap.carry(|_| {});

        let finished = listening.finish();
        assert_eq!(finished.code(), Some(0), "{fault}: {}", finished.stderr);
        let report = broker.stop();
        assert_eq!((report.accepted, report.logins), (3, 1), "{fault}");
        assert_eq!(report.totals.acked, 1);
    }
}

#[test]
fn an_unknown_authority_is_refused() {
    let server = Server::start();
    let stranger = Authority::new().unwrap();
    let tap = Tap::on(server.address());
    let listener = Listener::new(tap.address(), &stranger.pem());
    refused_twice(listener, "no trusted authority vouches", || {
        let (said, ()) = both(|| tap.carry(|_| {}), || server.refuse());
        said
    });
}

#[test]
fn a_pinned_certificate_behind_another_leaf_is_refused() {
    let authority = Authority::new().unwrap();
    let pinned = authority.issue(Leaf::Good).unwrap();
    let mut shown = authority.issue(Leaf::Good).unwrap();
    // Whoever searches the whole chain for the pin finds it.
    shown.chain.push(pinned.chain[0].clone());
    let server = Server::with(&authority, &shown, TlsVersion::ALL);
    let tap = Tap::on(server.address());
    let pin = Pin::of_certificate(&pinned.chain[0]).unwrap().to_string();
    let listener = Listener::new(tap.address(), &authority.pem()).args(&["--pin-sha256", &pin]);
    refused_twice(listener, "none of the pinned keys", || {
        let (said, ()) = both(|| tap.carry(|_| {}), || server.refuse());
        said
    });
}

#[test]
fn a_pinned_certificate_without_its_key_is_refused() {
    let authority = Authority::new().unwrap();
    let pinned: Identity = authority.issue(Leaf::Good).unwrap();
    let pin = Pin::of_certificate(&pinned.chain[0]).unwrap().to_string();
    // Somebody in the middle shows the certificate, but cannot sign what he has changed. In TLS 1.2 the signature is in the clear.
    let server = Server::with(&authority, &pinned, &[TlsVersion::Tls12]);
    let tap = Tap::on(server.address());
    let listener = Listener::new(tap.address(), &authority.pem()).args(&["--pin-sha256", &pin]);
    refused_twice(listener, "does not hold the key", || {
        let (said, ()) = both(
            || tap.carry(|bytes| forge_signature(bytes)),
            || server.refuse(),
        );
        said
    });
}

#[test]
fn a_pinned_certificate_without_its_key_is_refused_under_tls_1_3_too() {
    let authority = Authority::new().unwrap();
    let pinned = authority.issue(Leaf::Good).unwrap();
    let pin = Pin::of_certificate(&pinned.chain[0]).unwrap().to_string();
    // There the signature is sealed: somebody in the middle who shows the certificate signs with a key of his own.
    let impostor = impostor(&pinned, &authority.issue(Leaf::Good).unwrap());
    let door = Door::open();
    let tap = Tap::on(door.address());
    let listener = Listener::new(tap.address(), &authority.pem()).args(&["--pin-sha256", &pin]);
    refused_twice(listener, "does not hold the key", || {
        let (said, ()) = both(
            || tap.carry(|_| {}),
            || {
                let mut socket = door.next();
                let mut tls = ServerConnection::new(impostor.clone()).unwrap();
                while tls.is_handshaking() && tls.complete_io(&mut socket).is_ok() {}
                assert!(tls.is_handshaking(), "the client does not finish");
            },
        );
        said
    });
}

/// A server of TLS 1.3 that shows the certificate of `shown` and signs with the key of `signer`.
fn impostor(shown: &Identity, signer: &Identity) -> Arc<ServerConfig> {
    let chain = shown.chain.iter().cloned().map(Into::into).collect();
    let key = PrivatePkcs8KeyDer::from(signer.key.to_vec()).into();
    let key = rustls::crypto::ring::sign::any_supported_type(&key).unwrap();
    let resolver = SingleCertAndKey::from(CertifiedKey::new(chain, key));
    let provider = rustls::crypto::ring::default_provider();
    let config = ServerConfig::builder_with_provider(provider.into())
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(resolver));
    config.into()
}

/// Changes the last byte of the server's signature, if these bytes have it.
fn forge_signature(bytes: &mut [u8]) {
    const SERVER_KEY_EXCHANGE: u8 = 12;
    let mut at = 0;
    while let Some([HANDSHAKE, _, _, high, low]) = bytes.get(at..at + 5) {
        let record_end = at + 5 + usize::from(u16::from_be_bytes([*high, *low]));
        let mut message = at + 5;
        while let Some([kind, a, b, c]) = bytes.get(message..message + 4) {
            let end = message + 4 + u32::from_be_bytes([0, *a, *b, *c]) as usize;
            if *kind == SERVER_KEY_EXCHANGE && end <= record_end {
                bytes[end - 1] ^= 1;
                return;
            }
            if end >= record_end {
                break;
            }
            message = end;
        }
        at = record_end;
    }
}

#[test]
fn what_is_no_modern_tls_is_refused() {
    // A server hello of TLS 1.1: version, random, no session id, TLS_RSA_WITH_AES_128_CBC_SHA, no compression.
    let mut tls_1_1 = vec![HANDSHAKE, 3, 2, 0, 42, 2, 0, 0, 38, 3, 2];
    tls_1_1.extend([7; 32]);
    tls_1_1.extend([0, 0, 0x2f, 0]);
    for (answer, words) in [
        (
            &b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n"[..],
            "does not speak TLS",
        ),
        (&tls_1_1, "offers no TLS 1.2 or newer"),
        // What such a server says to a client that asks for 1.2 at least.
        (&[ALERT, 3, 2, 0, 2, 2, 70], "offers no TLS 1.2 or newer"),
        (b"", "closed the connection before it was secure"),
    ] {
        let authority = Authority::new().unwrap();
        let door = Door::open();
        let listener = Listener::new(door.address(), &authority.pem());
        refused_twice(listener, words, || {
            let mut socket: TcpStream = door.next();
            let mut said = vec![0; 5];
            socket.read_exact(&mut said).unwrap();
            let length = usize::from(u16::from_be_bytes([said[3], said[4]]));
            said.resize(5 + length, 0);
            socket.read_exact(&mut said[5..]).unwrap();
            socket.write_all(answer).unwrap();
            socket.shutdown(std::net::Shutdown::Write).unwrap();
            // It may have gone without reading everything.
            let _ = socket.read_to_end(&mut said);
            said
        });
    }
}

#[test]
fn a_handshake_that_does_not_go_on_is_given_up() {
    let authority = Authority::new().unwrap();
    let door = Door::open();
    let listening = Listener::new(door.address(), &authority.pem())
        .args(&["--connect-timeout", "200ms"])
        .start();
    for _ in 0..2 {
        let mut socket = door.next();
        socket
            .set_read_timeout(Some(Duration::from_secs(60)))
            .unwrap();
        let mut said = Vec::new();
        // Until the client gives up.
        let _ = socket.read_to_end(&mut said);
        assert_no_login(&said);
        listening.says("was not done in time");
    }
}

fn both<A: Send, B: Send>(a: impl FnOnce() -> A + Send, b: impl FnOnce() -> B + Send) -> (A, B) {
    std::thread::scope(|scope| {
        let b = scope.spawn(b);
        let a = a();
        (a, b.join().expect("no panic"))
    })
}
