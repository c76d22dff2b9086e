//! Any sequence of calls: the session keeps its promises between all of them.

use std::collections::VecDeque;

use arbitrary::{Arbitrary, Unstructured};
use noti_proto::{
    AckError, AckToken, CloseReason, Config, Event, Inline, Instant, LineBuf, Login, Session,
    State, Storage,
};

use crate::operations::{Code, Incoming, Operation};
use crate::reads::Reads;

const SLOTS: usize = 4;
const TX: usize = 192;
const BUFFER: usize = 128;
const SECRET: &str = "f00dfacecafebeef";
const PING: &[u8] = b"{\"cmd\":\"enterprise_ping\"}\n";

const PING_INTERVAL: u64 = 60_000;
const PONG_TIMEOUT: u64 = 10_000;
const LOGIN_TIMEOUT: u64 = 10_000;
const STALL_TIMEOUT: u64 = 30_000;

/// The input is a list of [`Operation`]s.
pub fn client_ops(data: &[u8]) {
    let mut input = Unstructured::new(data);
    let mut play = Play::new();
    while !input.is_empty()
        && let Ok(operation) = Operation::arbitrary(&mut input)
    {
        play.step(&operation);
        play.holds();
    }
    play.ends();
}

/// A session, and what an observer knows of it.
struct Play {
    session: Session<Inline<TX, SLOTS>>,
    lines: LineBuf<Vec<u8>>,
    now: u64,
    /// Deliveries that the application holds, with the ids that their acks must carry.
    held: Vec<(AckToken, Vec<u8>)>,
    /// Tokens that must be refused, and how.
    old: Vec<(AckToken, AckError)>,
    /// Acks that were given and have not left whole, in order.
    owed: VecDeque<Vec<u8>>,
    /// The message that has left in part.
    partial: Vec<u8>,
    /// Whether the login has left whole.
    login_sent: bool,
    /// When the login left that nothing has answered yet, and reading was not paused.
    login_sent_at: Option<u64>,
    logged_in: bool,
    /// When bytes last left.
    sent_at: Option<u64>,
    /// When bytes began to wait, or last moved.
    waits_since: Option<u64>,
    /// When the ping left that nothing has answered yet, and reading was not paused.
    awaits_pong_since: Option<u64>,
    awaits_pong: bool,
    /// The answer came before the ping was reported as sent.
    answered_early: bool,
    paused: bool,
}

impl Play {
    fn new() -> Self {
        let mut config = Config::new();
        config.prefetch = 3;
        Self {
            session: Session::new(config, Inline::new()).expect("it fits"),
            lines: LineBuf::new(vec![0; BUFFER]),
            now: 0,
            held: Vec::new(),
            old: Vec::new(),
            owed: VecDeque::new(),
            partial: Vec::new(),
            login_sent: false,
            login_sent_at: None,
            logged_in: false,
            sent_at: None,
            waits_since: None,
            awaits_pong_since: None,
            answered_early: false,
            awaits_pong: false,
            paused: false,
        }
    }

    fn now(&self) -> Instant {
        Instant::from_millis(self.now)
    }

    fn step(&mut self, operation: &Operation) {
        match operation {
            Operation::Connect => self.connects(),
            Operation::Disconnect => {
                self.session.disconnected(self.now());
                assert!(matches!(self.session.state(), State::Closed(_)));
            }
            Operation::Advance(quarters) => self.now += u64::from(*quarters) * 250,
            Operation::AdvanceMinutes(minutes) => self.now += u64::from(*minutes) * 60_000,
            Operation::Timeout => self.times_out(),
            Operation::Receive(incoming, reads) => self.receives(incoming, Reads::new(*reads)),
            Operation::Ack(nth) if !self.held.is_empty() => {
                let (token, id) = self.held.remove(usize::from(*nth) % self.held.len());
                assert_eq!(self.session.ack(token), Ok(()));
                self.owed.push_back(id);
                self.old.push((token, AckError::AlreadyAcked));
            }
            Operation::AckOld(nth) if !self.old.is_empty() => {
                let (token, error) = self.old[usize::from(*nth) % self.old.len()];
                assert_eq!(self.session.ack(token), Err(error));
            }
            Operation::Ack(_) | Operation::AckOld(_) => {}
            Operation::Transmit(n) => self.transmits(usize::from(*n)),
            Operation::Pause => {
                self.session.pause_reading();
                self.paused = true;
                self.login_sent_at = None;
                self.awaits_pong_since = None;
            }
            Operation::Resume => {
                self.session.resume_reading(self.now());
                if std::mem::take(&mut self.paused) {
                    let awaits_login = self.login_sent && !self.logged_in;
                    self.login_sent_at = awaits_login.then_some(self.now);
                    self.awaits_pong_since = self.awaits_pong.then_some(self.now);
                }
            }
        }
    }

    /// Whatever was, is over.
    fn forgets_the_connection(&mut self) {
        let died = self.held.drain(..).map(|(token, _)| token);
        self.old.extend(died.map(|token| (token, AckError::Stale)));
        for (_, error) in &mut self.old {
            *error = AckError::Stale;
        }
        self.owed.clear();
        self.partial.clear();
        self.login_sent = false;
        self.login_sent_at = None;
        self.logged_in = false;
        self.sent_at = None;
        self.waits_since = None;
        self.awaits_pong_since = None;
        self.awaits_pong = false;
        self.answered_early = false;
        self.paused = false;
    }

    fn connects(&mut self) {
        let login = Login {
            enterprise_id: "id",
            enterprise_secret: SECRET,
        };
        self.session.connected(self.now(), &login).expect("it fits");
        self.lines.reset();
        self.forgets_the_connection();
        self.waits_since = Some(self.now);
        assert_eq!(self.session.state(), State::LoggingIn);
    }

    fn times_out(&mut self) {
        let open = self.is_open();
        let before = self.session.state();
        let due =
            |since: Option<u64>, span: u64| since.is_some_and(|since| since + span <= self.now);
        let login = due(self.login_sent_at, LOGIN_TIMEOUT);
        let pong = due(self.awaits_pong_since, PONG_TIMEOUT);
        let stall = due(self.waits_since, STALL_TIMEOUT);
        let ping = due(self.sent_at, PING_INTERVAL);
        let now = self.now();
        self.session.handle_timeout(now);
        let next = self.session.poll_timeout();
        assert!(
            next.is_none_or(|next| next > now),
            "a deadline that was handled"
        );
        let expected = match before {
            State::LoggingIn if login => Some(CloseReason::LoginTimeout),
            State::LoggedIn if pong => Some(CloseReason::PongTimeout),
            State::Closing(reason) if stall => Some(reason),
            _ if open && stall => Some(CloseReason::TransmitStalled),
            _ => None,
        };
        match expected {
            Some(reason) => assert_eq!(self.session.state(), State::Closed(reason)),
            None => assert_eq!(self.session.state(), before),
        }
        // Clause H1: whatever happened before, a ping is never forgotten.
        if self.session.state() == State::LoggedIn && ping {
            assert!(!self.session.poll_transmit(now).is_empty(), "no ping");
        }
    }

    /// `Closing` included: acks still leave.
    fn is_open(&self) -> bool {
        !matches!(self.session.state(), State::Idle | State::Closed(_))
    }

    fn receives(&mut self, incoming: &Incoming, reads: Reads) {
        let mut stream = incoming.line(BUFFER);
        stream.push(b'\n');
        let mut lines = std::mem::replace(&mut self.lines, LineBuf::new(Vec::new()));
        reads.feed(&mut lines, &stream, |line| {
            let reads = matches!(self.session.state(), State::LoggingIn | State::LoggedIn);
            let was_logged_in = self.session.state() == State::LoggedIn;
            // What is written and has not left needs no slot.
            let free = SLOTS - self.held.len() - self.queued();
            let event = self
                .session
                .handle_line(Instant::from_millis(self.now), line);
            assert!(reads || event.is_none());
            if reads {
                self.awaits_pong = false;
                self.awaits_pong_since = None;
            }
            if matches!(event, Some(Event::Pong)) {
                let pending = self.session.poll_transmit(Instant::from_millis(self.now));
                self.answered_early |= [&self.partial, pending].concat() == PING;
            }
            let token = match &event {
                Some(Event::LoggedIn) => {
                    assert!(!was_logged_in);
                    self.logged_in = true;
                    self.login_sent_at = None;
                    None
                }
                Some(Event::Delivery(delivery)) => {
                    Some((delivery.token(), delivery.delivery_id().to_vec()))
                }
                Some(Event::OversizeEnd { token, .. } | Event::Malformed { token, .. }) => {
                    let id = match incoming {
                        Incoming::Oversize(id) | Incoming::Malformed(id) => id.raw().into_bytes(),
                        // The other targets know what its id is.
                        _ => Vec::new(),
                    };
                    token.map(|token| (token, id))
                }
                _ => None,
            };
            assert!(token.is_none() || free > 0);
            self.held.extend(token);
            if reads {
                self.answers(incoming, event.as_ref(), was_logged_in, free);
            }
            if !self.is_open() {
                self.forgets_the_connection();
            }
        });
        self.lines = lines;
    }

    /// Clause by clause, for the lines whose meaning is known.
    fn answers(
        &self,
        incoming: &Incoming,
        event: Option<&Event<'_>>,
        was_logged_in: bool,
        free: usize,
    ) {
        // What was acked still leaves, if the login was answered (clauses A6, E3).
        let closed = |reason| match self.session.state() {
            State::Closing(why) => was_logged_in && why == reason,
            State::Closed(why) => why == reason && (!was_logged_in || self.owed.is_empty()),
            _ => false,
        };
        let closed_at_once = |reason| self.session.state() == State::Closed(reason);
        let sound = match incoming {
            // A part may have come before, or the line may be cut by an earlier one.
            _ if matches!(event, Some(Event::OversizePart { .. })) => true,
            Incoming::Push(_) | Incoming::Malformed(_) | Incoming::Oversize(_) if free == 0 => {
                event.is_none() && closed(CloseReason::WindowExceeded)
            }
            Incoming::Push(_) => matches!(event, Some(Event::Delivery(_))),
            Incoming::Malformed(_) => {
                matches!(event, Some(Event::Malformed { token: Some(_), .. }))
            }
            Incoming::Oversize(_) => {
                matches!(event, Some(Event::OversizeEnd { token: Some(_), .. }))
            }
            Incoming::OversizeNoise => {
                matches!(event, Some(Event::OversizeEnd { token: None, .. }))
            }
            Incoming::Accepted if was_logged_in => matches!(event, Some(Event::Unknown { .. })),
            Incoming::Accepted => matches!(event, Some(Event::LoggedIn)),
            Incoming::Refused => {
                matches!(event, Some(Event::LoginRefused { .. }))
                    && closed_at_once(CloseReason::LoginRefused)
            }
            Incoming::Invalid(Code::ServerInternal) if !was_logged_in => {
                matches!(event, Some(Event::InvalidMsg { .. }))
                    && closed_at_once(CloseReason::ServerError)
            }
            Incoming::Invalid(_) if !was_logged_in => {
                matches!(event, Some(Event::LoginRefused { .. }))
            }
            Incoming::Invalid(code) => {
                let ends = match code {
                    Code::ServerInternal => closed(CloseReason::ServerError),
                    Code::NotLoggedIn | Code::LoginLost => closed_at_once(CloseReason::LoginLost),
                    Code::None | Code::AlreadyLoggedIn => self.session.state() == State::LoggedIn,
                };
                ends && matches!(event, Some(Event::InvalidMsg { .. }))
            }
            Incoming::Pong => matches!(event, Some(Event::Pong)),
            Incoming::Noise => matches!(event, Some(Event::Malformed { token: None, .. })),
            Incoming::Blank => event.is_none(),
            Incoming::Raw(_) => true,
        };
        assert!(sound, "{incoming:?} gives {event:?} with {free} free slots");
    }

    /// Acks that are given and not yet written: those still hold their slots.
    fn queued(&mut self) -> usize {
        let now = self.now();
        let pending = self.session.poll_transmit(now);
        let is_acks = self.login_sent && [&self.partial, pending].concat() != PING;
        let written = pending
            .iter()
            .filter(|byte| is_acks && **byte == b'\n')
            .count();
        self.owed.len() - written
    }

    fn transmits(&mut self, n: usize) {
        let now = self.now();
        let pending = self.session.poll_transmit(now).to_vec();
        let taken = &pending[..n.min(pending.len())];
        self.session.transmitted(now, n);
        if taken.is_empty() {
            return;
        }
        self.sent_at = Some(self.now);
        self.waits_since = (taken.len() < pending.len()).then_some(self.now);
        for byte in taken {
            self.partial.push(*byte);
            if *byte == b'\n' {
                let message = std::mem::take(&mut self.partial);
                self.message_left(&message);
            }
        }
        if !self.is_open() {
            self.forgets_the_connection();
        }
    }

    fn message_left(&mut self, message: &[u8]) {
        if !self.login_sent {
            let text = String::from_utf8_lossy(message);
            assert!(text.contains("enterprise_login_req") && text.contains(SECRET));
            self.login_sent = true;
            if !self.logged_in && !self.paused {
                self.login_sent_at = Some(self.now);
            }
            return;
        }
        assert!(
            self.logged_in,
            "something left before the login was answered"
        );
        if message == PING {
            if !std::mem::take(&mut self.answered_early) && !self.awaits_pong {
                self.awaits_pong = true;
                self.awaits_pong_since = (!self.paused).then_some(self.now);
            }
            return;
        }
        let id = self.owed.pop_front().expect("an ack that nobody gave");
        let ack = [
            &br#"{"cmd":"enterprise_event_ack","delivery_id":"#[..],
            &id,
            b"}\n",
        ]
        .concat();
        assert!(
            id.is_empty() || ack == message,
            "acks leave in the order that they were given"
        );
    }

    /// What is true between any two calls.
    fn holds(&mut self) {
        if !self.is_open() {
            self.forgets_the_connection();
        }
        let now = self.now();
        assert_eq!(self.session.in_flight(), self.held.len());
        assert_eq!(self.session.unsent(), self.owed.len());
        let pending = self.session.poll_transmit(now).to_vec();
        assert_eq!(
            self.session.poll_transmit(now),
            pending,
            "the same bytes until they are taken"
        );
        if pending.is_empty() {
            assert!(!self.logged_in || self.owed.is_empty(), "an ack is stuck");
            assert!(self.waits_since.is_none(), "bytes are gone");
        } else if self.waits_since.is_none() {
            self.waits_since = Some(self.now);
        }
        if !self.is_open() {
            assert!(pending.is_empty());
            assert_eq!(self.session.poll_timeout(), None);
        } else {
            // Before the login is answered there are no pings: whoever paused must go on.
            let waits_for_the_reader = self.paused && !self.logged_in;
            assert!(
                self.session.poll_timeout().is_some() || waits_for_the_reader,
                "nothing would ever end this"
            );
        }
    }

    /// Nothing of the secret is left once it has been transmitted, or the connection has ended.
    fn ends(self) {
        let mut storage = self.session.into_storage();
        let tx = storage.parts().tx;
        let part = |at: usize| &SECRET.as_bytes()[at..at + 8];
        for window in tx.windows(8) {
            assert!(
                (0..=8).all(|at| window != part(at)),
                "the secret is still there"
            );
        }
    }
}
