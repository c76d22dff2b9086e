//! The broker's end of one connection as a state machine.

use core::fmt::{self, Write as _};

use super::event::{BrokerEvent, ClientError, LoginRequest, PushError};
use super::state::{BrokerCloseReason, BrokerConfig, BrokerState};
use super::window::Window;
use crate::json::value::JsonValue;
use crate::session::acks::MAX_SLOTS;
use crate::session::config::MAX_PREFETCH;
use crate::session::error::ConfigError;
use crate::session::instant::{Instant, whole_millis};
use crate::session::storage::{MIN_TRANSMIT, Parts, Storage};
use crate::session::timers::{Timer, Timers};
use crate::wire::line::{Content, Line};
use crate::wire::members::{Member, Members};
use crate::wire::message::{self, Command, Message, Reading};
use crate::wire::names::{MAX_ID, server as names};
use crate::wire::transmit::Transmit;

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
        let core = Core::new(&config, &storage.parts())?;
        Ok(Self { core, storage })
    }

    /// A client has connected. Ids start at 1 again. What the client before it left un-acked is forgotten: take it
    /// with [`take_unacked`](Self::take_unacked) first.
    pub fn connected(&mut self, now: Instant) {
        self.core.connected(now);
    }

    /// The transport has ended.
    pub fn disconnected(&mut self, _now: Instant) {
        self.core.disconnected();
    }

    /// Reads a client's line. `None` when there is nothing to tell.
    pub fn handle_line<'l>(&mut self, now: Instant, line: Line<'l>) -> Option<BrokerEvent<'l>> {
        self.core.handle_line(self.storage.parts(), now, line)
    }

    /// Lets the client in. Without a login that waits for it, nothing happens.
    pub fn accept_login(&mut self) {
        self.core.accept_login();
    }

    /// Turns the client away with a text for its people, and closes once that has left (clause L4).
    pub fn refuse_login(&mut self, msg: &str) {
        self.core.refuse_login(self.storage.parts().tx, msg);
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
        self.core.pong();
    }

    /// Sends bytes that are no delivery, given in pieces, just as they are: to see how a client bears them.
    ///
    /// # Errors
    /// [`PushError::NotLoggedIn`] or [`PushError::NoRoom`]; nothing has changed then.
    pub fn push_bytes(&mut self, bytes: &[&[u8]]) -> Result<(), PushError> {
        self.core.push_bytes(self.storage.parts().tx, bytes)
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
        self.core.push(self.storage.parts(), tag, event)
    }

    /// Sends a line of the caller's own making, given in pieces and without its `\n`, as the delivery with this id: the
    /// exact bytes that an ack will carry.
    ///
    /// # Errors
    /// [`PushError`]; nothing has changed then.
    pub fn push_line(&mut self, tag: u32, id: &[u8], line: &[&[u8]]) -> Result<(), PushError> {
        self.core.push_line(self.storage.parts(), tag, id, line)
    }

    /// The number of the next delivery of this connection.
    #[must_use]
    pub const fn next_id(&self) -> u64 {
        self.core.next_id
    }

    /// How many more events the client would take now.
    #[must_use]
    pub fn window(&mut self) -> usize {
        self.core.room(self.storage.parts().slots.len())
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
        self.core.poll_transmit(self.storage.parts().tx, now)
    }

    /// The transport took the first `n` bytes; more than there were counts as all.
    pub fn transmitted(&mut self, now: Instant, n: usize) {
        self.core.transmitted(self.storage.parts().tx, now, n);
    }

    /// When [`handle_timeout`](Self::handle_timeout) has something to do.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.core.timers.next()
    }

    /// Does what is due by `now`.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.core.handle_timeout(now);
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

/// Everything but the memory: the code exists once, whatever the sizes.
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
    fn new(config: &BrokerConfig, parts: &Parts<'_>) -> Result<Self, ConfigError> {
        if parts.slots.is_empty() || parts.slots.len() > MAX_SLOTS {
            return Err(ConfigError::Slots);
        }
        if parts.tx.len() < MIN_TRANSMIT {
            return Err(ConfigError::TransmitBuffer);
        }
        Ok(Self {
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
        })
    }

    fn connected(&mut self, now: Instant) {
        self.window = Window::new();
        self.restart(BrokerState::AwaitingLogin);
        self.set_timer(Timer::Login, now, self.login_timeout);
        self.set_timer(Timer::Idle, now, self.idle_timeout);
    }

    fn disconnected(&mut self) {
        if !matches!(self.state, BrokerState::Closed(_)) {
            self.restart(BrokerState::Closed(BrokerCloseReason::Disconnected));
        }
    }

    fn accept_login(&mut self) {
        if self.state == BrokerState::LoginRequested {
            self.state = BrokerState::LoggedIn;
            self.timers.stop(Timer::Login);
            self.owed.accepted = true;
        }
    }

    fn refuse_login(&mut self, tx: &mut [u8], msg: &str) {
        if self.state != BrokerState::LoginRequested {
            return;
        }
        let mut message = self.transmit.message(tx);
        message.put(names::LOGIN_REFUSED_START);
        message.put_escaped(msg);
        message.put(names::LOGIN_REFUSED_END);
        // A text that does not fit is left out.
        self.owed.refused = message.finish().is_err();
        self.closing(BrokerCloseReason::LoginRefused);
    }

    fn pong(&mut self) {
        if self.state == BrokerState::LoggedIn {
            self.owed.pongs = self.owed.pongs.saturating_add(1);
        }
    }

    fn push_bytes(&mut self, tx: &mut [u8], bytes: &[&[u8]]) -> Result<(), PushError> {
        if self.state != BrokerState::LoggedIn {
            return Err(PushError::NotLoggedIn);
        }
        // The answer to the login goes first.
        self.fill(tx);
        match !self.owed.accepted && self.transmit.append(tx, bytes) {
            true => Ok(()),
            false => Err(PushError::NoRoom),
        }
    }

    fn push(&mut self, parts: Parts<'_>, tag: u32, event: &[u8]) -> Result<(), PushError> {
        let members = match event.trim_ascii() {
            [b'{', members @ .., b'}'] if !members.contains(&b'\n') => members,
            _ => return Err(PushError::NotAnObject),
        };
        let comma: &[u8] = match members.trim_ascii() {
            [] => b"",
            _ => b",",
        };
        let mut id = heapless::String::<20>::new();
        write!(id, "{}", self.next_id).map_err(|_| PushError::IdTooLong)?;
        let id = id.as_bytes();
        self.push_line(
            parts,
            tag,
            id,
            &[names::EVENT_PUSH_START, id, comma, members, b"}"],
        )
    }

    fn push_line(
        &mut self,
        parts: Parts<'_>,
        tag: u32,
        id: &[u8],
        line: &[&[u8]],
    ) -> Result<(), PushError> {
        if self.state != BrokerState::LoggedIn {
            return Err(PushError::NotLoggedIn);
        }
        if id.len() > MAX_ID {
            return Err(PushError::IdTooLong);
        }
        if self.room(parts.slots.len()) == 0 {
            return Err(PushError::WindowFull);
        }
        // The answer to the login goes first.
        self.fill(parts.tx);
        if self.owed.accepted {
            return Err(PushError::NoRoom);
        }
        let mut message = self.transmit.message(parts.tx);
        for piece in line {
            message.put(piece);
        }
        message.put(b"\n");
        message.finish().map_err(|_| PushError::NoRoom)?;
        self.window.push(parts.slots, id, tag);
        self.next_id = self.next_id.saturating_add(1);
        Ok(())
    }

    fn room(&self, slots: usize) -> usize {
        let window = usize::from(self.prefetch.saturating_add(self.extra)).min(slots);
        match self.state {
            BrokerState::LoggedIn => window.saturating_sub(usize::from(self.window.held())),
            _ => 0,
        }
    }

    fn poll_transmit<'t>(&mut self, tx: &'t mut [u8], now: Instant) -> &'t [u8] {
        self.fill(tx);
        if !self.transmit.is_empty() && !self.stall_armed {
            self.stall_armed = true;
            self.set_timer(Timer::Stall, now, self.stall_timeout);
        }
        self.transmit.pending(tx)
    }

    fn transmitted(&mut self, tx: &mut [u8], now: Instant, n: usize) {
        if self.transmit.consume(tx, n).is_empty() {
            return;
        }
        self.fill(tx);
        self.stall_armed = !self.transmit.is_empty();
        if self.stall_armed {
            self.set_timer(Timer::Stall, now, self.stall_timeout);
        } else {
            self.timers.stop(Timer::Stall);
        }
        self.close_when_drained();
    }

    fn handle_timeout(&mut self, now: Instant) {
        if self.timers.take_expired(Timer::Stall, now) {
            self.restart(BrokerState::Closed(BrokerCloseReason::TransmitStalled));
        } else if self.timers.take_expired(Timer::Login, now) {
            self.closing(BrokerCloseReason::LoginTimeout);
        } else if self.timers.take_expired(Timer::Idle, now) {
            self.owed.no_heartbeat = true;
            self.closing(BrokerCloseReason::Idle);
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
        let transmit = &mut self.transmit;
        let owed = &mut self.owed;
        owed.accepted = owed.accepted && !transmit.append(tx, &[names::LOGIN_ACCEPTED]);
        owed.refused = owed.refused && !transmit.append(tx, &[names::LOGIN_REFUSED]);
        while owed.pongs > 0 && transmit.append(tx, &[names::PONG_LINE]) {
            owed.pongs = owed.pongs.saturating_sub(1);
        }
        for (count, error) in owed.errors.iter_mut().zip(ClientError::ANSWERS) {
            let (_, code, text) = error.answer();
            while *count > 0 {
                let mut message = transmit.message(tx);
                message.put(names::INVALID_MESSAGE_START);
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
        owed.no_heartbeat = owed.no_heartbeat && !transmit.append(tx, &[names::NO_HEARTBEAT]);
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
            Content::Whole(batch) => match message::read(&batch, &mut Members::default()) {
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
        message: &Message<'l, '_>,
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
                let id = message.members.value(Member::DeliveryId, line);
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

fn login_request<'l>(message: &Message<'l, '_>) -> Option<LoginRequest<'l>> {
    let data = message.members.value(Member::Data, message.line)?;
    let prefetch = data
        .protocol_member("prefetch_count")?
        .as_number()?
        .to_u32()
        .ok()?;
    let prefetch = u16::try_from(prefetch).ok()?;
    Some(LoginRequest {
        enterprise_id: data.protocol_member("enterprise_id")?.as_str()?,
        enterprise_secret: data.protocol_member("enterprise_secret")?.as_str()?,
        prefetch: (1..=MAX_PREFETCH).contains(&prefetch).then_some(prefetch)?,
    })
}
