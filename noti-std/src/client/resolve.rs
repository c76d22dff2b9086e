use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, TryRecvError};

use super::exchange::Exchange;

/// Looks names up in a thread of its own, since the system's resolver cannot be interrupted. There is one look-up at a
/// time: one that hangs is waited for again at the next attempt.
pub(super) struct Resolver {
    host: String,
    port: u16,
    under_way: Option<Receiver<io::Result<Vec<SocketAddr>>>>,
}

impl Resolver {
    pub(super) const fn new(host: String, port: u16) -> Self {
        Self {
            host,
            port,
            under_way: None,
        }
    }

    /// Starts a look-up, unless one is under way. The exchange is woken when it is done.
    pub(super) fn start(&mut self, exchange: &Arc<Exchange>) -> io::Result<()> {
        if self.under_way.is_some() {
            return Ok(());
        }
        let (sender, receiver) = mpsc::sync_channel(1);
        let (host, port) = (self.host.clone(), self.port);
        let exchange = exchange.clone();
        std::thread::Builder::new()
            .name("noti-resolve".into())
            .spawn(move || {
                let addresses = (host.as_str(), port).to_socket_addrs();
                // Nobody may be there any more to be told.
                let _ = sender.send(addresses.map(Iterator::collect));
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
