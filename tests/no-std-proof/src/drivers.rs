//! The run loops over a transport that plays a part.

use core::convert::Infallible;
#[cfg(feature = "async")]
use core::{
    future::{Future, pending, poll_fn},
    pin::pin,
    task::{Context, Poll, Waker},
};

use noti_proto::driver::{Driver, DriverError};
use noti_proto::{CloseReason, Config, Event, Inline, LineBuf, Session};

use crate::wire::{LOGIN, LOGIN_LINE, at, check};

const ACK: &[u8] = b"{\"cmd\":\"enterprise_event_ack\",\"delivery_id\":1}\n";

/// Answers the login, sends an event, and ends; takes what it is given and compares it.
struct Peer {
    says: &'static [u8],
    hears: [&'static [u8]; 2],
}

impl Peer {
    const fn new() -> Self {
        Self {
            says: b"{\"cmd\":\"enterprise_login_res\",\"data\":{\"result\":true}}\n{\"cmd\":\"enterprise_event_push\",\"delivery_id\":1}\n",
            hears: [LOGIN_LINE, ACK],
        }
    }

    /// What it expects next.
    fn hearing(&mut self) -> &mut &'static [u8] {
        let [login, ack] = &mut self.hears;
        if login.is_empty() { ack } else { login }
    }

    fn give(&mut self, buffer: &mut [u8]) -> usize {
        let [login, ack] = &self.hears;
        // The answer follows the login, and the end follows the ack.
        if !login.is_empty() || ack.is_empty() {
            return 0;
        }
        let length = buffer.len().min(self.says.len()).min(10);
        for (to, byte) in buffer.iter_mut().zip(self.says).take(length) {
            *to = *byte;
        }
        self.says = self.says.get(length..).unwrap_or_default();
        length
    }

    fn take(&mut self, bytes: &[u8]) -> usize {
        let piece = bytes.get(..bytes.len().min(6)).unwrap_or_default();
        let hearing = self.hearing();
        match hearing.strip_prefix(piece) {
            Some(rest) => {
                *hearing = rest;
                piece.len()
            }
            None => 0,
        }
    }

    fn is_content(&self) -> bool {
        self.says.is_empty() && self.hears == [b"", b""]
    }
}

impl embedded_io::ErrorType for Peer {
    type Error = Infallible;
}

impl embedded_io::Read for Peer {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Infallible> {
        Ok(self.give(buffer))
    }
}

impl embedded_io::ReadReady for Peer {
    fn read_ready(&mut self) -> Result<bool, Infallible> {
        let [login, ack] = &self.hears;
        Ok(login.is_empty() && (ack.is_empty() || !self.says.is_empty()))
    }
}

impl embedded_io::Write for Peer {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, Infallible> {
        Ok(self.take(bytes))
    }

    fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}

impl embedded_io::WriteReady for Peer {
    fn write_ready(&mut self) -> Result<bool, Infallible> {
        Ok(true)
    }
}

#[cfg(feature = "async")]
impl embedded_io_async::Read for Peer {
    /// Waits while it has nothing to say and has not heard all.
    async fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Infallible> {
        poll_fn(|_| match embedded_io::ReadReady::read_ready(self) {
            Ok(true) => Poll::Ready(Ok(self.give(buffer))),
            _ => Poll::Pending,
        })
        .await
    }
}

#[cfg(feature = "async")]
impl embedded_io_async::Write for Peer {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, Infallible> {
        Ok(self.take(bytes))
    }

    async fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}

/// Repeats one of the driver's calls until the connection is over.
macro_rules! serves {
    (|$driver:ident, $peer:ident, $handler:ident| $call:expr) => {{
        let mut session = Session::new(Config::default(), Inline::<256, 5>::new()).ok()?;
        let mut lines = LineBuf::new([0; 64]);
        let mut $driver = Driver::login(&mut session, &mut lines, || at(0), &LOGIN).ok()?;
        let mut peer = Peer::new();
        let $peer = &mut peer;
        let mut acked = 0;
        let mut result = None;
        for _ in 0..1000 {
            let $handler = |event: Event<'_>, session: &mut Session<Inline<256, 5>>| {
                if let Event::Delivery(delivery) = event {
                    acked += i32::from(session.ack(delivery.token()).is_ok());
                }
            };
            if let Err(error) = $call {
                result = Some(error);
                break;
            }
        }
        check(matches!(
            result?,
            DriverError::Closed(CloseReason::Disconnected)
        ))?;
        check(acked == 1 && peer.is_content())
    }};
}

pub(crate) fn polls_a_transport() -> Option<()> {
    serves!(|driver, peer, handler| driver.poll(peer, handler))
}

pub(crate) fn blocks_on_a_transport() -> Option<()> {
    serves!(|driver, peer, handler| driver.block(peer, handler))
}

#[cfg(feature = "async")]
pub(crate) fn steps_over_a_transport() -> Option<()> {
    serves!(|driver, peer, handler| finish(driver.step(peer, |_| pending(), handler))?)
}

/// One half says all at once, the other hears.
#[cfg(feature = "async")]
pub(crate) fn steps_over_two_halves() -> Option<()> {
    let mut session = Session::new(Config::default(), Inline::<256, 5>::new()).ok()?;
    let mut lines = LineBuf::new([0; 64]);
    let mut driver = Driver::login(&mut session, &mut lines, || at(0), &LOGIN).ok()?;
    let mut says = Peer::new().says;
    let mut hears = Peer::new();
    let mut delivered = 0;
    for _ in 0..10 {
        let handler = |event: Event<'_>, _: &mut Session<Inline<256, 5>>| {
            delivered += i32::from(matches!(event, Event::Delivery(_)));
        };
        let stepped = finish(driver.step_split(&mut says, &mut hears, |_| pending(), handler))?;
        if let Err(error) = stepped {
            check(matches!(
                error,
                DriverError::Closed(CloseReason::Disconnected)
            ))?;
            return check(delivered == 1 && hears.hears.first()?.len() < LOGIN_LINE.len());
        }
    }
    None
}

/// Runs a future of which no part has to wait for long.
#[cfg(feature = "async")]
fn finish<T>(future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    for _ in 0..10 {
        if let Poll::Ready(done) = future
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()))
        {
            return Some(done);
        }
    }
    None
}
