//! Run loops over any byte stream, blocking or async (features `embedded-io` and `embedded-io-async`).
//!
//! A [`Driver`] serves one connection: it reads, hands each event to the application, minds the deadlines and writes, in
//! the order that [`Session`] asks for. The application opens the transport, keeps the clock, and decides when to
//! connect anew. Which call of the driver it repeats depends on what its transport can do:
//!
//! | call | transport | waits for |
//! |---|---|---|
//! | `poll` | blocking, and can tell whether it is ready: a UART with buffers, smoltcp | nothing; the caller sleeps |
//! | `block` | blocking, with a read timeout: a socket of std | bytes, or the read timeout |
//! | `step` | async: embassy, tokio | bytes, room to write, or the deadline |
//! | `step_split` | async, in two halves | the same, and reads while a write waits |
//!
//! Each call hands over every line that has arrived before it judges deadlines, and counts bytes as transmitted only
//! when the transport has flushed them. Acks are given in the handler, or between two calls through
//! [`Driver::session`]; the next call sends them.

#[cfg(feature = "embedded-io-async")]
mod asynchronous;
#[cfg(feature = "embedded-io")]
mod blocking;

use core::error::Error;
use core::fmt;

use embedded_io::ErrorKind;

use crate::error::ConnectError;
use crate::event::Event;
use crate::instant::Instant;
use crate::line_buf::LineBuf;
use crate::login::Login;
use crate::session::{CloseReason, Session, State};
use crate::storage::Storage;

/// Moves the bytes of one connection between a transport and a session.
///
/// It borrows the session and the receive buffer, which outlive the connection, and is given the transport with each
/// call. Drop it, and close the transport, once a call has failed.
pub struct Driver<'c, S, B, C> {
    session: &'c mut Session<S>,
    lines: &'c mut LineBuf<B>,
    clock: C,
    /// Bytes that the transport took and has not flushed: a step can be cancelled in between.
    unflushed: usize,
    /// The transport has given its last byte.
    ended: bool,
}

impl<'c, S, B, C> Driver<'c, S, B, C>
where
    S: Storage,
    B: AsRef<[u8]> + AsMut<[u8]>,
    C: FnMut() -> Instant,
{
    /// A new connection is open, secured and verified: logs in on it. What an earlier connection has left in the buffer
    /// and in the session is forgotten (clause F4). `clock` tells the time, on the same clock for all connections.
    ///
    /// # Errors
    /// [`ConnectError`], before anything is sent.
    pub fn login(
        session: &'c mut Session<S>,
        lines: &'c mut LineBuf<B>,
        mut clock: C,
        login: &Login<'_>,
    ) -> Result<Self, ConnectError> {
        lines.reset();
        session.connected(clock(), login)?;
        Ok(Self {
            session,
            lines,
            clock,
            unflushed: 0,
            ended: false,
        })
    }

    /// The session: to ack, or to look at its state, between two calls.
    pub const fn session(&mut self) -> &mut Session<S> {
        self.session
    }

    /// When the driver must be called again at the latest; see [`Session::poll_timeout`].
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.session.poll_timeout()
    }

    /// Hands over every line that is in the buffer.
    fn feed(&mut self, now: Instant, handler: &mut impl FnMut(Event<'_>, &mut Session<S>)) {
        while let Some(line) = self.lines.next_line() {
            if let Some(event) = self.session.handle_line(now, line) {
                handler(event, self.session);
            }
        }
    }

    /// After a read: hands over what has arrived, then does what is due. A handler that takes its time does not make
    /// answers late that arrive meanwhile, so the time is that of the read.
    fn handle(
        &mut self,
        handler: &mut impl FnMut(Event<'_>, &mut Session<S>),
    ) -> Result<(), CloseReason> {
        let now = (self.clock)();
        self.feed(now, handler);
        if self.ended {
            self.session.disconnected(now);
        }
        self.session.handle_timeout(now);
        self.still_open()
    }

    /// The transport has failed.
    fn lost<E>(&mut self, error: DriverError<E>) -> DriverError<E> {
        self.session.disconnected((self.clock)());
        error
    }

    const fn still_open(&self) -> Result<(), CloseReason> {
        match self.session.state() {
            State::Closed(reason) => Err(reason),
            _ => Ok(()),
        }
    }
}

/// A read or a write that was interrupted, or that the transport gave up after its own timeout, is tried again.
fn is_passing(error: &impl embedded_io::Error) -> bool {
    matches!(error.kind(), ErrorKind::TimedOut | ErrorKind::Interrupted)
}

/// Says where the session stands, not what is in its buffers.
impl<S, B, C> fmt::Debug for Driver<'_, S, B, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Driver")
            .field("session", &self.session)
            .finish_non_exhaustive()
    }
}

/// Why a connection is over. The session is closed, and the tokens of the connection are stale: close the transport, and
/// connect anew unless the reason speaks against it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum DriverError<E> {
    /// The session ended; [`CloseReason::Disconnected`] at the end of the stream.
    Closed(CloseReason),
    /// The transport failed to read.
    Read(E),
    /// The transport failed to write or to flush.
    Write(E),
    /// The transport took none of the bytes, and did not say why.
    WriteZero,
    /// The receive buffer's storage is empty.
    NoReceiveBuffer,
}

impl<E> From<CloseReason> for DriverError<E> {
    fn from(reason: CloseReason) -> Self {
        Self::Closed(reason)
    }
}

impl<E> fmt::Display for DriverError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Closed(CloseReason::LoginRefused) => {
                "the server refused the login; check the credentials and the account's address list"
            }
            Self::Closed(reason) => return write!(f, "{reason}; connect anew"),
            Self::Read(_) => "the transport failed to read; connect anew",
            Self::Write(_) => "the transport failed to write; connect anew",
            Self::WriteZero => "the transport takes no bytes; connect anew",
            Self::NoReceiveBuffer => "the receive buffer is empty; give it room for a line",
        })
    }
}

impl<E: Error + 'static> Error for DriverError<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Read(error) | Self::Write(error) => Some(error),
            _ => None,
        }
    }
}
