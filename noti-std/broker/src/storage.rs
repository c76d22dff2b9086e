//! A session's memory, which grows with what the client turns out to need.

use noti_proto::{Parts, Slot, Storage};

/// What a connection starts with: room for the answers to a login and to pings.
const SMALL: usize = 512;

/// How much is collected before it is sent: a few TLS records.
pub(super) const BATCH: usize = 64 * 1024;

/// The transmit buffer and the slots of one connection.
pub(super) struct Heap {
    tx: Vec<u8>,
    slots: Vec<Slot>,
}

impl Heap {
    pub(super) fn new() -> Self {
        Self {
            tx: vec![0; SMALL],
            slots: vec![Slot::EMPTY],
        }
    }

    /// Doubles the slots, up to `wanted`.
    pub(super) fn grow_slots(&mut self, wanted: usize) {
        let length = (self.slots.len() * 2).max(8).min(wanted);
        if length > self.slots.len() {
            self.slots.resize(length, Slot::EMPTY);
        }
    }

    /// Doubles the transmit buffer, up to [`BATCH`]; whether it grew.
    pub(super) fn grow_transmit(&mut self) -> bool {
        let length = (self.tx.len() * 4).min(BATCH);
        let grows = length > self.tx.len();
        if grows {
            self.tx.resize(length, 0);
        }
        grows
    }

    /// Makes the transmit buffer, which must be empty, long enough for one line of this length; whether it grew.
    pub(super) fn fit_line(&mut self, length: usize) -> bool {
        let grows = length > self.tx.len();
        if grows {
            self.tx.resize(length, 0);
        }
        grows
    }

    /// Makes room for so many bytes behind those that wait, beyond [`BATCH`] too: for what a fault adds, which cannot wait
    /// in a queue.
    pub(super) fn lengthen(&mut self, bytes: usize) {
        self.tx.resize(self.tx.len().saturating_add(bytes), 0);
    }

    /// Gives back what a very long line needed. The transmit buffer must be empty.
    pub(super) fn shrink(&mut self) {
        if self.tx.len() > BATCH {
            self.tx = vec![0; BATCH];
        }
    }
}

impl Storage for Heap {
    fn parts(&mut self) -> Parts<'_> {
        Parts {
            tx: &mut self.tx,
            slots: &mut self.slots,
        }
    }
}
