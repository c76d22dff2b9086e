//! Any bytes of a client into the broker's end.

use std::collections::VecDeque;

use noti_proto::json::JsonValue;
use noti_proto::server::{BrokerConfig, BrokerEvent, BrokerSession, BrokerState, PushError};
use noti_proto::{Inline, Instant, LineBuf};

use crate::reads::Reads;

const SLOTS: usize = 4;
const NOW: Instant = Instant::ZERO;

/// The first byte is the buffer's size, the second a pattern of reads, the third what the broker does meanwhile; the rest
/// is what the client sends.
pub fn server_line(data: &[u8]) {
    let [size, pattern, habits, stream @ ..] = data else {
        return;
    };
    let mut broker = Broker::new(*habits);
    let mut lines = LineBuf::new(vec![0; usize::from(*size).max(2)]);
    Reads::new(*pattern).feed(&mut lines, stream, |line| {
        let length = line.bytes().len();
        broker.reads(line);
        assert!(length <= usize::from(*size).max(2));
    });
    broker.ends();
}

struct Broker {
    session: BrokerSession<Inline<256, SLOTS>>,
    /// Decides what the broker does next.
    random: u32,
    /// What the client has not acked: tag and id.
    unacked: VecDeque<(u32, String)>,
    next_tag: u32,
    prefetch: usize,
    sent: Vec<u8>,
    pings: usize,
    errors: usize,
    pushed: usize,
    answered: usize,
}

impl Broker {
    fn new(habits: u8) -> Self {
        let mut session =
            BrokerSession::new(BrokerConfig::default(), Inline::new()).expect("it fits");
        session.connected(NOW);
        Self {
            session,
            random: habits.into(),
            unacked: VecDeque::new(),
            next_tag: 0,
            prefetch: 0,
            sent: Vec::new(),
            pings: 0,
            errors: 0,
            pushed: 0,
            answered: 0,
        }
    }

    fn choose(&mut self, n: u32) -> u32 {
        self.random = self
            .random
            .wrapping_mul(1_664_525)
            .wrapping_add(1_013_904_223);
        (self.random >> 16) % n
    }

    fn reads(&mut self, line: noti_proto::Line<'_>) {
        let before = self.session.state();
        match self.session.handle_line(NOW, line) {
            Some(BrokerEvent::LoginRequest(request)) => {
                assert_eq!(before, BrokerState::AwaitingLogin);
                assert!((1..=32_767).contains(&request.prefetch));
                self.prefetch = request.prefetch.into();
                // Anything may come before the broker has made up its mind.
                if self.choose(4) > 0 {
                    self.decides();
                }
            }
            Some(BrokerEvent::Acked { tag }) => {
                assert_eq!(before, BrokerState::LoggedIn);
                let at = self.unacked.iter().position(|(unacked, _)| *unacked == tag);
                self.unacked.remove(at.expect("it was un-acked"));
            }
            Some(BrokerEvent::Ping) => {
                assert_eq!(before, BrokerState::LoggedIn);
                self.pings += 1;
            }
            Some(BrokerEvent::ClientError { .. }) => self.errors += 1,
            Some(event) => panic!("an event that the oracle does not know: {event:?}"),
            None => {}
        }
        if self.session.state() == BrokerState::LoginRequested && self.choose(3) == 0 {
            self.decides();
        }
        for _ in 0..self.choose(3) {
            self.pushes();
        }
        let takes = self.choose(300) as usize;
        self.transmits(takes);
        assert_eq!(self.session.in_flight(), self.unacked.len());
        if self.session.state() == BrokerState::LoggedIn {
            let window = self.prefetch.min(SLOTS) - self.unacked.len();
            assert_eq!(self.session.window(), window);
        }
    }

    fn decides(&mut self) {
        self.answered += 1;
        if self.choose(8) == 0 {
            self.session.refuse_login("no \"such\" account");
        } else {
            self.session.accept_login();
            assert_eq!(self.session.state(), BrokerState::LoggedIn);
        }
    }

    fn pushes(&mut self) {
        let tag = self.next_tag;
        let id = self.session.next_id();
        let (id, result) = if self.choose(2) == 0 {
            let event = br#"{"event_type":"device_offline"}"#;
            (id.to_string(), self.session.push(tag, event))
        } else {
            let id = format!("\"id-{id}\"");
            let line = [
                &br#"{"cmd":"enterprise_event_push","delivery_id":"#[..],
                id.as_bytes(),
                b"}",
            ];
            let result = self.session.push_line(tag, id.as_bytes(), &line);
            (id, result)
        };
        match result {
            Ok(()) => {
                self.unacked.push_back((tag, id));
                self.next_tag += 1;
                self.pushed += 1;
                assert!(self.unacked.len() <= self.prefetch);
            }
            Err(PushError::WindowFull) => {
                assert_eq!(self.unacked.len(), self.prefetch.min(SLOTS));
            }
            Err(PushError::NotLoggedIn) => {
                assert_ne!(self.session.state(), BrokerState::LoggedIn);
            }
            Err(PushError::NoRoom) => assert!(!self.session.poll_transmit(NOW).is_empty()),
            Err(error) => panic!("{error}"),
        }
    }

    fn transmits(&mut self, most: usize) {
        let bytes = self.session.poll_transmit(NOW);
        let taken = most.min(bytes.len());
        self.sent.extend_from_slice(&bytes[..taken]);
        self.session.transmitted(NOW, taken);
    }

    /// All that is owed leaves, and what is un-acked comes back in its order.
    fn ends(mut self) {
        if self.session.state() == BrokerState::LoginRequested {
            self.decides();
        }
        while !self.session.poll_transmit(NOW).is_empty() {
            self.transmits(usize::MAX);
        }
        self.session.disconnected(NOW);
        assert!(matches!(self.session.state(), BrokerState::Closed(_)));
        assert!(self.session.poll_transmit(NOW).is_empty());
        assert_eq!(self.session.poll_timeout(), None);
        for (tag, _) in &self.unacked {
            assert_eq!(self.session.take_unacked(), Some(*tag));
        }
        assert_eq!(self.session.take_unacked(), None);

        let (mut pongs, mut errors, mut pushed, mut answers) = (0, 0, 0, 0);
        for line in self.sent.split_inclusive(|byte| *byte == b'\n') {
            let line = line.strip_suffix(b"\n").expect("whole messages");
            let message = JsonValue::parse(line).expect("sound messages");
            let command = message.member("cmd").and_then(|cmd| cmd.as_str());
            match command.and_then(|command| command.as_plain()) {
                Some("enterprise_pong") => pongs += 1,
                Some("invalid_msg") => errors += 1,
                Some("enterprise_event_push") => {
                    assert!(answers == 1, "an event before the login's answer");
                    pushed += 1;
                }
                Some("enterprise_login_res") => answers += 1,
                other => panic!("the broker sent {other:?}"),
            }
        }
        assert_eq!(
            (pongs, errors, pushed, answers),
            (self.pings, self.errors, self.pushed, self.answered)
        );
    }
}
