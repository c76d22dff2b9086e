//! A client and a broker over a pipe that cuts, delays and breaks: nothing is lost.

use std::collections::{BTreeSet, VecDeque};

use noti_proto::server::{BrokerConfig, BrokerEvent, BrokerSession, BrokerState};
use noti_proto::{AckToken, Config, Event, Inline, Instant, LineBuf, Session, State};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

use crate::story::LOGIN;

/// Shorter than some of the events.
const CLIENT_BUFFER: usize = 128;
const EVENTS: u32 = 40;

#[derive(Clone, Debug)]
enum Step {
    /// So many bytes move from the client to the broker.
    ToBroker(usize),
    /// So many bytes move from the broker to the client.
    ToClient(usize),
    /// The application is done with one of the events that it has.
    Ack(Index),
    /// The broker pushes what the window takes.
    Push,
    Wait(u64),
    Cut,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (1..200_usize).prop_map(Step::ToBroker),
        12 => (1..300_usize).prop_map(Step::ToClient),
        8 => any::<Index>().prop_map(Step::Ack),
        8 => Just(Step::Push),
        2 => (0..20_000_u64).prop_map(Step::Wait),
        1 => Just(Step::Cut),
    ]
}

/// Event `tag`, as the broker has it: some are longer than the client's buffer, some are broken.
fn event(tag: u32) -> Vec<u8> {
    let filler = "x".repeat(if tag.is_multiple_of(5) { 150 } else { 3 });
    let broken = if tag.is_multiple_of(7) { "tru" } else { "true" };
    format!(r#"{{"tag":{tag},"filler":"{filler}","broken":{broken}}}"#).into_bytes()
}

struct World {
    now: Instant,
    client: Session<Inline<128, 5>>,
    lines: LineBuf<[u8; CLIENT_BUFFER]>,
    broker: BrokerSession<Inline<512, 5>>,
    broker_lines: LineBuf<[u8; 256]>,
    /// What the broker has to deliver.
    queue: VecDeque<u32>,
    /// What the broker knows to be acked.
    acked: BTreeSet<u32>,
    /// What the application has: the tag, and the token to ack it with.
    inbox: Vec<(u32, AckToken)>,
    /// What the application is done with.
    done: BTreeSet<u32>,
    /// The long line that comes in parts.
    long: Vec<u8>,
}

impl World {
    fn new() -> Self {
        let mut world = Self {
            now: Instant::ZERO,
            client: Session::new(Config::default(), Inline::new()).unwrap(),
            lines: LineBuf::new([0; CLIENT_BUFFER]),
            broker: BrokerSession::new(BrokerConfig::default(), Inline::new()).unwrap(),
            broker_lines: LineBuf::new([0; 256]),
            queue: (0..EVENTS).collect(),
            acked: BTreeSet::new(),
            inbox: Vec::new(),
            done: BTreeSet::new(),
            long: Vec::new(),
        };
        world.connect();
        world
    }

    fn connect(&mut self) {
        let unacked: Vec<_> = core::iter::from_fn(|| self.broker.take_unacked()).collect();
        for tag in unacked.into_iter().rev() {
            self.queue.push_front(tag);
        }
        self.lines.reset();
        self.broker_lines.reset();
        self.long.clear();
        self.client.connected(self.now, &LOGIN).unwrap();
        self.broker.connected(self.now);
    }

    fn cut(&mut self) {
        self.client.disconnected(self.now);
        self.broker.disconnected(self.now);
        self.connect();
    }

    /// Whether one end gave up the connection; then it is made anew.
    fn reconnect_if_closed(&mut self) {
        let client = matches!(self.client.state(), State::Closed(_));
        let broker = matches!(self.broker.state(), BrokerState::Closed(_));
        if client || broker {
            self.cut();
        }
    }

    fn carry_to_broker(&mut self, n: usize) {
        let bytes = self.client.poll_transmit(self.now);
        let spare = self.broker_lines.spare();
        let n = n.min(bytes.len()).min(spare.len());
        spare[..n].copy_from_slice(&bytes[..n]);
        self.client.transmitted(self.now, n);
        self.broker_lines.commit(n);
        while let Some(line) = self.broker_lines.next_line() {
            match self.broker.handle_line(self.now, line) {
                Some(BrokerEvent::LoginRequest(request)) => {
                    assert!(request.enterprise_secret == LOGIN.enterprise_secret);
                    self.broker.accept_login();
                }
                Some(BrokerEvent::Acked { tag }) => {
                    assert!(
                        self.done.contains(&tag),
                        "acked, and nobody was done with it"
                    );
                    self.acked.insert(tag);
                }
                Some(BrokerEvent::Ping) | None => {}
                Some(other) => panic!("the client never errs: {other:?}"),
            }
        }
    }

    fn carry_to_client(&mut self, n: usize) {
        let bytes = self.broker.poll_transmit(self.now);
        let spare = self.lines.spare();
        let n = n.min(bytes.len()).min(spare.len());
        spare[..n].copy_from_slice(&bytes[..n]);
        self.broker.transmitted(self.now, n);
        self.lines.commit(n);
        while let Some(line) = self.lines.next_line() {
            let (line, token) = match self.client.handle_line(self.now, line) {
                Some(Event::Delivery(delivery)) => (delivery.line(), delivery.token()),
                Some(Event::Malformed { line, token, .. }) => {
                    (line, token.expect("the id is sound"))
                }
                Some(Event::OversizePart { bytes }) => {
                    self.long.extend_from_slice(bytes);
                    continue;
                }
                Some(Event::OversizeEnd {
                    bytes,
                    length,
                    push,
                    token,
                }) => {
                    assert!(push);
                    self.long.extend_from_slice(bytes);
                    assert_eq!(length, u64::try_from(self.long.len()).unwrap());
                    (self.long.as_slice(), token.expect("the id is sound"))
                }
                Some(Event::LoggedIn | Event::Pong) | None => continue,
                Some(other) => panic!("the broker never errs: {other:?}"),
            };
            let text = str::from_utf8(line).unwrap();
            let tag = text
                .split("\"tag\":")
                .nth(1)
                .unwrap()
                .split(',')
                .next()
                .unwrap();
            let tag = tag.parse().unwrap();
            let event = event(tag);
            assert!(
                line.ends_with(&event[1..]),
                "the event as the broker has it"
            );
            self.inbox.push((tag, token));
            self.long.clear();
        }
        assert!(self.client.in_flight() <= 5);
    }

    fn push(&mut self) {
        while let Some(tag) = self.queue.pop_front() {
            if self.broker.push(tag, &event(tag)).is_err() {
                self.queue.push_front(tag);
                return;
            }
        }
    }

    fn ack(&mut self, at: usize) {
        let (tag, token) = self.inbox.swap_remove(at);
        self.done.insert(tag);
        // The token of an earlier connection is stale, and its event comes again.
        let _ = self.client.ack(token);
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::ToBroker(n) => self.carry_to_broker(n),
            Step::ToClient(n) => self.carry_to_client(n),
            Step::Ack(_) if self.inbox.is_empty() => {}
            Step::Ack(chosen) => self.ack(chosen.index(self.inbox.len())),
            Step::Push => self.push(),
            Step::Wait(millis) => {
                self.now = Instant::from_millis(self.now.as_millis() + millis);
                self.client.handle_timeout(self.now);
                self.broker.handle_timeout(self.now);
            }
            Step::Cut => self.cut(),
        }
        self.reconnect_if_closed();
    }
}

proptest! {
    /// A1, A4, A6, A5, F4, F5: whatever happens on the way, every event reaches the application, and the broker holds none for
    /// acked that the application was not done with. The windows of both ends agree: the client never finds itself overrun.
    #[test]
    fn nothing_is_lost(steps in vec(step(), 0..400)) {
        let mut world = World::new();
        for step in steps {
            world.step(step);
            let overrun = State::Closed(noti_proto::CloseReason::WindowExceeded);
            prop_assert_ne!(world.client.state(), overrun);
        }
        // The world calms down, and everything arrives.
        for _ in 0..1000 {
            if world.acked.len() == (0..EVENTS).len() {
                break;
            }
            world.step(Step::Push);
            world.step(Step::ToClient(usize::MAX));
            while !world.inbox.is_empty() {
                world.ack(0);
            }
            world.step(Step::ToBroker(usize::MAX));
        }
        prop_assert_eq!(&world.acked, &(0..EVENTS).collect());
        prop_assert_eq!(&world.done, &world.acked);
        prop_assert!(world.queue.is_empty());
        prop_assert_eq!((world.broker.in_flight(), world.client.in_flight(), world.client.unsent()), (0, 0, 0));
    }
}
