use std::collections::VecDeque;

use noti_broker::certificates::{self, Leaf};
use rustls::sign::{CertifiedKey, SingleCertAndKey};

use super::der::*;
use super::error::{CLOCK_UNSET_BEFORE, Day};
use super::pin::hex_decode;
use super::*;

const SECRET: &[u8] = b"{\"cmd\":\"login_req\",\"secret\":\"5ecr37\"}\n";

/// The broker's authority. The broker stands on the library, not on this build of it for tests: an identity of its is
/// another type, with the same content.
struct Authority(certificates::Authority);

impl Authority {
    fn new() -> Result<Self, Box<dyn Error>> {
        Ok(Self(certificates::Authority::new()?))
    }

    fn pem(&self) -> String {
        self.0.pem()
    }

    fn issue(&self, leaf: Leaf) -> Result<Identity, Box<dyn Error>> {
        let identity = self.0.issue(leaf)?;
        Ok(Identity {
            chain: identity.chain,
            key: identity.key,
        })
    }
}

/// One direction of a socket: a queue with as much room as a test wants it to have.
#[derive(Debug)]
struct Wire {
    queue: VecDeque<u8>,
    room: usize,
    closed: bool,
    carried: Vec<u8>,
}

impl Wire {
    fn new() -> Self {
        Self {
            queue: VecDeque::new(),
            room: usize::MAX,
            closed: false,
            carried: Vec::new(),
        }
    }
}

/// One end of a socket.
struct Socket<'a> {
    incoming: &'a mut Wire,
    outgoing: &'a mut Wire,
}

impl Read for Socket<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.incoming.queue.is_empty() && !self.incoming.closed {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        self.incoming.queue.read(into)
    }
}

impl Write for Socket<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = self.outgoing.room - self.outgoing.queue.len();
        let taken = bytes.get(..room).unwrap_or(bytes);
        if taken.is_empty() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        self.outgoing.queue.extend(taken);
        self.outgoing.carried.extend(taken);
        Ok(taken.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A client and a server that talk in memory. The client has the secret to send, and offers it
/// at every turn, as a session would.
struct Pair {
    client: TlsConnection,
    server: TlsConnection,
    upward: Wire,
    downward: Wire,
    /// What of the secret the client's kernel has.
    transmitted: usize,
    /// What the server got.
    arrived: Vec<u8>,
}

impl Pair {
    fn new(client: &ClientTls, server: &ServerTls) -> Self {
        Self {
            client: TlsConnection::client(client).unwrap(),
            server: TlsConnection::server(server).unwrap(),
            upward: Wire::new(),
            downward: Wire::new(),
            transmitted: 0,
            arrived: Vec::new(),
        }
    }

    fn client_end(&mut self) -> (&mut TlsConnection, Socket<'_>) {
        let socket = Socket {
            incoming: &mut self.downward,
            outgoing: &mut self.upward,
        };
        (&mut self.client, socket)
    }

    fn server_end(&mut self) -> (&mut TlsConnection, Socket<'_>) {
        let socket = Socket {
            incoming: &mut self.upward,
            outgoing: &mut self.downward,
        };
        (&mut self.server, socket)
    }

    fn client_turn(&mut self) -> Result<(), TlsError> {
        let pending = &SECRET[self.transmitted..];
        let (client, mut socket) = self.client_end();
        while client.receive(&mut socket)? == Receive::Progress {}
        self.transmitted += client.transmit(pending, &mut socket)?;
        Ok(())
    }

    fn server_turn(&mut self) -> Result<(), TlsError> {
        let mut buffer = [0; 64];
        loop {
            let (server, mut socket) = self.server_end();
            let received = server.receive(&mut socket)?;
            if let Plaintext::Data(n) = server.read(&mut buffer) {
                self.arrived.extend(&buffer[..n]);
            } else if received != Receive::Progress {
                let (server, mut socket) = self.server_end();
                server.flush(&mut socket)?;
                return Ok(());
            }
        }
    }

    /// Lets both talk until they have nothing more to say.
    fn talk(&mut self) -> Result<(), TlsError> {
        for _ in 0..8 {
            self.client_turn()?;
            self.server_turn()?;
        }
        Ok(())
    }

    /// Lets both talk until the client refuses; the server must learn of it, and nothing else.
    fn refusal(&mut self) -> (TlsError, TlsError) {
        for _ in 0..8 {
            if let Err(refusal) = self.client_turn() {
                let alert = self.server_turn().expect_err("no alert arrived");
                // Nor does it send anything if its caller tries again.
                let sent = self.upward.carried.len();
                let (client, mut socket) = self.client_end();
                assert_eq!(client.transmit(SECRET, &mut socket).unwrap(), 0);
                assert_eq!(self.upward.carried.len(), sent);
                assert_eq!((self.transmitted, &*self.arrived), (0, &b""[..]));
                return (refusal, alert);
            }
            self.server_turn().unwrap();
        }
        panic!("the client refused nothing");
    }
}

fn serve(identity: &Identity, version: TlsVersion) -> ServerTls {
    ServerTls::new(identity, &[version]).unwrap()
}

/// A server that shows `shown` but signs with the key of `signer`, whatever it is.
fn impostor(shown: &[&Identity], signer: &Identity, version: TlsVersion) -> ServerTls {
    let chain = shown
        .iter()
        .map(|identity| identity.chain[0].clone().into());
    let key = PrivatePkcs8KeyDer::from(signer.key.to_vec()).into();
    let key = rustls::crypto::ring::sign::any_supported_type(&key).unwrap();
    let resolver = SingleCertAndKey::from(CertifiedKey::new(chain.collect(), key));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[version.supported()])
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(resolver));
    ServerTls {
        config: Arc::new(config),
    }
}

fn trust(authority: &Authority) -> Trust {
    Trust::platform().with_ca_pem(&authority.pem()).unwrap()
}

fn pin_of(identity: &Identity) -> Pin {
    Pin::of_certificate(&identity.chain[0]).unwrap()
}

fn client(trust: &Trust) -> ClientTls {
    ClientTls::new(trust, "localhost").unwrap()
}

#[test]
fn both_versions_carry_bytes_both_ways() {
    let authority = Authority::new().unwrap();
    let identity = authority.issue(Leaf::Good).unwrap();
    // What a record adds: header, nonce, tag, and in TLS 1.3 the type.
    for (version, overhead) in [
        (TlsVersion::Tls12, 5 + 8 + 16),
        (TlsVersion::Tls13, 5 + 16 + 1),
    ] {
        let mut pair = Pair::new(&client(&trust(&authority)), &serve(&identity, version));
        assert!(pair.client.is_handshaking() && pair.client.details().is_none());
        pair.talk().unwrap();
        assert_eq!((pair.transmitted, &*pair.arrived), (SECRET.len(), SECRET));
        assert!(
            !pair
                .upward
                .carried
                .windows(6)
                .any(|bytes| bytes == b"5ecr37")
        );
        assert!(
            pair.upward.carried.len() < 1024,
            "{}",
            pair.upward.carried.len()
        );
        assert!(
            pair.downward.carried.len() < 2048,
            "{}",
            pair.downward.carried.len()
        );

        let details = pair.client.details().unwrap();
        assert_eq!((details.version, details.resumed), (version, false));
        assert!(details.cipher.contains("AES_256_GCM"), "{}", details.cipher);
        assert_eq!(details.pin, Some(pin_of(&identity)));
        assert_eq!(pair.server.details().unwrap().pin, None);

        let before = pair.downward.carried.len();
        let (server, mut socket) = pair.server_end();
        assert_eq!(server.transmit(b"pong", &mut socket).unwrap(), 4);
        assert_eq!(pair.downward.carried.len() - before, 4 + overhead);
        let (client, mut socket) = pair.client_end();
        let mut buffer = [0; 64];
        assert_eq!(client.read(&mut buffer), Plaintext::Pending);
        assert_eq!(client.receive(&mut socket).unwrap(), Receive::Progress);
        assert_eq!(client.read(&mut []), Plaintext::Pending);
        assert_eq!(client.read(&mut buffer), Plaintext::Data(4));
        assert_eq!(&buffer[..4], b"pong");
    }
}

#[test]
fn ip_addresses_are_names_too() {
    let authority = Authority::new().unwrap();
    let server = serve(&authority.issue(Leaf::Good).unwrap(), TlsVersion::Tls13);
    for name in ["127.0.0.1", "::1"] {
        let client = ClientTls::new(&trust(&authority), name).unwrap();
        Pair::new(&client, &server).talk().unwrap();
    }
    let client = ClientTls::new(&trust(&authority), "127.0.0.2").unwrap();
    let (refusal, _) = Pair::new(&client, &server).refusal();
    assert_eq!(
        refusal.to_string(),
        "the certificate of 127.0.0.2 is for localhost, 127.0.0.1, ::1; connect to that host, \
         or expect that name with --server-name"
    );
}

#[test]
fn a_second_connection_resumes_the_first() {
    let authority = Authority::new().unwrap();
    let identity = authority.issue(Leaf::Good).unwrap();
    for version in TlsVersion::ALL {
        let client = client(&trust(&authority).with_pin(pin_of(&identity)));
        let server = serve(&identity, *version);
        Pair::new(&client, &server).talk().unwrap();
        let mut pair = Pair::new(&client, &server);
        pair.talk().unwrap();
        let details = pair.client.details().unwrap();
        assert!(details.resumed);
        assert_eq!(details.pin, Some(pin_of(&identity)));
    }
}

#[test]
fn a_bad_certificate_gets_an_alert_and_no_secret() {
    let authority = Authority::new().unwrap();
    let other = Authority::new().unwrap();
    let good = authority.issue(Leaf::Good).unwrap();
    let cases = [
        (
            &authority,
            Leaf::WrongName,
            trust(&authority),
            "wrong-name",
            "wrong-name.invalid",
        ),
        (
            &authority,
            Leaf::Expired,
            trust(&authority),
            "expired",
            "ended on 2001-01-01",
        ),
        (
            &authority,
            Leaf::NotYetValid,
            trust(&authority),
            "not-yet-valid",
            "2100-01-01",
        ),
        (
            &authority,
            Leaf::SelfSigned,
            trust(&authority),
            "unknown-authority",
            "--ca-file",
        ),
        (
            &other,
            Leaf::Good,
            trust(&authority),
            "unknown-authority",
            "--ca-file",
        ),
        // The pin of another key, alone and with the right authority.
        (
            &authority,
            Leaf::Good,
            Trust::platform().with_pin(pin_of(&good)),
            "wrong-key",
            "none of the pinned keys",
        ),
        (
            &authority,
            Leaf::Good,
            trust(&authority).with_pin(pin_of(&good)),
            "wrong-key",
            "none of the pinned keys",
        ),
    ];
    for version in TlsVersion::ALL {
        for (issuer, leaf, trust, kind, words) in &cases {
            let shown = issuer.issue(*leaf).unwrap();
            let mut pair = Pair::new(&client(trust), &serve(&shown, *version));
            let (refusal, alert) = pair.refusal();
            assert_eq!(refusal.kind(), *kind);
            assert!(refusal.to_string().contains(words), "{refusal}");
            assert!(refusal.to_string().contains("localhost"), "{refusal}");
            assert!(
                matches!(&refusal, TlsError::Certificate { pin, .. } if *pin == pin_of(&shown))
            );
            assert_eq!(
                alert.to_string(),
                "the client refused the connection with CertificateUnknown; it does not trust \
                 the certificate shown to it: give it the right CA file or pin"
            );
        }
    }
}

#[test]
fn an_authority_and_a_pin_must_both_hold() {
    let authority = Authority::new().unwrap();
    let other = Authority::new().unwrap();
    for version in TlsVersion::ALL {
        for (leaf, kind) in [
            (Leaf::Good, None),
            (Leaf::Expired, Some("expired")),
            (Leaf::WrongName, Some("wrong-name")),
            (Leaf::SelfSigned, Some("unknown-authority")),
        ] {
            let identity = authority.issue(leaf).unwrap();
            let both = client(&trust(&authority).with_pin(pin_of(&identity)));
            let mut pair = Pair::new(&both, &serve(&identity, *version));
            match kind {
                None => pair.talk().unwrap(),
                Some(kind) => assert_eq!(pair.refusal().0.kind(), kind),
            }
            let both = client(&trust(&other).with_pin(pin_of(&identity)));
            let mut pair = Pair::new(&both, &serve(&identity, *version));
            pair.refusal();
        }
    }
}

#[test]
fn a_pin_alone_replaces_authority_name_and_dates() {
    let authority = Authority::new().unwrap();
    let retired = pin_of(&authority.issue(Leaf::Good).unwrap());
    for version in TlsVersion::ALL {
        for leaf in [
            Leaf::Good,
            Leaf::WrongName,
            Leaf::Expired,
            Leaf::NotYetValid,
            Leaf::SelfSigned,
        ] {
            let identity = authority.issue(leaf).unwrap();
            // Two pins, as while keys are changed.
            let pins = Trust::platform()
                .with_pin(retired)
                .with_pin(pin_of(&identity));
            let mut pair = Pair::new(&client(&pins), &serve(&identity, *version));
            pair.talk().unwrap();
            assert_eq!(pair.arrived, SECRET);
        }
    }
}

#[test]
fn a_stolen_certificate_is_nothing_without_its_key() {
    let authority = Authority::new().unwrap();
    let pinned = authority.issue(Leaf::Good).unwrap();
    let own = authority.issue(Leaf::Good).unwrap();
    let pin = pin_of(&pinned);
    for version in TlsVersion::ALL {
        for trust in [
            trust(&authority),
            Trust::platform().with_pin(pin),
            trust(&authority).with_pin(pin),
        ] {
            // Shown first, it must have signed.
            let server = impostor(&[&pinned], &own, *version);
            let (refusal, alert) = Pair::new(&client(&trust), &server).refusal();
            assert_eq!(refusal.kind(), "key-not-held");
            assert_eq!(alert.kind(), "alert");
        }
        for trust in [
            Trust::platform().with_pin(pin),
            trust(&authority).with_pin(pin),
        ] {
            // Appended behind the one that signed, it does not count.
            let server = impostor(&[&own, &pinned], &own, *version);
            let (refusal, _) = Pair::new(&client(&trust), &server).refusal();
            assert_eq!(refusal.kind(), "wrong-key");
        }
    }
}

#[test]
fn a_verifier_without_authorities_and_pins_refuses() {
    let authority = Authority::new().unwrap();
    let identity = authority.issue(Leaf::Good).unwrap();
    let verifier = Verifier {
        chain: None,
        pins: Vec::new(),
        algorithms: rustls::crypto::ring::default_provider().signature_verification_algorithms,
    };
    verifier
        .verify_server_cert(
            &identity.chain[0].clone().into(),
            &[],
            &ServerName::try_from("localhost").unwrap(),
            &[],
            UnixTime::now(),
        )
        .unwrap_err();
}

/// DER of any length that fits two bytes.
fn der(tag: u8, contents: &[&[u8]]) -> Vec<u8> {
    let contents = contents.concat();
    let length = u16::try_from(contents.len()).unwrap().to_be_bytes();
    let mut out = vec![tag];
    match length {
        [0, low @ 0..=0x7f] => out.push(low),
        [0, low] => out.extend([0x81, low]),
        [high, low] => out.extend([0x82, high, low]),
    }
    out.extend(contents);
    out
}

#[test]
fn a_pin_admits_a_certificate_of_version_1() {
    let authority = Authority::new().unwrap();
    let key = authority.issue(Leaf::Good).unwrap();
    let spki = subject_public_key_info(&key.chain[0]).unwrap();
    let empty = der(SEQUENCE, &[]);
    let tbs = der(
        SEQUENCE,
        &[&der(INTEGER, &[&[1]]), &empty, &empty, &empty, &empty, spki],
    );
    let old = Identity {
        chain: vec![der(SEQUENCE, &[&tbs, &empty, &der(BIT_STRING, &[&[0]])])],
        key: key.key.clone(),
    };
    for version in TlsVersion::ALL {
        let server = impostor(&[&old], &key, *version);
        let pinned = Trust::platform().with_pin(pin_of(&key));
        Pair::new(&client(&pinned), &server).talk().unwrap();
        let (refusal, _) = Pair::new(&client(&trust(&authority)), &server).refusal();
        assert_eq!(refusal.kind(), "bad-certificate");

        let thief = authority.issue(Leaf::Good).unwrap();
        let server = impostor(&[&old], &thief, *version);
        let (refusal, _) = Pair::new(&client(&pinned), &server).refusal();
        assert_eq!(refusal.kind(), "key-not-held");
    }
}

#[test]
fn no_bytes_for_a_certificate_panic() {
    let authority = Authority::new().unwrap();
    let leaf = authority.issue(Leaf::Good).unwrap().chain.remove(0);
    assert!(
        subject_public_key_info(&leaf)
            .and_then(algorithm_and_key)
            .is_some()
    );
    for end in 0..leaf.len() {
        assert_eq!(subject_public_key_info(&leaf[..end]), None);
        for byte in [0x00, 0x30, 0x7f, 0x80, 0x81, 0x82, 0x83, 0xff] {
            let mut damaged = leaf.clone();
            damaged[end] = byte;
            let _ = subject_public_key_info(&damaged).and_then(algorithm_and_key);
        }
    }
    // Lengths in a form that DER forbids.
    assert!(element(SEQUENCE, &[0x30, 0x81, 0x01, 0x00]).is_none());
    assert!(element(SEQUENCE, &[0x30, 0x82, 0x00, 0x01, 0x00]).is_none());
    assert!(element(SEQUENCE, &[0x30, 0x80, 0x00, 0x00]).is_none());
}

/// What a client says to a server that answers with `bytes`, and then closes.
fn answered(bytes: &[u8]) -> TlsError {
    let authority = Authority::new().unwrap();
    let mut tls = TlsConnection::client(&client(&trust(&authority))).unwrap();
    let (mut upward, mut downward) = (Wire::new(), Wire::new());
    downward.queue.extend(bytes);
    downward.closed = true;
    let mut socket = Socket {
        incoming: &mut downward,
        outgoing: &mut upward,
    };
    loop {
        assert_eq!(tls.transmit(SECRET, &mut socket).unwrap(), 0);
        if let Err(error) = tls.receive(&mut socket) {
            assert!(!upward.carried.windows(6).any(|bytes| bytes == b"5ecr37"));
            return error;
        }
    }
}

#[test]
fn a_server_that_is_not_what_it_should_be_is_named() {
    // A ServerHello that chooses TLS 1.1, and the alerts of servers that cannot.
    let mut hello = vec![22, 3, 2, 0, 42, 2, 0, 0, 38, 3, 2];
    hello.extend([7; 32]);
    hello.extend([0, 0xc0, 0x13, 0]);
    for (bytes, kind) in [
        (&b"{\"cmd\":\"login_res\"}\n"[..], "not-tls"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "not-tls"),
        (b"SSH-2.0-OpenSSH_9.9\r\n", "not-tls"),
        (b"220 mail.example.com ESMTP\r\n", "not-tls"),
        (&hello, "version"),
        (&[21, 3, 2, 0, 2, 2, 70], "version"),
        (&[21, 3, 1, 0, 2, 2, 40], "alert"),
        (&[22, 3, 3, 0xff, 0xff], "protocol"),
        (b"", "closed-in-handshake"),
        (&[22, 3, 3], "closed-in-handshake"),
    ] {
        let error = answered(bytes);
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.to_string().starts_with("localhost") || kind == "protocol");
    }
    assert_eq!(
        answered(&[21, 3, 1, 0, 2, 2, 40]).to_string(),
        "localhost refused the connection with HandshakeFailure; it may know no cipher of \
         TLS 1.2 or newer, which its operator must enable"
    );
}

/// A socket that was reset.
struct Reset;

impl Read for Reset {
    fn read(&mut self, _into: &mut [u8]) -> io::Result<usize> {
        Err(io::ErrorKind::ConnectionReset.into())
    }
}

impl Write for Reset {
    fn write(&mut self, _bytes: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_failed_socket_is_no_fault_of_tls() {
    let pinned = Trust::platform().with_pin(Pin([0; 32]));
    let mut tls = TlsConnection::client(&client(&pinned)).unwrap();
    let error = tls.transmit(SECRET, &mut Reset).unwrap_err();
    assert!(error.is_io() && error.source().is_some());
    let error = tls.receive(&mut Reset).unwrap_err();
    assert!(error.is_io());
    assert_eq!(
        error.to_string(),
        "the connection to localhost failed in the TLS handshake: connection reset"
    );
    assert!(!answered(b"").is_io());
}

#[test]
fn a_client_without_tls_is_named_too() {
    let authority = Authority::new().unwrap();
    let identity = authority.issue(Leaf::Good).unwrap();
    let server = ServerTls::new(&identity, TlsVersion::ALL).unwrap();
    let mut pair = Pair::new(&client(&trust(&authority)), &server);
    pair.upward.queue.extend(SECRET);
    let (server, mut socket) = pair.server_end();
    let error = server.receive(&mut socket).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the client does not speak TLS on this port; check host and port"
    );
}

fn established(version: TlsVersion) -> Pair {
    let authority = Authority::new().unwrap();
    let identity = authority.issue(Leaf::Good).unwrap();
    let mut pair = Pair::new(&client(&trust(&authority)), &serve(&identity, version));
    pair.talk().unwrap();
    pair.arrived.clear();
    pair
}

#[test]
fn a_closed_stream_is_not_a_truncated_one() {
    for version in TlsVersion::ALL {
        let mut buffer = [0; 8];
        for (notify, end) in [(true, Plaintext::Closed), (false, Plaintext::Truncated)] {
            let mut pair = established(*version);
            let (server, mut socket) = pair.server_end();
            assert_eq!(server.transmit(b"bye", &mut socket).unwrap(), 3);
            if notify {
                server.close_notify();
                assert_eq!(server.transmit(b"more", &mut socket).unwrap(), 0);
                assert!(!server.wants_write());
            }
            pair.downward.closed = true;
            let (client, mut socket) = pair.client_end();
            assert_eq!(client.receive(&mut socket).unwrap(), Receive::Progress);
            assert_eq!(client.receive(&mut socket).unwrap(), Receive::Unread);
            assert_eq!(client.read(&mut buffer), Plaintext::Data(3));
            assert_eq!(client.receive(&mut socket).unwrap(), Receive::End);
            assert_eq!(client.read(&mut buffer), end);
            // The other direction is still open: acks can leave.
            assert_eq!(client.transmit(b"ack", &mut socket).unwrap(), 3);
            pair.server_turn().unwrap();
            assert_eq!(pair.arrived, b"ack");
        }
    }
}

#[test]
fn nothing_counts_before_its_last_byte_is_in_the_kernel() {
    for version in TlsVersion::ALL {
        let mut pair = established(*version);
        let start = pair.upward.carried.len();
        pair.upward.room = 0;
        let (client, mut socket) = pair.client_end();
        assert_eq!(client.transmit(b"ack 1\n", &mut socket).unwrap(), 0);
        assert!(client.wants_write());
        // More may be offered meanwhile; what was taken is not taken again.
        assert_eq!(client.transmit(b"ack 1\nack 2\n", &mut socket).unwrap(), 0);
        assert_eq!(client.unflushed, 12);
        loop {
            pair.upward.room = pair.upward.queue.len() + 1;
            let (client, mut socket) = pair.client_end();
            match client.transmit(b"ack 1\nack 2\n", &mut socket).unwrap() {
                0 => assert!(client.wants_write()),
                n => {
                    assert_eq!((n, client.wants_write()), (12, false));
                    break;
                }
            }
        }
        assert!(pair.upward.carried.len() - start > 2 * 6);
        pair.server_turn().unwrap();
        assert_eq!(pair.arrived, b"ack 1\nack 2\n");
    }
}

#[test]
fn what_waits_is_bounded_in_both_directions() {
    let flood = vec![b'x'; 1 << 20];
    for version in TlsVersion::ALL {
        let mut pair = established(*version);
        let before = pair.downward.carried.len();
        // A socket that takes nothing: one record is sealed, and no more.
        pair.downward.room = 0;
        for _ in 0..100 {
            let (server, mut socket) = pair.server_end();
            assert_eq!(server.transmit(&flood, &mut socket).unwrap(), 0);
            assert!(server.unflushed <= OUTGOING_LIMIT);
        }
        // A socket that takes all, and a reader that does not: it stops asking the socket.
        pair.downward.room = usize::MAX;
        let mut sent = 0;
        while sent < flood.len() {
            let (server, mut socket) = pair.server_end();
            sent += server.transmit(&flood[sent..], &mut socket).unwrap();
        }
        let total = pair.downward.carried.len() - before;
        let (client, mut socket) = pair.client_end();
        while client.receive(&mut socket).unwrap() == Receive::Progress {}
        for _ in 0..100 {
            assert_eq!(client.receive(&mut socket).unwrap(), Receive::Unread);
        }
        let taken = total - pair.downward.queue.len();
        assert!(taken < 16 * 1024 + 2 * INCOMING, "{taken}");

        // Once it reads, all comes through, and never much is held.
        let mut buffer = vec![0; 1 << 16];
        let (mut read, mut most) = (0, 0);
        while read < flood.len() {
            let (client, mut socket) = pair.client_end();
            most = most.max(client.unread);
            match client.read(&mut buffer) {
                Plaintext::Data(n) => read += n,
                _ => assert_eq!(client.receive(&mut socket).unwrap(), Receive::Progress),
            }
        }
        assert!(most < 24 * 1024, "{most}");
    }
}

#[test]
fn keys_of_tls_1_2_are_not_used_up_in_silence() {
    let mut pair = established(TlsVersion::Tls12);
    pair.client.sealed = (1 << 24) - RECORD_RESERVE - 1;
    let (client, mut socket) = pair.client_end();
    assert_eq!(client.transmit(b"last", &mut socket).unwrap(), 4);
    let error = client.transmit(b"one more", &mut socket).unwrap_err();
    assert_eq!(error.kind(), "keys-used-up");
    // The goodbye still fits.
    client.close_notify();
    assert!(client.flush(&mut socket).unwrap());
    pair.server_turn().unwrap();
    assert_eq!(pair.arrived, b"last");
    assert_eq!(pair.server.read(&mut [0]), Plaintext::Closed);

    let mut pair = established(TlsVersion::Tls13);
    pair.client.sealed = 1 << 40;
    let (client, mut socket) = pair.client_end();
    assert_eq!(client.transmit(b"more", &mut socket).unwrap(), 4);
}

#[test]
fn bytes_changed_on_the_way_end_the_connection() {
    for version in TlsVersion::ALL {
        let mut pair = established(*version);
        let (server, mut socket) = pair.server_end();
        server.transmit(b"event", &mut socket).unwrap();
        *pair.downward.queue.back_mut().unwrap() ^= 1;
        let (client, mut socket) = pair.client_end();
        let error = client.receive(&mut socket).unwrap_err();
        assert_eq!(error.kind(), "protocol");
        assert_eq!(client.read(&mut [0]), Plaintext::Pending);
        assert_eq!(client.transmit(SECRET, &mut socket).unwrap(), 0);
        assert_eq!(pair.server_turn().unwrap_err().kind(), "alert");
    }
}

#[test]
fn a_pin_reads_in_each_of_its_forms() {
    let hex = "4b5bd2cdaf3f5f9fd9e7ae9c1a6a9f0cf84e0f0c4c9bbd0a2a2a3a6e2e5a7f11";
    let pin: Pin = hex.parse().unwrap();
    assert_eq!(hex.to_uppercase().parse(), Ok(pin));
    let written = pin.to_string();
    assert_eq!(written.len(), "sha256/".len() + 44);
    assert_eq!(written.parse(), Ok(pin));
    assert_eq!(written.replace("sha256/", "").parse(), Ok(pin));
    assert_eq!(written.replace("sha256/", "sha256//").parse(), Ok(pin));
    // A base64 text that itself begins with a slash.
    let slash = Pin([0xff; 32]);
    assert!(slash.to_string().starts_with("sha256//////"));
    assert_eq!(slash.to_string().parse(), Ok(slash));
    assert_eq!(slash.to_string().replacen('/', "//", 1).parse(), Ok(slash));

    let zeros = "A".repeat(43);
    for (text, error) in [
        ("", PinError::Length),
        ("sha256/", PinError::Length),
        (&hex[2..], PinError::Length),
        // A fingerprint of a certificate, as openssl writes it.
        (&"AB:".repeat(32)[..95], PinError::Length),
        (&hex.replace('4', "g"), PinError::Hex),
        (&"é".repeat(32), PinError::Hex),
        (&format!("{zeros}A"), PinError::Base64),
        (&format!("{zeros}-"), PinError::Base64),
        // Bits that belong to no byte.
        (&format!("{}B=", &zeros[1..]), PinError::Base64),
        (&format!("{}===", &zeros[2..]), PinError::Base64),
    ] {
        assert_eq!(text.parse::<Pin>(), Err(error), "{text}");
    }
    assert_eq!(format!("{zeros}=").parse(), Ok(Pin([0; 32])));
}

#[test]
fn a_pin_is_what_openssl_computes() {
    // The P-256 key with the scalar 1, and what `openssl dgst -sha256` says of it.
    let mut spki = b"\x30\x59\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\
        \xce\x3d\x03\x01\x07\x03\x42\x00\x04"
        .to_vec();
    spki.extend(
        hex_decode("6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296").unwrap(),
    );
    spki.extend(
        hex_decode("4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5").unwrap(),
    );
    assert_eq!(
        Pin::of_key(&spki).to_string(),
        "sha256/XNJS+wzokyQ2+vjM0QQJgbie5K1rn+niorfnGqyyfNM="
    );
}

#[test]
fn authorities_come_from_pem_only() {
    let (one, two) = (Authority::new().unwrap(), Authority::new().unwrap());
    let identity = two.issue(Leaf::Good).unwrap();
    let bundle = format!("# comment\n{}\nbetween\n{}", one.pem(), two.pem());
    let trust = Trust::platform().with_ca_pem(&bundle).unwrap();
    let server = ServerTls::new(&identity, TlsVersion::ALL).unwrap();
    Pair::new(&client(&trust), &server).talk().unwrap();

    let said = |pem: &str| Trust::platform().with_ca_pem(pem).unwrap_err().to_string();
    assert_eq!(
        said("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"),
        "the CA text has no certificate in it; it must be PEM, with -----BEGIN CERTIFICATE-----"
    );
    let cut = &one.pem()[..200];
    assert!(said(cut).contains("damaged"), "{}", said(cut));
    let garbage = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    assert!(said(garbage).contains("BadEncoding"), "{}", said(garbage));

    let missing = Trust::platform()
        .with_ca_file("/no/such/ca.pem")
        .unwrap_err();
    assert!(
        missing
            .to_string()
            .starts_with("the CA file /no/such/ca.pem cannot be read: ")
    );
    assert!(missing.source().is_some());
}

#[test]
fn a_platform_without_authorities_is_an_error_unless_others_are_given() {
    let error = platform_roots(Default::default()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "this system has no root certificates; install its package ca-certificates, or name \
         the server's authority with --ca-file or its key with --pin-sha256"
    );
    client(&Trust::platform().with_pin(Pin([0; 32])));
}

#[test]
fn a_server_name_is_a_host_or_an_address() {
    for name in ["", "two words", "https://example.com", "[::1]", "a:2015"] {
        let trust = Trust::platform().with_pin(Pin([0; 32]));
        let error = ClientTls::new(&trust, name).unwrap_err();
        assert_eq!(error.kind(), "server-name");
    }
}

#[test]
fn an_identity_must_fit_together_and_its_key_is_not_shown() {
    let authority = Authority::new().unwrap();
    let mut identity = authority.issue(Leaf::Good).unwrap();
    assert!(!format!("{identity:?}").contains("key"), "{identity:?}");
    identity.key = authority.issue(Leaf::Good).unwrap().key;
    let error = ServerTls::new(&identity, TlsVersion::ALL).unwrap_err();
    assert_eq!(error.kind(), "setup");
}

#[test]
fn a_stranger_cannot_write_to_the_terminal() {
    assert_eq!(bare_name("DnsName(\"a\u{1b}[2J\u{202e}b\")"), "a?[2J?b");
    assert_eq!(bare_name("IpAddress(::1)"), "::1");
    assert_eq!(printable(&"x".repeat(1000)).len(), 255);
}

#[test]
fn an_unset_clock_is_told_apart_from_a_certificate_of_the_future() {
    let said = |clock| {
        TlsError::Certificate {
            server: "broker".to_owned(),
            pin: Pin([0; 32]),
            fault: CertificateFault::NotYetValid {
                not_before: CLOCK_UNSET_BEFORE,
                clock,
            },
        }
        .to_string()
    };
    let begins = "the certificate of broker begins on 2025-01-01, and this machine's clock";
    assert_eq!(
        said(59),
        format!("{begins} was never set (it says 1970-01-01); set it")
    );
    assert_eq!(
        said(CLOCK_UNSET_BEFORE + 86_400),
        format!("{begins} says 2025-01-02; check the clock")
    );
}

#[test]
fn days_are_those_of_the_calendar() {
    for (seconds, day) in [
        (0, "1970-01-01"),
        (86_399, "1970-01-01"),
        (951_782_400, "2000-02-29"),
        (951_868_800, "2000-03-01"),
        (1_735_689_599, "2024-12-31"),
        (4_107_542_400, "2100-03-01"),
        (253_402_300_799, "9999-12-31"),
    ] {
        assert_eq!(Day(seconds).to_string(), day);
    }
    let _ = Day(u64::MAX).to_string();
}
