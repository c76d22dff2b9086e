//! The client: connects, logs in, delivers, acks, pings, and connects anew for as long as it is let.

mod builder;
mod delivery;
mod disconnect;
mod event;
mod exchange;
mod heap;
mod link;
mod monitor;
mod network;
mod resolve;

use std::fmt;
use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

pub use builder::{BuildError, ClientBuilder, PoisonPolicy};
pub use delivery::{Acker, Delivery};
pub use disconnect::{Disconnect, DisconnectKind};
pub use event::{Bytes, Event, Poison, PoisonReason};
pub use exchange::Stats;
pub use monitor::{Health, Monitor};

use exchange::Exchange;
use network::Network;

/// A client that runs in a thread of its own and hands over what the broker delivers.
///
/// The thread never waits for the application. A slow application holds its window and the byte budget; the heartbeat goes on,
/// and nothing is read beyond the budget. An event is acked only by [`Delivery::ack`] or
/// [`ack_all`](Self::ack_all); what is dropped un-acked is delivered again after the next reconnect.
///
/// ```no_run
/// use noti_std::{Client, Secret, Trust};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let secret = Secret::from(std::fs::read_to_string("secret")?);
/// let client = Client::builder("noti.gizwitsapi.com", 2015)
///     .credentials("enterprise-id", secret)
///     .trust(Trust::platform())
///     .start()?;
/// for delivery in client.deliveries() {
///     println!("{}", String::from_utf8_lossy(delivery.line()));
///     delivery.ack();
/// }
/// client.shutdown(std::time::Duration::from_secs(5))?;
/// # Ok(())
/// # }
/// ```
pub struct Client {
    exchange: Arc<Exchange>,
    thread: Option<JoinHandle<Result<(), ClientError>>>,
}

impl Client {
    /// A client of the broker at this host (a name or an address) and port.
    pub fn builder(host: impl Into<String>, port: u16) -> ClientBuilder {
        ClientBuilder::new(host.into(), port)
    }

    fn start(network: Network) -> io::Result<Self> {
        let exchange = network.exchange();
        let thread = std::thread::Builder::new()
            .name("noti-client".into())
            .spawn(move || network.run())?;
        Ok(Self {
            exchange,
            thread: Some(thread),
        })
    }

    /// The next event. Waits for it; `None` once the client has ended or was [interrupted](Interrupter::interrupt).
    #[must_use]
    pub fn recv(&self) -> Option<Event> {
        self.exchange.recv(None)
    }

    /// The next event, if it comes within `timeout`.
    #[must_use]
    pub fn recv_timeout(&self, timeout: Duration) -> Option<Event> {
        self.exchange.recv(Instant::now().checked_add(timeout))
    }

    /// Waits for one event at least, and moves up to `most` of those that are there to the end of `events`. `false`
    /// once the client has ended or was interrupted.
    pub fn recv_batch(&self, events: &mut Vec<Event>, most: usize) -> bool {
        self.exchange.recv_batch(events, most)
    }

    /// The next event if it is there already.
    #[must_use]
    pub fn try_recv(&self) -> Option<Event> {
        self.exchange.try_recv()
    }

    /// The events as they come, until the client ends.
    pub fn events(&self) -> impl Iterator<Item = Event> + '_ {
        std::iter::from_fn(|| self.recv())
    }

    /// The deliveries alone, until the client ends. Changes of the connection are passed over.
    pub fn deliveries(&self) -> impl Iterator<Item = Delivery> + '_ {
        self.events().filter_map(|event| match event {
            Event::Delivery(delivery) => Some(delivery),
            _ => None,
        })
    }

    /// Acks many deliveries at the price of one.
    pub fn ack_all<'d>(&self, deliveries: impl IntoIterator<Item = &'d Delivery>) {
        // Before any lock is taken: what the caller's iterator does may take a lock too.
        let tokens: Vec<_> = deliveries.into_iter().map(Delivery::token).collect();
        self.exchange.ack(tokens);
    }

    /// Whether the client has ended by itself, so that no more events will come than those that are there.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.exchange.has_ended()
    }

    /// Waits until every ack given so far has left, or is lost with its connection; [`stats`](Self::stats) says then how
    /// many left. `false` when the client was interrupted before that.
    pub fn flush(&self) -> bool {
        self.exchange.flush()
    }

    /// What has happened so far.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.exchange.stats()
    }

    /// Looks at the client from any other thread, for health checks and metrics.
    #[must_use]
    pub fn monitor(&self) -> Monitor {
        Monitor::new(self.exchange.clone())
    }

    /// Makes the thread that waits for events stop waiting, from any other thread.
    #[must_use]
    pub fn interrupter(&self) -> Interrupter {
        Interrupter {
            exchange: self.exchange.clone(),
        }
    }

    /// Ends the client: no more events are taken, the acks given so far leave (within `timeout`), TLS and TCP are closed
    /// so that they arrive.
    ///
    /// # Errors
    /// What had ended the client before, or [`ClientError::AcksUnsent`].
    pub fn shutdown(mut self, timeout: Duration) -> Result<(), ClientError> {
        self.end(timeout)
    }

    fn end(&mut self, timeout: Duration) -> Result<(), ClientError> {
        self.exchange.stop(timeout);
        let ended = match self.thread.take().map(JoinHandle::join) {
            Some(Ok(result)) => result,
            Some(Err(_)) => Err(ClientError::ThreadDied),
            None => Ok(()),
        };
        self.exchange.discard();
        ended
    }
}

/// Ends the client at once: acks that have not left are lost, and those events come again.
impl Drop for Client {
    fn drop(&mut self) {
        // What ended it was for shutdown's caller to learn.
        let _ = self.end(Duration::ZERO);
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}

/// Interrupts a [`Client`] from another thread, such as one that waits for signals.
#[derive(Clone)]
pub struct Interrupter {
    exchange: Arc<Exchange>,
}

impl Interrupter {
    /// From now on the client gives out no more events; whoever waits for one gets `None`.
    pub fn interrupt(&self) {
        self.exchange.interrupt();
    }
}

impl fmt::Debug for Interrupter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Interrupter").finish_non_exhaustive()
    }
}

/// Why a client has ended by itself.
#[derive(Debug)]
#[non_exhaustive]
pub enum ClientError {
    /// The server refused the login, and none had succeeded before.
    LoginRefused(Disconnect),
    /// The connection ended, or could not be made, and the client was told not to try again.
    Unavailable(Disconnect),
    /// So many acks had not left when the time for it was up, or the connection broke. Those events come again.
    AcksUnsent {
        /// At least one.
        acks: u64,
    },
    /// The system gave the poller up.
    Poller(io::Error),
    /// The client's thread panicked, which is a bug of noti.
    ThreadDied,
}

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LoginRefused(disconnect) | Self::Unavailable(disconnect) => disconnect.fmt(f),
            Self::AcksUnsent { acks } => write!(
                f,
                "{acks} acks had not left at the end; those events come again"
            ),
            Self::Poller(error) => {
                write!(
                    f,
                    "waiting for the network failed: {error}; start the client anew"
                )
            }
            Self::ThreadDied => {
                f.write_str("the client's thread panicked; please report this as a bug of noti")
            }
        }
    }
}

impl std::error::Error for ClientError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Poller(error) => Some(error),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;
