use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use mio::net::TcpStream;
use mio::{Interest, Registry, Token};
use socket2::{SockRef, TcpKeepalive};

use super::disconnect::{Disconnect, DisconnectKind};
use crate::tls::{ConnectionFault, Plaintext, Receive, TlsConnection, TlsError};

/// A dead peer is noticed by the system too, where nothing else would be sent for long.
pub(super) const KEEPALIVE: Duration = Duration::from_secs(60);

/// How often a stream that is thrown away is read before something else has its turn.
const READS: usize = 16;

/// One connection: a socket that does not block, and TLS over it.
pub(super) struct Link {
    socket: TcpStream,
    pub(super) tls: TlsConnection,
}

/// A socket whose connection is under way.
pub(super) struct Dialing {
    socket: TcpStream,
}

impl Dialing {
    pub(super) fn start(
        address: SocketAddr,
        registry: &Registry,
        token: Token,
    ) -> io::Result<Self> {
        let mut socket = TcpStream::connect(address)?;
        registry.register(&mut socket, token, Interest::READABLE | Interest::WRITABLE)?;
        Ok(Self { socket })
    }

    /// Whether the connection is made.
    pub(super) fn is_connected(&self) -> io::Result<bool> {
        if let Some(error) = self.socket.take_error()? {
            return Err(error);
        }
        match self.socket.peer_addr() {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Puts TLS over the connection.
    pub(super) fn secure(self, tls: TlsConnection, stall: Duration) -> Link {
        // These make a dead link show sooner; none is needed to be right.
        let tuned = self.socket.set_nodelay(true).and_then(|()| {
            let socket = SockRef::from(&self.socket);
            socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(KEEPALIVE))?;
            #[cfg(any(target_os = "linux", target_os = "android"))]
            socket.set_tcp_user_timeout(Some(stall))?;
            Ok(())
        });
        if let Err(error) = tuned {
            tracing::debug!(%error, "the socket keeps its default options");
        }
        let _ = stall;
        Link {
            socket: self.socket,
            tls,
        }
    }
}

impl Link {
    #[cfg(test)]
    pub(super) const fn socket(&self) -> &TcpStream {
        &self.socket
    }

    /// Takes the handshake as far as it goes now; true once it is done and the server is verified.
    pub(super) fn shake_hands(&mut self) -> Result<bool, Disconnect> {
        loop {
            let flushed = self.tls.flush(&mut self.socket).map_err(tls)?;
            if !self.tls.is_handshaking() {
                return Ok(true);
            }
            match self.tls.receive(&mut self.socket).map_err(tls)? {
                Receive::Progress | Receive::Unread => {}
                Receive::WouldBlock => return Ok(false),
                Receive::End if flushed => return Err(broken()),
                Receive::End => return Ok(false),
            }
        }
    }

    /// Reads plaintext. `None` when there is none now.
    pub(super) fn read(&mut self, into: &mut [u8]) -> Result<Option<usize>, Disconnect> {
        loop {
            match self.tls.read(into) {
                Plaintext::Data(n) => return Ok(Some(n)),
                Plaintext::Closed => {
                    return Err(Disconnect::new(
                        DisconnectKind::Closed,
                        "the server closed the connection",
                    ));
                }
                Plaintext::Truncated => return Err(broken()),
                Plaintext::Pending => {}
            }
            match self.tls.receive(&mut self.socket).map_err(tls)? {
                Receive::Progress | Receive::Unread | Receive::End => {}
                Receive::WouldBlock => return Ok(None),
            }
        }
    }

    /// Sends from the front of `bytes`, and tells how many of them are in the kernel now.
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<usize, Disconnect> {
        self.tls.transmit(bytes, &mut self.socket).map_err(tls)
    }

    /// Says that nothing more will be sent. True once that is in the kernel.
    pub(super) fn say_goodbye(&mut self) -> Result<bool, Disconnect> {
        let said = self.tls.flush(&mut self.socket).map_err(tls)?;
        if said {
            self.socket
                .shutdown(std::net::Shutdown::Write)
                .map_err(|error| Disconnect::new(DisconnectKind::Broken, error.to_string()))?;
        }
        Ok(said)
    }

    /// Throws away plaintext that has arrived; true when there may be more.
    pub(super) fn discard(&mut self, scratch: &mut [u8]) -> Result<bool, Disconnect> {
        for _ in 0..READS {
            if self.read(scratch)?.is_none() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Throws away what arrives after the end of this side.
    pub(super) fn throw_away(&mut self, scratch: &mut [u8]) -> Rest {
        use std::io::Read as _;
        for _ in 0..READS {
            match self.socket.read(scratch) {
                Ok(0) => return Rest::End,
                Ok(_) => {}
                Err(error) => match error.kind() {
                    io::ErrorKind::Interrupted => {}
                    io::ErrorKind::WouldBlock => return Rest::Nothing,
                    _ => return Rest::End,
                },
            }
        }
        Rest::More
    }
}

/// What is left of a stream that is being thrown away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rest {
    /// There may be more at once.
    More,
    /// Nothing now.
    Nothing,
    /// The server has closed its end as well.
    End,
}

fn tls(error: TlsError) -> Disconnect {
    let kind = match &error {
        TlsError::Connection {
            fault: ConnectionFault::Io { .. } | ConnectionFault::ClosedInHandshake,
            ..
        } => DisconnectKind::Broken,
        _ => DisconnectKind::Tls,
    };
    Disconnect::new(kind, error.to_string())
}

fn broken() -> Disconnect {
    Disconnect::new(
        DisconnectKind::Broken,
        "the connection broke off: it ended without TLS saying so",
    )
}
