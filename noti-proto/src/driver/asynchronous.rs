//! The driver over async transports, on any executor.

use core::future::{Future, pending, poll_fn, ready};
use core::pin::pin;
use core::task::Poll;

use embedded_io_async::{Read, Write};

use super::{Driver, DriverError, is_passing};
use crate::event::incoming::Event;
use crate::session::instant::Instant;
use crate::session::machine::Session;
use crate::session::storage::Storage;
use crate::wire::line::LineBuf;

impl<S, B, C> Driver<'_, S, B, C>
where
    S: Storage,
    B: AsRef<[u8]> + AsMut<[u8]>,
    C: FnMut() -> Instant,
{
    /// Takes what has arrived and hands it to `handler`, does what is due, then waits for the first of these: bytes have
    /// left, if there are any to send; else bytes have arrived; or `sleep_until` is over, which is given the deadline.
    /// Call it in a loop.
    ///
    /// Cancel-safe if the transport's `read`, `write` and `flush` are: a step that is dropped loses no byte and sends
    /// none twice. So it can be raced with a channel of acks from elsewhere, and a step itself drops a read or a write
    /// when something else comes first. A transport that cannot bear this (one that reads by DMA into the caller's
    /// memory) needs a buffer in between.
    ///
    /// While a write waits, a step reads only what has already arrived. [`step_split`](Self::step_split) goes on reading.
    ///
    /// ```
    /// use core::future::Future;
    /// use embedded_io_async::{Read, Write};
    /// use noti_proto::driver::{Driver, DriverError};
    /// use noti_proto::{Event, Inline, Instant, LineBuf, Login, Session};
    ///
    /// async fn serve<T: Read + Write, F: Future<Output = ()>>(
    ///     session: &mut Session<Inline<256, 5>>,
    ///     lines: &mut LineBuf<[u8; 1024]>,
    ///     transport: &mut T,
    ///     clock: fn() -> Instant,
    ///     sleep_until: fn(Instant) -> F,
    /// ) -> Result<(), DriverError<T::Error>> {
    ///     let login = Login { enterprise_id: "id", enterprise_secret: "secret" };
    ///     let mut driver = Driver::login(session, lines, clock, &login).expect("it fits 256 bytes");
    ///     loop {
    ///         // To ack from another task: select between this and a channel's `receive`, and give what that yields to
    ///         // `driver.session().ack`.
    ///         driver
    ///             .step(transport, sleep_until, |event, session| {
    ///                 if let Event::Delivery(delivery) = event {
    ///                     session.ack(delivery.token()).expect("its first ack");
    ///                 }
    ///             })
    ///             .await?;
    ///     }
    /// }
    /// ```
    ///
    /// # Errors
    /// [`DriverError`]: the connection is over.
    pub async fn step<T, F>(
        &mut self,
        transport: &mut T,
        sleep_until: impl FnOnce(Instant) -> F,
        mut handler: impl FnMut(Event<'_>, &mut Session<S>),
    ) -> Result<(), DriverError<T::Error>>
    where
        T: Read + Write,
        F: Future<Output = ()>,
    {
        self.begin(transport, &mut handler).await?;
        let sending = self.has_to_send();
        let sleep = sleep(self.poll_timeout(), sleep_until);
        let moved = if sending {
            let send = send(
                self.session,
                &mut self.clock,
                &mut self.unflushed,
                transport,
            );
            first(send, sleep).await
        } else {
            let receive = receive(self.lines, &mut self.ended, transport);
            first(receive, sleep).await
        };
        self.finish(moved, &mut handler)
    }

    /// Like [`step`](Self::step) over the two halves of a transport: reads and writes at the same time, so a peer that
    /// does not read until it has written cannot bring both to a standstill.
    ///
    /// Cancel-safe if `read` of the reader, and `write` and `flush` of the writer are.
    ///
    /// # Errors
    /// [`DriverError`]: the connection is over.
    pub async fn step_split<R, W, F>(
        &mut self,
        reader: &mut R,
        writer: &mut W,
        sleep_until: impl FnOnce(Instant) -> F,
        mut handler: impl FnMut(Event<'_>, &mut Session<S>),
    ) -> Result<(), DriverError<R::Error>>
    where
        R: Read,
        W: Write<Error = R::Error>,
        F: Future<Output = ()>,
    {
        self.begin(reader, &mut handler).await?;
        let sending = self.has_to_send();
        let sleep = sleep(self.poll_timeout(), sleep_until);
        let receive = receive(self.lines, &mut self.ended, reader);
        let moved = if sending {
            let send = send(self.session, &mut self.clock, &mut self.unflushed, writer);
            first(send, first(receive, sleep)).await
        } else {
            first(receive, sleep).await
        };
        self.finish(moved, &mut handler)
    }

    /// Takes what has arrived, without waiting, so that it counts before a deadline does.
    async fn begin<R: Read>(
        &mut self,
        reader: &mut R,
        handler: &mut impl FnMut(Event<'_>, &mut Session<S>),
    ) -> Result<(), DriverError<R::Error>> {
        let receive = receive(self.lines, &mut self.ended, reader);
        match first(receive, ready(Ok(false))).await {
            Ok(received) => {
                if received {
                    self.session.note_received((self.clock)());
                }
                Ok(self.handle(handler)?)
            }
            Err(error) => Err(self.lost(error)),
        }
    }

    /// Also starts the deadline of what waits to be sent.
    fn has_to_send(&mut self) -> bool {
        !self.session.poll_transmit((self.clock)()).is_empty()
    }

    fn finish<E>(
        &mut self,
        moved: Result<bool, DriverError<E>>,
        handler: &mut impl FnMut(Event<'_>, &mut Session<S>),
    ) -> Result<(), DriverError<E>> {
        match moved {
            Ok(received) => {
                let now = (self.clock)();
                if received {
                    self.session.note_received(now);
                }
                self.feed(now, handler);
                Ok(self.still_open()?)
            }
            Err(error) => Err(self.lost(error)),
        }
    }
}

/// Reads once, and says whether bytes have arrived. What has been read is in the buffer as soon as the read is done:
/// nothing is lost when this is dropped.
async fn receive<B, R>(
    lines: &mut LineBuf<B>,
    ended: &mut bool,
    reader: &mut R,
) -> Result<bool, DriverError<R::Error>>
where
    B: AsRef<[u8]> + AsMut<[u8]>,
    R: Read,
{
    // A transport need not repeat its end: what a read would find after it is not known.
    if *ended {
        return Ok(false);
    }
    let spare = lines.spare();
    if spare.is_empty() {
        return Err(DriverError::NoReceiveBuffer);
    }
    match reader.read(spare).await {
        Ok(0) => *ended = true,
        Ok(length) => {
            lines.commit(length);
            return Ok(true);
        }
        Err(error) if is_passing(&error) => {}
        Err(error) => return Err(DriverError::Read(error)),
    }
    Ok(false)
}

/// Writes and flushes once; `false`, for no bytes have arrived. What was written and not flushed is remembered: it is not
/// written again when this is dropped.
async fn send<S, C, W>(
    session: &mut Session<S>,
    clock: &mut C,
    unflushed: &mut usize,
    writer: &mut W,
) -> Result<bool, DriverError<W::Error>>
where
    S: Storage,
    C: FnMut() -> Instant,
    W: Write,
{
    if *unflushed == 0 {
        match writer.write(session.poll_transmit(clock())).await {
            Ok(0) => return Err(DriverError::WriteZero),
            Ok(length) => *unflushed = length,
            Err(error) if is_passing(&error) => return Ok(false),
            Err(error) => return Err(DriverError::Write(error)),
        }
    }
    match writer.flush().await {
        Ok(()) => session.transmitted(clock(), core::mem::take(unflushed)),
        Err(error) if is_passing(&error) => {}
        Err(error) => return Err(DriverError::Write(error)),
    }
    Ok(false)
}

async fn sleep<E, F: Future<Output = ()>>(
    deadline: Option<Instant>,
    sleep_until: impl FnOnce(Instant) -> F,
) -> Result<bool, E> {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => pending().await,
    }
    Ok(false)
}

/// The result of whichever is done first; the other is dropped.
async fn first<T>(one: impl Future<Output = T>, other: impl Future<Output = T>) -> T {
    let mut one = pin!(one);
    let mut other = pin!(other);
    poll_fn(|context| match one.as_mut().poll(context) {
        Poll::Pending => other.as_mut().poll(context),
        ready => ready,
    })
    .await
}
