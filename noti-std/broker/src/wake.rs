//! Waking the broker's thread from others.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use mio::Waker;

/// A waker that is pulled at most once a turn, however many threads pull it.
#[derive(Debug)]
pub(super) struct Wake {
    waker: Waker,
    pulled: AtomicBool,
}

impl Wake {
    pub(super) fn new(waker: Waker) -> Self {
        Self {
            waker,
            pulled: AtomicBool::new(false),
        }
    }

    /// Makes the broker look at its channels. What it is to find there must be there before.
    pub(super) fn wake(&self) {
        if !self.pulled.swap(true, Ordering::AcqRel) && self.waker.wake().is_err() {
            // The system has no room to say so: the broker looks by itself before long, see `PATIENCE`.
            self.pulled.store(false, Ordering::Release);
        }
    }

    /// The broker is about to look.
    pub(super) fn heard(&self) {
        // A swap, not a store: it sees all that was done before the pull that it takes back.
        self.pulled.swap(false, Ordering::AcqRel);
    }
}

/// The broker's longest sleep.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);
