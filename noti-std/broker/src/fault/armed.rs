//! The faults of one connection.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use noti_proto::Instant;

use super::kind::{DropAt, Ending, FaultKind};
use super::ledger::Ledger;
use crate::body::Body;
use crate::queue::Form;

/// Pings that wait for a late answer; of more the answer is not late but missing.
const LATE_PONGS: usize = 64;

/// The most that one TLS record holds.
const RECORD: usize = 16 * 1024;

/// How a login is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LoginAnswer {
    /// As it deserves.
    Honest,
    /// Not at all.
    None,
    /// Refused, however good it is.
    Refuse,
}

/// What is to be sent besides the events.
pub(crate) enum Injection {
    /// The event of this entry once more: as the delivery with this number, or with a fresh one.
    Copy { key: u32, number: Option<u64> },
    /// An event that the source did not give.
    Event { body: Arc<Body>, form: Form },
    /// Bytes that are no event.
    Bytes(Vec<u8>),
}

/// The faults of one connection, in the order of the plan.
pub(crate) struct Armed {
    faults: Vec<(FaultKind, Rng)>,
    events: u64,
    /// The next event is to come twice.
    doubles_next: bool,
    excess: u16,
    /// The client was let in, and the faults that need no event are still to come.
    begins: bool,
    withholds_pongs: bool,
    single_bytes: bool,
    /// Where the connection ends, in bytes of plaintext from its start; and by which fault.
    ends: Vec<(u64, usize)>,
    reading_stalls_until: Option<Instant>,
    writing_stalls_until: Option<Instant>,
    /// After so many bytes of plaintext nothing will be written for so long.
    writing_stalls_at: Option<(u64, Duration)>,
    /// Since when bytes are held back.
    held_since: Option<Instant>,
    hold: Option<Duration>,
    late_pongs: VecDeque<Instant>,
}

impl Armed {
    pub(super) fn new(faults: impl Iterator<Item = (FaultKind, Rng)>) -> Self {
        let mut armed = Self {
            faults: faults.collect(),
            events: 0,
            doubles_next: false,
            excess: 0,
            begins: false,
            withholds_pongs: false,
            single_bytes: false,
            ends: Vec::new(),
            reading_stalls_until: None,
            writing_stalls_until: None,
            writing_stalls_at: None,
            held_since: None,
            hold: None,
            late_pongs: VecDeque::new(),
        };
        for (index, (fault, rng)) in armed.faults.iter_mut().enumerate() {
            match fault {
                FaultKind::Drop(DropAt::Bytes(bytes), _) => armed.ends.push((*bytes, index)),
                FaultKind::Cut(mean, _) => {
                    // Exponential: each byte is as likely to be the last as any other.
                    let bytes = -(1.0 - rng.f64()).ln() * *mean as f64;
                    armed.ends.push((bytes as u64, index));
                }
                _ => {}
            }
        }
        armed
    }

    /// How a login is answered that is sound or not; so many were let in before.
    pub(crate) fn answer_login(
        &mut self,
        sound: bool,
        logins: u64,
        ledger: &mut Ledger,
    ) -> LoginAnswer {
        for (index, (fault, _)) in self.faults.iter().enumerate() {
            match fault {
                FaultKind::NoLoginAnswer if ledger.fire(index) => return LoginAnswer::None,
                FaultKind::RefuseLogin(after)
                    if sound && logins >= *after && ledger.fire(index) =>
                {
                    return LoginAnswer::Refuse;
                }
                _ => {}
            }
        }
        LoginAnswer::Honest
    }

    /// The client is let in: what holds from now on begins.
    pub(crate) fn begin(&mut self, ledger: &mut Ledger) {
        self.begins = true;
        for (index, (fault, _)) in self.faults.iter().enumerate() {
            match fault {
                FaultKind::Overrun(by) if ledger.fire(index) => self.excess = *by,
                FaultKind::SingleByteRecords if ledger.fire(index) => self.single_bytes = true,
                FaultKind::OneRecord(hold) if ledger.fire(index) => self.hold = Some(*hold),
                FaultKind::NoPong | FaultKind::LatePong(_) => self.withholds_pongs = true,
                _ => {}
            }
        }
        self.look_ahead(ledger);
    }

    fn look_ahead(&mut self, ledger: &Ledger) {
        let next = self.events + 1;
        let mut faults = self.faults.iter().enumerate();
        self.doubles_next = faults.any(|(index, (fault, _))| {
            matches!(fault, FaultKind::Duplicate { every, .. } if next.is_multiple_of(*every))
                && ledger.may_fire(index)
        });
    }

    /// Whether the next event is to come twice, and needs room for both.
    pub(crate) fn doubles_next(&self) -> bool {
        self.doubles_next
    }

    /// Whether the faults that need no event are due now.
    pub(crate) fn take_begin(&mut self) -> bool {
        std::mem::take(&mut self.begins)
    }

    /// What is due after an event: that of this entry, as the delivery with this number, written as these bytes of the
    /// connection's plaintext, with room for so many more.
    pub(crate) fn event_pushed(
        &mut self,
        now: Instant,
        (key, number, line): (u32, u64, Range<u64>),
        mut room: usize,
        ledger: &mut Ledger,
    ) -> Vec<Injection> {
        self.events += 1;
        let mut injections = self.after_events(now, line, ledger);
        for (index, (fault, _)) in self.faults.iter().enumerate() {
            if let FaultKind::Duplicate { every, same_id } = fault
                && self.events.is_multiple_of(*every)
                && room > 0
                && ledger.fire(index)
            {
                room -= 1;
                let number = same_id.then_some(number);
                injections.push(Injection::Copy { key, number });
            }
        }
        self.look_ahead(ledger);
        injections
    }

    /// What is due after so many events as there have been; the last was written as these bytes.
    pub(crate) fn after_events(
        &mut self,
        now: Instant,
        line: Range<u64>,
        ledger: &mut Ledger,
    ) -> Vec<Injection> {
        let mut injections = Vec::new();
        let events = self.events;
        for (index, (fault, rng)) in self.faults.iter_mut().enumerate() {
            match fault {
                FaultKind::Drop(DropAt::Events(after), _) if events == *after => {
                    self.ends.push((line.end, index));
                }
                FaultKind::Drop(DropAt::MidLine(after), _) if events == *after + 1 => {
                    self.ends.push((line.start.midpoint(line.end), index));
                }
                FaultKind::StallReading(after, time) if events == *after && ledger.fire(index) => {
                    self.reading_stalls_until = Some(now.saturating_add(*time));
                }
                FaultKind::StallWriting(after, time) if events == *after && ledger.fire(index) => {
                    self.writing_stalls_at = Some((line.end, *time));
                }
                FaultKind::Oversize(after, bytes) if events == *after && ledger.fire(index) => {
                    injections.push(Injection::Event {
                        body: oversize(*bytes),
                        form: Form::Sound,
                    });
                }
                FaultKind::Malformed(after) if events == *after && ledger.fire(index) => {
                    injections.push(Injection::Event {
                        body: Arc::new(Body::generated("{}")),
                        form: Form::Malformed,
                    });
                }
                FaultKind::Garbage(after, bytes) if events == *after && ledger.fire(index) => {
                    injections.push(Injection::Bytes(garbage(rng, *bytes)));
                }
                _ => {}
            }
        }
        injections
    }

    /// Events that are sent beyond the window.
    pub(crate) fn excess(&self) -> u16 {
        self.excess
    }

    pub(crate) fn withholds_pongs(&self) -> bool {
        self.withholds_pongs
    }

    /// Whether a ping is answered at once.
    pub(crate) fn answers_ping(&mut self, now: Instant, ledger: &mut Ledger) -> bool {
        for (index, (fault, _)) in self.faults.iter().enumerate() {
            match fault {
                FaultKind::NoPong if ledger.fire(index) => return false,
                FaultKind::LatePong(by) if ledger.fire(index) => {
                    if self.late_pongs.len() < LATE_PONGS {
                        self.late_pongs.push_back(now.saturating_add(*by));
                    }
                    return false;
                }
                _ => {}
            }
        }
        true
    }

    /// Takes a late answer that has become due.
    pub(crate) fn take_due_pong(&mut self, now: Instant) -> bool {
        let due = self.late_pongs.front().is_some_and(|at| *at <= now);
        if due {
            self.late_pongs.pop_front();
        }
        due
    }

    /// Whether nothing is read until the stall's end has been handled.
    pub(crate) fn reading_stalls(&self) -> bool {
        self.reading_stalls_until.is_some()
    }

    pub(crate) fn may_read(&self, now: Instant) -> bool {
        self.reading_stalls_until.is_none_or(|until| until <= now)
    }

    /// When bytes may next be sent at the latest, with so many sent before, if the socket takes them.
    pub(crate) fn writes_from(&mut self, now: Instant, sent: u64) -> Instant {
        if let Some((at, time)) = self.writing_stalls_at
            && at <= sent
        {
            self.writing_stalls_at = None;
            self.writing_stalls_until = Some(now.saturating_add(time));
        }
        let held_until = self.hold.map(|hold| now.saturating_add(hold));
        let times = [self.writing_stalls_until, held_until];
        times.into_iter().flatten().fold(now, Instant::max)
    }

    /// How many of the waiting bytes may be sent now, with so many sent before.
    pub(crate) fn allowed(
        &mut self,
        now: Instant,
        sent: u64,
        waiting: usize,
        ledger: &Ledger,
    ) -> usize {
        if self.writing_stalls_until.is_some_and(|until| until > now) || self.holds(now, waiting) {
            return 0;
        }
        let until_stall = self.writing_stalls_at.map(|(at, _)| at);
        let until_end = self
            .ends
            .iter()
            .filter(|(_, index)| ledger.may_fire(*index))
            .map(|(at, _)| *at)
            .chain(until_stall)
            .map(|at| usize::try_from(at.saturating_sub(sent)).unwrap_or(usize::MAX))
            .min();
        let most = if self.single_bytes { 1 } else { usize::MAX };
        waiting.min(most).min(until_end.unwrap_or(usize::MAX))
    }

    /// Whether bytes are held back until they fill a record, or have waited for long enough.
    fn holds(&mut self, now: Instant, waiting: usize) -> bool {
        let Some(hold) = self.hold else {
            return false;
        };
        if waiting == 0 {
            self.held_since = None;
            return false;
        }
        let since = *self.held_since.get_or_insert(now);
        let holds = waiting < RECORD && since.saturating_add(hold) > now;
        if !holds {
            self.held_since = None;
        }
        holds
    }

    /// Whether the connection ends here, with so many bytes sent; how, and by which fault.
    pub(crate) fn ending(&mut self, sent: u64, ledger: &mut Ledger) -> Option<(Ending, String)> {
        let reached = |(at, _): &(u64, usize)| *at <= sent;
        while let Some(place) = self.ends.iter().position(reached) {
            let (_, index) = self.ends.swap_remove(place);
            if let Some((FaultKind::Drop(_, ending) | FaultKind::Cut(_, ending), _)) =
                self.faults.get(index)
                && ledger.fire(index)
            {
                return Some((*ending, ledger.name(index)));
            }
        }
        None
    }

    /// When something is due.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let held_until = match (self.held_since, self.hold) {
            (Some(since), Some(hold)) => Some(since.saturating_add(hold)),
            _ => None,
        };
        [
            self.reading_stalls_until,
            self.writing_stalls_until,
            held_until,
            self.late_pongs.front().copied(),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// Ends the stalls that are over.
    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        for until in [
            &mut self.reading_stalls_until,
            &mut self.writing_stalls_until,
        ] {
            if until.is_some_and(|until| until <= now) {
                *until = None;
            }
        }
    }
}

/// An event with a body of so many bytes.
fn oversize(bytes: usize) -> Arc<Body> {
    const HEAD: &str =
        "{\"event_type\":\"device_status_kv\",\"did\":\"oversize\",\"data\":{\"padding\":\"";
    const TAIL: &str = "\"}}";
    let padding = bytes.saturating_sub(HEAD.len() + TAIL.len());
    Arc::new(Body::generated(&format!(
        "{HEAD}{}{TAIL}",
        "x".repeat(padding)
    )))
}

/// A line of random bytes.
fn garbage(rng: &mut Rng, bytes: usize) -> Vec<u8> {
    let mut line: Vec<u8> = (0..bytes)
        .map(|_| match rng.u8(..) {
            // What follows must be a line of its own.
            b'\n' => 0,
            byte => byte,
        })
        .collect();
    line.push(b'\n');
    line
}
