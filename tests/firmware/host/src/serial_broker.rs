//! The broker behind the serial bridge: noti-proto's own end of the protocol, over plain TCP on loopback.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::time::{Duration, Instant as Deadline};

use noti_proto::server::{
    BrokerConfig, BrokerEvent, BrokerSession, BrokerState, ClientError, PushError,
};
use noti_proto::{Inline, Instant, LineBuf};

use crate::Result;
use crate::events::{self, Sums};

/// When this many events are acked, nothing is sent until the client has pinged.
const QUIET_AT: u32 = 200;
/// Then, one event is cut off in its middle, together with the connection.
const CUT_AT: u32 = 400;
/// Then, so many events are sent, and neither acks nor pings are heard any more.
const SILENT_AT: u32 = 700;
const SENT_BEFORE_SILENCE: usize = 3;

/// What the broker has seen.
#[derive(Default)]
pub(crate) struct Tally {
    /// Events whose whole line has left, sent again or not.
    pub(crate) sent_whole: usize,
    pub(crate) speeds: usize,
    pub(crate) frame_bytes: usize,
    pub(crate) pings: usize,
}

pub(crate) struct SerialBroker {
    listener: TcpListener,
    start: Deadline,
    patience: Deadline,
    /// Events that nobody has acked and that are not on their way, in order.
    waiting: VecDeque<u32>,
    acked: Vec<bool>,
    tally: Tally,
    quiet: Turn,
    cut: Turn,
    silence: Turn,
}

/// Something that happens once.
#[derive(Clone, Copy, PartialEq)]
enum Turn {
    ToCome,
    Now,
    Over,
}

type Session = BrokerSession<Inline<8192, 5>>;

impl SerialBroker {
    pub(crate) fn new(listener: TcpListener, patience: Deadline) -> Self {
        Self {
            listener,
            start: Deadline::now(),
            patience,
            waiting: (0..events::COUNT).collect(),
            acked: vec![false; events::COUNT as usize],
            tally: Tally::default(),
            quiet: Turn::ToCome,
            cut: Turn::ToCome,
            silence: Turn::ToCome,
        }
    }

    /// Until every event is acked.
    pub(crate) fn serve(mut self) -> Result<Tally> {
        let mut session = Session::new(BrokerConfig::default(), Inline::new())?;
        while self.acked.contains(&false) {
            let (stream, _) = self.accept()?;
            self.connection(&mut session, stream)?;
            let now = self.now();
            session.disconnected(now);
            while let Some(tag) = session.take_unacked() {
                self.waiting.push_front(tag);
            }
            self.waiting.make_contiguous().sort_unstable();
        }
        Ok(self.tally)
    }

    fn accept(&self) -> Result<(TcpStream, std::net::SocketAddr)> {
        self.listener.set_nonblocking(true)?;
        loop {
            match self.listener.accept() {
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.be_patient()?,
                accepted => {
                    let (stream, address) = accepted?;
                    stream.set_nonblocking(false)?;
                    stream.set_nodelay(true)?;
                    stream.set_read_timeout(Some(Duration::from_millis(5)))?;
                    return Ok((stream, address));
                }
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn connection(&mut self, session: &mut Session, mut stream: TcpStream) -> Result<()> {
        let mut lines = LineBuf::new([0; 1024]);
        session.connected(self.now());
        loop {
            self.be_patient()?;
            self.take_turns(session);
            if self.cut == Turn::Now {
                self.cut = Turn::Over;
                return self.cut_off(session, &mut stream);
            }
            if self.quiet != Turn::Now {
                self.push(session)?;
            }
            while let bytes @ [_, ..] = session.poll_transmit(self.now()) {
                stream.write_all(bytes)?;
                let length = bytes.len();
                session.transmitted(self.now(), length);
            }
            if self.silence == Turn::Now {
                self.silence = Turn::Over;
                return self.be_silent(&mut stream);
            }
            match stream.read(lines.spare()) {
                Ok(0) => return Ok(()),
                Ok(length) => lines.commit(length),
                Err(error) if is_timeout(&error) => {}
                Err(error) => return Err(error.into()),
            }
            while let Some(line) = lines.next_line() {
                self.hear(session, line)?;
            }
            session.handle_timeout(self.now());
            if let BrokerState::Closed(reason) = session.state() {
                return Err(format!("the broker closed the connection: {reason:?}").into());
            }
            if !self.acked.contains(&false) {
                return Ok(());
            }
        }
    }

    fn take_turns(&mut self, session: &Session) {
        if session.state() != BrokerState::LoggedIn {
            return;
        }
        let acked = self.acked.iter().filter(|acked| **acked).count();
        let at = |count: u32| acked >= count as usize;
        for (turn, count) in [
            (&mut self.quiet, QUIET_AT),
            (&mut self.cut, CUT_AT),
            (&mut self.silence, SILENT_AT),
        ] {
            if *turn == Turn::ToCome && at(count) && session.in_flight() == 0 {
                *turn = Turn::Now;
            }
        }
    }

    /// Whether nothing more may be sent before the next of the turns.
    fn holds_back(&self, session: &Session) -> bool {
        let acked = self.acked.iter().filter(|acked| **acked).count();
        let out = acked + session.in_flight();
        [
            (self.quiet, QUIET_AT),
            (self.cut, CUT_AT),
            (self.silence, SILENT_AT),
        ]
        .iter()
        .any(|(turn, count)| *turn == Turn::ToCome && out >= *count as usize)
    }

    fn push(&mut self, session: &mut Session) -> Result<()> {
        let mut sent = 0;
        while let Some(event) = self.waiting.front().copied() {
            let silent = self.silence == Turn::Now;
            if self.holds_back(session) || (silent && sent == SENT_BEFORE_SILENCE) {
                break;
            }
            match push_one(session, event) {
                Ok(()) => {}
                Err(PushError::WindowFull | PushError::NoRoom | PushError::NotLoggedIn) => break,
                Err(error) => return Err(error.into()),
            }
            self.waiting.pop_front();
            let Sums {
                speeds,
                frame_bytes,
            } = events::sums(event);
            self.tally.sent_whole += 1;
            self.tally.speeds += speeds;
            self.tally.frame_bytes += frame_bytes;
            sent += 1;
        }
        Ok(())
    }

    fn hear(&mut self, session: &mut Session, line: noti_proto::Line<'_>) -> Result<()> {
        let before_login = session.state() == BrokerState::AwaitingLogin;
        match session.handle_line(self.now(), line) {
            Some(BrokerEvent::LoginRequest(request)) => {
                if request.enterprise_id == "gateway"
                    && request.enterprise_secret == "not so secret"
                {
                    session.accept_login();
                } else {
                    return Err("the image logs in with other credentials".into());
                }
            }
            Some(BrokerEvent::Acked { tag }) => {
                let acked = self
                    .acked
                    .get_mut(tag as usize)
                    .ok_or("an ack of nothing")?;
                if std::mem::replace(acked, true) {
                    return Err(format!("event {tag} was acked twice").into());
                }
            }
            Some(BrokerEvent::Ping) => {
                self.tally.pings += 1;
                self.quiet = match self.quiet {
                    Turn::Now => Turn::Over,
                    other => other,
                };
            }
            // The bridge has a new connection, and the image does not know yet.
            Some(BrokerEvent::ClientError {
                error: ClientError::NotLoggedIn,
                line,
            }) if before_login => {
                self.tally.pings += usize::from(is_ping(line));
            }
            Some(other) => return Err(format!("the image sent something wrong: {other:?}").into()),
            None => {}
        }
        Ok(())
    }

    /// Half an event, then nothing.
    fn cut_off(&mut self, session: &mut Session, stream: &mut TcpStream) -> Result<()> {
        let event = self.waiting.pop_front().ok_or("nothing to cut off")?;
        push_one(session, event)?;
        let bytes = session.poll_transmit(self.now());
        let half = bytes.get(..bytes.len() / 2).unwrap_or_default();
        stream.write_all(half)?;
        stream.flush()?;
        // The bytes must be on the line before it is cut.
        std::thread::sleep(Duration::from_millis(50));
        stream.shutdown(Shutdown::Both)?;
        Ok(())
    }

    /// Reads, and answers nothing, until the image has given the connection up and logs in again.
    fn be_silent(&mut self, stream: &mut TcpStream) -> Result<()> {
        let mut heard = Vec::new();
        loop {
            self.be_patient()?;
            let mut bytes = [0; 512];
            match stream.read(&mut bytes) {
                Ok(0) => return Ok(()),
                Ok(length) => heard.extend_from_slice(bytes.get(..length).unwrap_or_default()),
                Err(error) if is_timeout(&error) => {}
                Err(error) => return Err(error.into()),
            }
            let whole = heard.split_inclusive(|byte| *byte == b'\n');
            let lines = whole.filter(|line| line.ends_with(b"\n"));
            if lines.clone().any(is_login) {
                self.tally.pings += lines.filter(|line| is_ping(line)).count();
                stream.shutdown(Shutdown::Both)?;
                return Ok(());
            }
        }
    }

    fn now(&self) -> Instant {
        Instant::ZERO.saturating_add(self.start.elapsed())
    }

    fn be_patient(&self) -> Result<()> {
        if Deadline::now() < self.patience {
            return Ok(());
        }
        let acked = self.acked.iter().filter(|acked| **acked).count();
        Err(format!("it takes too long; {acked} events are acked").into())
    }
}

fn push_one(session: &mut Session, event: u32) -> std::result::Result<(), PushError> {
    let id = events::id(event, session.next_id());
    let line = events::line(event, &id);
    session.push_line(event, id.as_bytes(), &[line.as_bytes()])
}

fn is_ping(line: &[u8]) -> bool {
    line.starts_with(br#"{"cmd":"enterprise_ping"}"#)
}

fn is_login(line: &[u8]) -> bool {
    line.starts_with(br#"{"cmd":"enterprise_login_req""#)
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}
