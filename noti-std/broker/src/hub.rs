//! What all connections of a broker share: the accounts with their events, and the counts.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use noti_proto::Instant;
use noti_proto::server::LoginRequest;

use super::body::Body;
use super::fault::Plan;
use super::queue::Queue;
use super::report::{ConnectionReport, Counts, KEPT_CONNECTIONS, Report};
use super::settings::OnAck;
use super::source::{Feed, Inlet, Next};
use super::style::Composer;
use noti_std::Secret;

/// Deliveries that are watched before the settled ones among them are looked for.
const WATCHED: usize = 1024;

/// One account at work.
pub(super) struct AccountState {
    pub(super) enterprise_id: String,
    pub(super) enterprise_secret: Secret,
    pub(super) queue: Queue,
    pub(super) feed: Feed,
    inlet: Inlet,
    /// The connections whose windows have room, in the order of their turns.
    pub(super) ring: VecDeque<usize>,
    /// Deliveries in the order in which they become overdue: when, which entry, and its place.
    overdue: VecDeque<(Instant, u32, u64)>,
    /// When the source has its next event.
    due: Option<Duration>,
    /// The queue had no room for more when it was last looked at.
    was_full: bool,
}

impl AccountState {
    pub(super) fn new(account: (String, Secret), queue: Queue, feed: Feed, inlet: Inlet) -> Self {
        let (enterprise_id, enterprise_secret) = account;
        Self {
            enterprise_id,
            enterprise_secret,
            queue,
            feed,
            inlet,
            ring: VecDeque::new(),
            overdue: VecDeque::new(),
            due: None,
            was_full: false,
        }
    }

    /// Brings in what has come and what is due.
    pub(super) fn pump(&mut self, now: Instant, clock: Duration) {
        while self.queue.has_room()
            && let Some(body) = self.inlet.next()
        {
            self.queue.push(now, Arc::new(body));
        }
        while let Some((at, key, place)) = self.overdue.front().copied()
            && at <= now
        {
            self.overdue.pop_front();
            self.queue.overdue(key, place);
        }
        self.queue.trim();
        self.due = None;
        while !self.feed.follows_windows() && self.queue.has_room() {
            match self.feed.next(clock) {
                Next::Body(body) => self.queue.push(now, body),
                Next::At(at) => {
                    self.due = Some(at);
                    break;
                }
                Next::Waiting | Next::Finished => break,
            }
        }
        self.queue.expire(now);
        self.was_full = !self.queue.has_room();
    }

    /// An event was sent; unless it is acked by then, it is to be sent once more.
    pub(super) fn watch(&mut self, until: Instant, key: u32) {
        let Some(place) = self.queue.entry(key).map(|entry| entry.place) else {
            return;
        };
        self.overdue.push_back((until, key, place));
        // Those that are settled need no watching: what is kept stays in proportion to what is out.
        if self.overdue.len() > 2 * self.queue.unsettled() + WATCHED {
            let queue = &self.queue;
            self.overdue
                .retain(|(_, key, place)| queue.awaits_ack(*key, *place));
        }
    }

    /// When there is something to [`pump`](Self::pump).
    pub(super) fn deadline(&self) -> Option<Duration> {
        if self.was_full && self.queue.has_room() {
            return Some(Duration::ZERO);
        }
        let overdue = self.overdue.front().map(|(at, ..)| *at);
        let instants = overdue.into_iter().chain(self.queue.expires());
        let times = instants.map(|at| Duration::from_millis(at.as_millis()));
        times.chain(self.due).min()
    }

    /// The event to send next. With a source that follows the windows, it is taken from there only now.
    pub(super) fn front(&mut self, now: Instant, clock: Duration) -> Option<u32> {
        if let Some(key) = self.queue.front() {
            return Some(key);
        }
        if self.feed.follows_windows()
            && let Next::Body(body) = self.feed.next(clock)
        {
            self.queue.push(now, body);
        }
        self.queue.front()
    }

    /// Whether every event there will ever be is settled.
    fn is_finished(&mut self, clock: Duration) -> bool {
        self.queue.unsettled() == 0 && self.inlet.is_closed() && !self.feed.look_ahead(clock)
    }
}

/// What the connections share.
pub(super) struct Hub {
    pub(super) accounts: Vec<AccountState>,
    pub(super) totals: Counts,
    pub(super) accepted: u64,
    pub(super) logins: u64,
    pub(super) logins_refused: u64,
    pub(super) composer: Composer,
    /// Room for a line while it is composed.
    pub(super) scratch: Vec<u8>,
    pub(super) redeliver_after: Option<Duration>,
    pub(super) plan: Plan,
    pub(super) on_ack: Option<OnAck>,
    pub(super) record_acked: usize,
    pub(super) acked: Vec<Arc<Body>>,
    /// Reports of connections that have closed, the oldest first.
    pub(super) closed: VecDeque<ConnectionReport>,
    /// Grows with everything that a report tells.
    pub(super) changes: u64,
}

impl Hub {
    /// The account that the login is for.
    ///
    /// # Errors
    /// What the client is told, in the words of the service's own account API.
    pub(super) fn log_in(&self, request: &LoginRequest<'_>) -> Result<usize, &'static str> {
        let found = self
            .accounts
            .iter()
            .position(|account| request.enterprise_id == *account.enterprise_id)
            .ok_or("enterprise id not exist")?;
        let secret = self
            .accounts
            .get(found)
            .map(|account| account.enterprise_secret.expose());
        match secret {
            Some(secret) if request.enterprise_secret == *secret => Ok(found),
            _ => Err("enterprise secret error"),
        }
    }

    /// A delivery of this entry was acked.
    pub(super) fn acked(&mut self, account: usize, key: u32) {
        self.totals.ack();
        let Some(account) = self.accounts.get_mut(account) else {
            return;
        };
        let Some(body) = account.queue.acked(key) else {
            return;
        };
        if let Some(on_ack) = &mut self.on_ack {
            on_ack(&body);
        }
        if self.acked.len() < self.record_acked {
            self.acked.push(body);
        }
    }

    /// A connection has closed with this delivery un-acked.
    pub(super) fn unacked(&mut self, account: usize, key: u32) {
        self.totals.leave_unacked();
        if let Some(account) = self.accounts.get_mut(account) {
            account.queue.unacked(key);
        }
    }

    /// A connection of this account has given back what it had.
    pub(super) fn released(&mut self, account: usize) {
        if let Some(account) = self.accounts.get_mut(account) {
            account.queue.trim();
        }
    }

    pub(super) fn keep_report(&mut self, report: ConnectionReport) {
        if self.closed.len() >= KEPT_CONNECTIONS {
            self.closed.pop_front();
        }
        self.closed.push_back(report);
    }

    /// Whether every event there will ever be is acked, in every copy.
    pub(super) fn is_finished(&mut self, clock: Duration) -> bool {
        self.totals.in_flight == 0
            && self
                .accounts
                .iter_mut()
                .all(|account| account.is_finished(clock))
    }

    pub(super) fn report<'a>(&'a self, open: impl Iterator<Item = &'a ConnectionReport>) -> Report {
        let mut connections: Vec<_> = self.closed.iter().cloned().collect();
        let closed = connections.len();
        connections.extend(open.cloned());
        let open = connections.len() - closed;
        connections.sort_by_key(|connection| connection.number);
        let mut report = Report {
            totals: self.totals,
            accepted: self.accepted,
            open: open as u64,
            logins: self.logins,
            logins_refused: self.logins_refused,
            faults: self.plan.ledger.report(),
            connections,
            ..Report::default()
        };
        for account in &self.accounts {
            let (errors, texts) = account.feed.errors();
            report.left += account.queue.waiting() as u64;
            report.dropped += account.queue.dropped();
            report.source_errors += errors;
            report.source_error_texts.extend_from_slice(texts);
        }
        report
    }
}
