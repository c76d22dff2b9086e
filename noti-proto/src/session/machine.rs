//! The client's end of a connection.

use core::fmt;

use super::acks::{InFlight, Slot};
use super::config::{Config, Settings};
use super::error::{AckError, ConfigError, ConnectError};
use super::instant::Instant;
use super::storage::{Parts, Storage};
use super::timers::{Timer, Timers};
use crate::event::delivery::Delivery;
use crate::event::incoming::Event;
use crate::event::token::AckToken;
use crate::json::value::{JsonKind, JsonValue};
use crate::wire::error::LineError;
use crate::wire::line::{Content, Line};
use crate::wire::login::Login;
use crate::wire::members::{Member, Members};
use crate::wire::message::{self, Command, Message, Reading};
use crate::wire::names::{ACK_END, ACK_START, MAX_ID, PING_LINE};
use crate::wire::salvage::Recovery;
use crate::wire::transmit::{Transmit, wipe};

/// Error codes of `invalid_msg` that mean that this connection is not logged in, or no longer (clause E2).
const NOT_LOGGED_IN: [u32; 2] = [4001, 4003];
/// The server has an internal error (clause E3).
const SERVER_INTERNAL: u32 = 4000;

/// Where a session stands.
///
/// ```text
///            connected            login answer: true
///   Idle ───────────────> LoggingIn ────────────────> LoggedIn
///                             │                          │  more deliveries than slots,
///                refused,     │            timeout,      │  server error
///                timeout      │            login lost    ├───────────────> Closing
///                             v                          v                    │ acks are out
///                          Closed <──────────────────────┴────────────────────┘
///                             │
///                             └──── connected ────> LoggingIn
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum State {
    /// No connection yet.
    Idle,
    /// The login is on its way, or waits for its answer.
    LoggingIn,
    /// Deliveries may come at any time.
    LoggedIn,
    /// The connection will end as soon as the acks given so far are out. What still arrives is ignored.
    Closing(CloseReason),
    /// The connection is of no more use: close it, and connect anew unless the reason says otherwise.
    Closed(CloseReason),
}

/// Why a session has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum CloseReason {
    /// The transport ended: [`Session::disconnected`] was called.
    Disconnected,
    /// The server refused the login (clause L4). Trying again with the same credentials will fail again, unless the
    /// account's address list changes.
    LoginRefused,
    /// The login was not answered in time (clause L5).
    LoginTimeout,
    /// The ping was not answered in time: the link is dead (clause H3).
    PongTimeout,
    /// The transport took no byte for too long (clause H5).
    TransmitStalled,
    /// The server sent more un-acked deliveries than there are slots (clause A6).
    WindowExceeded,
    /// The server no longer knows this login (clause E2).
    LoginLost,
    /// The server has an internal error (clause E3): wait before connecting anew.
    ServerError,
}

impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Disconnected => "the connection ended",
            Self::LoginRefused => "the server refused the login",
            Self::LoginTimeout => "the server did not answer the login in time",
            Self::PongTimeout => "the server did not answer a ping in time",
            Self::TransmitStalled => "the connection took no data for too long",
            Self::WindowExceeded => "the server sent more than the prefetch allows",
            Self::LoginLost => "the server no longer knows this login",
            Self::ServerError => "the server reported an internal error",
        })
    }
}

/// The client's end of the protocol, without a socket and without a clock.
///
/// One session serves connection after connection. Its loop has five steps, in this order:
///
/// 1. feed all that has arrived: [`note_received`](Self::note_received) after each read,
///    [`LineBuf::next_line`](crate::LineBuf::next_line), [`handle_line`](Self::handle_line);
/// 2. [`handle_timeout`](Self::handle_timeout), so that what has arrived counts before a deadline does;
/// 3. send: [`poll_transmit`](Self::poll_transmit), [`transmitted`](Self::transmitted), until it is empty;
/// 4. look at [`state`](Self::state): once it is [`State::Closed`], close the transport;
/// 5. sleep until [`poll_timeout`](Self::poll_timeout), until bytes arrive, or until the application acks.
///
/// Calls may come early, late or twice. None panics, and none blocks. An event borrows the line that it came in, not the
/// session, so the application can ack while it still reads:
///
/// ```
/// # use noti_proto::{Config, Event, Inline, Instant, Line, Login, Session};
/// # let mut session = Session::new(Config::default(), Inline::<256, 5>::new()).unwrap();
/// # let now = Instant::ZERO;
/// # let login = Login { enterprise_id: "id", enterprise_secret: "secret" };
/// # session.connected(now, &login).unwrap();
/// let line = br#"{"cmd":"enterprise_event_push","delivery_id":7,"event_type":"device_offline","did":"d"}"#;
/// if let Some(Event::Delivery(delivery)) = session.handle_line(now, Line::whole(line)) {
///     session.ack(delivery.token()).unwrap();
///     assert!(delivery.did().unwrap() == "d");
/// }
/// ```
///
/// and an event cannot outlive its line:
///
/// ```compile_fail,E0505
/// # use noti_proto::{Config, Inline, Instant, LineBuf, Session};
/// # let mut session = Session::new(Config::default(), Inline::<256, 5>::new()).unwrap();
/// let mut lines = LineBuf::new([0; 1024]);
/// let event = session.handle_line(Instant::ZERO, lines.next_line().unwrap());
/// drop(lines);
/// drop(event);
/// ```
///
/// Call [`disconnected`](Self::disconnected) before dropping a session whose login has not left: that overwrites it.
pub struct Session<S> {
    core: Core,
    storage: S,
}

impl<S: Storage> Session<S> {
    /// A session without a connection.
    ///
    /// # Errors
    /// What in the settings is out of range, or which memory is too small for them.
    pub fn new(config: Config, mut storage: S) -> Result<Self, ConfigError> {
        let core = Core::new(&config, &storage.parts())?;
        Ok(Self { core, storage })
    }

    /// A new connection is open, secured and verified: logs in on it. Tokens of earlier connections are stale from now
    /// on. The credentials are not kept.
    ///
    /// The `LineBuf` must be [reset](crate::LineBuf::reset) too.
    ///
    /// # Errors
    /// [`ConnectError::LoginTooLong`]; the session is idle then.
    pub fn connected(&mut self, now: Instant, login: &Login<'_>) -> Result<(), ConnectError> {
        self.core.connected(self.storage.parts(), now, login)
    }

    /// The transport has ended, or was given up. Tokens die, acks that have not left are dropped: the broker will
    /// deliver those events again. A session that was [closing](State::Closing) keeps its reason.
    pub fn disconnected(&mut self, _now: Instant) {
        if !matches!(self.core.state, State::Closed(_)) {
            self.core
                .close(&mut self.storage.parts(), CloseReason::Disconnected);
        }
    }

    /// Reads a line. `None` when it is of no concern to the application: a blank line, or anything on a connection that
    /// is not open.
    #[must_use = "a delivery that is dropped is never acked"]
    pub fn handle_line<'l>(&mut self, now: Instant, line: Line<'l>) -> Option<Event<'l>> {
        self.core.handle_line(self.storage.parts(), now, line)
    }

    /// Bytes have arrived, in whole lines or not: they prove that the connection is alive (clause H3). Call it after
    /// each read of at least one byte, or a line that takes longer than the pong deadline to arrive ends the connection.
    pub fn note_received(&mut self, _now: Instant) {
        self.core.note_received();
    }

    /// The application is done with a delivery: its ack will leave with the next transmit (clause A1). There is always
    /// room for it.
    ///
    /// # Errors
    /// [`AckError`]; nothing is sent then.
    pub fn ack(&mut self, token: AckToken) -> Result<(), AckError> {
        self.core.in_flight.ack(self.storage.parts().slots, token)
    }

    /// Bytes to send, empty when there are none. The same bytes come again until [`transmitted`](Self::transmitted)
    /// takes them, so a send that was given up can be repeated. Whatever acks fit the transmit buffer come at once.
    ///
    /// Changes after [`connected`](Self::connected), [`ack`](Self::ack), [`handle_timeout`](Self::handle_timeout),
    /// [`transmitted`](Self::transmitted), and when the login is answered.
    #[must_use]
    pub fn poll_transmit(&mut self, now: Instant) -> &[u8] {
        let parts = self.storage.parts();
        self.core.fill(parts.tx, parts.slots, now);
        self.core.transmit.pending(parts.tx)
    }

    /// The transport took the first `n` of the bytes that [`poll_transmit`](Self::poll_transmit) gave; more than that
    /// counts as all.
    ///
    /// Say so only when they have reached the transport itself (for TLS: when the record is in the kernel), or the
    /// deadlines would be wrong and [`unsent`](Self::unsent) too low.
    pub fn transmitted(&mut self, now: Instant, n: usize) {
        self.core.transmitted(&mut self.storage.parts(), now, n);
    }

    /// When [`handle_timeout`](Self::handle_timeout) has something to do; `None` when time alone changes nothing.
    ///
    /// Changes with every other call. Being early is harmless, being late only delays.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.core.timers.next()
    }

    /// Does what is due by `now`. Afterwards [`poll_timeout`](Self::poll_timeout) is later than `now`.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.core.handle_timeout(&mut self.storage.parts(), now);
    }

    /// The driver stops reading on purpose, because the application cannot keep up. An answer to the login or to a ping is
    /// not missed meanwhile (clause H4); pings go on.
    pub fn pause_reading(&mut self) {
        self.core.paused = true;
        self.core.timers.stop(Timer::Login);
        self.core.timers.stop(Timer::Pong);
    }

    /// The driver reads again: an answer that is due has its full time from now on.
    pub fn resume_reading(&mut self, now: Instant) {
        if core::mem::take(&mut self.core.paused) {
            self.core.await_answer(now);
        }
    }

    /// Where the session stands.
    #[must_use]
    pub const fn state(&self) -> State {
        self.core.state
    }

    /// Deliveries, and held malformed or oversize lines, that the application has not acked yet.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        usize::from(self.core.in_flight.held())
    }

    /// Acks that were given and have not left: what a shutdown waits for.
    #[must_use]
    pub fn unsent(&self) -> usize {
        usize::from(self.core.in_flight.queued())
            .saturating_add(usize::from(self.core.acks_in_buffer))
    }

    /// Whether what [`poll_transmit`](Self::poll_transmit) gives is a ping, or what is left of one (clause H1); not
    /// any more once its answer is there.
    #[must_use]
    pub fn is_pinging(&self) -> bool {
        self.core.outgoing == Outgoing::Ping
    }

    /// Whether a ping has left and nothing has arrived since.
    #[must_use]
    pub const fn is_awaiting_pong(&self) -> bool {
        self.core.awaiting_pong
    }

    /// The storage, for taking it back or looking at its size.
    #[must_use]
    pub fn into_storage(mut self) -> S {
        self.core
            .close(&mut self.storage.parts(), CloseReason::Disconnected);
        self.storage
    }
}

/// Says where the session stands, not what is in its buffers.
impl<S> fmt::Debug for Session<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("state", &self.core.state)
            .field("in_flight", &self.core.in_flight.held())
            .field("queued_acks", &self.core.in_flight.queued())
            .finish_non_exhaustive()
    }
}

/// What the transmit buffer holds. Messages of different kinds never share it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outgoing {
    Nothing,
    Login,
    Acks,
    Ping,
}

/// A line longer than the buffer, while its parts go by (clause F5).
#[derive(Debug)]
struct Oversize {
    recovery: Recovery,
    length: u64,
    /// Where its id collects. `None` when all slots were taken as it began.
    slot: Option<u16>,
}

/// Everything but the memory: the code exists once, whatever the sizes.
#[derive(Debug)]
struct Core {
    settings: Settings,
    timers: Timers,
    in_flight: InFlight,
    transmit: Transmit,
    oversize: Oversize,
    state: State,
    outgoing: Outgoing,
    acks_in_buffer: u16,
    ping_due: bool,
    awaiting_pong: bool,
    paused: bool,
}

impl Core {
    fn new(config: &Config, parts: &Parts<'_>) -> Result<Self, ConfigError> {
        Ok(Self {
            settings: Settings::new(config, parts)?,
            timers: Timers::new(),
            in_flight: InFlight::new(config.nonce),
            transmit: Transmit::new(),
            oversize: Oversize {
                recovery: Recovery::new(),
                length: 0,
                slot: None,
            },
            state: State::Idle,
            outgoing: Outgoing::Nothing,
            acks_in_buffer: 0,
            ping_due: false,
            awaiting_pong: false,
            paused: false,
        })
    }

    fn connected(
        &mut self,
        mut parts: Parts<'_>,
        now: Instant,
        login: &Login<'_>,
    ) -> Result<(), ConnectError> {
        self.close(&mut parts, CloseReason::Disconnected);
        self.state = State::Idle;
        let mut message = self.transmit.message(parts.tx);
        login.write(self.settings.prefetch, &mut message);
        message
            .finish()
            .map_err(|needed| ConnectError::LoginTooLong {
                needed,
                available: parts.tx.len(),
            })?;
        self.state = State::LoggingIn;
        self.outgoing = Outgoing::Login;
        self.set_timer(Timer::Stall, now, self.settings.stall_timeout);
        Ok(())
    }

    fn close(&mut self, parts: &mut Parts<'_>, reason: CloseReason) {
        // The login may not have left.
        wipe(self.transmit.consume(parts.tx, usize::MAX));
        self.in_flight.reset(parts.slots);
        self.timers = Timers::new();
        self.oversize.slot = None;
        self.outgoing = Outgoing::Nothing;
        self.acks_in_buffer = 0;
        self.ping_due = false;
        self.awaiting_pong = false;
        self.paused = false;
        // What ended the session first is kept, whichever way its transport ends then.
        self.state = State::Closed(match self.state {
            State::Closing(first) => first,
            _ => reason,
        });
    }

    /// Ends the connection as soon as the acks given so far are out.
    fn close_after_acks(&mut self, parts: &mut Parts<'_>, reason: CloseReason) {
        if self.state != State::LoggedIn {
            return self.close(parts, reason);
        }
        self.state = State::Closing(reason);
        self.timers.stop(Timer::Idle);
        self.timers.stop(Timer::Pong);
        self.ping_due = false;
        self.close_when_drained(parts);
    }

    fn close_when_drained(&mut self, parts: &mut Parts<'_>) {
        if let State::Closing(reason) = self.state
            && self.transmit.is_empty()
            && self.in_flight.queued() == 0
        {
            self.close(parts, reason);
        }
    }

    fn set_timer(&mut self, timer: Timer, now: Instant, millis: u32) {
        self.timers.set(timer, now.after_millis(millis.into()));
    }

    fn handle_timeout(&mut self, parts: &mut Parts<'_>, now: Instant) {
        if self.timers.take_expired(Timer::Login, now) {
            self.close(parts, CloseReason::LoginTimeout);
        } else if self.timers.take_expired(Timer::Pong, now) {
            self.close(parts, CloseReason::PongTimeout);
        } else if self.timers.take_expired(Timer::Stall, now) {
            self.close(parts, CloseReason::TransmitStalled);
        } else if self.timers.take_expired(Timer::Idle, now) {
            self.ping_due = true;
        }
    }

    /// Writes what is to be sent next, if the last has left.
    fn fill(&mut self, tx: &mut [u8], slots: &mut [Slot], now: Instant) {
        if !self.transmit.is_empty() {
            return;
        }
        if matches!(self.state, State::LoggedIn | State::Closing(_)) {
            while let Some(slot) = self.in_flight.front(slots)
                && self.transmit.append(tx, &[ACK_START, slot.id(), ACK_END])
            {
                self.in_flight.pop(slots);
                self.acks_in_buffer = self.acks_in_buffer.saturating_add(1);
                self.outgoing = Outgoing::Acks;
            }
        }
        if self.state == State::LoggedIn
            && self.ping_due
            && self.transmit.is_empty()
            && self.transmit.append(tx, &[PING_LINE])
        {
            self.outgoing = Outgoing::Ping;
        }
        if !self.transmit.is_empty() {
            self.set_timer(Timer::Stall, now, self.settings.stall_timeout);
        }
    }

    fn transmitted(&mut self, parts: &mut Parts<'_>, now: Instant, n: usize) {
        let taken = self.transmit.consume(parts.tx, n);
        if taken.is_empty() {
            return;
        }
        match self.outgoing {
            Outgoing::Login => wipe(taken),
            Outgoing::Acks if self.transmit.is_empty() => self.acks_in_buffer = 0,
            Outgoing::Acks => {
                let messages = taken.iter().filter(|byte| **byte == b'\n').count();
                let messages = u16::try_from(messages).unwrap_or(u16::MAX);
                self.acks_in_buffer = self.acks_in_buffer.saturating_sub(messages);
            }
            Outgoing::Ping | Outgoing::Nothing => {}
        }
        // Anything that was sent does for a ping (clause H1).
        self.ping_due = false;
        if !matches!(self.state, State::Closing(_)) {
            self.set_timer(Timer::Idle, now, self.settings.ping_interval);
        }
        if !self.transmit.is_empty() {
            self.set_timer(Timer::Stall, now, self.settings.stall_timeout);
            return;
        }
        self.timers.stop(Timer::Stall);
        match self.outgoing {
            Outgoing::Login => {
                self.outgoing = Outgoing::Nothing;
                self.await_answer(now);
            }
            Outgoing::Ping if !self.awaiting_pong => {
                self.awaiting_pong = true;
                self.await_answer(now);
            }
            _ => {}
        }
        self.outgoing = Outgoing::Nothing;
        self.close_when_drained(parts);
    }

    /// Sets the deadline of the answer that is due: the login's, or a ping's.
    fn await_answer(&mut self, now: Instant) {
        if self.paused {
            return;
        }
        if self.state == State::LoggingIn && self.outgoing == Outgoing::Nothing {
            self.set_timer(Timer::Login, now, self.settings.login_timeout);
        } else if self.state == State::LoggedIn && self.awaiting_pong {
            self.set_timer(Timer::Pong, now, self.settings.pong_timeout);
        }
    }

    fn note_received(&mut self) {
        self.awaiting_pong = false;
        self.timers.stop(Timer::Pong);
    }

    fn handle_line<'l>(
        &mut self,
        mut parts: Parts<'_>,
        _now: Instant,
        line: Line<'l>,
    ) -> Option<Event<'l>> {
        if !matches!(self.state, State::LoggingIn | State::LoggedIn) {
            return None;
        }
        // Whatever the line says, the connection is alive (clause H3).
        self.note_received();
        match line.content {
            Content::Whole(batch) => match message::read(&batch, &mut Members::default()) {
                Reading::Blank => None,
                Reading::Message(message) => self.handle_message(&mut parts, message),
                Reading::Malformed { line, error } => self.malformed(&mut parts, line, error),
            },
            Content::Part { bytes, first, last } => self.part(&mut parts, bytes, first, last),
        }
    }

    fn handle_message<'l>(
        &mut self,
        parts: &mut Parts<'_>,
        message: Message<'l, '_>,
    ) -> Option<Event<'l>> {
        let line = message.line;
        match message.command {
            Command::Push => self.push(parts, message),
            Command::Pong => {
                // The answer to a ping that the driver has not reported as sent yet: there will be no other.
                if self.outgoing == Outgoing::Ping {
                    self.outgoing = Outgoing::Nothing;
                }
                Some(Event::Pong)
            }
            Command::LoginAnswer => self.login_answer(parts, &message),
            Command::InvalidMessage => Some(self.invalid_message(parts, &message)),
            _ => Some(Event::Unknown { line }),
        }
    }

    fn push<'l>(&mut self, parts: &mut Parts<'_>, message: Message<'l, '_>) -> Option<Event<'l>> {
        let line = message.line;
        let malformed = |error| {
            Some(Event::Malformed {
                line,
                error,
                push: true,
                token: None,
            })
        };
        let Some(id) = message.members.value(Member::DeliveryId, line) else {
            return malformed(LineError::NoDeliveryId);
        };
        if matches!(id.kind(), JsonKind::Array | JsonKind::Object) {
            return malformed(LineError::DeliveryIdNotScalar);
        }
        if id.as_bytes().len() > MAX_ID {
            return malformed(LineError::DeliveryIdTooLong);
        }
        let Some(token) = self.in_flight.take(parts.slots, id.as_bytes()) else {
            self.close_after_acks(parts, CloseReason::WindowExceeded);
            return None;
        };
        Some(Event::Delivery(Delivery::new(&message, token)))
    }

    fn login_answer<'l>(
        &mut self,
        parts: &mut Parts<'_>,
        message: &Message<'l, '_>,
    ) -> Option<Event<'l>> {
        let line = message.line;
        let data = message.members.value(Member::Data, line);
        let member = |name| data.and_then(|data: JsonValue<'l>| data.protocol_member(name));
        match member("result").and_then(|result| result.as_bool()) {
            Some(true) if self.state == State::LoggingIn => {
                self.timers.stop(Timer::Login);
                self.state = State::LoggedIn;
                Some(Event::LoggedIn)
            }
            // A second answer tells nothing new.
            Some(true) => Some(Event::Unknown { line }),
            Some(false) => {
                self.close(parts, CloseReason::LoginRefused);
                Some(Event::LoginRefused {
                    code: None,
                    msg: member("msg").and_then(|msg| msg.as_str()),
                })
            }
            None => Some(Event::Malformed {
                line,
                error: LineError::NoLoginResult,
                push: false,
                token: None,
            }),
        }
    }

    fn invalid_message<'l>(
        &mut self,
        parts: &mut Parts<'_>,
        message: &Message<'l, '_>,
    ) -> Event<'l> {
        let message = JsonValue::from_validated(message.line.trim_ascii());
        let msg = message.protocol_member("msg").and_then(|msg| msg.as_str());
        let code = message.protocol_member("error_code");
        let code = code.and_then(|code| plain_number(code.as_bytes()));
        if self.state == State::LoggingIn && code != Some(SERVER_INTERNAL) {
            self.close(parts, CloseReason::LoginRefused);
            return Event::LoginRefused { code, msg };
        }
        match code {
            Some(code) if NOT_LOGGED_IN.contains(&code) => {
                self.close(parts, CloseReason::LoginLost);
            }
            Some(SERVER_INTERNAL) => self.close_after_acks(parts, CloseReason::ServerError),
            _ => {}
        }
        Event::InvalidMsg { code, msg }
    }

    fn malformed<'l>(
        &mut self,
        parts: &mut Parts<'_>,
        line: &'l [u8],
        error: LineError,
    ) -> Option<Event<'l>> {
        let mut recovery = Recovery::new();
        let mut id = [0; MAX_ID];
        recovery.push(line, &mut id);
        let mut token = None;
        if let Some(length) = recovery.id_length(&id) {
            let id = id.get(..usize::from(length)).unwrap_or_default();
            token = self.in_flight.take(parts.slots, id);
            if token.is_none() {
                self.close_after_acks(parts, CloseReason::WindowExceeded);
                return None;
            }
        }
        let push = recovery.is_push();
        Some(Event::Malformed {
            line,
            error,
            push,
            token,
        })
    }

    fn part<'l>(
        &mut self,
        parts: &mut Parts<'_>,
        bytes: &'l [u8],
        first: bool,
        last: bool,
    ) -> Option<Event<'l>> {
        if first {
            self.oversize.recovery = Recovery::new();
            self.oversize.length = 0;
            if self.oversize.slot.is_none() {
                self.oversize.slot = self.in_flight.reserve(parts.slots);
            }
        }
        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        self.oversize.length = self.oversize.length.saturating_add(length);
        let slot = self.oversize.slot;
        let id = slot.and_then(|slot| InFlight::id_mut(parts.slots, slot));
        let mut elsewhere = [0; MAX_ID];
        let id = id.unwrap_or(&mut elsewhere);
        self.oversize.recovery.push(bytes, id);
        if !last {
            return Some(Event::OversizePart { bytes });
        }
        let found = self.oversize.recovery.id_length(id);
        let push = self.oversize.recovery.is_push();
        self.oversize.slot = None;
        let mut token = None;
        match (slot, found) {
            (Some(slot), Some(length)) => {
                token = self.in_flight.hold(parts.slots, slot, length);
            }
            (Some(slot), None) => self.in_flight.release(parts.slots, slot),
            (None, _) if push => {
                self.close_after_acks(parts, CloseReason::WindowExceeded);
                return None;
            }
            (None, _) => {}
        }
        Some(Event::OversizeEnd {
            bytes,
            length: self.oversize.length,
            push,
            token,
        })
    }
}

/// A code in plain digits. Reading every form of a number would cost a microcontroller more than a KiB.
fn plain_number(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0_u32, |number, digit| {
        let digit = char::from(*digit).to_digit(10)?;
        number.checked_mul(10)?.checked_add(digit)
    })
}
