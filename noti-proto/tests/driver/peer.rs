//! A scripted peer in memory, a clock that the test moves, and what the application saw.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::Poll;

use embedded_io::ErrorKind;
use noti_proto::driver::DriverError;
use noti_proto::{AckToken, Config, Event, Inline, Instant, LineBuf, Login, Session};

pub(crate) const LOGIN: &str = concat!(
    r#"{"cmd":"enterprise_login_req","data":{"enterprise_id":"id","enterprise_secret":"secret","#,
    r#""prefetch_count":5}}"#,
    "\n"
);
pub(crate) const ACCEPTED: &str =
    "{\"cmd\":\"enterprise_login_res\",\"data\":{\"result\":true,\"msg\":\"ok\"}}\n";
pub(crate) const REFUSED: &str =
    "{\"cmd\":\"enterprise_login_res\",\"data\":{\"result\":false,\"msg\":\"no\"}}\n";
pub(crate) const PING: &str = "{\"cmd\":\"enterprise_ping\"}\n";
pub(crate) const PONG: &str = "{\"cmd\":\"enterprise_pong\"}\n";

pub(crate) fn push(id: u32) -> String {
    format!(
        "{{\"cmd\":\"enterprise_event_push\",\"delivery_id\":{id},\"event_type\":\"device_offline\"}}\n"
    )
}

pub(crate) fn ack(id: u32) -> String {
    format!("{{\"cmd\":\"enterprise_event_ack\",\"delivery_id\":{id}}}\n")
}

pub(crate) type TestSession = Session<Inline<256, 5>>;

pub(crate) fn session() -> TestSession {
    Session::new(Config::default(), Inline::new()).unwrap()
}

pub(crate) const fn lines() -> LineBuf<[u8; 256]> {
    LineBuf::new([0; 256])
}

pub(crate) const CREDENTIALS: Login<'static> = Login {
    enterprise_id: "id",
    enterprise_secret: "secret",
};

/// A clock that stands still until the test moves it.
#[derive(Clone, Default)]
pub(crate) struct Clock(Rc<Cell<u64>>);

impl Clock {
    pub(crate) fn now(&self) -> Instant {
        Instant::from_millis(self.0.get())
    }

    pub(crate) fn set(&self, millis: u64) {
        self.0.set(millis);
    }

    pub(crate) fn reader(&self) -> impl FnMut() -> Instant + use<> {
        let clock = self.clone();
        move || clock.now()
    }
}

/// What the handler was given, in words, and the tokens of the deliveries.
#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) events: Vec<String>,
    pub(crate) tokens: Vec<AckToken>,
}

impl Seen {
    pub(crate) fn note(&mut self, event: &Event<'_>) {
        self.events.push(match event {
            Event::LoggedIn => "logged in".into(),
            Event::LoginRefused { .. } => "refused".into(),
            Event::Delivery(delivery) => {
                self.tokens.push(delivery.token());
                format!(
                    "delivery {}",
                    String::from_utf8_lossy(delivery.delivery_id())
                )
            }
            Event::Pong => "pong".into(),
            Event::OversizePart { .. } => "part".into(),
            other => format!("{other:?}"),
        });
    }

    /// Notes the event, and acks it if it is a delivery.
    pub(crate) fn note_and_ack(&mut self, event: &Event<'_>, session: &mut TestSession) {
        self.note(event);
        if let Event::Delivery(delivery) = event {
            session.ack(delivery.token()).unwrap();
        }
    }
}

/// What a read meets. When the script is over, nothing more arrives.
pub(crate) enum Input {
    Bytes(Vec<u8>),
    /// Nothing now: not ready, one poll long, or a read timeout.
    Nothing,
    /// A read timeout, after which it is so late.
    NothingUntil(u64),
    Fail(ErrorKind),
    End,
    /// The end, after which a read meets the rest of the script.
    EndOnce,
}

/// What a write or a flush meets. When the script is over, all goes through.
pub(crate) enum Output {
    /// No room: not ready, or one poll long.
    Full,
    /// No room any more.
    Stuck,
    Take(usize),
    Fail(ErrorKind),
}

/// A script that breaks a connection, and the error that says so.
pub(crate) type Failure = (fn(&Peer), DriverError<ErrorKind>);

/// Both halves of a transport; clones are the same.
#[derive(Clone, Default)]
pub(crate) struct Peer(Rc<RefCell<Script>>);

#[derive(Default)]
struct Script {
    input: VecDeque<Input>,
    writes: VecDeque<Output>,
    flushes: VecDeque<Output>,
    written: Vec<u8>,
    flushed: usize,
    clock: Clock,
}

impl Peer {
    pub(crate) fn new(clock: &Clock) -> Self {
        let peer = Self::default();
        peer.0.borrow_mut().clock = clock.clone();
        peer
    }

    pub(crate) fn sends(&self, text: &str) {
        self.then(Input::Bytes(text.into()));
    }

    pub(crate) fn then(&self, input: Input) {
        self.0.borrow_mut().input.push_back(input);
    }

    pub(crate) fn on_write(&self, output: Output) {
        self.0.borrow_mut().writes.push_back(output);
    }

    pub(crate) fn on_flush(&self, output: Output) {
        self.0.borrow_mut().flushes.push_back(output);
    }

    /// The transport has room again.
    pub(crate) fn drains(&self) {
        self.0.borrow_mut().writes.clear();
    }

    /// All that was written and flushed so far.
    pub(crate) fn received(&self) -> String {
        let script = self.0.borrow();
        String::from_utf8(script.written[..script.flushed].to_vec()).unwrap()
    }

    pub(crate) fn nothing_left(&self) -> bool {
        let script = self.0.borrow();
        script.input.is_empty() && script.flushed == script.written.len()
    }

    /// `None` where a blocking transport would wait.
    fn try_read(&self, buffer: &mut [u8]) -> Option<Result<usize, ErrorKind>> {
        let mut script = self.0.borrow_mut();
        match script.input.pop_front() {
            None | Some(Input::Nothing) => None,
            Some(Input::NothingUntil(millis)) => {
                script.clock.set(millis);
                None
            }
            Some(Input::Fail(kind)) => Some(Err(kind)),
            Some(Input::EndOnce) => Some(Ok(0)),
            Some(Input::End) => {
                script.input.push_front(Input::End);
                Some(Ok(0))
            }
            Some(Input::Bytes(mut bytes)) => {
                let length = bytes.len().min(buffer.len());
                buffer[..length].copy_from_slice(&bytes[..length]);
                let rest = bytes.split_off(length);
                if !rest.is_empty() {
                    script.input.push_front(Input::Bytes(rest));
                }
                Some(Ok(length))
            }
        }
    }

    fn try_write(&self, bytes: &[u8]) -> Option<Result<usize, ErrorKind>> {
        let mut script = self.0.borrow_mut();
        let length = match script.writes.pop_front() {
            None => bytes.len(),
            Some(Output::Take(length)) => length.min(bytes.len()),
            Some(Output::Full) => return None,
            Some(Output::Stuck) => {
                script.writes.push_front(Output::Stuck);
                return None;
            }
            Some(Output::Fail(kind)) => return Some(Err(kind)),
        };
        script.written.extend_from_slice(&bytes[..length]);
        Some(Ok(length))
    }

    fn try_flush(&self) -> Option<Result<(), ErrorKind>> {
        let mut script = self.0.borrow_mut();
        match script.flushes.pop_front() {
            None | Some(Output::Take(_)) => {}
            Some(Output::Full | Output::Stuck) => return None,
            Some(Output::Fail(kind)) => return Some(Err(kind)),
        }
        script.flushed = script.written.len();
        Some(Ok(()))
    }
}

impl embedded_io::ErrorType for Peer {
    type Error = ErrorKind;
}

impl embedded_io::Read for Peer {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, ErrorKind> {
        self.try_read(buffer).unwrap_or(Err(ErrorKind::TimedOut))
    }
}

impl embedded_io::Write for Peer {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, ErrorKind> {
        self.try_write(bytes).unwrap_or(Err(ErrorKind::TimedOut))
    }

    fn flush(&mut self) -> Result<(), ErrorKind> {
        self.try_flush().unwrap_or(Err(ErrorKind::TimedOut))
    }
}

impl embedded_io::ReadReady for Peer {
    fn read_ready(&mut self) -> Result<bool, ErrorKind> {
        let mut script = self.0.borrow_mut();
        if let Some(Input::Nothing) = script.input.front() {
            script.input.pop_front();
            return Ok(false);
        }
        Ok(!script.input.is_empty())
    }
}

impl embedded_io::WriteReady for Peer {
    fn write_ready(&mut self) -> Result<bool, ErrorKind> {
        let mut script = self.0.borrow_mut();
        match script.writes.front() {
            Some(Output::Full) => {
                script.writes.pop_front();
                Ok(false)
            }
            Some(Output::Stuck) => Ok(false),
            _ => Ok(true),
        }
    }
}

/// Cancel-safe: what a dropped future has not done is not done.
impl embedded_io_async::Read for Peer {
    async fn read(&mut self, buffer: &mut [u8]) -> Result<usize, ErrorKind> {
        poll_fn(|_| self.try_read(buffer).map_or(Poll::Pending, Poll::Ready)).await
    }
}

impl embedded_io_async::Write for Peer {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, ErrorKind> {
        poll_fn(|_| self.try_write(bytes).map_or(Poll::Pending, Poll::Ready)).await
    }

    async fn flush(&mut self) -> Result<(), ErrorKind> {
        poll_fn(|_| self.try_flush().map_or(Poll::Pending, Poll::Ready)).await
    }
}
