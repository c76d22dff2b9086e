//! The broker's thread: one loop over all connections.
//!
//! A turn of the loop: wait for sockets, times and other threads; read what has arrived; bring in events; deal them out,
//! one to each connection with room in its window, and so on round; send; wait again.

mod connections;

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender};
use std::time::Duration;

use mio::net::TcpListener;
use mio::{Events, Interest, Poll, Token};
use noti_proto::Instant;
use noti_proto::server::BrokerConfig;

use self::connections::Connections;
use super::body::Body;
use super::certificates::Leaf;
use super::clock::{Clock, Deadlines, instant};
use super::connection::{Connection, Pushed};
use super::hub::{AccountState, Hub};
use super::report::{Counts, Report};
use super::transport::Transport;
use super::wake::{PATIENCE, Wake};
use noti_std::tls::ServerTls;

pub(super) const WAKE: Token = Token(usize::MAX);
pub(super) const LISTENER: Token = Token(usize::MAX - 1);

/// Rounds of dealing and sending before sockets are looked at again.
const ROUNDS: usize = 16;

/// Threads that wait for a change.
const WATCHERS: usize = 64;

/// How long to wait when the system gives no more sockets.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);

/// What other threads ask of the broker's.
pub(super) enum Command {
    Report(SyncSender<Report>),
    Acked(SyncSender<Vec<Arc<Body>>>),
    /// The totals, once something has changed since this many changes.
    Changed(u64, SyncSender<(u64, Counts)>),
    /// End once every event is acked.
    Finish,
    /// End once the clients have closed their connections, or have had their time.
    Stop,
    /// End at once.
    Abort,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Running,
    /// Everything is acked: the clients have until then to close.
    Finishing(Instant),
    /// The connections are being closed.
    Stopping(Instant),
}

pub(super) struct Server {
    pub(super) poll: Poll,
    pub(super) listener: Option<TcpListener>,
    pub(super) wake: Arc<Wake>,
    pub(super) commands: Receiver<Command>,
    pub(super) clock: Clock,
    pub(super) config: BrokerConfig,
    /// `None` for plain TCP.
    pub(super) tls: Option<ServerTls>,
    /// Certificates with something wrong with them.
    pub(super) strange_tls: Vec<(Leaf, ServerTls)>,
    pub(super) max_connections: usize,
    pub(super) grace: Duration,
    pub(super) hub: Hub,
    pub(super) connections: Connections,
    pub(super) work: Work,
}

/// What is to be done besides waiting.
pub(super) struct Work {
    /// Connections to be served in this turn.
    active: Vec<usize>,
    deadlines: Deadlines,
    phase: Phase,
    finishes: bool,
    accept_again: Option<Instant>,
    /// Who waits for a change.
    watchers: VecDeque<(u64, SyncSender<(u64, Counts)>)>,
    over: bool,
}

impl Default for Work {
    fn default() -> Self {
        Self {
            active: Vec::new(),
            deadlines: Deadlines::default(),
            phase: Phase::Running,
            finishes: false,
            accept_again: None,
            watchers: VecDeque::new(),
            over: false,
        }
    }
}

impl Server {
    /// Serves until it is told to stop, or is finished.
    pub(super) fn run(mut self) -> Report {
        let mut events = Events::with_capacity(256);
        let mut wait = Duration::ZERO;
        loop {
            match self.poll.poll(&mut events, Some(wait.min(PATIENCE))) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => {
                    tracing::error!(%error, "the broker's poller has failed");
                    break;
                }
            }
            for event in &events {
                match event.token() {
                    WAKE => {}
                    LISTENER => self.accept(),
                    Token(index) => {
                        if let Some(connection) = self.connections.get(index) {
                            if event.is_readable() || event.is_read_closed() || event.is_error() {
                                connection.is_readable();
                            }
                            self.activate(index);
                        }
                    }
                }
            }
            wait = self.turn();
            if self.work.over {
                break;
            }
        }
        self.report()
    }

    fn now(&self) -> Instant {
        instant(self.clock.elapsed())
    }

    fn report(&self) -> Report {
        self.hub
            .report(self.connections.iter().map(|connection| &connection.report))
    }

    /// Puts a connection on the list of those to be served in this turn.
    fn activate(&mut self, index: usize) {
        if let Some(connection) = self.connections.get(index)
            && !std::mem::replace(&mut connection.lists.active, true)
        {
            self.work.active.push(index);
        }
    }

    /// One turn; how long to wait before the next.
    fn turn(&mut self) -> Duration {
        self.wake.heard();
        self.obey();
        let now = self.now();
        if self.work.accept_again.is_some_and(|at| at <= now) {
            self.work.accept_again = None;
            self.accept();
        }
        while let Some((at, index)) = self.work.deadlines.take_due(now) {
            // Another time than the connection's is one that it had before, or belonged to the one before it.
            if let Some(connection) = self.connections.get(index)
                && connection.lists.deadline == Some(at)
            {
                connection.lists.deadline = None;
                self.activate(index);
            }
        }
        self.read(now);
        let elapsed = self.clock.elapsed();
        for account in &mut self.hub.accounts {
            account.pump(now, elapsed);
        }
        let busy = self.exchange(now);
        let busy = self.settle(now) || busy;
        self.advance(now);
        self.tell();
        if busy || self.work.over {
            return Duration::ZERO;
        }
        let phase = match self.work.phase {
            Phase::Running => None,
            Phase::Finishing(until) | Phase::Stopping(until) => Some(until),
        };
        let deadlines = [self.work.deadlines.next(), self.work.accept_again, phase];
        let times = deadlines.into_iter().flatten();
        let times = times.map(|at| Duration::from_millis(at.as_millis()));
        let accounts = self.hub.accounts.iter();
        let next = times
            .chain(accounts.filter_map(AccountState::deadline))
            .min();
        next.map_or(PATIENCE, |at| at.saturating_sub(self.clock.elapsed()))
    }

    fn obey(&mut self) {
        while let Ok(command) = self.commands.try_recv() {
            // Whoever asked may have gone: then nobody misses the answer.
            match command {
                Command::Report(to) => _ = to.try_send(self.report()),
                Command::Acked(to) => _ = to.try_send(self.hub.acked.clone()),
                Command::Changed(since, to) => {
                    if self.work.watchers.len() >= WATCHERS {
                        // The one that has waited longest has most likely gone.
                        self.work.watchers.pop_front();
                    }
                    self.work.watchers.push_back((since, to));
                }
                Command::Finish => self.work.finishes = true,
                Command::Stop => self.stop(),
                Command::Abort => {
                    self.stop();
                    self.work.over = true;
                }
            }
        }
    }

    /// Answers those who wait for a change.
    fn tell(&mut self) {
        let (changes, totals) = (self.hub.changes, self.hub.totals);
        self.work.watchers.retain(|(since, to)| {
            let changed = *since != changes;
            if changed {
                let _ = to.try_send((changes, totals));
            }
            !changed
        });
    }

    fn accept(&mut self) {
        let now = self.now();
        while let Some(listener) = &self.listener {
            let (mut socket, peer) = match listener.accept() {
                Ok(accepted) => accepted,
                Err(error) => match error.kind() {
                    io::ErrorKind::WouldBlock => return,
                    io::ErrorKind::Interrupted | io::ErrorKind::ConnectionAborted => continue,
                    _ => {
                        tracing::warn!(%error, "no connection can be accepted now; trying again");
                        self.work.accept_again = Some(now.saturating_add(ACCEPT_AGAIN));
                        return;
                    }
                },
            };
            if self.connections.len() >= self.max_connections {
                tracing::warn!(%peer, "turned away: there are as many connections as allowed");
                continue;
            }
            // Without it small writes wait for the client's acknowledgements; with an error they just do.
            let _ = socket.set_nodelay(true);
            let leaf = self.hub.plan.certificate();
            let strange = leaf.and_then(|leaf| {
                let mut strange = self.strange_tls.iter();
                strange.find_map(|(known, tls)| (*known == leaf).then_some(tls))
            });
            let transport = match Transport::new(strange.or(self.tls.as_ref())) {
                Ok(transport) => transport,
                Err(error) => {
                    tracing::error!(%error, %peer, "turned away");
                    continue;
                }
            };
            let index = self.connections.reserve();
            let interest = Interest::READABLE | Interest::WRITABLE;
            let registered = self
                .poll
                .registry()
                .register(&mut socket, Token(index), interest);
            if let Err(error) = registered {
                tracing::error!(%error, %peer, "turned away");
                self.connections.release(index);
                continue;
            }
            let accepted = (socket, peer, transport);
            match Connection::new(now, self.config.clone(), accepted, &mut self.hub) {
                Ok(mut connection) => {
                    // That of its certificate.
                    connection.count_faults(&mut self.hub);
                    self.connections.put(index, connection);
                    self.activate(index);
                }
                Err(error) => {
                    tracing::error!(%error, %peer, "turned away");
                    self.connections.release(index);
                }
            }
        }
    }

    /// Reads from the connections of this turn, and does what is due on them.
    fn read(&mut self, now: Instant) {
        for index in &self.work.active {
            let Some(connection) = self.connections.get(*index) else {
                continue;
            };
            connection.receive(now, &mut self.hub);
            if connection.deadline().is_some_and(|at| at <= now) {
                connection.handle_timeout(now, &mut self.hub);
            }
            enter_ring(*index, connection, &mut self.hub);
        }
    }

    /// Deals events out and sends them, until nothing moves; true when it was cut short.
    fn exchange(&mut self, now: Instant) -> bool {
        for _ in 0..ROUNDS {
            for account in 0..self.hub.accounts.len() {
                self.deal(now, account);
            }
            let mut room = false;
            for index in &self.work.active {
                let Some(connection) = self.connections.get(*index) else {
                    continue;
                };
                if connection.transmit(now, &mut self.hub) {
                    room |= enter_ring(*index, connection, &mut self.hub);
                }
            }
            if !room {
                return false;
            }
        }
        true
    }

    /// Gives each connection of the account's ring one event after the other.
    fn deal(&mut self, now: Instant, account: usize) {
        let elapsed = self.clock.elapsed();
        if self.work.phase != Phase::Running {
            return;
        }
        loop {
            let Some(state) = self.hub.accounts.get_mut(account) else {
                return;
            };
            if state.ring.is_empty() || state.front(now, elapsed).is_none() {
                return;
            }
            let Some(index) = state.ring.pop_front() else {
                return;
            };
            let Some(connection) = self.connections.get(index) else {
                continue;
            };
            connection.lists.ring = false;
            if connection.push_front(now, &mut self.hub) == Pushed::Sent {
                enter_ring(index, connection, &mut self.hub);
            }
            if !std::mem::replace(&mut connection.lists.active, true) {
                self.work.active.push(index);
            }
        }
    }

    /// Ends the turn for the connections that it served; true when one of them has more to do at once.
    fn settle(&mut self, now: Instant) -> bool {
        let mut busy = false;
        let mut active = std::mem::take(&mut self.work.active);
        active.retain(|index| {
            let Some(connection) = self.connections.get(*index) else {
                return false;
            };
            if connection.is_done() {
                self.remove(*index);
                return false;
            }
            if let Some(at) = connection.deadline()
                && connection.lists.deadline.is_none_or(|set| at < set)
            {
                connection.lists.deadline = Some(at);
                self.work.deadlines.set(at, *index);
            }
            let more = connection.has_more(now);
            connection.lists.active = more;
            busy |= more;
            more
        });
        self.work.active = active;
        busy
    }

    fn remove(&mut self, index: usize) {
        let Some(mut connection) = self.connections.take(index) else {
            return;
        };
        if connection.lists.ring
            && let Some(account) = connection.account()
            && let Some(account) = self.hub.accounts.get_mut(account)
        {
            account.ring.retain(|other| *other != index);
        }
        // Closing takes it off the poller anyhow.
        let _ = self.poll.registry().deregister(connection.socket());
        self.hub.keep_report(connection.report);
        self.hub.changes += 1;
    }

    /// Goes from running to finishing to stopping to the end.
    fn advance(&mut self, now: Instant) {
        let none = self.connections.len() == 0;
        match self.work.phase {
            Phase::Running if self.work.finishes => {
                if self.hub.is_finished(self.clock.elapsed()) {
                    let until = now.saturating_add(self.grace);
                    self.work.phase = Phase::Finishing(until);
                    self.advance(now);
                }
            }
            Phase::Running => {}
            Phase::Finishing(_) if none => self.work.over = true,
            Phase::Finishing(until) if until <= now => self.stop(),
            Phase::Finishing(_) => {}
            Phase::Stopping(until) => self.work.over |= none || until <= now,
        }
    }

    /// Closes all connections, and ends once their clients have closed them too.
    fn stop(&mut self) {
        if matches!(self.work.phase, Phase::Stopping(_)) {
            return;
        }
        let now = self.now();
        self.listener = None;
        self.work.phase = Phase::Stopping(now.saturating_add(self.grace));
        for index in self.connections.indices() {
            if let Some(connection) = self.connections.get(index) {
                connection.transmit(now, &mut self.hub);
                connection.stop(now, self.grace, &mut self.hub);
            }
            self.activate(index);
        }
    }
}

/// Puts the connection on its account's ring if there is room in its window; whether there is.
fn enter_ring(index: usize, connection: &mut Connection, hub: &mut Hub) -> bool {
    if connection.lists.ring || connection.window() == 0 {
        return false;
    }
    let account = connection.account();
    let Some(account) = account.and_then(|account| hub.accounts.get_mut(account)) else {
        return false;
    };
    connection.lists.ring = true;
    account.ring.push_back(index);
    true
}
