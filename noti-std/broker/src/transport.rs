//! What carries a connection's bytes over its socket: TLS, or nothing but TCP.

use std::io::{self, Read, Write};

use noti_std::tls::{Plaintext, Receive, ServerTls, TlsConnection, TlsError};

/// How much is read from a plain socket at once.
const INCOMING: usize = 4 * 1024;

/// What carries a connection's bytes. The methods are those of [`TlsConnection`].
pub(super) enum Transport {
    Tls(Box<TlsConnection>),
    Plain(Plain),
}

impl Transport {
    /// For a connection from a client; without TLS it is plain.
    pub(super) fn new(tls: Option<&ServerTls>) -> Result<Self, TlsError> {
        Ok(match tls {
            Some(tls) => Self::Tls(Box::new(TlsConnection::server(tls)?)),
            None => Self::Plain(Plain::default()),
        })
    }

    pub(super) fn receive<S: Read + Write>(&mut self, socket: &mut S) -> io::Result<Receive> {
        match self {
            Self::Tls(tls) => tls.receive(socket).map_err(io::Error::other),
            Self::Plain(plain) => plain.receive(socket),
        }
    }

    pub(super) fn read(&mut self, into: &mut [u8]) -> Plaintext {
        match self {
            Self::Tls(tls) => tls.read(into),
            Self::Plain(plain) => plain.read(into),
        }
    }

    pub(super) fn transmit<W: Write>(
        &mut self,
        pending: &[u8],
        socket: &mut W,
    ) -> io::Result<usize> {
        match self {
            Self::Tls(tls) => tls.transmit(pending, socket).map_err(io::Error::other),
            Self::Plain(_) => write(pending, socket),
        }
    }

    pub(super) fn flush<W: Write>(&mut self, socket: &mut W) -> io::Result<bool> {
        match self {
            Self::Tls(tls) => tls.flush(socket).map_err(io::Error::other),
            // The kernel has all that was transmitted.
            Self::Plain(_) => Ok(true),
        }
    }

    pub(super) fn close_notify(&mut self) {
        match self {
            Self::Tls(tls) => tls.close_notify(),
            // FIN is the only farewell that TCP has.
            Self::Plain(_) => {}
        }
    }
}

/// Received bytes that nobody has read yet.
#[derive(Default)]
pub(super) struct Plain {
    received: Vec<u8>,
    read: usize,
    ended: bool,
}

impl Plain {
    fn receive<R: Read>(&mut self, socket: &mut R) -> io::Result<Receive> {
        if self.read < self.received.len() {
            return Ok(Receive::Unread);
        }
        self.read = 0;
        self.received.resize(INCOMING, 0);
        let result = socket.read(&mut self.received);
        self.received
            .truncate(result.as_ref().copied().unwrap_or_default());
        match result {
            Ok(0) => {
                self.ended = true;
                Ok(Receive::End)
            }
            Ok(_) => Ok(Receive::Progress),
            Err(error) => match error.kind() {
                io::ErrorKind::WouldBlock => Ok(Receive::WouldBlock),
                io::ErrorKind::Interrupted => Ok(Receive::Progress),
                _ => Err(error),
            },
        }
    }

    fn read(&mut self, into: &mut [u8]) -> Plaintext {
        let mut unread = self.received.get(self.read..).unwrap_or_default();
        match unread.read(into) {
            Ok(n) if n > 0 => {
                self.read += n;
                Plaintext::Data(n)
            }
            _ if self.ended && unread.is_empty() => Plaintext::Closed,
            _ => Plaintext::Pending,
        }
    }
}

/// How many of the bytes the kernel takes; none while it has no room.
fn write<W: Write>(pending: &[u8], socket: &mut W) -> io::Result<usize> {
    while !pending.is_empty() {
        match socket.write(pending) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(n) => return Ok(n),
            Err(error) => match error.kind() {
                io::ErrorKind::WouldBlock => return Ok(0),
                io::ErrorKind::Interrupted => {}
                _ => return Err(error),
            },
        }
    }
    Ok(0)
}
