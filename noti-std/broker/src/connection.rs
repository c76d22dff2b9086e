//! One client's connection: a socket, what carries its bytes, and a session.
//!
//! ```text
//!   Open ──────────────────────────────> Leaving ───> Done: the socket is closed
//!     the broker ends it: what waits      the client closes too, or has had its time
//!     is sent, then close_notify and FIN
//!     │                                                 ^
//!     └──── the client ends it, or the link fails ──────┘
//! ```
//!
//! The broker does not simply close: with unread bytes in the kernel that would reset the connection, and destroy what
//! is on its way in both directions.

mod exchange;
mod pushed;
#[cfg(test)]
mod tests;

use std::net::{Shutdown, SocketAddr};
use std::time::Duration;

use mio::net::TcpStream;
use noti_proto::server::{BrokerConfig, BrokerSession, BrokerState};
use noti_proto::{ConfigError, Instant, LineBuf};
use socket2::SockRef;

pub(super) use self::pushed::Pushed;
use super::fault::{Armed, Ending};
use super::hub::Hub;
use super::report::{ConnectionReport, Ended};
use super::storage::Heap;
use super::transport::Transport;

/// The longest line of a client: a login with a long id and secret.
const LINE: usize = 4096;

/// How long a client gets to close its end after the broker has.
pub(super) const LEAVE: Duration = Duration::from_secs(2);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Open,
    Leaving {
        until: Instant,
        /// Acks still count.
        listens: bool,
        /// The end has been sent.
        sent: bool,
    },
    Done,
}

/// One client's connection.
pub(super) struct Connection {
    socket: TcpStream,
    transport: Transport,
    session: BrokerSession<Heap>,
    lines: LineBuf<Vec<u8>>,
    phase: Phase,
    account: Option<usize>,
    /// `None` without any, and once the connection leaves.
    faults: Option<Box<Armed>>,
    /// Bytes of plaintext that the kernel has taken.
    sent: u64,
    /// The socket may have more to read.
    readable: bool,
    /// Where it stands in the lists of the broker.
    pub(super) lists: Lists,
    pub(super) report: ConnectionReport,
}

/// The lists of the broker that a connection may be on.
#[derive(Debug, Default)]
pub(super) struct Lists {
    /// To be served in this turn.
    pub(super) active: bool,
    /// On the ring of its account.
    pub(super) ring: bool,
    /// The deadline that it will be woken at.
    pub(super) deadline: Option<Instant>,
}

impl Connection {
    pub(super) fn new(
        now: Instant,
        config: BrokerConfig,
        (socket, peer, transport): (TcpStream, SocketAddr, Transport),
        hub: &mut Hub,
    ) -> Result<Self, ConfigError> {
        let mut session = BrokerSession::new(config, Heap::new())?;
        session.connected(now);
        hub.accepted += 1;
        hub.changes += 1;
        Ok(Self {
            socket,
            transport,
            session,
            lines: LineBuf::new(vec![0; LINE]),
            phase: Phase::Open,
            account: None,
            faults: hub.plan.arm(),
            sent: 0,
            readable: true,
            lists: Lists::default(),
            report: ConnectionReport::new(hub.accepted, peer),
        })
    }

    pub(super) fn socket(&mut self) -> &mut TcpStream {
        &mut self.socket
    }

    pub(super) fn account(&self) -> Option<usize> {
        self.account
    }

    pub(super) fn is_done(&self) -> bool {
        self.phase == Phase::Done
    }

    /// The socket has something to read, or its end.
    pub(super) fn is_readable(&mut self) {
        self.readable = true;
    }

    /// Whether it is to be served once more without waiting for the socket.
    pub(super) fn has_more(&self, now: Instant) -> bool {
        self.readable && self.phase != Phase::Done && self.may_read(now)
    }

    fn reading_stalls(&self) -> bool {
        let faults = self.faults.as_ref();
        faults.is_some_and(|faults| faults.reading_stalls())
    }

    fn may_read(&self, now: Instant) -> bool {
        self.faults
            .as_ref()
            .is_none_or(|faults| faults.may_read(now))
    }

    /// How many more events it can take from the queue.
    pub(super) fn window(&self) -> usize {
        match self.room() {
            // One that is to come twice waits until both fit, unless they never do.
            1 if self.wanted() > 1 && self.doubles_next() => 0,
            room => room,
        }
    }

    /// How many more deliveries may be out.
    fn room(&self) -> usize {
        match (self.phase, self.session.state()) {
            (Phase::Open, BrokerState::LoggedIn) => {
                self.wanted().saturating_sub(self.session.in_flight())
            }
            _ => 0,
        }
    }

    fn doubles_next(&self) -> bool {
        let faults = self.faults.as_ref();
        faults.is_some_and(|faults| faults.doubles_next())
    }

    /// How many deliveries may be out at once.
    fn wanted(&self) -> usize {
        let excess = self.faults.as_ref().map_or(0, |faults| faults.excess());
        usize::from(self.session.prefetch().saturating_add(excess))
    }

    /// When it is to be served next, whatever the socket does.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let faults = self.faults.as_ref().and_then(|faults| faults.deadline());
        let own = match self.phase {
            // What the client has sent meanwhile is unread: whether it is silent is seen afterwards.
            Phase::Open if self.reading_stalls() => None,
            Phase::Open => self.session.poll_timeout(),
            Phase::Leaving { until, .. } => Some(until),
            Phase::Done => None,
        };
        own.into_iter().chain(faults).min()
    }

    /// Does what is due.
    pub(super) fn handle_timeout(&mut self, now: Instant, hub: &mut Hub) {
        match self.phase {
            Phase::Open => {
                if self.may_read(now) {
                    self.session.handle_timeout(now);
                }
                if let Some(faults) = &mut self.faults {
                    faults.handle_timeout(now);
                    while faults.take_due_pong(now) {
                        self.session.pong();
                    }
                }
                self.look_at_state(now, hub);
            }
            Phase::Leaving { until, .. } if until <= now => self.finish(now, hub),
            _ => {}
        }
    }

    /// Leaves once the session is over.
    fn look_at_state(&mut self, now: Instant, hub: &mut Hub) {
        if let BrokerState::Closed(reason) = self.session.state() {
            self.leave(now, hub, Ending::Close, Ended::ByBroker(reason));
        }
    }

    /// The broker stops: acks that are on their way still count.
    pub(super) fn stop(&mut self, now: Instant, grace: Duration, hub: &mut Hub) {
        if self.phase != Phase::Open {
            return;
        }
        self.report.ended.get_or_insert(Ended::Stopped);
        self.faults = None;
        self.transport.close_notify();
        self.phase = Phase::Leaving {
            until: now.saturating_add(grace),
            listens: true,
            sent: false,
        };
        self.send_end(now, hub);
    }

    /// The broker ends the connection, in one way or another.
    fn leave(&mut self, now: Instant, hub: &mut Hub, ending: Ending, ended: Ended) {
        if self.phase != Phase::Open {
            return;
        }
        self.report.ended.get_or_insert(ended);
        self.faults = None;
        self.release(now, hub);
        match ending {
            Ending::Close => self.transport.close_notify(),
            Ending::Truncate => {}
            Ending::Reset => {
                // Closing then sends RST instead of FIN.
                let reset = SockRef::from(&self.socket).set_linger(Some(Duration::ZERO));
                if let Err(error) = reset {
                    tracing::debug!(%error, "a connection is closed, not reset");
                }
                self.phase = Phase::Done;
                return;
            }
        }
        self.phase = Phase::Leaving {
            until: now.saturating_add(LEAVE),
            listens: false,
            sent: false,
        };
        self.send_end(now, hub);
    }

    /// Sends what is sealed, and FIN behind it.
    fn send_end(&mut self, now: Instant, hub: &mut Hub) {
        let Phase::Leaving {
            until,
            listens,
            sent: false,
        } = self.phase
        else {
            return;
        };
        match self.transport.flush(&mut self.socket) {
            Ok(false) => {}
            Ok(true) if self.socket.shutdown(Shutdown::Write).is_ok() => {
                self.phase = Phase::Leaving {
                    until,
                    listens,
                    sent: true,
                };
            }
            _ => self.finish(now, hub),
        }
    }

    /// The client has ended the connection, or it has failed.
    fn lost(&mut self, now: Instant, hub: &mut Hub, ended: Ended) {
        if self.phase == Phase::Open {
            self.transport.close_notify();
            // The client has gone, or will read this and the end behind it.
            let _ = self.transport.flush(&mut self.socket);
        }
        self.report.ended.get_or_insert(ended);
        self.finish(now, hub);
    }

    fn finish(&mut self, now: Instant, hub: &mut Hub) {
        self.release(now, hub);
        self.phase = Phase::Done;
    }

    /// What the client left un-acked returns to the queue (clause A6).
    fn release(&mut self, now: Instant, hub: &mut Hub) {
        self.session.disconnected(now);
        hub.changes += 1;
        while let Some(key) = self.session.take_unacked() {
            self.report.counts.leave_unacked();
            if let Some(account) = self.account {
                hub.unacked(account, key);
            }
        }
        if let Some(account) = self.account {
            hub.released(account);
        }
    }
}
