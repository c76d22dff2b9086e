//! The deadlines of a session.

use crate::session::instant::Instant;

/// What a deadline is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Timer {
    /// The login must be answered by then (clause L5).
    Login,
    /// Nothing was sent for so long that a ping is due (clause H1); at the broker's end, nothing was received for so
    /// long that the connection is cut (clause H6).
    Idle,
    /// The ping must be answered by then (clause H3).
    Pong,
    /// Bytes that wait must have moved by then (clause H5).
    Stall,
}

/// One deadline for each [`Timer`].
#[derive(Debug)]
pub(crate) struct Timers {
    login: Instant,
    idle: Instant,
    pong: Instant,
    stall: Instant,
}

impl Timers {
    pub(crate) const fn new() -> Self {
        Self {
            login: Instant::NEVER,
            idle: Instant::NEVER,
            pong: Instant::NEVER,
            stall: Instant::NEVER,
        }
    }

    pub(crate) const fn set(&mut self, timer: Timer, at: Instant) {
        *self.place(timer) = at;
    }

    pub(crate) const fn stop(&mut self, timer: Timer) {
        *self.place(timer) = Instant::NEVER;
    }

    /// Whether the deadline has come; if so it is stopped, so that it is handled once.
    pub(crate) fn take_expired(&mut self, timer: Timer, now: Instant) -> bool {
        let at = self.place(timer);
        let expired = *at <= now && *at != Instant::NEVER;
        if expired {
            *at = Instant::NEVER;
        }
        expired
    }

    /// The earliest deadline.
    pub(crate) fn next(&self) -> Option<Instant> {
        let earliest = self.login.min(self.idle).min(self.pong).min(self.stall);
        (earliest != Instant::NEVER).then_some(earliest)
    }

    const fn place(&mut self, timer: Timer) -> &mut Instant {
        match timer {
            Timer::Login => &mut self.login,
            Timer::Idle => &mut self.idle,
            Timer::Pong => &mut self.pong,
            Timer::Stall => &mut self.stall,
        }
    }
}
