//! The broker's end of the protocol, for local brokers, tests and simulations.
//!
//! The shape is that of the client's [`Session`](crate::Session): lines and time go in, events, bytes and a deadline
//! come out, and the memory is the caller's. What it leaves to the caller is who may log in and which events there are.
//!
//! ```
//! use noti_proto::server::{BrokerConfig, BrokerEvent, BrokerSession};
//! use noti_proto::{Inline, Instant, Line};
//!
//! let now = Instant::ZERO;
//! let mut broker = BrokerSession::new(BrokerConfig::default(), Inline::<512, 5>::new()).unwrap();
//! broker.connected(now);
//!
//! let login = br#"{"cmd":"enterprise_login_req","data":{"enterprise_id":"e","enterprise_secret":"s","prefetch_count":5}}"#;
//! let Some(BrokerEvent::LoginRequest(request)) = broker.handle_line(now, Line::whole(login)) else {
//!     panic!("a login");
//! };
//! assert!(request.enterprise_id == "e" && request.enterprise_secret == "s");
//! broker.accept_login();
//! broker.push(7, br#"{"event_type":"device_offline","did":"d"}"#).unwrap();
//!
//! let ack = br#"{"cmd":"enterprise_event_ack","delivery_id":1}"#;
//! let event = broker.handle_line(now, Line::whole(ack));
//! assert!(matches!(event, Some(BrokerEvent::Acked { tag: 7 })));
//! ```

use core::error::Error;
use core::fmt;
use core::time::Duration;

mod window;

use crate::error::{ConfigError, LineError};
use crate::in_flight::{MAX_ID, MAX_SLOTS};
use crate::instant::{Instant, whole_millis};
use crate::line_buf::{Content, Line};
use crate::message::{self, Command, Message, Reading};
use crate::storage::{MIN_TRANSMIT, Parts, Storage};
use crate::string::JsonStr;
use crate::timers::{Timer, Timers};
use crate::transmit::{Transmit, decimal};
use crate::value::JsonValue;
use window::Window;

/// The settings of a [`BrokerSession`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BrokerConfig {
    /// How long a client may stay silent before it is cut (clause H6). Default 330 s: the protocol's 300 s, and time for
    /// the ping to arrive.
    pub idle_timeout: Duration,
    /// How long a new connection may stay without a login. Default 30 s.
    pub login_timeout: Duration,
    /// How long bytes may wait for the transport to take any of them. Default 30 s.
    pub stall_timeout: Duration,
}

impl Default for BrokerConfig {
    fn default() -> Self {
        Self {
            idle_timeout: Duration::from_secs(330),
            login_timeout: Duration::from_secs(30),
            stall_timeout: Duration::from_secs(30),
        }
    }
}

/// Where a broker's session stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BrokerState {
    /// No connection.
    Idle,
    /// The client has not logged in yet.
    AwaitingLogin,
    /// The login is with the application, which must accept or refuse it.
    LoginRequested,
    /// Events can be pushed.
    LoggedIn,
    /// The connection will end as soon as what waits is out.
    Closing(BrokerCloseReason),
    /// The connection is of no more use: close it.
    Closed(BrokerCloseReason),
}

/// Why a broker's session has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum BrokerCloseReason {
    /// The transport ended.
    Disconnected,
    /// The login was refused (clause L4).
    LoginRefused,
    /// No login came in time.
    LoginTimeout,
    /// The client sent nothing for too long (clause H6).
    Idle,
    /// The client took no byte for too long.
    TransmitStalled,
}

/// What a client's line means.
#[non_exhaustive]
pub enum BrokerEvent<'a> {
    /// The client asks to be let in: call [`BrokerSession::accept_login`] or [`BrokerSession::refuse_login`].
    LoginRequest(LoginRequest<'a>),
    /// The client is done with a delivery.
    Acked {
        /// What [`BrokerSession::push`] was given for it.
        tag: u32,
    },
    /// The client sent a ping; the answer is on its way, unless answers are withheld.
    Ping,
    /// The client sent something wrong; it has been told (clause E1).
    ClientError {
        /// What it did.
        error: ClientError,
        /// The exact bytes of its line, or of the last part of one that is longer than the buffer.
        line: &'a [u8],
    },
}

/// Leaves out a client's lines: a login that went wrong holds its secret.
impl fmt::Debug for BrokerEvent<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LoginRequest(request) => f.debug_tuple("LoginRequest").field(request).finish(),
            Self::Acked { tag } => f.debug_struct("Acked").field("tag", tag).finish(),
            Self::Ping => f.write_str("Ping"),
            Self::ClientError { error, .. } => f
                .debug_struct("ClientError")
                .field("error", error)
                .finish_non_exhaustive(),
        }
    }
}

/// A client's login (clause L1).
#[derive(Clone, Copy)]
pub struct LoginRequest<'a> {
    /// The enterprise id.
    pub enterprise_id: JsonStr<'a>,
    /// The enterprise secret.
    pub enterprise_secret: JsonStr<'a>,
    /// How many deliveries may be out un-acked (clause L2).
    pub prefetch: u16,
}

/// Hides the secret.
impl fmt::Debug for LoginRequest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoginRequest")
            .field("enterprise_id", &self.enterprise_id)
            .field("prefetch", &self.prefetch)
            .finish_non_exhaustive()
    }
}

/// What a client can do wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClientError {
    /// The line is no message.
    Malformed(LineError),
    /// The line is longer than the buffer.
    Oversize,
    /// A command that the broker does not know.
    UnknownCommand,
    /// A login whose fields are missing, of a wrong type, or out of range.
    InvalidLogin,
    /// Something else than a login, before the login (clause E2).
    NotLoggedIn,
    /// A second login (clause L6).
    AlreadyLoggedIn,
    /// An ack of nothing that is un-acked on this connection (clause A4).
    UnknownDelivery,
}

impl ClientError {
    const COUNT: usize = 6;

    /// How the client is told: place in the list of owed answers, code if there is one, text.
    const fn answer(self) -> (usize, Option<u64>, &'static str) {
        match self {
            Self::Malformed(_) | Self::Oversize => (0, None, "invalid message"),
            Self::UnknownCommand => (1, None, "unknown cmd"),
            Self::InvalidLogin => (2, None, "invalid login"),
            Self::NotLoggedIn => (3, Some(4001), "not login"),
            Self::AlreadyLoggedIn => (4, Some(4009), "has login"),
            Self::UnknownDelivery => (5, None, "unknown delivery_id"),
        }
    }

    /// One of each kind of answer.
    const ANSWERS: [Self; Self::COUNT] = [
        Self::Oversize,
        Self::UnknownCommand,
        Self::InvalidLogin,
        Self::NotLoggedIn,
        Self::AlreadyLoggedIn,
        Self::UnknownDelivery,
    ];
}

/// Why an event was not pushed. Nothing was sent, and nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PushError {
    /// The client is not logged in, or no longer.
    NotLoggedIn,
    /// The client has as many deliveries un-acked as it asked for.
    WindowFull,
    /// The transmit buffer has no room now: transmit first. If it is empty, the event is longer than it is.
    NoRoom,
    /// The delivery id is longer than [`MAX_ID`](crate::MAX_ID).
    IdTooLong,
    /// The event is no JSON object on one line.
    NotAnObject,
}

impl fmt::Display for PushError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotLoggedIn => "the client is not logged in; keep the event for another",
            Self::WindowFull => "the client's window is full; wait for an ack",
            Self::NoRoom => "the transmit buffer has no room; transmit first, or give a longer one",
            Self::IdTooLong => "the delivery id is longer than 40 bytes; use a shorter one",
            Self::NotAnObject => "the event is no JSON object on one line; leave it out",
        })
    }
}

impl Error for PushError {}

/// One client's connection, seen from the broker, without a socket and without a clock.
pub struct BrokerSession<S> {
    core: Core,
    storage: S,
}

impl<S: Storage> BrokerSession<S> {
    /// A session without a connection. The slots bound the window that any client gets.
    ///
    /// # Errors
    /// Which setting is out of range, or which memory is too small.
    pub fn new(config: BrokerConfig, mut storage: S) -> Result<Self, ConfigError> {
        let parts = storage.parts();
        if parts.slots.is_empty() || parts.slots.len() > MAX_SLOTS {
            return Err(ConfigError::Slots);
        }
        if parts.tx.len() < MIN_TRANSMIT {
            return Err(ConfigError::TransmitBuffer);
        }
        Ok(Self {
            core: Core::new(&config),
            storage,
        })
    }

    /// A client has connected. Ids start at 1 again. What the client before it left un-acked is forgotten: take it
    /// with [`take_unacked`](Self::take_unacked) first.
    pub fn connected(&mut self, now: Instant) {
        self.core.window = Window::new();
        self.core.restart(BrokerState::AwaitingLogin);
        self.core
            .set_timer(Timer::Login, now, self.core.login_timeout);
        self.core
            .set_timer(Timer::Idle, now, self.core.idle_timeout);
    }

    /// The transport has ended.
    pub fn disconnected(&mut self, _now: Instant) {
        if !matches!(self.core.state, BrokerState::Closed(_)) {
            self.core
                .restart(BrokerState::Closed(BrokerCloseReason::Disconnected));
        }
    }

    /// Reads a client's line. `None` when there is nothing to tell.
    pub fn handle_line<'l>(&mut self, now: Instant, line: Line<'l>) -> Option<BrokerEvent<'l>> {
        self.core.handle_line(self.storage.parts(), now, line)
    }

    /// Lets the client in. Without a login that waits for it, nothing happens.
    pub fn accept_login(&mut self) {
        if self.core.state == BrokerState::LoginRequested {
            self.core.state = BrokerState::LoggedIn;
            self.core.timers.stop(Timer::Login);
            self.core.owed.accepted = true;
        }
    }

    /// Turns the client away with a text for its people, and closes once that has left (clause L4).
    pub fn refuse_login(&mut self, msg: &str) {
        if self.core.state != BrokerState::LoginRequested {
            return;
        }
        let parts = self.storage.parts();
        let mut message = self.core.transmit.message(parts.tx);
        message.put(br#"{"cmd":"enterprise_login_res","data":{"result":false,"msg":""#);
        message.put_escaped(msg);
        message.put(b"\"}}\n");
        // A text that does not fit is left out.
        self.core.owed.refused = message.finish().is_err();
        self.core.closing(BrokerCloseReason::LoginRefused);
    }

    /// What the client asked for in its login; 0 before.
    #[must_use]
    pub const fn prefetch(&self) -> u16 {
        self.core.prefetch
    }

    /// Pushes up to `extra` deliveries beyond the prefetch of the client that is logged in, which a sound broker never
    /// does: to see how the client bears it.
    pub fn exceed_window(&mut self, extra: u16) {
        self.core.extra = extra;
    }

    /// Leaves pings unanswered from now on, until [`pong`](Self::pong): to see how a client bears it. The next
    /// connection is answered again.
    pub fn withhold_pongs(&mut self) {
        self.core.withhold_pongs = true;
    }

    /// Answers a ping that was withheld.
    pub fn pong(&mut self) {
        if self.core.state == BrokerState::LoggedIn {
            self.core.owed.pongs = self.core.owed.pongs.saturating_add(1);
        }
    }

    /// Sends bytes that are no delivery, given in pieces, just as they are: to see how a client bears them.
    ///
    /// # Errors
    /// [`PushError::NotLoggedIn`] or [`PushError::NoRoom`]; nothing has changed then.
    pub fn push_bytes(&mut self, bytes: &[&[u8]]) -> Result<(), PushError> {
        if self.core.state != BrokerState::LoggedIn {
            return Err(PushError::NotLoggedIn);
        }
        let parts = self.storage.parts();
        self.core.fill(parts.tx);
        match !self.core.owed.accepted && self.core.transmit.append(parts.tx, bytes) {
            true => Ok(()),
            false => Err(PushError::NoRoom),
        }
    }

    /// The memory, for making it longer: what both parts begin with must stay. A broker can so start a connection
    /// with little, and give more to a client that turns out to be worth it.
    pub fn storage_mut(&mut self) -> &mut S {
        &mut self.storage
    }

    /// Sends an event: a JSON object on one line, without `cmd` and `delivery_id`, which this adds. Ids count from 1
    /// on each connection. The `tag` comes back with the ack, or from [`take_unacked`](Self::take_unacked).
    ///
    /// # Errors
    /// [`PushError`]; nothing has changed then.
    pub fn push(&mut self, tag: u32, event: &[u8]) -> Result<(), PushError> {
        let members = match event.trim_ascii() {
            [b'{', members @ .., b'}'] if !members.contains(&b'\n') => members,
            _ => return Err(PushError::NotAnObject),
        };
        let comma: &[u8] = match members.trim_ascii() {
            [] => b"",
            _ => b",",
        };
        let mut digits = [0; 20];
        let id = decimal(self.next_id(), &mut digits);
        self.push_line(
            tag,
            id,
            &[
                br#"{"cmd":"enterprise_event_push","delivery_id":"#,
                id,
                comma,
                members,
                b"}",
            ],
        )
    }

    /// Sends a line of the caller's own making, given in pieces and without its `\n`, as the delivery with this id: the
    /// exact bytes that an ack will carry.
    ///
    /// # Errors
    /// [`PushError`]; nothing has changed then.
    pub fn push_line(&mut self, tag: u32, id: &[u8], line: &[&[u8]]) -> Result<(), PushError> {
        if self.core.state != BrokerState::LoggedIn {
            return Err(PushError::NotLoggedIn);
        }
        if id.len() > MAX_ID {
            return Err(PushError::IdTooLong);
        }
        if self.window() == 0 {
            return Err(PushError::WindowFull);
        }
        let parts = self.storage.parts();
        // The answer to the login goes first.
        self.core.fill(parts.tx);
        if self.core.owed.accepted {
            return Err(PushError::NoRoom);
        }
        let mut message = self.core.transmit.message(parts.tx);
        for piece in line {
            message.put(piece);
        }
        message.put(b"\n");
        message.finish().map_err(|_| PushError::NoRoom)?;
        self.core.window.push(parts.slots, id, tag);
        self.core.next_id = self.core.next_id.saturating_add(1);
        Ok(())
    }

    /// The number of the next delivery of this connection.
    #[must_use]
    pub const fn next_id(&self) -> u64 {
        self.core.next_id
    }

    /// How many more events the client would take now.
    #[must_use]
    pub fn window(&mut self) -> usize {
        let slots = self.storage.parts().slots.len();
        let window = usize::from(self.core.prefetch.saturating_add(self.core.extra)).min(slots);
        match self.core.state {
            BrokerState::LoggedIn => window.saturating_sub(self.in_flight()),
            _ => 0,
        }
    }

    /// Deliveries that the client has not acked.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        usize::from(self.core.window.held())
    }

    /// The tag of the oldest delivery that the client left un-acked, which is then no longer in flight. Call it until
    /// `None` once the session is closed, and put what it gives to the front of the queue (clause A6).
    pub fn take_unacked(&mut self) -> Option<u32> {
        self.core.window.pop(self.storage.parts().slots)
    }

    /// Bytes to send, empty when there are none; the same until [`transmitted`](Self::transmitted) takes them.
    #[must_use]
    pub fn poll_transmit(&mut self, now: Instant) -> &[u8] {
        let parts = self.storage.parts();
        self.core.fill(parts.tx);
        if !self.core.transmit.is_empty() && !self.core.stall_armed {
            self.core.stall_armed = true;
            self.core
                .set_timer(Timer::Stall, now, self.core.stall_timeout);
        }
        self.core.transmit.pending(parts.tx)
    }

    /// The transport took the first `n` bytes; more than there were counts as all.
    pub fn transmitted(&mut self, now: Instant, n: usize) {
        let parts = self.storage.parts();
        if self.core.transmit.consume(parts.tx, n).is_empty() {
            return;
        }
        self.core.fill(parts.tx);
        self.core.stall_armed = !self.core.transmit.is_empty();
        if self.core.stall_armed {
            self.core
                .set_timer(Timer::Stall, now, self.core.stall_timeout);
        } else {
            self.core.timers.stop(Timer::Stall);
        }
        self.core.close_when_drained();
    }

    /// When [`handle_timeout`](Self::handle_timeout) has something to do.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.core.timers.next()
    }

    /// Does what is due by `now`.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.core.timers.take_expired(Timer::Stall, now) {
            self.core
                .restart(BrokerState::Closed(BrokerCloseReason::TransmitStalled));
        } else if self.core.timers.take_expired(Timer::Login, now) {
            self.core.closing(BrokerCloseReason::LoginTimeout);
        } else if self.core.timers.take_expired(Timer::Idle, now) {
            self.core.owed.no_heartbeat = true;
            self.core.closing(BrokerCloseReason::Idle);
        }
    }

    /// Where the session stands.
    #[must_use]
    pub const fn state(&self) -> BrokerState {
        self.core.state
    }
}

/// Says where the session stands, not what is in its buffers.
impl<S> fmt::Debug for BrokerSession<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BrokerSession")
            .field("state", &self.core.state)
            .field("in_flight", &self.core.window.held())
            .finish_non_exhaustive()
    }
}

/// Answers that wait for room in the transmit buffer. A client that asks without reading makes these counts grow, not
/// the memory.
#[derive(Debug, Default)]
struct Owed {
    accepted: bool,
    refused: bool,
    no_heartbeat: bool,
    pongs: u16,
    errors: [u16; ClientError::COUNT],
}

impl Owed {
    fn is_nothing(&self) -> bool {
        let answers = self.accepted || self.refused || self.no_heartbeat || self.pongs > 0;
        !answers && self.errors.iter().all(|count| *count == 0)
    }
}

#[derive(Debug)]
struct Core {
    idle_timeout: u64,
    login_timeout: u64,
    stall_timeout: u64,
    timers: Timers,
    stall_armed: bool,
    transmit: Transmit,
    window: Window,
    owed: Owed,
    next_id: u64,
    prefetch: u16,
    extra: u16,
    withhold_pongs: bool,
    state: BrokerState,
}

impl Core {
    fn new(config: &BrokerConfig) -> Self {
        Self {
            idle_timeout: whole_millis(config.idle_timeout),
            login_timeout: whole_millis(config.login_timeout),
            stall_timeout: whole_millis(config.stall_timeout),
            timers: Timers::new(),
            stall_armed: false,
            transmit: Transmit::new(),
            window: Window::new(),
            owed: Owed::default(),
            next_id: 1,
            prefetch: 0,
            extra: 0,
            withhold_pongs: false,
            state: BrokerState::Idle,
        }
    }

    /// Forgets the connection, but for the deliveries that the client left un-acked.
    fn restart(&mut self, state: BrokerState) {
        self.timers = Timers::new();
        self.stall_armed = false;
        self.transmit = Transmit::new();
        self.owed = Owed::default();
        self.next_id = 1;
        self.prefetch = 0;
        self.extra = 0;
        self.withhold_pongs = false;
        self.state = state;
    }

    /// Ends the connection as soon as what waits is out.
    fn closing(&mut self, reason: BrokerCloseReason) {
        self.state = BrokerState::Closing(reason);
        self.timers.stop(Timer::Login);
        self.timers.stop(Timer::Idle);
        self.close_when_drained();
    }

    fn close_when_drained(&mut self) {
        if let BrokerState::Closing(reason) = self.state
            && self.transmit.is_empty()
            && self.owed.is_nothing()
        {
            self.restart(BrokerState::Closed(reason));
        }
    }

    fn set_timer(&mut self, timer: Timer, now: Instant, millis: u64) {
        self.timers.set(timer, now.after_millis(millis));
    }

    /// Writes the answers that are owed, as far as there is room.
    fn fill(&mut self, tx: &mut [u8]) {
        const ACCEPTED: &[u8] =
            b"{\"cmd\":\"enterprise_login_res\",\"data\":{\"result\":true,\"msg\":\"ok\"}}\n";
        const REFUSED: &[u8] =
            b"{\"cmd\":\"enterprise_login_res\",\"data\":{\"result\":false,\"msg\":\"refused\"}}\n";
        const PONG: &[u8] = b"{\"cmd\":\"enterprise_pong\"}\n";
        const NO_HEARTBEAT: &[u8] = b"No Heartbeat!\n";

        let transmit = &mut self.transmit;
        let owed = &mut self.owed;
        owed.accepted = owed.accepted && !transmit.append(tx, &[ACCEPTED]);
        owed.refused = owed.refused && !transmit.append(tx, &[REFUSED]);
        while owed.pongs > 0 && transmit.append(tx, &[PONG]) {
            owed.pongs = owed.pongs.saturating_sub(1);
        }
        for (count, error) in owed.errors.iter_mut().zip(ClientError::ANSWERS) {
            let (_, code, text) = error.answer();
            while *count > 0 {
                let mut message = transmit.message(tx);
                message.put(br#"{"cmd":"invalid_msg","#);
                if let Some(code) = code {
                    message.put(br#""error_code":"#);
                    message.put_number(code);
                    message.put(b",");
                }
                message.put(br#""msg":""#);
                message.put(text.as_bytes());
                message.put(b"\"}\n");
                if message.finish().is_err() {
                    return;
                }
                *count = count.saturating_sub(1);
            }
        }
        owed.no_heartbeat = owed.no_heartbeat && !transmit.append(tx, &[NO_HEARTBEAT]);
    }

    fn handle_line<'l>(
        &mut self,
        mut parts: Parts<'_>,
        now: Instant,
        line: Line<'l>,
    ) -> Option<BrokerEvent<'l>> {
        if matches!(
            self.state,
            BrokerState::Idle | BrokerState::Closing(_) | BrokerState::Closed(_)
        ) {
            return None;
        }
        self.set_timer(Timer::Idle, now, self.idle_timeout);
        match line.content {
            Content::Whole(batch) => match message::read(&batch) {
                Reading::Blank => None,
                Reading::Message(message) => Some(self.handle_message(&mut parts, &message)),
                Reading::Malformed { line, error } => {
                    Some(self.client_error(ClientError::Malformed(error), line))
                }
            },
            Content::Part { bytes, last, .. } => {
                last.then(|| self.client_error(ClientError::Oversize, bytes))
            }
        }
    }

    fn client_error<'l>(&mut self, error: ClientError, line: &'l [u8]) -> BrokerEvent<'l> {
        let (place, ..) = error.answer();
        if let Some(count) = self.owed.errors.get_mut(place) {
            *count = count.saturating_add(1);
        }
        BrokerEvent::ClientError { error, line }
    }

    fn handle_message<'l>(
        &mut self,
        parts: &mut Parts<'_>,
        message: &Message<'l>,
    ) -> BrokerEvent<'l> {
        let line = message.line;
        let logged_in = self.state == BrokerState::LoggedIn;
        match message.command {
            Command::LoginRequest if self.state != BrokerState::AwaitingLogin => {
                self.client_error(ClientError::AlreadyLoggedIn, line)
            }
            Command::LoginRequest => match login_request(message) {
                Some(request) => {
                    self.prefetch = request.prefetch;
                    self.state = BrokerState::LoginRequested;
                    BrokerEvent::LoginRequest(request)
                }
                None => self.client_error(ClientError::InvalidLogin, line),
            },
            Command::Ping if logged_in => {
                if !self.withhold_pongs {
                    self.owed.pongs = self.owed.pongs.saturating_add(1);
                }
                BrokerEvent::Ping
            }
            Command::Ack if logged_in => {
                let id = message.members.delivery_id.value(line);
                let id = id
                    .map(|id: JsonValue<'l>| id.as_bytes())
                    .unwrap_or_default();
                match self.window.remove(parts.slots, id) {
                    Some(tag) => BrokerEvent::Acked { tag },
                    None => self.client_error(ClientError::UnknownDelivery, line),
                }
            }
            Command::Ping | Command::Ack => self.client_error(ClientError::NotLoggedIn, line),
            _ => self.client_error(ClientError::UnknownCommand, line),
        }
    }
}

fn login_request<'l>(message: &Message<'l>) -> Option<LoginRequest<'l>> {
    let data = message.members.data.value(message.line)?;
    let prefetch = data.member("prefetch_count")?.as_number()?.to_u32().ok()?;
    let prefetch = u16::try_from(prefetch).ok()?;
    Some(LoginRequest {
        enterprise_id: data.member("enterprise_id")?.as_str()?,
        enterprise_secret: data.member("enterprise_secret")?.as_str()?,
        prefetch: (1..=crate::MAX_PREFETCH)
            .contains(&prefetch)
            .then_some(prefetch)?,
    })
}
