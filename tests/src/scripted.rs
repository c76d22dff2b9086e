//! A server over real TLS that does exactly what a test says, for what the local broker does not do.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Mutex;
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use noti_broker::certificates::{Authority, Leaf};
use noti_std::ClientBuilder;
use noti_std::tls::{Identity, Plaintext, Receive, ServerTls, TlsConnection, TlsError, TlsVersion};

use crate::client::client;

/// Nothing that a test waits for takes so long.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until something holds.
///
/// # Panics
/// It does not hold in time.
pub fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < PATIENCE, "{what} did not come about");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Connections as they come, before anything is said on them.
pub struct Door {
    address: SocketAddr,
    connections: Mutex<Receiver<TcpStream>>,
}

impl Door {
    /// Opens a free port of this machine.
    #[must_use]
    pub fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let (sender, connections) = mpsc::channel();
        std::thread::spawn(move || {
            while let Ok((socket, _)) = listener.accept() {
                if sender.send(socket).is_err() {
                    return;
                }
            }
        });
        Self {
            address,
            connections: Mutex::new(connections),
        }
    }

    /// Where it is.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The next connection.
    #[must_use]
    pub fn next(&self) -> TcpStream {
        let socket = self
            .connections
            .lock()
            .expect("no panic")
            .recv_timeout(PATIENCE);
        let socket = socket.expect("the client connects");
        socket.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        socket.set_write_timeout(Some(PATIENCE)).expect("a timeout");
        socket.set_nodelay(true).expect("no delay");
        socket
    }

    /// The next connection, if there is one already.
    #[must_use]
    pub fn try_next(&self) -> Option<TcpStream> {
        self.connections.lock().expect("no panic").try_recv().ok()
    }
}

/// A server with a certificate for 127.0.0.1.
pub struct Server {
    door: Door,
    tls: ServerTls,
    ca_pem: String,
}

impl Server {
    /// A server whose certificate is good.
    #[must_use]
    pub fn start() -> Self {
        let authority = Authority::new().expect("an authority");
        let identity = authority.issue(Leaf::Good).expect("a certificate");
        Self::with(&authority, &identity, TlsVersion::ALL)
    }

    /// A server that shows this chain; `authority` is the one whose PEM clients are given.
    #[must_use]
    pub fn with(authority: &Authority, identity: &Identity, versions: &[TlsVersion]) -> Self {
        Self {
            door: Door::open(),
            tls: ServerTls::new(identity, versions).expect("a sound identity"),
            ca_pem: authority.pem(),
        }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.door.address()
    }

    /// The authority of its certificate.
    #[must_use]
    pub fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    /// A client for it.
    pub fn client(&self) -> ClientBuilder {
        client(self.address().port(), &self.ca_pem)
    }

    /// The next connection, before TLS.
    #[must_use]
    pub fn accept_plain(&self) -> TcpStream {
        self.door.next()
    }

    fn peer(&self) -> Peer {
        Peer {
            socket: self.door.next(),
            tls: TlsConnection::server(&self.tls).expect("a server"),
            received: Vec::new(),
            records: None,
        }
    }

    /// The next connection, secured.
    #[must_use]
    pub fn accept(&self) -> Peer {
        let mut peer = self.peer();
        peer.send(b"");
        peer
    }

    /// The next connection, which its client is to refuse while it is being secured.
    ///
    /// # Panics
    /// The client says something all the same.
    pub fn refuse(&self) {
        let mut peer = self.peer();
        let refusal = loop {
            match peer.tls.receive(&mut peer.socket) {
                Ok(Receive::End) => break None,
                Ok(_) => {}
                Err(error) => break Some(error),
            }
            if let Err(error) = peer.tls.flush(&mut peer.socket) {
                break Some(error);
            }
            let said = peer.tls.read(&mut [0; 1]);
            assert!(!matches!(said, Plaintext::Data(_)), "a byte of the login");
        };
        assert!(refusal.is_some(), "the client tells why it goes");
    }

    /// The next connection, secured and logged in.
    #[must_use]
    pub fn log_in(&self) -> Peer {
        let mut peer = self.accept();
        assert!(peer.line().contains("enterprise_login_req"));
        peer.send(
            b"{\"cmd\":\"enterprise_login_res\",\"data\":{\"result\":true,\"msg\":\"ok\"}}\n",
        );
        peer
    }

    /// Whether a connection waits to be accepted.
    #[must_use]
    pub fn is_called(&self) -> bool {
        self.door.try_next().is_some()
    }
}

/// The server's end of one connection. Dropping it ends the stream without TLS's farewell.
pub struct Peer {
    socket: TcpStream,
    tls: TlsConnection,
    received: Vec<u8>,
    /// The records that have come, as they came.
    records: Option<Vec<u8>>,
}

/// A socket, and what has been read from it.
struct Kept<'p> {
    socket: &'p mut TcpStream,
    read: Option<&'p mut Vec<u8>>,
}

impl Read for Kept<'_> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let n = self.socket.read(into)?;
        if let Some(read) = &mut self.read {
            read.extend_from_slice(&into[..n]);
        }
        Ok(n)
    }
}

impl Write for Kept<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.socket.write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.socket.flush()
    }
}

impl Peer {
    /// Counts the client's records from now on.
    pub fn count_records(&mut self) {
        self.records = Some(Vec::new());
    }

    /// How many records have come since they are counted.
    ///
    /// # Panics
    /// They are not counted, or the last has not come whole.
    #[must_use]
    pub fn records(&self) -> usize {
        let mut rest = &self.records.as_ref().expect("they are counted")[..];
        let mut count = 0;
        while let [_, _, _, high, low, tail @ ..] = rest {
            let length = usize::from(u16::from_be_bytes([*high, *low]));
            rest = tail.get(length..).expect("whole records");
            count += 1;
        }
        count
    }

    /// Whether the client took up the keys of an earlier connection.
    #[must_use]
    pub fn is_resumed(&self) -> bool {
        self.tls.details().is_some_and(|details| details.resumed)
    }

    /// Sends all of it, in records of its own.
    pub fn send(&mut self, bytes: &[u8]) {
        self.try_send(bytes).expect("a link");
    }

    /// Sends all of it, unless the client has gone.
    ///
    /// # Errors
    /// What has become of the link.
    pub fn try_send(&mut self, mut bytes: &[u8]) -> Result<(), TlsError> {
        loop {
            let n = self.tls.transmit(bytes, &mut self.socket)?;
            bytes = &bytes[n..];
            if self.tls.is_handshaking() {
                let _ = self.tls.receive(&mut self.socket)?;
            } else if bytes.is_empty() {
                return Ok(());
            }
        }
    }

    /// Sends one event with this raw id.
    pub fn push(&mut self, id: &str) {
        self.send(&event(id));
    }

    /// The client's next line.
    ///
    /// # Panics
    /// The client ends the connection, or says nothing for too long.
    pub fn line(&mut self) -> String {
        self.next_line().expect("the client goes on")
    }

    /// The client's next line; `None` at its end.
    pub fn next_line(&mut self) -> Option<String> {
        loop {
            if let Some(end) = self.received.iter().position(|byte| *byte == b'\n') {
                let rest = self.received.split_off(end + 1);
                let line = std::mem::replace(&mut self.received, rest);
                return Some(String::from_utf8(line).expect("the client writes UTF-8"));
            }
            if !self.receive() {
                return None;
            }
        }
    }

    /// The client's next line that is no ping; pings are answered.
    pub fn line_but_pings(&mut self) -> String {
        loop {
            let line = self.line();
            if !line.contains("enterprise_ping") {
                return line;
            }
            self.send(b"{\"cmd\":\"enterprise_pong\"}\n");
        }
    }

    /// Takes in more; `false` at the end of the stream.
    fn receive(&mut self) -> bool {
        let mut buffer = [0; 16 * 1024];
        loop {
            match self.tls.read(&mut buffer) {
                Plaintext::Data(n) => {
                    self.received.extend_from_slice(&buffer[..n]);
                    return true;
                }
                Plaintext::Closed | Plaintext::Truncated => return false,
                Plaintext::Pending => {}
            }
            let mut socket = Kept {
                socket: &mut self.socket,
                read: self.records.as_mut(),
            };
            match self.tls.receive(&mut socket) {
                Ok(Receive::WouldBlock) => panic!("the client says nothing"),
                Ok(_) => {}
                Err(error) if error.is_io() => return false,
                Err(error) => panic!("{error}"),
            }
        }
    }

    /// Ends the stream as TLS asks for.
    pub fn close(mut self) {
        self.say_goodbye();
        self.end();
    }

    /// Says that nothing more will be sent, and goes on to listen.
    pub fn say_goodbye(&mut self) {
        self.tls.close_notify();
        self.tls.flush(&mut self.socket).expect("a link");
        self.socket.shutdown(Shutdown::Write).expect("a link");
    }

    /// Whether the client ends the stream as TLS asks for. What it says before that is kept for [`line`](Self::line).
    pub fn hears_goodbye(&mut self) -> bool {
        while self.receive() {}
        self.tls.read(&mut [0; 1]) == Plaintext::Closed
    }

    /// Ends the connection with an alert: the client is told that a record of its was no genuine one.
    pub fn alert(mut self) {
        const APPLICATION_DATA: u8 = 23;
        let mut forged = vec![APPLICATION_DATA, 3, 3, 0, 32];
        forged.resize(5 + 32, 0);
        let length = forged.len();
        let mut forged = std::io::Cursor::new(forged);
        while self.tls.receive(&mut forged).is_ok() {}
        let alert = &forged.get_ref()[length..];
        self.socket.write_all(alert).expect("a link");
        self.end();
    }

    /// Ends the stream without a word.
    pub fn cut(mut self) {
        self.end();
    }

    fn end(&mut self) {
        // It may be shut already.
        let _ = self.socket.shutdown(Shutdown::Write);
        // To close with bytes unread would be a reset.
        let _ = self.socket.read_to_end(&mut Vec::new());
    }

    /// Makes the connection a reset one: what the client has sent is thrown away unread.
    pub fn reset(self) {
        // The kernel resets a connection that is closed with bytes unread.
        wait_until("something unread", || {
            self.socket.peek(&mut [0]).is_ok_and(|n| n > 0)
        });
    }
}

/// One event with this raw id, as a line.
#[must_use]
pub fn event(id: &str) -> Vec<u8> {
    format!(
        "{{\"cmd\":\"enterprise_event_push\",\"delivery_id\":{id},\"event_type\":\"device_offline\",\"did\":\"d\"}}\n"
    )
    .into_bytes()
}

/// The ack of an event with this raw id, as a line.
#[must_use]
pub fn ack(id: &str) -> String {
    format!("{{\"cmd\":\"enterprise_event_ack\",\"delivery_id\":{id}}}\n")
}

/// A wire between a client and a server that keeps what the client has said, and can change what the server says.
pub struct Tap {
    door: Door,
    server: SocketAddr,
}

impl Tap {
    /// A wire to this server.
    #[must_use]
    pub fn on(server: SocketAddr) -> Self {
        Self {
            door: Door::open(),
            server,
        }
    }

    /// Where clients connect to.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.door.address()
    }

    /// Carries one connection to its end, and gives back every byte that the client sent on it.
    pub fn carry(&self, change: impl FnMut(&mut Vec<u8>) + Send) -> Vec<u8> {
        let client = self.door.next();
        let server = TcpStream::connect(self.server).expect("the server is there");
        std::thread::scope(|scope| {
            let downward = scope.spawn(|| copy(&server, &client, change));
            let said = copy(&client, &server, |_| {});
            downward.join().expect("no panic");
            said
        })
    }
}

/// Copies until the end of the stream, and that too.
fn copy(mut from: &TcpStream, mut to: &TcpStream, mut change: impl FnMut(&mut Vec<u8>)) -> Vec<u8> {
    let mut all = Vec::new();
    let mut buffer = [0; 16 * 1024];
    loop {
        match from.read(&mut buffer) {
            Ok(0) => break,
            Ok(n) => {
                let mut bytes = buffer[..n].to_vec();
                change(&mut bytes);
                all.extend_from_slice(&bytes);
                if to.write_all(&bytes).is_err() {
                    break;
                }
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => break,
        }
    }
    // The other side may be gone already.
    let _ = to.shutdown(Shutdown::Write);
    all
}
