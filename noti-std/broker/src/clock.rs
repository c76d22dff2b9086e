//! The broker's time, and who is to be woken when.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::{Duration, Instant as StdInstant};

use noti_proto::Instant;

/// Time since the broker's start: the epoch of its sessions.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock(StdInstant);

impl Clock {
    pub(super) fn start() -> Self {
        Self(StdInstant::now())
    }

    pub(super) fn elapsed(self) -> Duration {
        self.0.elapsed()
    }
}

pub(super) fn instant(elapsed: Duration) -> Instant {
    Instant::ZERO.saturating_add(elapsed)
}

/// The deadlines of the connections, looked at only when the earliest has come.
///
/// A deadline that moves back, as an idle timeout does with every line, costs nothing: the connection is woken at the
/// old time, and finds that there is nothing to do yet.
#[derive(Debug, Default)]
pub(super) struct Deadlines(BinaryHeap<Reverse<(Instant, usize)>>);

impl Deadlines {
    pub(super) fn set(&mut self, at: Instant, connection: usize) {
        self.0.push(Reverse((at, connection)));
    }

    pub(super) fn next(&self) -> Option<Instant> {
        self.0.peek().map(|Reverse((at, _))| *at)
    }

    /// A deadline that has come, and whose it is.
    pub(super) fn take_due(&mut self, now: Instant) -> Option<(Instant, usize)> {
        let Reverse((at, connection)) = *self.0.peek()?;
        if at > now {
            return None;
        }
        self.0.pop();
        Some((at, connection))
    }
}
