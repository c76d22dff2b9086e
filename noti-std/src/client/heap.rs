use noti_proto::{Parts, Slot, Storage};

/// How much may leave in one write: a TLS record's worth.
const TRANSMIT: usize = 16 * 1024;

/// A session's memory on the heap, allocated once.
pub(super) struct Heap {
    tx: Vec<u8>,
    slots: Vec<Slot>,
}

impl Heap {
    /// Room for acks by the record, for a login of that length, and for twice the window: a server that overruns it a
    /// little is no reason to end the session.
    pub(super) fn new(prefetch: u16, login: usize) -> Self {
        Self {
            tx: vec![0; TRANSMIT.max(login)],
            slots: vec![Slot::EMPTY; usize::from(prefetch) * 2],
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
