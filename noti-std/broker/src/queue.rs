//! The events of one account: which wait, and which are out un-acked.
//!
//! ```text
//!   push ──> fresh ──┐                       ┌──> acked: forgotten
//!                    ├── front, sent ──> out ┤
//!   push_front ──> returned <────────────────┴──> its connection closed, or the redelivery is due
//! ```
//!
//! An event that returns keeps its place among the others: the oldest goes first.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use noti_proto::Instant;

use super::body::Body;

/// Events that were never pushed count from here; those that a fault puts before all others count down from it.
const FIRST: u64 = 1 << 32;

/// What a [`Queue`] holds at most, and for how long.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// With so many events waiting, sources wait.
    pub(super) backlog: usize,
    /// With so many bytes of bodies waiting, sources wait.
    pub(super) backlog_bytes: usize,
    /// Of more events waiting than these the oldest are dropped.
    pub(super) retain: Option<usize>,
    /// Older events are dropped.
    pub(super) retain_for: Option<Duration>,
}

/// How an event is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// As a sound line.
    Sound,
    /// As a line that is no JSON, but for its beginning with the id.
    Malformed,
}

/// An event that is not yet forgotten.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) body: Arc<Body>,
    pub(super) form: Form,
    /// Its place among the events; no other event ever has it.
    pub(super) place: u64,
    since: Instant,
    /// Deliveries of it that are out; several where a fault or a redelivery made copies.
    copies: u32,
    /// It need not be sent again: it was acked, or dropped for its age.
    settled: bool,
    waiting: bool,
    pushed_before: bool,
}

/// The events of one account.
#[derive(Debug)]
pub(super) struct Queue {
    limits: Limits,
    /// The entries by key; the keys of the empty ones are in `free`.
    entries: Vec<Option<Entry>>,
    free: Vec<u32>,
    fresh: VecDeque<u32>,
    returned: BTreeMap<u64, u32>,
    next_fresh: u64,
    next_front: u64,
    bytes: usize,
    unsettled: usize,
    dropped: u64,
}

impl Queue {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            limits,
            entries: Vec::new(),
            free: Vec::new(),
            fresh: VecDeque::new(),
            returned: BTreeMap::new(),
            next_fresh: FIRST,
            next_front: FIRST,
            bytes: 0,
            unsettled: 0,
            dropped: 0,
        }
    }

    /// Whether sources may go on.
    pub(super) fn has_room(&self) -> bool {
        self.waiting() < self.limits.backlog && self.bytes < self.limits.backlog_bytes
    }

    /// Events that wait for a window.
    pub(super) fn waiting(&self) -> usize {
        self.fresh.len() + self.returned.len()
    }

    /// Events that are neither acked nor dropped, whether they wait or are out.
    pub(super) fn unsettled(&self) -> usize {
        self.unsettled
    }

    /// Events that were dropped for their age or their number.
    pub(super) fn dropped(&self) -> u64 {
        self.dropped
    }

    /// A new event, behind all others.
    pub(super) fn push(&mut self, now: Instant, body: Arc<Body>) {
        let place = self.next_fresh;
        self.next_fresh += 1;
        let key = self.insert(now, body, Form::Sound, place);
        self.fresh.push_back(key);
        self.trim();
    }

    /// Drops the oldest of more events than are to be kept; to be called once events have returned.
    pub(super) fn trim(&mut self) {
        if let Some(retain) = self.limits.retain {
            while self.waiting() > retain {
                self.drop_front();
            }
        }
    }

    /// A new event, before all others.
    pub(super) fn push_front(&mut self, now: Instant, body: Arc<Body>, form: Form) {
        self.next_front -= 1;
        let place = self.next_front;
        let key = self.insert(now, body, form, place);
        self.returned.insert(place, key);
    }

    /// The event to send next.
    pub(super) fn front(&self) -> Option<u32> {
        let returned = self.returned.first_key_value().map(|(_, key)| *key);
        returned.or_else(|| self.fresh.front().copied())
    }

    pub(super) fn entry(&self, key: u32) -> Option<&Entry> {
        self.entries.get(key as usize)?.as_ref()
    }

    /// The front was sent; whether for the first time.
    pub(super) fn sent_front(&mut self) -> bool {
        let Some(key) = self.take_front() else {
            return true;
        };
        let Some(entry) = self.entry_mut(key) else {
            return true;
        };
        entry.copies += 1;
        !std::mem::replace(&mut entry.pushed_before, true)
    }

    /// An event that is out was sent once more.
    pub(super) fn sent_again(&mut self, key: u32) {
        if let Some(entry) = self.entry_mut(key) {
            entry.copies += 1;
        }
    }

    /// A delivery was acked; gives the body if this settles the event.
    pub(super) fn acked(&mut self, key: u32) -> Option<Arc<Body>> {
        let entry = self.entry_mut(key)?;
        entry.copies = entry.copies.saturating_sub(1);
        let last = entry.copies == 0;
        let body = (!entry.settled).then(|| entry.body.clone());
        if body.is_some() {
            entry.settled = true;
            self.unsettled -= 1;
            self.leave_returned(key);
        }
        if last {
            self.forget(key);
        }
        body
    }

    /// A delivery's connection has closed before its ack.
    pub(super) fn unacked(&mut self, key: u32) {
        let Some(entry) = self.entry_mut(key) else {
            return;
        };
        entry.copies = entry.copies.saturating_sub(1);
        match (entry.copies, entry.settled) {
            (0, true) => self.forget(key),
            (0, false) => self.enter_returned(key),
            _ => {}
        }
    }

    /// A delivery that was sent at this place has waited for its ack for too long: the event waits to be sent again,
    /// and either ack settles it.
    pub(super) fn overdue(&mut self, key: u32, place: u64) {
        if self.awaits_ack(key, place) {
            self.enter_returned(key);
        }
    }

    /// Whether the event at this place still needs an ack.
    pub(super) fn awaits_ack(&self, key: u32, place: u64) -> bool {
        self.entry(key)
            .is_some_and(|entry| entry.place == place && !entry.settled)
    }

    /// Drops what has become too old.
    pub(super) fn expire(&mut self, now: Instant) {
        while self.expires().is_some_and(|at| at <= now) {
            self.drop_front();
        }
    }

    /// When the front becomes too old.
    pub(super) fn expires(&self) -> Option<Instant> {
        let age = self.limits.retain_for?;
        Some(self.entry(self.front()?)?.since.saturating_add(age))
    }

    fn insert(&mut self, now: Instant, body: Arc<Body>, form: Form, place: u64) -> u32 {
        self.bytes += body.as_str().len();
        self.unsettled += 1;
        let entry = Some(Entry {
            body,
            form,
            place,
            since: now,
            copies: 0,
            settled: false,
            waiting: true,
            pushed_before: false,
        });
        let key = self.free.pop();
        if let Some(key) = key
            && let Some(empty) = self.entries.get_mut(key as usize)
        {
            *empty = entry;
            return key;
        }
        self.entries.push(entry);
        // The backlog and the windows keep the number of entries far below 2^32.
        u32::try_from(self.entries.len() - 1).unwrap_or(u32::MAX)
    }

    fn entry_mut(&mut self, key: u32) -> Option<&mut Entry> {
        self.entries.get_mut(key as usize)?.as_mut()
    }

    fn take_front(&mut self) -> Option<u32> {
        let returned = self.returned.pop_first().map(|(_, key)| key);
        let key = returned.or_else(|| self.fresh.pop_front())?;
        self.no_longer_waiting(key);
        Some(key)
    }

    fn drop_front(&mut self) {
        let Some(key) = self.take_front() else {
            return;
        };
        self.dropped += 1;
        self.unsettled -= 1;
        if let Some(entry) = self.entry_mut(key) {
            entry.settled = true;
            if entry.copies == 0 {
                self.forget(key);
            }
        }
    }

    fn enter_returned(&mut self, key: u32) {
        let Some(entry) = self.entry_mut(key) else {
            return;
        };
        if !std::mem::replace(&mut entry.waiting, true) {
            let (place, length) = (entry.place, entry.body.as_str().len());
            self.bytes += length;
            self.returned.insert(place, key);
        }
    }

    fn leave_returned(&mut self, key: u32) {
        let waiting = self.entry(key).filter(|entry| entry.waiting);
        if let Some(place) = waiting.map(|entry| entry.place) {
            self.returned.remove(&place);
            self.no_longer_waiting(key);
        }
    }

    fn no_longer_waiting(&mut self, key: u32) {
        if let Some(entry) = self.entry_mut(key) {
            entry.waiting = false;
            let length = entry.body.as_str().len();
            self.bytes = self.bytes.saturating_sub(length);
        }
    }

    fn forget(&mut self, key: u32) {
        if let Some(entry) = self.entries.get_mut(key as usize)
            && entry.take().is_some()
        {
            self.free.push(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Instant = Instant::ZERO;

    fn queue(retain: Option<usize>, retain_for: Option<Duration>) -> Queue {
        Queue::new(Limits {
            backlog: 10,
            backlog_bytes: 1000,
            retain,
            retain_for,
        })
    }

    fn body(number: u32) -> Arc<Body> {
        Arc::new(Body::parse(&format!("{{\"n\":{number}}}")).unwrap())
    }

    fn text(queue: &Queue, key: u32) -> &str {
        queue.entry(key).unwrap().body.as_str()
    }

    /// Sends everything that waits; the keys in the order of sending.
    fn send_all(queue: &mut Queue) -> Vec<u32> {
        let mut keys = Vec::new();
        while let Some(key) = queue.front() {
            queue.sent_front();
            keys.push(key);
        }
        keys
    }

    #[test]
    fn events_return_in_the_order_in_which_they_came() {
        let mut queue = queue(None, None);
        (1..=4).for_each(|number| queue.push(NOW, body(number)));
        let keys = send_all(&mut queue);
        queue.push(NOW, body(5));
        assert!(queue.acked(keys[1]).is_some());
        // One connection had 3 and 4, another had 1.
        for key in [keys[2], keys[3], keys[0]] {
            queue.unacked(key);
        }
        assert_eq!((queue.waiting(), queue.unsettled()), (4, 4));
        assert!(!queue.sent_front(), "sent before");
        let again: Vec<_> = send_all(&mut queue)
            .iter()
            .map(|key| text(&queue, *key).to_owned())
            .collect();
        assert_eq!(again, [r#"{"n":3}"#, r#"{"n":4}"#, r#"{"n":5}"#]);
    }

    #[test]
    fn any_of_several_copies_settles_an_event() {
        let mut queue = queue(None, None);
        queue.push(NOW, body(1));
        let key = send_all(&mut queue)[0];
        let place = queue.entry(key).unwrap().place;
        queue.overdue(key, place);
        queue.overdue(key, place);
        assert_eq!(queue.waiting(), 1);
        assert_eq!(send_all(&mut queue), [key]);
        queue.overdue(key, place);
        assert!(queue.acked(key).is_some(), "while it waits once more");
        assert_eq!((queue.waiting(), queue.unsettled()), (0, 0));
        assert!(queue.acked(key).is_none(), "the other copy");
        assert!(queue.entry(key).is_none());
        // Another event under the same key is none of the first one's business.
        queue.push(NOW, body(2));
        assert_eq!(send_all(&mut queue), [key]);
        queue.overdue(key, place);
        assert_eq!(queue.waiting(), 0);
    }

    #[test]
    fn a_copy_that_is_still_out_keeps_an_event_from_returning() {
        let mut queue = queue(None, None);
        queue.push(NOW, body(1));
        let key = send_all(&mut queue)[0];
        queue.sent_again(key);
        queue.unacked(key);
        assert_eq!(queue.waiting(), 0);
        queue.unacked(key);
        assert_eq!(queue.waiting(), 1);
    }

    #[test]
    fn the_oldest_are_dropped() {
        let mut queue = queue(Some(2), Some(Duration::from_secs(3)));
        for number in 1..=3 {
            queue.push(Instant::from_millis(u64::from(number) * 1000), body(number));
        }
        assert_eq!((queue.waiting(), queue.dropped()), (2, 1));
        assert_eq!(text(&queue, queue.front().unwrap()), r#"{"n":2}"#);
        let expire = |queue: &mut Queue, at| {
            queue.expire(Instant::from_millis(at));
            queue.expires()
        };
        assert_eq!(expire(&mut queue, 4999), Some(Instant::from_millis(5000)));
        assert_eq!(expire(&mut queue, 5000), Some(Instant::from_millis(6000)));
        assert_eq!(text(&queue, queue.front().unwrap()), r#"{"n":3}"#);
        let key = send_all(&mut queue)[0];
        assert_eq!(expire(&mut queue, 9000), None, "what is out stays");
        queue.unacked(key);
        assert_eq!(expire(&mut queue, 9000), None);
        assert_eq!((queue.unsettled(), queue.dropped()), (0, 3));
    }

    #[test]
    fn of_what_returns_the_oldest_are_dropped_too() {
        let mut queue = queue(Some(2), None);
        let mut keys = Vec::new();
        for number in 1..=5 {
            queue.push(NOW, body(number));
            keys.extend(send_all(&mut queue));
        }
        for key in &keys[1..] {
            queue.unacked(*key);
        }
        queue.trim();
        assert_eq!((queue.waiting(), queue.dropped()), (2, 2));
        assert_eq!(text(&queue, queue.front().unwrap()), r#"{"n":4}"#);
        assert_eq!(queue.unsettled(), 3, "what is out stays");
    }

    #[test]
    fn sources_wait_when_the_backlog_is_full() {
        let mut queue = queue(None, None);
        (0..9).for_each(|number| queue.push(NOW, body(number)));
        assert!(queue.has_room());
        queue.push(NOW, body(9));
        assert!(!queue.has_room());
        queue.sent_front();
        assert!(queue.has_room());
        queue.push(
            NOW,
            Arc::new(Body::parse(&format!("{{\"a\":\"{}\"}}", "x".repeat(1000))).unwrap()),
        );
        queue.sent_front();
        assert!(!queue.has_room());
    }
}
