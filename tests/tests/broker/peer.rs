//! A client without a will of its own.

use std::io;
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use noti_broker::{Body, Broker};
use noti_proto::LineBuf;
use noti_proto::json::JsonValue;
use noti_std::tls::{ClientTls, Plaintext, Receive, TlsConnection, Trust};

/// Longer than anything that comes takes, and short enough for a test that fails.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct Peer {
    socket: TcpStream,
    tls: TlsConnection,
    lines: LineBuf<Vec<u8>>,
}

/// A push: its id as it stands in the line, and its body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Push {
    pub(crate) id: String,
    pub(crate) body: String,
}

impl Peer {
    /// Connects, without a login.
    pub(crate) fn connect(broker: &Broker) -> Self {
        Self::try_connect(broker).expect("a broker with a good certificate")
    }

    pub(crate) fn try_connect(broker: &Broker) -> io::Result<Self> {
        let trust = Trust::platform().with_ca_pem(broker.ca_pem()).unwrap();
        let tls = ClientTls::new(&trust, "127.0.0.1").unwrap();
        Self::with_tls(broker.address(), &tls)
    }

    pub(crate) fn with_tls(address: SocketAddr, tls: &ClientTls) -> io::Result<Self> {
        let mut socket = TcpStream::connect(address)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        let mut tls = TlsConnection::client(tls).unwrap();
        while tls.is_handshaking() {
            tls.flush(&mut socket).map_err(io::Error::other)?;
            let _ = tls.receive(&mut socket).map_err(io::Error::other)?;
        }
        Ok(Self {
            socket,
            tls,
            lines: LineBuf::new(vec![0; 1 << 17]),
        })
    }

    /// Connects and logs in to the first account.
    pub(crate) fn logged_in(broker: &Broker, prefetch: u16) -> Self {
        let mut peer = Self::connect(broker);
        peer.login(broker.enterprise_id(), broker.enterprise_secret(), prefetch);
        peer.expect_login();
        peer
    }

    pub(crate) fn expect_login(&mut self) {
        self.expect(r#"{"cmd":"enterprise_login_res","data":{"result":true,"msg":"ok"}}"#);
    }

    pub(crate) fn login(&mut self, id: &str, secret: &str, prefetch: u16) {
        let secret = serde_json::Value::from(secret);
        self.send(&format!(
            r#"{{"cmd":"enterprise_login_req","data":{{"enterprise_id":"{id}","enterprise_secret":{secret},"prefetch_count":{prefetch}}}}}"#
        ));
    }

    pub(crate) fn send(&mut self, line: &str) {
        self.send_bytes(format!("{line}\n").as_bytes());
    }

    pub(crate) fn send_bytes(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let sent = self.tls.transmit(bytes, &mut self.socket).unwrap();
            bytes = &bytes[sent..];
        }
    }

    pub(crate) fn ack(&mut self, id: &str) {
        self.send(&format!(
            r#"{{"cmd":"enterprise_event_ack","delivery_id":{id}}}"#
        ));
    }

    pub(crate) fn ping(&mut self) {
        self.send(r#"{"cmd":"enterprise_ping"}"#);
    }

    /// Proves that nothing else is on its way: the answer to a ping comes first.
    pub(crate) fn expect_nothing(&mut self) {
        self.ping();
        self.expect(r#"{"cmd":"enterprise_pong"}"#);
    }

    /// The next line, or how the connection ended.
    pub(crate) fn next(&mut self) -> Result<Vec<u8>, Plaintext> {
        loop {
            if let Some(line) = self.lines.next_line() {
                return Ok(line.bytes().to_vec());
            }
            match self.tls.read(self.lines.spare()) {
                Plaintext::Data(n) => self.lines.commit(n),
                Plaintext::Pending => match self.tls.receive(&mut self.socket) {
                    Ok(Receive::WouldBlock) => panic!("nothing comes"),
                    Ok(_) => {}
                    // A reset: not even an end.
                    Err(_) => return Err(Plaintext::Pending),
                },
                end => return Err(end),
            }
        }
    }

    pub(crate) fn line(&mut self) -> String {
        let line = self.next().expect("a line, not the end");
        String::from_utf8(line).unwrap()
    }

    pub(crate) fn expect(&mut self, line: &str) {
        assert_eq!(self.line(), line);
    }

    /// The end of the connection, with TLS's farewell.
    pub(crate) fn expect_end(&mut self) {
        assert_eq!(self.next(), Err(Plaintext::Closed));
    }

    pub(crate) fn push(&mut self) -> Push {
        push_of(&self.line())
    }

    /// The bodies of the next pushes, and acks them.
    pub(crate) fn take(&mut self, count: usize) -> Vec<String> {
        let take = |_| {
            let push = self.push();
            self.ack(&push.id);
            push.body
        };
        (0..count).map(take).collect()
    }

    /// Closes as a client should: what the broker had sent is read, and nothing that was sent is lost.
    pub(crate) fn close(mut self) {
        self.tls.close_notify();
        self.tls.flush(&mut self.socket).unwrap();
        self.socket.shutdown(Shutdown::Write).unwrap();
        while self.next().is_ok() {}
    }
}

pub(crate) fn push_of(line: &str) -> Push {
    let event = JsonValue::parse(line.as_bytes()).expect("JSON");
    let cmd = event.member("cmd").and_then(|cmd| cmd.as_str());
    assert!(
        cmd.is_some_and(|cmd| cmd == "enterprise_event_push"),
        "{line}"
    );
    Push {
        // The bytes as they are: an id may be longer than any number.
        id: event.member("delivery_id").unwrap().raw().to_owned(),
        body: Body::parse(line).unwrap().as_str().to_owned(),
    }
}

/// Small bodies with these numbers.
pub(crate) fn bodies(numbers: std::ops::Range<u32>) -> Vec<Body> {
    numbers
        .map(|number| Body::parse(&body(number)).unwrap())
        .collect()
}

pub(crate) fn body(number: u32) -> String {
    format!(r#"{{"n":{number}}}"#)
}

pub(crate) fn texts(numbers: impl IntoIterator<Item = u32>) -> Vec<String> {
    numbers.into_iter().map(body).collect()
}
