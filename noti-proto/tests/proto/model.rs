//! Any sequence of calls, against a model that knows nothing of slots, queues and buffers.

use std::collections::VecDeque;

use noti_proto::{
    AckError, AckToken, CloseReason, Config, Event, Inline, Instant, Line, LineBuf, Session, State,
};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::story::{ACCEPTED, LOGIN, LOGIN_LINE, PING, PONG, REFUSED, ack, push};

const SLOTS: usize = 7;
const BUFFER: usize = 64;

#[derive(Clone, Debug)]
enum Call {
    Connect,
    Disconnect,
    Line(&'static str),
    /// An event: how it is written, and the number in its id.
    Event(Form, u16),
    Ack(prop::sample::Index),
    AckOfAnother,
    Poll,
    Transmit(usize),
    Advance(u64),
    Timeout,
    Pause,
    Resume,
}

#[derive(Clone, Copy, Debug)]
enum Form {
    Sound,
    Broken,
    Oversize,
    /// An oversize line that breaks off with the connection.
    Unfinished,
}

fn call() -> impl Strategy<Value = Call> {
    let form = prop_oneof![
        6 => Just(Form::Sound),
        2 => Just(Form::Broken),
        2 => Just(Form::Oversize),
        1 => Just(Form::Unfinished),
    ];
    let line = prop_oneof![
        8 => Just(ACCEPTED),
        4 => Just(PONG),
        2 => Just("garbage"),
        1 => Just(REFUSED),
        1 => Just(r#"{"cmd":"invalid_msg","error_code":4000}"#),
        1 => Just(r#"{"cmd":"invalid_msg","error_code":4001}"#),
        1 => Just(r#"{"cmd":"invalid_msg","error_code":4009}"#),
    ];
    prop_oneof![
        2 => Just(Call::Connect),
        1 => Just(Call::Disconnect),
        6 => line.prop_map(Call::Line),
        16 => (form, any::<u16>()).prop_map(|(form, id)| Call::Event(form, id)),
        16 => any::<prop::sample::Index>().prop_map(Call::Ack),
        1 => Just(Call::AckOfAnother),
        2 => Just(Call::Poll),
        12 => prop_oneof![0..60_usize, Just(usize::MAX)].prop_map(Call::Transmit),
        4 => prop_oneof![0..1_000_u64, 5_000..70_000_u64].prop_map(Call::Advance),
        6 => Just(Call::Timeout),
        1 => Just(Call::Pause),
        2 => Just(Call::Resume),
    ]
}

/// What a connection has seen so far.
#[derive(Default)]
struct Connection {
    /// What went over the wire of a line that is not whole yet.
    wire: Vec<u8>,
    /// The acks that the application gave, in its order.
    acks: VecDeque<String>,
    /// How many of them are on the wire whole.
    acks_sent: usize,
    /// The login went over the wire.
    logged_in: bool,
    delivered: usize,
    let_in: bool,
    last_sent: u64,
    paused: bool,
}

impl Connection {
    /// The server's end hears a line.
    fn hears(&mut self, line: &str) {
        if !self.logged_in {
            assert_eq!(line, LOGIN_LINE.replace(":5}", ":7}"));
            self.logged_in = true;
            return;
        }
        assert!(self.let_in, "acks and pings wait for the login's answer");
        if line != PING {
            let expected = self.acks.pop_front();
            assert_eq!(Some(line), expected.as_deref(), "in the order of the calls");
            self.acks_sent += 1;
        }
    }
}

struct Delivery {
    token: AckToken,
    connection: usize,
    id: String,
    acked: bool,
}

struct World {
    session: Session<Inline<128, SLOTS>>,
    buffer: LineBuf<[u8; BUFFER]>,
    now: u64,
    connection: Connection,
    connections: usize,
    deliveries: Vec<Delivery>,
    foreign: AckToken,
}

impl World {
    fn new() -> Self {
        let mut config = Config::default();
        config.nonce = 1;
        config.prefetch = 7;
        Self {
            session: Session::new(config, Inline::new()).unwrap(),
            buffer: LineBuf::new([0; BUFFER]),
            now: 0,
            connection: Connection::default(),
            connections: 0,
            deliveries: Vec::new(),
            foreign: crate::story::Client::logged_in().gets("1"),
        }
    }

    fn instant(&self) -> Instant {
        Instant::from_millis(self.now)
    }

    fn is_open(&self) -> bool {
        matches!(
            self.session.state(),
            State::LoggingIn | State::LoggedIn | State::Closing(_)
        )
    }

    /// Deliveries of this connection that the application has not acked.
    fn held(&self) -> usize {
        let of_this =
            |delivery: &&Delivery| delivery.connection == self.connections && !delivery.acked;
        self.deliveries.iter().filter(of_this).count()
    }

    /// Whatever the server sends, as bytes through the buffer. Gives back the token that came of it.
    fn receive(&mut self, bytes: &[u8]) -> Option<AckToken> {
        let now = self.instant();
        let mut found = None;
        let mut rest = bytes;
        while !rest.is_empty() {
            let spare = self.buffer.spare();
            let read = spare.len().min(rest.len());
            spare[..read].copy_from_slice(&rest[..read]);
            self.buffer.commit(read);
            rest = &rest[read..];
            while let Some(line) = self.buffer.next_line() {
                let open = matches!(self.session.state(), State::LoggingIn | State::LoggedIn);
                let event = self.session.handle_line(now, line);
                assert!(open || event.is_none(), "a closing session is silent");
                match event {
                    Some(Event::Delivery(delivery)) => found = Some(delivery.token()),
                    Some(Event::Malformed { token, .. } | Event::OversizeEnd { token, .. }) => {
                        found = token
                    }
                    Some(Event::LoggedIn) => self.connection.let_in = true,
                    _ => {}
                }
            }
        }
        found
    }

    fn event(&mut self, form: Form, number: u16) {
        let id = if number.is_multiple_of(3) {
            format!("\"{number}\"")
        } else {
            number.to_string()
        };
        let line = match form {
            Form::Sound => format!(r#"{{"cmd":"enterprise_event_push","delivery_id":{id}}}"#),
            Form::Broken => format!(r#"{{"cmd":"enterprise_event_push","delivery_id":{id}}}x"#),
            Form::Oversize | Form::Unfinished => push(&id),
        };
        if matches!(form, Form::Unfinished) {
            self.receive(&line.as_bytes()[..70]);
            self.disconnect();
            return;
        }
        let open = matches!(self.session.state(), State::LoggingIn | State::LoggedIn);
        let (held, unacked) = (
            self.held(),
            self.connection.delivered - self.connection.acks_sent,
        );
        let token = self.receive(format!("{line}\n").as_bytes());
        if let Some(token) = token {
            assert!(open && held < SLOTS);
            self.connection.delivered += 1;
            self.deliveries.push(Delivery {
                token,
                connection: self.connections,
                id,
                acked: false,
            });
        } else if open {
            // A server that keeps to the window never meets a full one.
            assert!(unacked >= SLOTS, "{unacked} un-acked");
            assert!(matches!(
                self.session.state(),
                State::Closing(CloseReason::WindowExceeded)
                    | State::Closed(CloseReason::WindowExceeded)
            ));
        }
    }

    fn ack(&mut self, chosen: prop::sample::Index) {
        if self.deliveries.is_empty() {
            return;
        }
        let open = self.is_open();
        let at = chosen.index(self.deliveries.len());
        let delivery = &mut self.deliveries[at];
        let expected = match delivery {
            _ if !open || delivery.connection != self.connections => Err(AckError::Stale),
            Delivery { acked: true, .. } => Err(AckError::AlreadyAcked),
            _ => Ok(()),
        };
        assert_eq!(self.session.ack(delivery.token), expected);
        if expected.is_ok() {
            delivery.acked = true;
            self.connection.acks.push_back(ack(&delivery.id));
        }
    }

    fn connect(&mut self) {
        self.buffer.reset();
        self.session.connected(self.instant(), &LOGIN).unwrap();
        self.connections += 1;
        self.connection = Connection {
            last_sent: self.now,
            ..Connection::default()
        };
    }

    fn disconnect(&mut self) {
        self.session.disconnected(self.instant());
        self.buffer.reset();
    }

    fn transmit(&mut self, n: usize) {
        let now = self.instant();
        let offered = self.session.poll_transmit(now).to_vec();
        assert_eq!(
            self.session.poll_transmit(now),
            offered,
            "the same until they are taken"
        );
        let taken = &offered[..n.min(offered.len())];
        self.session.transmitted(now, n);
        if taken.is_empty() {
            return;
        }
        let before = self.connection.last_sent;
        self.connection.last_sent = self.now;
        self.connection.wire.extend_from_slice(taken);
        while let Some(end) = self.connection.wire.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.connection.wire.drain(..=end).collect();
            self.connection.hears(str::from_utf8(&line).unwrap());
        }
        if PING.as_bytes().starts_with(taken) && taken.len() >= 20 {
            assert!(
                self.now >= before + 60_000,
                "a ping goes out after an idle minute alone"
            );
        }
    }

    fn timeout(&mut self) {
        let before = self.session.state();
        self.session.handle_timeout(self.instant());
        let deadline = self.session.poll_timeout().map(Instant::as_millis);
        assert!(
            deadline.is_none_or(|at| at > self.now),
            "a deadline that is handled comes back"
        );
        if self.session.state() != before {
            let State::Closed(reason) = self.session.state() else {
                panic!("time alone only closes");
            };
            assert!(!(self.connection.paused && reason == CloseReason::PongTimeout));
        }
    }

    fn call(&mut self, call: Call) {
        match call {
            Call::Connect => self.connect(),
            Call::Disconnect => self.disconnect(),
            Call::Line(line) => {
                self.receive(format!("{line}\r\n").as_bytes());
            }
            Call::Event(form, id) => self.event(form, id),
            Call::Ack(chosen) => self.ack(chosen),
            Call::AckOfAnother => {
                assert_eq!(self.session.ack(self.foreign), Err(AckError::OtherSession));
            }
            Call::Poll => self.transmit(0),
            Call::Transmit(n) => self.transmit(n),
            Call::Advance(millis) => self.now += millis,
            Call::Timeout => self.timeout(),
            Call::Pause => {
                self.session.pause_reading();
                self.connection.paused = true;
            }
            Call::Resume => {
                self.session.resume_reading(self.instant());
                self.connection.paused = false;
            }
        }
        self.check();
    }

    /// What is true after every call.
    fn check(&mut self) {
        assert!(self.session.in_flight() <= SLOTS);
        if self.is_open() {
            assert_eq!(self.session.in_flight(), self.held());
            assert_eq!(self.session.unsent(), self.connection.acks.len());
            let deadline = self.session.poll_timeout().map(Instant::as_millis);
            if self.session.state() == State::LoggedIn && deadline.is_some_and(|at| at > self.now) {
                // Something happens within the longest of the timeouts, whatever the world does.
                assert!(deadline.unwrap() <= self.connection.last_sent.max(self.now) + 60_000);
            }
        } else {
            assert_eq!((self.session.in_flight(), self.session.unsent()), (0, 0));
            assert_eq!(self.session.poll_timeout(), None);
            assert_eq!(
                self.session.poll_transmit(Instant::from_millis(self.now)),
                b""
            );
            let line = Line::whole(PONG.as_bytes());
            assert!(
                self.session
                    .handle_line(Instant::from_millis(self.now), line)
                    .is_none()
            );
        }
    }
}

proptest! {
    /// A1, A2, A4, A6, L7, H1, H4, F4: in flight never exceeds the slots; nothing is acked that the application did not ack;
    /// every ack is byte-exact, of this connection, after the login, in the order of the calls; `unsent` counts those that
    /// have not left; a deadline that was handled is over; a closed session is silent.
    #[test]
    fn any_sequence_of_calls_keeps_the_invariants(calls in vec(call(), 1..150)) {
        let mut world = World::new();
        for call in calls {
            world.call(call);
        }
    }
}
