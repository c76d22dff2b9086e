//! The memory of a session, in whatever way the caller has it.

use core::fmt;

use crate::session::acks::Slot;

/// The shortest transmit buffer, in bytes: it holds one ack with the longest id.
pub const MIN_TRANSMIT: usize = 96;

/// The two pieces of memory that a session works with.
pub struct Parts<'a> {
    /// Bytes on their way out: the login, acks, a ping. At least [`MIN_TRANSMIT`], and as long as the login.
    pub tx: &'a mut [u8],
    /// One slot for each delivery that may be un-acked at once: at least the prefetch.
    pub slots: &'a mut [Slot],
}

/// Says how much there is, not what: it may be a secret.
impl fmt::Debug for Parts<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parts")
            .field("tx", &self.tx.len())
            .field("slots", &self.slots.len())
            .finish()
    }
}

/// Lends a session its memory. The parts must be the same at each call; other ones harm nobody, but what was kept in
/// them is lost.
pub trait Storage {
    /// The session's memory.
    fn parts(&mut self) -> Parts<'_>;
}

/// A reference serves as well: moving the storage itself would cost stack.
impl<S: Storage> Storage for &mut S {
    fn parts(&mut self) -> Parts<'_> {
        S::parts(self)
    }
}

/// Memory inside the session: a transmit buffer of `TX` bytes and `WINDOW` slots.
///
/// | `TX` | `WINDOW` | size in bytes |
/// |---|---|---|
/// | 256 | 1 | 304 |
/// | 256 | 5 | 496 |
/// | 1024 | 50 | 3424 |
pub struct Inline<const TX: usize, const WINDOW: usize> {
    tx: [u8; TX],
    slots: [Slot; WINDOW],
}

impl<const TX: usize, const WINDOW: usize> Inline<TX, WINDOW> {
    /// Memory that holds nothing yet. `const`, so that it can stand in a `static`.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            tx: [0; TX],
            slots: [Slot::EMPTY; WINDOW],
        }
    }
}

impl<const TX: usize, const WINDOW: usize> Default for Inline<TX, WINDOW> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const TX: usize, const WINDOW: usize> Storage for Inline<TX, WINDOW> {
    fn parts(&mut self) -> Parts<'_> {
        Parts {
            tx: &mut self.tx,
            slots: &mut self.slots,
        }
    }
}

/// Says how much there is, not what: it may be a secret.
impl<const TX: usize, const WINDOW: usize> fmt::Debug for Inline<TX, WINDOW> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inline").finish_non_exhaustive()
    }
}

/// Memory from elsewhere: a `static`, an arena, two `Vec`s.
pub struct Borrowed<'a> {
    tx: &'a mut [u8],
    slots: &'a mut [Slot],
}

impl<'a> Borrowed<'a> {
    /// A session's memory out of two slices.
    #[must_use]
    pub const fn new(tx: &'a mut [u8], slots: &'a mut [Slot]) -> Self {
        Self { tx, slots }
    }
}

impl Storage for Borrowed<'_> {
    fn parts(&mut self) -> Parts<'_> {
        Parts {
            tx: self.tx,
            slots: self.slots,
        }
    }
}

/// Says how much there is, not what: it may be a secret.
impl fmt::Debug for Borrowed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Borrowed").finish_non_exhaustive()
    }
}
