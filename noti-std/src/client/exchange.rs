use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use mio::Waker;
use noti_proto::AckToken;

use super::disconnect::Disconnect;
use super::event::Event;
use super::monitor::{Health, Standing};

/// Changes of the connection that wait for an application that does not look. Later ones are left out: an application that is
/// stuck for a year costs no memory.
const NEWS: usize = 256;

/// Called when events have arrived for an application that was not waiting.
pub(super) type Notify = Box<dyn Fn() + Send + Sync>;

/// Where the network thread and the application's threads meet.
pub(super) struct Exchange {
    inbox: Mutex<Inbox>,
    arrived: Condvar,
    outbox: Mutex<Outbox>,
    settled: Condvar,
    standing: Mutex<Standing>,
    changed: Condvar,
    waker: Waker,
    notify: Option<Notify>,
    /// Bytes of lines that the application has not dropped yet.
    charged: AtomicUsize,
    limit: usize,
    /// The network thread has stopped reading, and wants to know when there is room.
    paused: AtomicBool,
}

/// What goes to the application.
#[derive(Default)]
struct Inbox {
    events: VecDeque<Event>,
    /// How many of them the byte budget does not count.
    news: usize,
    waiting: usize,
    /// Nothing more will come.
    ended: bool,
    /// The application wants nothing more.
    interrupted: bool,
}

/// What goes to the network thread, and what has become of it.
#[derive(Default)]
struct Outbox {
    acks: Vec<AckToken>,
    stop: Option<Instant>,
    stats: Stats,
    /// How often the network thread has looked in.
    turns: u64,
    waiting: usize,
    interrupted: bool,
    ended: bool,
}

/// What has happened so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Events handed to the application.
    pub delivered: u64,
    /// Events, and held lines that are none, that are un-acked now.
    pub in_flight: u64,
    /// Acks that the application gave; on one connection, further ones of the same delivery do not count.
    pub acks_given: u64,
    /// Acks that have left.
    pub acks_sent: u64,
    /// Acks that could not be sent, because the connection of their delivery had ended. Those events come again.
    pub acks_lost: u64,
    /// Logins that succeeded.
    pub logins: u64,
    /// Connections that ended, or could not be made.
    pub disconnects: u64,
    /// Pings that have left.
    pub pings: u64,
    /// Lines that were too long, or no sound message.
    pub poison: u64,
    /// Of these, how many were too long.
    pub oversize: u64,
    /// Of the acks that have left, how many [`PoisonPolicy::Ack`](crate::PoisonPolicy::Ack) gave.
    pub poison_acked: u64,
    /// Bytes received, after decryption.
    pub bytes_received: u64,
}

impl Inbox {
    fn put(&mut self, event: Event) {
        if event.is_news() {
            // An end of the connection parts the lines before it from those after it.
            let parts_lines = matches!(event, Event::Disconnected(_))
                && self.events.back().is_some_and(|last| !last.is_news());
            if self.news >= NEWS && !parts_lines {
                return;
            }
            self.news += 1;
        }
        self.events.push_back(event);
    }

    fn take(&mut self) -> Option<Event> {
        let event = self.events.pop_front()?;
        self.news -= usize::from(event.is_news());
        Some(event)
    }
}

impl Stats {
    const fn acks_pending(&self) -> u64 {
        self.acks_given - self.acks_sent - self.acks_lost
    }
}

/// What the network thread found in its box.
pub(super) struct Wishes {
    pub(super) stop: Option<Instant>,
}

impl Exchange {
    pub(super) fn new(waker: Waker, limit: usize, notify: Option<Notify>) -> Self {
        Self {
            inbox: Mutex::default(),
            arrived: Condvar::new(),
            outbox: Mutex::default(),
            settled: Condvar::new(),
            standing: Mutex::default(),
            changed: Condvar::new(),
            waker,
            notify,
            charged: AtomicUsize::new(0),
            // Without any room nothing could be read at all.
            limit: limit.max(1),
            paused: AtomicBool::new(false),
        }
    }

    // What the application's threads call.

    pub(super) fn recv(&self, until: Option<Instant>) -> Option<Event> {
        self.wait(until)?.take()
    }

    pub(super) fn recv_batch(&self, events: &mut Vec<Event>, most: usize) -> bool {
        let Some(mut inbox) = self.wait(None) else {
            return false;
        };
        events.extend(std::iter::from_fn(|| inbox.take()).take(most));
        true
    }

    pub(super) fn try_recv(&self) -> Option<Event> {
        let mut inbox = lock(&self.inbox);
        if inbox.interrupted {
            return None;
        }
        inbox.take()
    }

    /// Drops the events that nobody will take. They hold on to this very exchange, which would never go.
    pub(super) fn discard(&self) {
        let events = std::mem::take(&mut lock(&self.inbox).events);
        drop(events);
    }

    /// The inbox with an event in it; `None` when there will be none, or not by `until`.
    fn wait(&self, until: Option<Instant>) -> Option<MutexGuard<'_, Inbox>> {
        let mut inbox = lock(&self.inbox);
        loop {
            if inbox.interrupted {
                return None;
            }
            if !inbox.events.is_empty() {
                return Some(inbox);
            }
            if inbox.ended {
                return None;
            }
            inbox.waiting += 1;
            inbox = wait(&self.arrived, inbox, until);
            inbox.waiting -= 1;
            if until.is_some_and(|until| Instant::now() >= until) && inbox.events.is_empty() {
                return None;
            }
        }
    }

    pub(super) fn has_ended(&self) -> bool {
        lock(&self.inbox).ended
    }

    pub(super) fn interrupt(&self) {
        lock(&self.inbox).interrupted = true;
        self.arrived.notify_all();
        lock(&self.outbox).interrupted = true;
        self.settled.notify_all();
    }

    pub(super) fn ack(&self, tokens: impl IntoIterator<Item = AckToken>) {
        let mut outbox = lock(&self.outbox);
        let before = outbox.acks.len();
        outbox.acks.extend(tokens);
        let given = outbox.acks.len() - before;
        outbox.stats.acks_given += given as u64;
        if outbox.ended {
            outbox.stats.acks_lost += given as u64;
            outbox.acks.clear();
            return;
        }
        drop(outbox);
        // Whoever found the box empty wakes the network thread for all that come after.
        if before == 0 && given > 0 {
            self.wake();
        }
    }

    pub(super) fn stop(&self, timeout: Duration) {
        lock(&self.outbox).stop = Some(deadline(timeout));
        self.interrupt();
        self.wake();
    }

    pub(super) fn flush(&self) -> bool {
        let mut outbox = lock(&self.outbox);
        while outbox.stats.acks_pending() > 0 {
            if outbox.interrupted {
                return false;
            }
            outbox.waiting += 1;
            outbox = wait(&self.settled, outbox, None);
            outbox.waiting -= 1;
        }
        true
    }

    pub(super) fn stats(&self) -> Stats {
        lock(&self.outbox).stats
    }

    pub(super) fn wake(&self) {
        if let Err(error) = self.waker.wake() {
            tracing::error!(%error, "the network thread cannot be woken");
        }
    }

    // What a monitor asks.

    /// How often the network thread has come round.
    pub(super) fn turns(&self) -> u64 {
        lock(&self.outbox).turns
    }

    pub(super) fn standing(&self) -> MutexGuard<'_, Standing> {
        lock(&self.standing)
    }

    /// Waits, at most until `until`, for the standing to be another than it was at this change.
    pub(super) fn standing_after(&self, change: u64, until: Instant) -> MutexGuard<'_, Standing> {
        let mut standing = self.standing();
        while standing.change == change && Instant::now() < until {
            standing = wait(&self.changed, standing, Some(until));
        }
        standing
    }

    pub(super) fn buffered(&self) -> usize {
        self.charged.load(Ordering::Relaxed)
    }

    pub(super) const fn limit(&self) -> usize {
        self.limit
    }

    // The byte budget.

    pub(super) fn charge(&self, bytes: usize) {
        self.charged.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(super) fn release(&self, bytes: usize) {
        let before = self.charged.fetch_sub(bytes, Ordering::SeqCst);
        if self.paused.load(Ordering::SeqCst) && before - bytes <= self.limit / 2 {
            self.paused.store(false, Ordering::SeqCst);
            self.wake();
        }
    }

    // What the network thread calls.

    pub(super) fn is_full(&self) -> bool {
        self.charged.load(Ordering::SeqCst) >= self.limit
    }

    /// Whether reading must wait; if so, whoever makes room wakes the network thread.
    pub(super) fn must_pause(&self) -> bool {
        self.paused.store(true, Ordering::SeqCst);
        // Room may have been made between the last look and the flag.
        let must = self.charged.load(Ordering::SeqCst) > self.limit / 2;
        if !must {
            self.paused.store(false, Ordering::SeqCst);
        }
        must
    }

    pub(super) fn publish(&self, events: &mut Vec<Event>) {
        if events.is_empty() {
            return;
        }
        let mut inbox = lock(&self.inbox);
        let was_empty = inbox.events.is_empty();
        events.drain(..).for_each(|event| inbox.put(event));
        let waiting = inbox.waiting;
        drop(inbox);
        if waiting > 0 {
            self.arrived.notify_all();
        }
        if let Some(notify) = &self.notify
            && was_empty
        {
            notify();
        }
    }

    /// Takes the acks that were given, in their order, into `acks`.
    pub(super) fn take_wishes(&self, acks: &mut Vec<AckToken>) -> Wishes {
        let mut outbox = lock(&self.outbox);
        outbox.turns += 1;
        acks.append(&mut outbox.acks);
        Wishes { stop: outbox.stop }
    }

    /// By when the application wants the end, if it does.
    pub(super) fn stop_by(&self) -> Option<Instant> {
        lock(&self.outbox).stop
    }

    /// Adds to what has happened, and tells those who wait for it.
    pub(super) fn count(&self, add: impl FnOnce(&mut Stats)) {
        let mut outbox = lock(&self.outbox);
        add(&mut outbox.stats);
        if outbox.waiting > 0 {
            self.settled.notify_all();
        }
    }

    pub(super) fn logged_in(&self) {
        self.count(|stats| stats.logins += 1);
        self.stand(Health::LoggedIn, |_| {});
    }

    pub(super) fn disconnected(&self, disconnect: &Disconnect) {
        self.count(|stats| stats.disconnects += 1);
        self.stand(Health::Disconnected(disconnect.clone()), |standing| {
            standing.count(disconnect.kind());
        });
    }

    fn stand(&self, health: Health, count: impl FnOnce(&mut Standing)) {
        let mut standing = self.standing();
        standing.health = health;
        standing.change += 1;
        count(&mut standing);
        drop(standing);
        self.changed.notify_all();
    }

    /// Nothing more will come, and nothing more will be sent.
    pub(super) fn end(&self) {
        self.stand(Health::Ended, |_| {});
        lock(&self.inbox).ended = true;
        self.arrived.notify_all();
        let mut outbox = lock(&self.outbox);
        outbox.ended = true;
        outbox.stats.acks_lost += outbox.stats.acks_pending();
        outbox.acks.clear();
        self.settled.notify_all();
        drop(outbox);
        if let Some(notify) = &self.notify {
            notify();
        }
    }
}

/// The moment after so long; a far one if there is no such moment.
pub(super) fn deadline(timeout: Duration) -> Instant {
    let now = Instant::now();
    now.checked_add(timeout)
        .unwrap_or_else(|| now + Duration::from_secs(365 * 24 * 60 * 60))
}

/// A thread that panicked while it held a lock has left nothing half done.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Waits to be told, at most until `until`.
fn wait<'m, T>(
    condvar: &Condvar,
    guard: MutexGuard<'m, T>,
    until: Option<Instant>,
) -> MutexGuard<'m, T> {
    let Some(until) = until else {
        return condvar.wait(guard).unwrap_or_else(PoisonError::into_inner);
    };
    let left = until.saturating_duration_since(Instant::now());
    let waited = condvar.wait_timeout(guard, left);
    waited.unwrap_or_else(PoisonError::into_inner).0
}
