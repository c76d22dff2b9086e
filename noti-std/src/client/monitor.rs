use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use super::disconnect::{Disconnect, DisconnectKind};
use super::exchange::{Exchange, Stats};

/// Looks at a [`Client`](crate::Client) from any thread. What it sees is the network's side: an application that is busy
/// with its events does not make it late.
#[derive(Clone)]
pub struct Monitor {
    exchange: Arc<Exchange>,
}

/// How a client stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Health {
    /// On its way to its first login.
    #[default]
    Starting,
    /// Logged in: events can come.
    LoggedIn,
    /// Not logged in, for the reason of the last attempt. The client tries again unless it was told not to.
    Disconnected(Disconnect),
    /// The client has ended.
    Ended,
}

impl Monitor {
    pub(super) const fn new(exchange: Arc<Exchange>) -> Self {
        Self { exchange }
    }

    /// How the client stands now.
    #[must_use]
    pub fn health(&self) -> Health {
        self.exchange.standing().health.clone()
    }

    /// How the client stands, and the number of that change. Waits, at most until `until`, for another change than
    /// `known`; none has the number [`u64::MAX`].
    #[must_use]
    pub fn health_after(&self, known: u64, until: Instant) -> (u64, Health) {
        let standing = self.exchange.standing_after(known, until);
        (standing.change, standing.health.clone())
    }

    /// What has happened so far.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.exchange.stats()
    }

    /// How often each kind of end has happened, in the order of [`DisconnectKind::ALL`].
    #[must_use]
    pub fn disconnects(&self) -> [(DisconnectKind, u64); DisconnectKind::ALL.len()] {
        self.exchange.standing().disconnects
    }

    /// How many bytes of lines the application holds, and how many it may.
    #[must_use]
    pub fn buffered(&self) -> (usize, usize) {
        (self.exchange.buffered(), self.exchange.limit())
    }

    /// A number that grows when the client's thread comes round, and makes it do so: a thread that hangs shows by the same
    /// number the next time.
    #[must_use]
    pub fn pulse(&self) -> u64 {
        let turns = self.exchange.turns();
        self.exchange.wake();
        turns
    }
}

impl fmt::Debug for Monitor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Monitor")
            .field("health", &self.health())
            .finish_non_exhaustive()
    }
}

/// What the network thread tells monitors.
pub(super) struct Standing {
    pub(super) health: Health,
    /// Grows with each change of the health.
    pub(super) change: u64,
    disconnects: [(DisconnectKind, u64); DisconnectKind::ALL.len()],
}

impl Default for Standing {
    fn default() -> Self {
        Self {
            health: Health::default(),
            change: 0,
            disconnects: DisconnectKind::ALL.map(|kind| (kind, 0)),
        }
    }
}

impl Standing {
    pub(super) fn count(&mut self, kind: DisconnectKind) {
        for (counted, count) in &mut self.disconnects {
            *count += u64::from(*counted == kind);
        }
    }
}
