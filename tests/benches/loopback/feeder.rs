//! The server's end: sends prepared lines as fast as the window and the socket allow, and counts acks by their newlines. It
//! reads no JSON, so that it is not what bounds a client.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Instant;

use noti_broker::certificates::{Authority, Leaf};
use noti_tests::corpus::Corpus;
use rustix::event::{PollFd, PollFlags, poll};
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection};

/// The most that a record holds.
const RECORD: usize = 16 * 1024;
const LOGIN_ANSWER: &[u8] =
    b"{\"cmd\":\"enterprise_login_res\",\"data\":{\"result\":true,\"msg\":\"ok\"}}\n";

/// A server for one client after the other.
pub(crate) struct Feeder {
    listener: TcpListener,
    config: Arc<ServerConfig>,
    pub(crate) ca_pem: String,
    corpus: Corpus,
}

/// What is asked of a client.
#[derive(Clone, Copy)]
pub(crate) struct Load {
    pub(crate) events: usize,
    /// How many events may be un-acked; `None` for a client that acks nothing and says one line at its end.
    pub(crate) window: Option<usize>,
    /// Whether each event is a record of its own.
    pub(crate) small_records: bool,
}

/// What one client did.
pub(crate) struct Feed {
    pub(crate) seconds: f64,
    /// TLS records that the client sent: at least one for each of its writes.
    pub(crate) records: usize,
    /// Keeps the connection.
    _link: Link,
}

struct Link {
    socket: TcpStream,
    tls: ServerConnection,
    records: Records,
}

impl Feeder {
    pub(crate) fn start() -> Self {
        let authority = Authority::new().expect("an authority");
        let identity = authority.issue(Leaf::Good).expect("a certificate");
        let chain = identity.chain.iter().cloned().map(CertificateDer::from);
        let key = PrivatePkcs8KeyDer::from(identity.key.to_vec());
        let config = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(chain.collect(), key.into())
            .expect("a sound identity");
        Self {
            listener: TcpListener::bind("127.0.0.1:0").expect("a port"),
            config: Arc::new(config),
            ca_pem: authority.pem(),
            corpus: Corpus::ordered(4096),
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.listener.local_addr().expect("an address")
    }

    /// Serves the next client: its login, then so many events.
    pub(crate) fn feed(&self, load: Load) -> Feed {
        let (socket, _) = self.listener.accept().expect("a client");
        socket.set_nonblocking(true).expect("a socket");
        socket.set_nodelay(true).expect("a socket");
        let mut tls = ServerConnection::new(self.config.clone()).expect("a server");
        tls.set_buffer_limit(None);
        let mut link = Link {
            socket,
            tls,
            records: Records::default(),
        };
        while link.newlines() == 0 {
            link.flush();
            link.sleep();
        }
        link.send(LOGIN_ANSWER);
        link.records = Records::default();

        let start = Instant::now();
        let (mut sent, mut said) = (0, 0);
        let wanted = load.window.map_or(1, |_| load.events);
        let mut lines = self
            .corpus
            .bytes
            .split_inclusive(|byte| *byte == b'\n')
            .cycle();
        let mut batch = Vec::with_capacity(2 * RECORD);
        while said < wanted {
            let fresh = link.newlines();
            said += fresh;
            let in_flight = load.window.map_or(0, |_| sent - said);
            let room = load.window.unwrap_or(usize::MAX) - in_flight;
            let room = room.min(load.events - sent);
            if room > 0 && !link.tls.wants_write() {
                batch.clear();
                for line in lines.by_ref().take(room.min(RECORD / 512)) {
                    if load.small_records {
                        link.send(line);
                    }
                    batch.extend_from_slice(line);
                    sent += 1;
                }
                if !load.small_records {
                    link.send(&batch);
                }
            }
            link.flush();
            if fresh == 0 && (room == 0 || link.tls.wants_write()) {
                link.sleep();
            }
        }
        Feed {
            seconds: start.elapsed().as_secs_f64(),
            records: link.records.count,
            _link: link,
        }
    }
}

impl Link {
    /// Seals it in a record; it leaves with the next flush.
    fn send(&mut self, bytes: &[u8]) {
        self.tls.writer().write_all(bytes).expect("memory");
    }

    fn flush(&mut self) {
        while self.tls.wants_write() {
            match self.tls.write_tls(&mut self.socket) {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) => panic!("the client has gone: {error}"),
            }
        }
    }

    /// How many lines have come since the last call.
    fn newlines(&mut self) -> usize {
        let mut count = 0;
        let mut buffer = [0; 2 * RECORD];
        loop {
            let read = match self.socket.read(&mut buffer) {
                Ok(0) => panic!("the client has gone"),
                Ok(read) => read,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return count,
                Err(error) => panic!("the client has gone: {error}"),
            };
            self.records.pass(&buffer[..read]);
            let mut sealed = &buffer[..read];
            while !sealed.is_empty() {
                self.tls.read_tls(&mut sealed).expect("a slice");
                self.tls.process_new_packets().expect("sound TLS");
                let mut plain = [0; 2 * RECORD];
                while let Ok(read @ 1..) = self.tls.reader().read(&mut plain) {
                    count += memchr::memchr_iter(b'\n', &plain[..read]).count();
                }
            }
        }
    }

    /// Waits until the client has sent something, or takes more.
    fn sleep(&self) {
        let mut flags = PollFlags::IN;
        if self.tls.wants_write() {
            flags |= PollFlags::OUT;
        }
        poll(&mut [PollFd::new(&self.socket, flags)], None).expect("a socket");
    }
}

/// Counts TLS records in the sealed stream by their headers: a type, a version, a length.
#[derive(Default)]
struct Records {
    count: usize,
    header: Vec<u8>,
    /// Bytes of the record's body that are still to come.
    body: usize,
}

impl Records {
    fn pass(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let skipped = self.body.min(bytes.len());
            self.body -= skipped;
            bytes = &bytes[skipped..];
            let missing = (5 - self.header.len()).min(bytes.len());
            if self.body == 0 {
                self.header.extend_from_slice(&bytes[..missing]);
                bytes = &bytes[missing..];
            }
            if let [_, _, _, high, low] = self.header[..] {
                self.body = usize::from(u16::from_be_bytes([high, low]));
                self.count += 1;
                self.header.clear();
            }
        }
    }
}
