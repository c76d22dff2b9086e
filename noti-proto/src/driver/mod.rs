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
//!
//! # Writing a transport
//!
//! A transport implements the traits of `embedded-io` 0.7, or of `embedded-io-async` 0.7, with one error type for both
//! directions. The driver relies on this:
//!
//! - `read` waits for at least one byte. `Ok(0)` is the end of the stream; a serial line has none, and never says it.
//! - `write` takes at least one byte, and `flush` returns when they are on their way to the peer: for TLS, when the record
//!   has been written to the socket. Deadlines count from there.
//! - An error of the kind `TimedOut` or `Interrupted` means later. Any other ends the connection.
//! - `read_ready` and `write_ready` are true when the next call does not wait.
//! - No byte is lost between two calls: an interrupt or DMA fills a ring, and flow control stops the peer when it is full.
//!   What can lose bytes must fail when it has, for a line with a hole in it may still look sound.
//!
//! Two to read, in the repository: `tests/firmware/image/src/uart.rs`, a UART with a ring, an interrupt and flow control,
//! and `tests/examples/poll_loop/link.rs`, a socket that never blocks. Whole clients are in `tests/examples`.
//!
//! # What blocks
//!
//! | call | blocks in |
//! |---|---|
//! | `poll` | `flush`; also in `write`, if `write_ready` cannot tell |
//! | `block` | `read`, `write` and `flush`, each for as long as the transport lets it |
//! | `step`, `step_split` | nothing: they wait |
//! | all | the handler: while it runs nothing is read, and no ping leaves |
//!
//! A handler that needs longer than a few seconds copies the line, hands it on with the token, and the ack comes later.
//!
//! # Deadlines on a blocking UART
//!
//! Deadlines are judged when the driver is called. A late call delays a ping, and loses nothing: pings go out after 60
//! seconds, and the server cuts after 300 (clause H1). There are two ways to be called in time:
//!
//! - The UART can tell whether bytes are there: repeat `poll`, and sleep until an interrupt when it says `false`. A tick
//!   every millisecond wakes often enough; without one, set a timer to [`Driver::poll_timeout`].
//! - It can only block: give its `read` a timeout, a second for example, after which it fails with `TimedOut`, and repeat
//!   `block`.
//!
//! A `write` of 256 bytes takes 22 ms at 115,200 baud, and the ring must hold what arrives meanwhile, up to as much.
//!
//! A serial line has no connections either. When the bridge or the modem behind it has opened a new one, the session finds
//! out by an unanswered ping (clause H3), or because the server does not know the login (clause E2). Wait until the line is
//! quiet, throw away what has come, then call [`Driver::login`].
//!
//! # TLS on a microcontroller
//!
//! [`Driver::login`] sends the secret, so the transport must be the inner side of a TLS connection whose server is verified
//! already. What that takes besides the driver, in the words of each source:
//!
//! | TLS from | RAM |
//! |---|---|
//! | the modem, by its AT commands or as [nrf-modem]'s `TlsStream` | none of the application's; that one gives 1,024 bytes a call |
//! | [embedded-tls]: 1.3 alone, no heap, traits of `embedded-io` | 20 kB with a record buffer of 16 kB, the certificates not included; a stack of 2 kB for the handshake |
//! | [mbedtls], in C: 1.2 and 1.3 | a heap of 32 KB, and up to another 20 KB, for a server of which nothing is known |
//!
//! Most of it is the record: a server may send 16 KiB in one, however short the lines are. A smaller buffer serves only if
//! the server agrees to shorter records (`max_fragment_length` of RFC 6066), or is known to send such.
//!
//! [nrf-modem]: https://docs.rs/crate/nrf-modem/latest/source/src/tls_stream.rs
//! [embedded-tls]: https://docs.rs/embedded-tls/0.14.1/embedded_tls
//! [mbedtls]: https://docs.zephyrproject.org/2.7.4/reference/kconfig/CONFIG_MBEDTLS_HEAP_SIZE.html
//!
//! # A RAM budget
//!
//! The client of `tests/firmware`, on a Cortex-M3, behind a modem that does the TLS:
//!
//! | bytes | for |
//! |---|---|
//! | 616 | the session: a window of 5, and 256 bytes to transmit |
//! | 1,044 | the receive buffer, for lines of 1 KiB; longer ones come in parts |
//! | 748 | the deepest stack of `poll` |
//! | 136 | the UART's ring |
//! | 2,544 | together |
//!
//! With its own `main`, the decoding of fields, and interrupts, the whole image takes 3,048 bytes of stack, the session and
//! the buffer among them, and 144 bytes of statics: 4 KiB of RAM are enough. A window of 50 takes 2,160 bytes more, and TLS
//! of its own what the table above says.
//!
//! The core uses no atomic operations, and builds for thumbv6m too. The README has what it takes of flash.

#[cfg(feature = "embedded-io-async")]
mod asynchronous;
#[cfg(feature = "embedded-io")]
mod blocking;

use core::error::Error;
use core::fmt;

use embedded_io::ErrorKind;

use crate::event::incoming::Event;
use crate::session::error::ConnectError;
use crate::session::instant::Instant;
use crate::session::machine::{CloseReason, Session, State};
use crate::session::storage::Storage;
use crate::wire::line::LineBuf;
use crate::wire::login::Login;

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

    /// The transport has failed. A session that was closing already says more than the transport does.
    fn lost<E>(&mut self, error: DriverError<E>) -> DriverError<E> {
        self.session.disconnected((self.clock)());
        match self.session.state() {
            State::Closed(reason) if reason != CloseReason::Disconnected => reason.into(),
            _ => error,
        }
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
