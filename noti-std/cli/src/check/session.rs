use std::net::Shutdown;
use std::time::{Duration, Instant};

use noti_std::Secret;
use noti_std::proto::{
    CloseReason, Config, Event, Inline, Instant as CoreInstant, LineBuf, Login, Session, State,
};
use noti_std::tls::{Plaintext, Receive};

use super::advice;
use super::connect::Link;
use super::report::Failure;
use crate::connection;

/// Room for the login; credentials are a few dozen characters long.
const TRANSMIT: usize = 8192;
/// An overrun by one is the server's fault, but not what is checked.
const SLOTS: usize = 2;

/// A session over a socket that blocks, for no longer than the next deadline.
pub(super) struct Conversation {
    link: Link,
    session: Session<Inline<TRANSMIT, SLOTS>>,
    lines: LineBuf<Vec<u8>>,
    /// What the server must not bring to light, though it may repeat the login.
    secret: Secret,
    start: Instant,
    seen: Seen,
}

/// What the server has said.
#[derive(Default)]
struct Seen {
    logged_in: bool,
    refusal: Option<(Option<u32>, String)>,
    invalid: Option<String>,
    pong: bool,
    events: u64,
}

/// Why the conversation is over.
enum End {
    Session(CloseReason),
    Link(Failure),
    /// Not over, but too late.
    Late,
}

impl Conversation {
    pub(super) fn start(
        link: Link,
        options: &connection::Options,
        enterprise_id: &str,
        secret: &Secret,
    ) -> Result<Self, Failure> {
        let mut config = Config::default();
        config.prefetch = 1;
        // The first ping need not wait.
        config.ping_interval = Duration::from_millis(1);
        config.pong_timeout = options.pong_timeout;
        config.login_timeout = options.login_timeout;
        let mut session = Session::new(config, Inline::new()).map_err(Failure::usage)?;
        let login = Login {
            enterprise_id,
            enterprise_secret: secret.expose(),
        };
        session
            .connected(CoreInstant::ZERO, &login)
            .map_err(Failure::usage)?;
        Ok(Self {
            link,
            session,
            lines: LineBuf::new(vec![0; options.max_line.max(1024)]),
            secret: secret.clone(),
            start: Instant::now(),
            seen: Seen::default(),
        })
    }

    /// Waits for the answer to the login.
    pub(super) fn log_in(
        &mut self,
        enterprise_id: &str,
        secret: &Secret,
        timeout: Duration,
    ) -> Result<(), Failure> {
        let end = self.run_until(timeout, |seen| seen.logged_in || seen.refusal.is_some());
        if let Some((code, msg)) = &self.seen.refusal {
            let code = code.map_or(String::new(), |code| format!(" ({code})"));
            let error = format!("the server refused the login{code}: {msg:?}");
            let local = self.link.socket.local_addr().ok();
            return Err(Failure::refused(error).advise(advice::on_refusal(
                msg,
                enterprise_id,
                secret.expose(),
                local,
            )));
        }
        match end {
            Ok(()) => Ok(()),
            Err(End::Link(failure)) => Err(failure.advise(advice::on_lost_login())),
            Err(End::Late | End::Session(CloseReason::LoginTimeout)) => {
                let error = format!("the server did not answer the login within {timeout:?}");
                let failure = Failure::unavailable("login_timeout", error);
                Err(failure.advise(advice::on_no_login_answer()))
            }
            Err(End::Session(reason)) => Err(Failure::unavailable("session", reason)),
        }
    }

    /// Waits for the answer to the first ping.
    pub(super) fn await_pong(&mut self, timeout: Duration) -> Result<(), Failure> {
        match self.run_until(timeout, |seen| seen.pong) {
            Ok(()) => Ok(()),
            Err(End::Link(failure)) => Err(failure.advise(advice::on_lost_session())),
            Err(End::Late | End::Session(CloseReason::PongTimeout)) => {
                let error = format!("the server did not answer a ping within {timeout:?}");
                let failure = Failure::unavailable("pong_timeout", error);
                Err(failure.advise(advice::on_no_pong(self.seen.invalid.as_deref())))
            }
            Err(End::Session(reason)) => {
                Err(Failure::unavailable("session", reason).advise(advice::on_lost_session()))
            }
        }
    }

    /// Ends the connection in order. How many events came.
    pub(super) fn close(mut self) -> u64 {
        self.session.disconnected(self.now());
        self.link.tls.close_notify();
        // The server notices the end in any case.
        let _ = self.link.tls.flush(&mut self.link.socket);
        let _ = self.link.socket.shutdown(Shutdown::Write);
        self.seen.events
    }

    fn run_until(&mut self, timeout: Duration, done: impl Fn(&Seen) -> bool) -> Result<(), End> {
        let until = Instant::now() + timeout;
        while !done(&self.seen) {
            let sent = self.transmit();
            // What has arrived counts before a deadline does, so there is always one look at it.
            let deadline = self.session.poll_timeout();
            let deadline = deadline.map(|at| self.start + Duration::from_millis(at.as_millis()));
            let deadline = deadline.unwrap_or(until).min(until);
            let received = self.receive(deadline);
            if done(&self.seen) {
                return Ok(());
            }
            // What the server has said last tells more than that it takes no more.
            received.and(sent).map_err(End::Link)?;
            self.session.handle_timeout(self.now());
            if let State::Closed(reason) = self.session.state() {
                return Err(End::Session(reason));
            }
            if Instant::now() >= until {
                return Err(End::Late);
            }
        }
        Ok(())
    }

    fn transmit(&mut self) -> Result<(), Failure> {
        loop {
            let now = self.now();
            let bytes = self.session.poll_transmit(now);
            let Link { socket, tls } = &mut self.link;
            let sent = tls.transmit(bytes, socket);
            let sent = sent.map_err(|error| Failure::unavailable(error.kind(), error))?;
            if sent == 0 {
                return Ok(());
            }
            self.session.transmitted(now, sent);
        }
    }

    /// Receives once, and handles the lines that are whole.
    fn receive(&mut self, deadline: Instant) -> Result<(), Failure> {
        let Link { socket, tls } = &mut self.link;
        let left = deadline.saturating_duration_since(Instant::now());
        let bounded = left.max(Duration::from_millis(1));
        socket
            .set_read_timeout(Some(bounded))
            .map_err(|error| Failure::unavailable("io", error))?;
        match tls.receive(socket) {
            Ok(Receive::Progress | Receive::Unread | Receive::End) => {}
            Ok(Receive::WouldBlock) => return Ok(()),
            Err(error) => return Err(Failure::unavailable(error.kind(), error)),
        }
        loop {
            match self.link.tls.read(self.lines.spare()) {
                Plaintext::Data(n) => {
                    self.lines.commit(n);
                    self.session.note_received(self.now());
                }
                Plaintext::Pending => return Ok(()),
                Plaintext::Closed => {
                    return Err(Failure::unavailable(
                        "closed",
                        "the server closed the connection",
                    ));
                }
                Plaintext::Truncated => {
                    let error = "the connection broke off: it ended without TLS saying so";
                    return Err(Failure::unavailable("broken", error));
                }
            }
            self.handle_lines();
        }
    }

    fn handle_lines(&mut self) {
        let now = self.now();
        while let Some(line) = self.lines.next_line() {
            match self.session.handle_line(now, line) {
                Some(Event::LoggedIn) => self.seen.logged_in = true,
                Some(Event::LoginRefused { code, msg }) => {
                    self.seen.refusal = Some((code, self.secret.redacted(msg)));
                }
                Some(Event::InvalidMsg { msg, .. }) => {
                    self.seen.invalid = Some(self.secret.redacted(msg));
                }
                Some(Event::Pong) => self.seen.pong = true,
                Some(Event::Delivery(_) | Event::OversizeEnd { .. }) => self.seen.events += 1,
                _ => {}
            }
        }
    }

    fn now(&self) -> CoreInstant {
        CoreInstant::ZERO.saturating_add(self.start.elapsed())
    }
}
