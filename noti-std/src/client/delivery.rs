use std::fmt;
use std::sync::Arc;

use noti_proto::{AckToken, Layout};

use super::exchange::Exchange;

/// A device event that the application owns. It can go to another thread, and be acked there.
///
/// Dropping it un-acked leaves it un-acked: it keeps its place in the window, and the broker delivers the event again
/// after the connection has ended.
pub struct Delivery {
    pub(super) line: Vec<u8>,
    pub(super) layout: Layout,
    pub(super) charge: Charge,
}

impl Delivery {
    /// The exact bytes of the line, without the `\n` or `\r\n` that ended it.
    #[must_use]
    pub fn line(&self) -> &[u8] {
        &self.line
    }

    /// The event's fields, read when they are asked for.
    #[must_use]
    pub fn view(&self) -> noti_proto::Delivery<'_> {
        self.layout.of(&self.line)
    }

    /// Says that the application is done with the event. The ack leaves at once; if the connection has ended since, the
    /// event comes again.
    pub fn ack(&self) {
        self.charge.exchange.ack([self.token()]);
    }

    /// Acks the event later, without keeping its bytes.
    #[must_use]
    pub fn acker(&self) -> Acker {
        Acker {
            exchange: self.charge.exchange.clone(),
            token: self.token(),
        }
    }

    pub(super) const fn token(&self) -> AckToken {
        self.layout.token()
    }
}

impl fmt::Debug for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delivery")
            .field("line", &String::from_utf8_lossy(&self.line))
            .finish_non_exhaustive()
    }
}

/// Acks one delivery, from any thread.
#[derive(Clone)]
pub struct Acker {
    exchange: Arc<Exchange>,
    token: AckToken,
}

impl Acker {
    pub(super) const fn new(exchange: Arc<Exchange>, token: AckToken) -> Self {
        Self { exchange, token }
    }

    /// Says that the application is done with the event.
    pub fn ack(&self) {
        self.exchange.ack([self.token]);
    }
}

impl fmt::Debug for Acker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Acker").finish_non_exhaustive()
    }
}

/// A share of the byte budget, given back when it is dropped.
pub(super) struct Charge {
    exchange: Arc<Exchange>,
    bytes: usize,
}

impl Charge {
    pub(super) fn new(exchange: &Arc<Exchange>, bytes: usize) -> Self {
        exchange.charge(bytes);
        Self {
            exchange: exchange.clone(),
            bytes,
        }
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.exchange.release(self.bytes);
    }
}

impl fmt::Debug for Charge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Charge")
            .field("bytes", &self.bytes)
            .finish_non_exhaustive()
    }
}
