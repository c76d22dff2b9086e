use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, TryRecvError};

use super::exchange::Exchange;

/// Finds the addresses of a host.
pub(super) type LookUp = fn(&str, u16) -> io::Result<Vec<SocketAddr>>;

/// What the system's resolver finds.
pub(super) fn system(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    Ok((host, port).to_socket_addrs()?.collect())
}

/// Looks names up in a thread of its own, since the system's resolver cannot be interrupted. There is one look-up at a
/// time: one that hangs is waited for again at the next attempt.
pub(super) struct Resolver {
    host: String,
    port: u16,
    look_up: LookUp,
    under_way: Option<Receiver<io::Result<Vec<SocketAddr>>>>,
}

impl Resolver {
    pub(super) const fn new(host: String, port: u16, look_up: LookUp) -> Self {
        Self {
            host,
            port,
            look_up,
            under_way: None,
        }
    }

    /// Starts a look-up, unless one is under way. The exchange is woken when it is done.
    pub(super) fn start(&mut self, exchange: &Arc<Exchange>) -> io::Result<()> {
        if self.under_way.is_some() {
            return Ok(());
        }
        let (sender, receiver) = mpsc::sync_channel(1);
        let (host, port, look_up) = (self.host.clone(), self.port, self.look_up);
        let exchange = exchange.clone();
        std::thread::Builder::new()
            .name("noti-resolve".into())
            .spawn(move || {
                // Nobody may be there any more to be told.
                let _ = sender.send(look_up(&host, port));
                exchange.wake();
            })?;
        self.under_way = Some(receiver);
        Ok(())
    }

    /// What the look-up found; `None` while it is under way.
    pub(super) fn found(&mut self) -> Option<io::Result<Vec<SocketAddr>>> {
        let found = match self.under_way.as_ref()?.try_recv() {
            Ok(found) => found,
            Err(TryRecvError::Empty) => return None,
            Err(TryRecvError::Disconnected) => Err(io::Error::other("the resolver's thread died")),
        };
        self.under_way = None;
        Some(found)
    }
}
