//! The part of a broker's session that does not depend on its memory's type.

use super::event::{BrokerEvent, ClientError, LoginRequest};
use super::window::Window;
use super::{BrokerCloseReason, BrokerConfig, BrokerState};
use crate::json::value::JsonValue;
use crate::session::instant::{Instant, whole_millis};
use crate::session::storage::Parts;
use crate::session::timers::{Timer, Timers};
use crate::wire::line::{Content, Line};
use crate::wire::members::{Member, Members};
use crate::wire::message::{self, Command, Message, Reading};
use crate::wire::names::server as names;
use crate::wire::transmit::Transmit;

/// Answers that wait for room in the transmit buffer. A client that asks without reading makes these counts grow, not
/// the memory.
#[derive(Debug, Default)]
pub(super) struct Owed {
    pub(super) accepted: bool,
    pub(super) refused: bool,
    pub(super) no_heartbeat: bool,
    pub(super) pongs: u16,
    pub(super) errors: [u16; ClientError::COUNT],
}

impl Owed {
    fn is_nothing(&self) -> bool {
        let answers = self.accepted || self.refused || self.no_heartbeat || self.pongs > 0;
        !answers && self.errors.iter().all(|count| *count == 0)
    }
}

#[derive(Debug)]
pub(super) struct Core {
    pub(super) idle_timeout: u64,
    pub(super) login_timeout: u64,
    pub(super) stall_timeout: u64,
    pub(super) timers: Timers,
    pub(super) stall_armed: bool,
    pub(super) transmit: Transmit,
    pub(super) window: Window,
    pub(super) owed: Owed,
    pub(super) next_id: u64,
    pub(super) prefetch: u16,
    pub(super) extra: u16,
    pub(super) withhold_pongs: bool,
    pub(super) state: BrokerState,
}

impl Core {
    pub(super) fn new(config: &BrokerConfig) -> Self {
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
    pub(super) fn restart(&mut self, state: BrokerState) {
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
    pub(super) fn closing(&mut self, reason: BrokerCloseReason) {
        self.state = BrokerState::Closing(reason);
        self.timers.stop(Timer::Login);
        self.timers.stop(Timer::Idle);
        self.close_when_drained();
    }

    pub(super) fn close_when_drained(&mut self) {
        if let BrokerState::Closing(reason) = self.state
            && self.transmit.is_empty()
            && self.owed.is_nothing()
        {
            self.restart(BrokerState::Closed(reason));
        }
    }

    pub(super) fn set_timer(&mut self, timer: Timer, now: Instant, millis: u64) {
        self.timers.set(timer, now.after_millis(millis));
    }

    /// Writes the answers that are owed, as far as there is room.
    pub(super) fn fill(&mut self, tx: &mut [u8]) {
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

    pub(super) fn handle_line<'l>(
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
        prefetch: (1..=crate::MAX_PREFETCH)
            .contains(&prefetch)
            .then_some(prefetch)?,
    })
}
