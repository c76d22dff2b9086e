//! Deliveries that are not yet acked: slots, tokens, and the queue of acks to send (clauses A1 to A6).
//!
//! A slot is free, held by the application, or queued for its ack. The free list and the queue are links inside the
//! slots, so every step is O(1) at any window.

use super::error::AckError;
use crate::event::token::AckToken;
use crate::wire::names::MAX_ID;

/// The most slots that a session can use: a link must be able to name each, and one value says "none".
pub(crate) const MAX_SLOTS: usize = 65_534;

/// No slot.
pub(crate) const NONE: u16 = u16::MAX;

/// Room for one delivery that is not yet acked: 48 bytes of the caller's. Start with [`Slot::EMPTY`].
#[derive(Clone, Copy)]
pub struct Slot {
    pub(crate) id: [u8; MAX_ID],
    /// Tells the deliveries of a slot apart; at the broker's end, the application's tag.
    pub(crate) serial: u32,
    /// The slot after this one in the free list or in the queue.
    pub(crate) next: u16,
    pub(crate) length: u8,
    state: SlotState,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SlotState {
    Free,
    /// An oversize line collects its id here.
    Reserved,
    /// The application has the delivery.
    Held,
    /// The application has given its ack, which waits to be sent.
    Acked,
}

impl Slot {
    /// A slot that nothing was kept in yet.
    pub const EMPTY: Self = Self {
        id: [0; MAX_ID],
        serial: 0,
        next: NONE,
        length: 0,
        state: SlotState::Free,
    };

    /// The delivery id's exact bytes.
    pub(crate) fn id(&self) -> &[u8] {
        self.id.get(..usize::from(self.length)).unwrap_or_default()
    }
}

impl core::fmt::Debug for Slot {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Slot")
            .field("state", &self.state)
            .field("serial", &self.serial)
            .finish_non_exhaustive()
    }
}

/// The lists over the slots.
#[derive(Debug)]
pub(crate) struct InFlight {
    /// The serials of this connection are those from `first_serial` up to `next_serial`, in wrapping arithmetic.
    first_serial: u32,
    next_serial: u32,
    free: u16,
    queue_front: u16,
    queue_back: u16,
    held: u16,
    queued: u16,
    /// Tells the sessions of a program apart.
    nonce: u16,
}

impl InFlight {
    pub(crate) const fn new(nonce: u16) -> Self {
        Self {
            first_serial: 0,
            next_serial: 0,
            free: NONE,
            queue_front: NONE,
            queue_back: NONE,
            held: 0,
            queued: 0,
            nonce,
        }
    }

    /// Deliveries that the application holds un-acked.
    pub(crate) const fn held(&self) -> u16 {
        self.held
    }

    /// Acks that wait to be written.
    pub(crate) const fn queued(&self) -> u16 {
        self.queued
    }

    /// Frees every slot, as a connection begins or ends: the tokens so far are stale from now on, and their acks will
    /// not be sent. O(slots).
    pub(crate) fn reset(&mut self, slots: &mut [Slot]) {
        self.first_serial = self.next_serial;
        self.queue_front = NONE;
        self.queue_back = NONE;
        self.held = 0;
        self.queued = 0;
        self.free = NONE;
        for (slot, index) in slots.iter_mut().zip(0..NONE).rev() {
            slot.state = SlotState::Free;
            slot.next = self.free;
            self.free = index;
        }
    }

    /// Takes a slot from the free list.
    pub(crate) fn reserve(&mut self, slots: &mut [Slot]) -> Option<u16> {
        let index = self.free;
        let slot = slots.get_mut(usize::from(index))?;
        self.free = slot.next;
        slot.state = SlotState::Reserved;
        Some(index)
    }

    /// Puts a reserved slot back.
    pub(crate) fn release(&mut self, slots: &mut [Slot], index: u16) {
        if let Some(slot) = reserved(slots, index) {
            slot.state = SlotState::Free;
            slot.next = self.free;
            self.free = index;
        }
    }

    /// Where the id of a reserved slot collects.
    pub(crate) fn id_mut(slots: &mut [Slot], index: u16) -> Option<&mut [u8; MAX_ID]> {
        reserved(slots, index).map(|slot| &mut slot.id)
    }

    /// The delivery whose id stands in the reserved slot goes to the application.
    pub(crate) fn hold(&mut self, slots: &mut [Slot], index: u16, length: u8) -> Option<AckToken> {
        let slot = reserved(slots, index)?;
        slot.state = SlotState::Held;
        slot.length = length;
        slot.serial = self.next_serial;
        self.next_serial = self.next_serial.wrapping_add(1);
        self.held = self.held.saturating_add(1);
        Some(AckToken {
            serial: slot.serial,
            slot: index,
            nonce: self.nonce,
        })
    }

    /// Takes a slot for a delivery with this id, which is at most [`MAX_ID`] long. `None` when all are taken.
    pub(crate) fn take(&mut self, slots: &mut [Slot], id: &[u8]) -> Option<AckToken> {
        let length = u8::try_from(id.len()).ok()?;
        let index = self.reserve(slots)?;
        for (to, byte) in Self::id_mut(slots, index)?.iter_mut().zip(id) {
            *to = *byte;
        }
        self.hold(slots, index, length)
    }

    /// Queues the ack of a delivery.
    pub(crate) fn ack(&mut self, slots: &mut [Slot], token: AckToken) -> Result<(), AckError> {
        if token.nonce != self.nonce {
            return Err(AckError::OtherSession);
        }
        let slot = slots.get_mut(usize::from(token.slot));
        let held = slot.filter(|slot| slot.serial == token.serial && slot.state == SlotState::Held);
        let Some(slot) = held else {
            let age = token.serial.wrapping_sub(self.first_serial);
            let delivered = self.next_serial.wrapping_sub(self.first_serial);
            return Err(if age < delivered {
                AckError::AlreadyAcked
            } else {
                AckError::Stale
            });
        };
        slot.state = SlotState::Acked;
        slot.next = NONE;
        match slots.get_mut(usize::from(self.queue_back)) {
            Some(back) => back.next = token.slot,
            None => self.queue_front = token.slot,
        }
        self.queue_back = token.slot;
        self.held = self.held.saturating_sub(1);
        self.queued = self.queued.saturating_add(1);
        Ok(())
    }

    /// The next delivery to ack, in the order of the `ack` calls.
    pub(crate) fn front<'s>(&self, slots: &'s [Slot]) -> Option<&'s Slot> {
        slots.get(usize::from(self.queue_front))
    }

    /// The ack at the front is written: its slot is free.
    pub(crate) fn pop(&mut self, slots: &mut [Slot]) {
        let index = self.queue_front;
        let Some(slot) = slots.get_mut(usize::from(index)) else {
            return;
        };
        self.queue_front = slot.next;
        if self.queue_front == NONE {
            self.queue_back = NONE;
        }
        slot.state = SlotState::Free;
        slot.next = self.free;
        self.free = index;
        self.queued = self.queued.saturating_sub(1);
    }
}

fn reserved(slots: &mut [Slot], index: u16) -> Option<&mut Slot> {
    let slot = slots.get_mut(usize::from(index))?;
    (slot.state == SlotState::Reserved).then_some(slot)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const NONCE: u16 = 9;

    fn ready(slots: &mut [Slot], next_serial: u32) -> InFlight {
        let mut in_flight = InFlight::new(NONCE);
        in_flight.next_serial = next_serial;
        in_flight.reset(slots);
        in_flight
    }

    /// A1, A4: while the serials run over their end, each token still stands for its own delivery.
    #[test]
    fn serials_may_wrap_around() {
        let mut slots = [Slot::EMPTY; 3];
        let mut in_flight = ready(&mut slots, u32::MAX - 1);
        let mut old = None;
        for id in [b"a", b"b", b"c", b"d", b"e", b"f"] {
            let token = in_flight.take(&mut slots, id).unwrap();
            if let Some(old) = old {
                let again = in_flight.ack(&mut slots, old);
                assert_eq!(again, Err(AckError::AlreadyAcked));
            }
            assert_eq!(in_flight.ack(&mut slots, token), Ok(()));
            assert_eq!(in_flight.front(&slots).unwrap().id(), id);
            in_flight.pop(&mut slots);
            old = Some(token);
        }
        assert_eq!(in_flight.next_serial, 4);

        let held = in_flight.take(&mut slots, b"g").unwrap();
        in_flight.reset(&mut slots);
        for token in [old.unwrap(), held] {
            assert_eq!(in_flight.ack(&mut slots, token), Err(AckError::Stale));
        }
    }

    /// A4: a token of an earlier connection is stale on both sides of the end of the serials.
    #[test]
    fn tokens_before_the_wrap_are_stale_after_it() {
        let mut slots = [Slot::EMPTY; 2];
        let mut in_flight = ready(&mut slots, u32::MAX);
        let before = in_flight.take(&mut slots, b"1").unwrap();
        in_flight.reset(&mut slots);
        assert_eq!(in_flight.first_serial, 0);
        let after = in_flight.take(&mut slots, b"1").unwrap();
        assert_eq!(
            in_flight.ack(&mut slots, before),
            Err(AckError::Stale),
            "though the slot and the id are the same"
        );
        assert_eq!(in_flight.ack(&mut slots, after), Ok(()));
    }

    /// A1: a token that this session never gave out is refused, whatever it says.
    #[test]
    fn a_forged_token_is_refused() {
        let mut slots = [Slot::EMPTY; 2];
        let mut in_flight = ready(&mut slots, 5);
        let real = in_flight.take(&mut slots, b"1").unwrap();
        for slot in [0, 1, 2, u16::MAX] {
            for serial in [0, 4, 5, 6, u32::MAX] {
                for nonce in [NONCE, 0] {
                    let token = AckToken {
                        serial,
                        slot,
                        nonce,
                    };
                    assert!(token == real || in_flight.ack(&mut slots, token).is_err());
                }
            }
        }
        assert_eq!((in_flight.held(), in_flight.queued()), (1, 0));
        assert_eq!(in_flight.ack(&mut slots, real), Ok(()));
    }

    /// A6: storage that changes between the calls harms nobody.
    #[test]
    fn other_slots_than_before_harm_nobody() {
        let mut slots = [Slot::EMPTY; 4];
        let mut in_flight = ready(&mut slots, 0);
        let first = in_flight.take(&mut slots, b"1").unwrap();
        let second = in_flight.take(&mut slots, b"2").unwrap();
        assert_eq!(in_flight.ack(&mut slots, first), Ok(()));
        let mut other = [Slot::EMPTY; 1];
        assert!(in_flight.take(&mut other, b"3").is_none());
        assert!(in_flight.ack(&mut other, second).is_err());
        in_flight.pop(&mut other);
        in_flight.pop(&mut []);
        assert!(in_flight.take(&mut [], b"3").is_none());
        in_flight.reset(&mut []);
        assert!(in_flight.reserve(&mut []).is_none());
    }
}
