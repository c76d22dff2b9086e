//! The driver over blocking transports.

use embedded_io::{Read, ReadReady, Write, WriteReady};

use super::{Driver, DriverError, is_passing};
use crate::event::incoming::Event;
use crate::session::instant::Instant;
use crate::session::machine::Session;
use crate::session::storage::Storage;

impl<S, B, C> Driver<'_, S, B, C>
where
    S: Storage,
    B: AsRef<[u8]> + AsMut<[u8]>,
    C: FnMut() -> Instant,
{
    /// Does what can be done without waiting: reads what has arrived, as much as the receive buffer holds, hands it to
    /// `handler`, does what is due, and writes once.
    ///
    /// `true` when bytes have moved: call again before sleeping, for there may be more of them. `false`: the caller may
    /// sleep until bytes arrive, until there is room to write, until it has an ack to give, or until
    /// [`poll_timeout`](Self::poll_timeout). Calling too early is harmless.
    ///
    /// What blocks: `flush`, until the transport's buffer is empty; so the transport must go on receiving meanwhile, by
    /// interrupt or DMA. A transport that cannot tell whether there is room answers `write_ready` with `true`, and its
    /// `write` blocks too: once between two reads, for at most what the session's transmit buffer holds.
    ///
    /// ```
    /// use embedded_io::{Read, ReadReady, Write, WriteReady};
    /// use noti_proto::driver::{Driver, DriverError};
    /// use noti_proto::{Event, Inline, Instant, LineBuf, Login, Session};
    ///
    /// fn serve<U: Read + Write + ReadReady + WriteReady>(
    ///     session: &mut Session<Inline<256, 5>>,
    ///     lines: &mut LineBuf<[u8; 1024]>,
    ///     uart: &mut U,
    ///     clock: fn() -> Instant,
    ///     wait_for_interrupt: fn(),
    /// ) -> DriverError<U::Error> {
    ///     let login = Login { enterprise_id: "id", enterprise_secret: "secret" };
    ///     let mut driver = Driver::login(session, lines, clock, &login).expect("it fits 256 bytes");
    ///     loop {
    ///         let moved = driver.poll(uart, |event, session| {
    ///             if let Event::Delivery(delivery) = event {
    ///                 // Use the event, then:
    ///                 session.ack(delivery.token()).expect("its first ack");
    ///             }
    ///         });
    ///         match moved {
    ///             Ok(true) => {}
    ///             Ok(false) => wait_for_interrupt(),
    ///             Err(error) => return error,
    ///         }
    ///     }
    /// }
    /// ```
    ///
    /// # Errors
    /// [`DriverError`]: the connection is over.
    pub fn poll<T>(
        &mut self,
        transport: &mut T,
        mut handler: impl FnMut(Event<'_>, &mut Session<S>),
    ) -> Result<bool, DriverError<T::Error>>
    where
        T: Read + Write + ReadReady + WriteReady,
    {
        let mut moved = false;
        let read = self.read_all(transport, &mut moved);
        self.handle(&mut handler)?;
        // What came before the failure has been handed over.
        if let Err(error) = read {
            return Err(self.lost(error));
        }
        match self.write_if_ready(transport) {
            Ok(written) => moved |= written,
            Err(error) => return Err(self.lost(error)),
        }
        self.still_open()?;
        Ok(moved)
    }

    /// Writes once, or, when there is nothing to write, reads once, hands what has arrived to `handler`, and does what
    /// is due.
    ///
    /// What blocks: `write`, `flush` and `read`, each for as long as the transport lets it. Deadlines are met if its
    /// timeouts are short, or set to [`poll_timeout`](Self::poll_timeout) before each call; when one has passed, the
    /// transport fails with [`ErrorKind::TimedOut`](embedded_io::ErrorKind::TimedOut). An ack from elsewhere waits for
    /// the read that blocks; a handler's own does not. For a socket of std:
    ///
    /// ```
    /// use std::io::{self, Read as _, Write as _};
    /// use std::net::TcpStream;
    /// use std::time::Duration;
    ///
    /// struct Tcp(TcpStream);
    ///
    /// /// On Unix a read that has timed out says that it would block.
    /// fn timed_out(error: io::Error) -> io::Error {
    ///     match error.kind() {
    ///         io::ErrorKind::WouldBlock => io::ErrorKind::TimedOut.into(),
    ///         _ => error,
    ///     }
    /// }
    ///
    /// impl embedded_io::ErrorType for Tcp {
    ///     type Error = io::Error;
    /// }
    /// impl embedded_io::Read for Tcp {
    ///     fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
    ///         self.0.read(buffer).map_err(timed_out)
    ///     }
    /// }
    /// impl embedded_io::Write for Tcp {
    ///     fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
    ///         self.0.write(bytes).map_err(timed_out)
    ///     }
    ///     fn flush(&mut self) -> io::Result<()> {
    ///         self.0.flush().map_err(timed_out)
    ///     }
    /// }
    ///
    /// # use noti_proto::{Event, Inline, Instant, LineBuf, Login, Session};
    /// # use noti_proto::driver::{Driver, DriverError};
    /// fn serve(
    ///     session: &mut Session<Inline<256, 5>>,
    ///     lines: &mut LineBuf<[u8; 1024]>,
    ///     stream: TcpStream,
    ///     clock: fn() -> Instant,
    /// ) -> Result<(), DriverError<io::Error>> {
    ///     let login = Login { enterprise_id: "id", enterprise_secret: "secret" };
    ///     let mut driver = Driver::login(session, lines, clock, &login).expect("it fits 256 bytes");
    ///     let mut transport = Tcp(stream);
    ///     loop {
    ///         let deadline = driver.poll_timeout().unwrap_or_default();
    ///         let left = deadline.saturating_duration_since(clock());
    ///         let timeout = Some(left.max(Duration::from_millis(1)));
    ///         transport.0.set_read_timeout(timeout).expect("it is not zero");
    ///         driver.block(&mut transport, |event, session| {
    ///             if let Event::Delivery(delivery) = event {
    ///                 session.ack(delivery.token()).expect("its first ack");
    ///             }
    ///         })?;
    ///     }
    /// }
    /// ```
    ///
    /// # Errors
    /// [`DriverError`]: the connection is over.
    pub fn block<T>(
        &mut self,
        transport: &mut T,
        mut handler: impl FnMut(Event<'_>, &mut Session<S>),
    ) -> Result<(), DriverError<T::Error>>
    where
        T: Read + Write,
    {
        match self.write(transport) {
            // Deadlines have changed. They are judged only after a read, or an answer that has arrived would be late.
            Ok(true) => return Ok(self.still_open()?),
            Ok(false) => {}
            Err(error) => return Err(self.lost(error)),
        }
        if let Err(error) = self.read(transport) {
            return Err(self.lost(error));
        }
        Ok(self.handle(&mut handler)?)
    }

    /// Reads what has arrived, as much as the buffer holds. Apart from `poll`, whose stack it would deepen.
    #[inline(never)]
    fn read_all<T>(
        &mut self,
        transport: &mut T,
        moved: &mut bool,
    ) -> Result<(), DriverError<T::Error>>
    where
        T: Read + ReadReady,
    {
        while self.read_if_ready(transport)? {
            *moved = true;
        }
        Ok(())
    }

    fn read_if_ready<T>(&mut self, transport: &mut T) -> Result<bool, DriverError<T::Error>>
    where
        T: Read + ReadReady,
    {
        let full = self.lines.spare().is_empty() && self.lines.buffered() > 0;
        if full || !transport.read_ready().map_err(DriverError::Read)? {
            return Ok(false);
        }
        self.read(transport)
    }

    /// Whether bytes came.
    fn read<T: Read>(&mut self, transport: &mut T) -> Result<bool, DriverError<T::Error>> {
        let spare = self.lines.spare();
        if spare.is_empty() {
            return Err(DriverError::NoReceiveBuffer);
        }
        match transport.read(spare) {
            Ok(0) => self.ended = true,
            Ok(length) => {
                self.lines.commit(length);
                self.session.note_received((self.clock)());
                return Ok(true);
            }
            Err(error) if is_passing(&error) => {}
            Err(error) => return Err(DriverError::Read(error)),
        }
        Ok(false)
    }

    fn write_if_ready<T>(&mut self, transport: &mut T) -> Result<bool, DriverError<T::Error>>
    where
        T: Write + WriteReady,
    {
        let now = (self.clock)();
        if self.unflushed == 0
            && (self.session.poll_transmit(now).is_empty()
                || !transport.write_ready().map_err(DriverError::Write)?)
        {
            return Ok(false);
        }
        self.write(transport)
    }

    /// Whether bytes have left.
    fn write<T: Write>(&mut self, transport: &mut T) -> Result<bool, DriverError<T::Error>> {
        if self.unflushed == 0 {
            let bytes = self.session.poll_transmit((self.clock)());
            if bytes.is_empty() {
                return Ok(false);
            }
            match transport.write(bytes) {
                Ok(0) => return Err(DriverError::WriteZero),
                Ok(length) => self.unflushed = length,
                Err(error) if is_passing(&error) => return Ok(false),
                Err(error) => return Err(DriverError::Write(error)),
            }
        }
        match transport.flush() {
            Ok(()) => {}
            Err(error) if is_passing(&error) => return Ok(false),
            Err(error) => return Err(DriverError::Write(error)),
        }
        let length = core::mem::take(&mut self.unflushed);
        self.session.transmitted((self.clock)(), length);
        Ok(true)
    }
}
