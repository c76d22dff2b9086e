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

use core::fmt::{self, Write as _};
use core::time::Duration;

mod event;
mod session_core;
mod window;

pub use self::event::{BrokerEvent, ClientError, LoginRequest, PushError};
use self::session_core::Core;
use self::window::Window;
use crate::session::acks::MAX_SLOTS;
use crate::session::error::ConfigError;
use crate::session::instant::Instant;
use crate::session::storage::{MIN_TRANSMIT, Storage};
use crate::session::timers::Timer;
use crate::wire::line::Line;
use crate::wire::names::{self, MAX_ID};

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
        message.put(names::server::LOGIN_REFUSED_START);
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
        let mut id = heapless::String::<20>::new();
        write!(id, "{}", self.next_id()).map_err(|_| PushError::IdTooLong)?;
        let id = id.as_bytes();
        self.push_line(
            tag,
            id,
            &[names::server::EVENT_PUSH_START, id, comma, members, b"}"],
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
