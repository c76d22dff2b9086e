//! The deliveries of one connection that the client has not acked, oldest first.

use crate::session::acks::{NONE, Slot};
use crate::wire::names::MAX_ID;

/// A queue and a free list over the slots. Acks mostly come in the order of the deliveries, and then each is O(1); one
/// out of order costs a walk over the older deliveries.
///
/// Slots are taken into use one after another, so more of them may follow at any time.
#[derive(Debug)]
pub(super) struct Window {
    free: u16,
    /// Slots from here on were never used.
    fresh: u16,
    front: u16,
    back: u16,
    held: u16,
}

impl Window {
    pub(super) const fn new() -> Self {
        Self {
            free: NONE,
            fresh: 0,
            front: NONE,
            back: NONE,
            held: 0,
        }
    }

    pub(super) const fn held(&self) -> u16 {
        self.held
    }

    /// Keeps a delivery. `false` when there is no slot, or the id is too long for one.
    pub(super) fn push(&mut self, slots: &mut [Slot], id: &[u8], tag: u32) -> bool {
        let (index, is_fresh) = match self.free {
            NONE => (self.fresh, true),
            free => (free, false),
        };
        let Ok(length) = u8::try_from(id.len()) else {
            return false;
        };
        let Some(slot) = slots.get_mut(usize::from(index)) else {
            return false;
        };
        if id.len() > MAX_ID {
            return false;
        }
        for (to, byte) in slot.id.iter_mut().zip(id) {
            *to = *byte;
        }
        slot.length = length;
        slot.serial = tag;
        if is_fresh {
            self.fresh = index.saturating_add(1);
        } else {
            self.free = slot.next;
        }
        slot.next = NONE;
        match slots.get_mut(usize::from(self.back)) {
            Some(back) => back.next = index,
            None => self.front = index,
        }
        self.back = index;
        self.held = self.held.saturating_add(1);
        true
    }

    /// Forgets the delivery with this id, and gives its tag.
    pub(super) fn remove(&mut self, slots: &mut [Slot], id: &[u8]) -> Option<u32> {
        let mut before = NONE;
        let mut index = self.front;
        while let Some(slot) = slots.get(usize::from(index)) {
            if slot.id() == id {
                return self.unlink(slots, before, index);
            }
            before = index;
            index = slot.next;
        }
        None
    }

    /// Forgets the oldest delivery, and gives its tag.
    pub(super) fn pop(&mut self, slots: &mut [Slot]) -> Option<u32> {
        self.unlink(slots, NONE, self.front)
    }

    fn unlink(&mut self, slots: &mut [Slot], before: u16, index: u16) -> Option<u32> {
        let slot = slots.get_mut(usize::from(index))?;
        let (tag, next) = (slot.serial, slot.next);
        slot.next = self.free;
        self.free = index;
        match slots.get_mut(usize::from(before)) {
            Some(before) => before.next = next,
            None => self.front = next,
        }
        if self.back == index {
            self.back = before;
        }
        self.held = self.held.saturating_sub(1);
        Some(tag)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_may_follow_at_any_time() {
        let mut slots = [Slot::EMPTY; 4];
        let mut window = Window::new();
        assert!(window.push(&mut slots[..2], b"1", 1));
        assert!(window.push(&mut slots[..2], b"2", 2));
        assert!(!window.push(&mut slots[..2], b"3", 3), "no slot is left");
        assert!(window.push(&mut slots[..3], b"3", 3), "one has followed");
        // A slot that comes back is used before a new one.
        assert_eq!(window.remove(&mut slots[..3], b"2"), Some(2));
        assert!(window.push(&mut slots[..3], b"4", 4));
        assert!(!window.push(&mut slots[..3], b"5", 5));
        assert!(window.push(&mut slots, b"5", 5));
        assert_eq!(window.held(), 4);
        for tag in [1, 3, 4, 5] {
            assert_eq!(window.pop(&mut slots), Some(tag));
        }
        assert_eq!(window.pop(&mut slots), None);
    }
}
