//! Bytes on their way out, and the messages they are.

use crate::json::string::write_escaped;

/// A cursor over the transmit buffer: `sent..filled` waits for the transport.
#[derive(Debug)]
pub(crate) struct Transmit {
    sent: usize,
    filled: usize,
}

impl Transmit {
    pub(crate) const fn new() -> Self {
        Self { sent: 0, filled: 0 }
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.sent == self.filled
    }

    pub(crate) fn pending<'b>(&self, buffer: &'b [u8]) -> &'b [u8] {
        buffer.get(self.sent..self.filled).unwrap_or_default()
    }

    /// Consumes `n` bytes, at most what is pending, and gives them back.
    pub(crate) fn consume<'b>(&mut self, buffer: &'b mut [u8], n: usize) -> &'b mut [u8] {
        let from = self.sent;
        let to = from.saturating_add(n).min(self.filled);
        self.sent = to;
        if self.is_empty() {
            *self = Self::new();
        }
        buffer.get_mut(from..to).unwrap_or_default()
    }

    /// Appends a message whole; `false`, and nothing appended, when there is no room for it.
    pub(crate) fn append(&mut self, buffer: &mut [u8], pieces: &[&[u8]]) -> bool {
        let mut message = self.message(buffer);
        for piece in pieces {
            message.put(piece);
        }
        message.finish().is_ok()
    }

    /// Begins a message after those that are there.
    pub(crate) const fn message<'t>(&'t mut self, buffer: &'t mut [u8]) -> Message<'t> {
        Message {
            end: self.filled,
            transmit: self,
            buffer,
        }
    }
}

/// A message being written. It becomes part of what is pending only when it is finished.
#[derive(Debug)]
pub(crate) struct Message<'t> {
    transmit: &'t mut Transmit,
    buffer: &'t mut [u8],
    /// Where it would end; beyond the buffer when it does not fit.
    end: usize,
}

impl Message<'_> {
    pub(crate) fn put(&mut self, bytes: &[u8]) {
        let end = self.end.saturating_add(bytes.len());
        let room = self.buffer.get_mut(self.end..end).unwrap_or_default();
        for (to, byte) in room.iter_mut().zip(bytes) {
            *to = *byte;
        }
        self.end = end;
    }

    pub(crate) fn put_escaped(&mut self, text: &str) {
        write_escaped(text, &mut |bytes| self.put(bytes));
    }

    pub(crate) fn put_number(&mut self, number: u32) {
        let mut digits = [0; 10];
        self.put(decimal(number, &mut digits));
    }

    /// Commits the message.
    ///
    /// # Errors
    /// The length that it has, when it does not fit; nothing of it stays in the buffer then.
    pub(crate) fn finish(self) -> Result<(), usize> {
        let start = self.transmit.filled;
        if self.end <= self.buffer.len() {
            self.transmit.filled = self.end;
            return Ok(());
        }
        wipe(self.buffer.get_mut(start..).unwrap_or_default());
        Err(self.end.saturating_sub(start))
    }
}

/// The digits of `number`, written to the end of `digits`. In 32 bits: a division of 64 costs half a KiB of flash where
/// there is no instruction for it.
fn decimal(number: u32, digits: &mut [u8; 10]) -> &[u8] {
    let mut rest = number;
    let mut used = 0_usize;
    for place in digits.iter_mut().rev() {
        let digit = u8::try_from(rest % 10).unwrap_or_default();
        *place = digit | b'0';
        rest /= 10;
        used = used.saturating_add(1);
        if rest == 0 {
            break;
        }
    }
    let unused = digits.len().saturating_sub(used);
    digits.get(unused..).unwrap_or_default()
}

/// Overwrites what may be a secret. The hint keeps the compiler from leaving the writes out.
pub(crate) fn wipe(bytes: &mut [u8]) {
    bytes.fill(0);
    core::hint::black_box(bytes);
}
