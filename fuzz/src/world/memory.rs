//! The memory of a session, of a size that the plan says.

use noti_proto::{Parts, Slot, Storage};

#[derive(Debug)]
pub(super) struct Memory {
    tx: Vec<u8>,
    slots: Vec<Slot>,
}

impl Memory {
    pub(super) fn new(tx: usize, slots: usize) -> Self {
        Self {
            tx: vec![0; tx],
            slots: vec![Slot::EMPTY; slots],
        }
    }

    pub(super) fn holds(&self, secret: &str) -> bool {
        let mut windows = self.tx.windows(secret.len());
        windows.any(|window| window == secret.as_bytes())
    }
}

impl Storage for Memory {
    fn parts(&mut self) -> Parts<'_> {
        Parts {
            tx: &mut self.tx,
            slots: &mut self.slots,
        }
    }
}
