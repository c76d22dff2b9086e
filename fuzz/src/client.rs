//! A client that acks whatever it can, and tells what it saw in terms of its own.

use noti_proto::{
    AckToken, Config, Event, Inline, Instant, Line, LineError, Login, Session, State,
};

/// The answer that lets a client in.
pub const ACCEPTED: &[u8] = br#"{"cmd":"enterprise_login_res","data":{"result":true,"msg":"ok"}}"#;
const ACK_START: &[u8] = br#"{"cmd":"enterprise_event_ack","delivery_id":"#;
const ACK_END: &[u8] = b"}\n";

/// An event, with the bytes of the id that its ack carried in place of the token.
#[derive(Clone, Debug, PartialEq, Eq)]
/// The names are those of `Event`.
pub enum Seen {
    LoggedIn,
    LoginRefused {
        code: Option<u32>,
        msg: Option<String>,
    },
    Delivery {
        line: Vec<u8>,
        acked: Vec<u8>,
    },
    Pong,
    InvalidMsg {
        code: Option<u32>,
        msg: Option<String>,
    },
    Part {
        bytes: Vec<u8>,
    },
    End {
        bytes: Vec<u8>,
        length: u64,
        push: bool,
        acked: Option<Vec<u8>>,
    },
    Malformed {
        line: Vec<u8>,
        error: LineError,
        push: bool,
        acked: Option<Vec<u8>>,
    },
    Unknown {
        line: Vec<u8>,
    },
}

/// A session, logged in.
#[derive(Debug)]
pub struct Client {
    session: Session<Inline<128, 2>>,
}

impl Client {
    /// A client whose login was just accepted.
    pub fn logged_in() -> Self {
        let mut client = Self::logging_in();
        assert_eq!(client.reads(ACCEPTED), Some(Seen::LoggedIn));
        client
    }

    /// A client whose login has left.
    pub fn logging_in() -> Self {
        let mut config = Config::new();
        config.prefetch = 2;
        let mut session = Session::new(config, Inline::new()).expect("it fits");
        let login = Login {
            enterprise_id: "id",
            enterprise_secret: "secret",
        };
        session.connected(Instant::ZERO, &login).expect("it fits");
        let mut client = Self { session };
        assert!(client.sends().ends_with(b"\"prefetch_count\":2}}\n"));
        client
    }

    /// Whether lines are still read.
    pub fn is_open(&self) -> bool {
        matches!(self.session.state(), State::LoggingIn | State::LoggedIn)
    }

    /// The session itself.
    pub fn session(&mut self) -> &mut Session<Inline<128, 2>> {
        &mut self.session
    }

    fn sends(&mut self) -> Vec<u8> {
        let bytes = self.session.poll_transmit(Instant::ZERO).to_vec();
        self.session.transmitted(Instant::ZERO, bytes.len());
        bytes
    }

    /// The id in the ack that leaves for this token; empty while the login is not answered, for then no ack leaves.
    pub fn acks(&mut self, token: AckToken) -> Vec<u8> {
        assert_eq!(self.session.in_flight(), 1);
        self.session.ack(token).expect("the token is new");
        let sent = self.sends();
        if self.session.state() == State::LoggingIn {
            assert!(sent.is_empty(), "an ack left before the login was answered");
            return sent;
        }
        let id = sent.strip_prefix(ACK_START);
        let id = id.and_then(|sent| sent.strip_suffix(ACK_END));
        id.unwrap_or_else(|| panic!("no ack: {}", sent.escape_ascii()))
            .to_vec()
    }

    /// Reads a line given whole.
    pub fn reads(&mut self, line: &[u8]) -> Option<Seen> {
        self.handles(Line::whole(line))
    }

    /// Reads a line, and acks what it can.
    pub fn handles(&mut self, line: Line<'_>) -> Option<Seen> {
        let event = self.session.handle_line(Instant::ZERO, line)?;
        let seen = match event {
            Event::LoggedIn => Seen::LoggedIn,
            Event::LoginRefused { code, msg } => Seen::LoginRefused {
                code,
                msg: msg.map(|msg| msg.raw().to_owned()),
            },
            Event::Delivery(delivery) => Seen::Delivery {
                line: delivery.line().to_vec(),
                acked: self.acks(delivery.token()),
            },
            Event::Pong => Seen::Pong,
            Event::InvalidMsg { code, msg } => Seen::InvalidMsg {
                code,
                msg: msg.map(|msg| msg.raw().to_owned()),
            },
            Event::OversizePart { bytes } => Seen::Part {
                bytes: bytes.to_vec(),
            },
            Event::OversizeEnd {
                bytes,
                length,
                push,
                token,
            } => Seen::End {
                bytes: bytes.to_vec(),
                length,
                push,
                acked: token.map(|token| self.acks(token)),
            },
            Event::Malformed {
                line,
                error,
                push,
                token,
            } => Seen::Malformed {
                line: line.to_vec(),
                error,
                push,
                acked: token.map(|token| self.acks(token)),
            },
            Event::Unknown { line } => Seen::Unknown {
                line: line.to_vec(),
            },
            event => panic!("an event that the oracles do not know: {event:?}"),
        };
        Some(seen)
    }
}
