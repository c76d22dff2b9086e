use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mio::{Events, Poll, Token};
use noti_proto::{
    AckError, AckToken, Backoff, Event as Said, Instant as CoreInstant, LineBuf, Login, Session,
    State,
};

use super::ClientError;
use super::builder::{ClientBuilder, PoisonPolicy};
use super::delivery::{Acker, Charge, Delivery};
use super::disconnect::{Disconnect, DisconnectKind};
use super::event::{Bytes, Event, Poison, PoisonReason};
use super::exchange::{Exchange, deadline};
use super::heap::Heap;
use super::link::{Dialing, Link, Rest};
use super::resolve::Resolver;
use crate::tls::{ClientTls, TlsConnection};

/// The other threads.
pub(super) const WAKE: Token = Token(0);
const SOCKET: Token = Token(1);

/// How many reads make one turn of the loop, so that acks leave and deadlines are met while a backlog comes in.
const READS_PER_TURN: usize = 16;

/// How long the server may take to close its end once this one is closed.
const LINGER: Duration = Duration::from_secs(2);

/// The longest sleep. Pollers count in milliseconds, some in 32 bits.
const LONGEST_WAIT: Duration = Duration::from_secs(60 * 60);

/// So many complaints of the server are logged on one connection, each with a code of its own.
const COMPLAINTS: usize = 16;

/// What a line costs the byte budget beside its bytes.
const OVERHEAD: usize = 256;

/// The client's thread: one connection after the other.
pub(super) struct Network {
    poll: Poll,
    readiness: Events,
    exchange: Arc<Exchange>,
    session: Session<Heap>,
    lines: LineBuf<Vec<u8>>,
    tls: ClientTls,
    resolver: Resolver,
    backoff: Backoff,
    settings: ClientBuilder,
    start: Instant,
    /// Events of this turn, and acks to give to the session: kept for their memory.
    events: Vec<Event>,
    acks: Vec<AckToken>,
    connection: Connection,
    /// A login has succeeded in the life of this client.
    was_logged_in: bool,
    /// The allow-list was hinted at, which is done once.
    has_hinted: bool,
    /// Acks that the last connection had not sent at its end.
    acks_unsent: u64,
}

/// What is to be known of the connection at hand.
#[derive(Default)]
struct Connection {
    /// The session took these acks, and so many of them have left.
    acks_taken: u64,
    acks_sent: u64,
    /// Which of the acks that have not left are of poison, by their number.
    poison_acks: VecDeque<u64>,
    /// Un-acked events that nobody will ack.
    held: usize,
    refusal: Option<Disconnect>,
    ping_sent: Option<Instant>,
    proven: bool,
    complaints: Complaints,
}

/// What the server could not make sense of, by its codes. A server that says so again and again must not fill the log.
#[derive(Default)]
struct Complaints {
    logged: Vec<Option<u32>>,
}

impl Complaints {
    /// Logs the first of each code.
    fn log(&mut self, code: Option<u32>, msg: &str) {
        if self.logged.len() < COMPLAINTS && !self.logged.contains(&code) {
            self.logged.push(code);
            tracing::warn!(?code, ?msg, "the server could not make sense of a message");
        } else {
            tracing::debug!(?code, ?msg, "the server could not make sense of a message");
        }
    }
}

/// Why an attempt is over.
enum End {
    Disconnected(Disconnect),
    /// The application wants no more.
    Stopped,
    Poller(std::io::Error),
}

impl From<Disconnect> for End {
    fn from(disconnect: Disconnect) -> Self {
        Self::Disconnected(disconnect)
    }
}

impl Network {
    #[expect(clippy::too_many_arguments, reason = "each is a part of its own")]
    pub(super) fn new(
        poll: Poll,
        exchange: Exchange,
        session: Session<Heap>,
        lines: LineBuf<Vec<u8>>,
        tls: ClientTls,
        resolver: Resolver,
        backoff: Backoff,
        settings: ClientBuilder,
    ) -> Self {
        Self {
            poll,
            readiness: Events::with_capacity(16),
            exchange: Arc::new(exchange),
            session,
            lines,
            tls,
            resolver,
            backoff,
            settings,
            start: Instant::now(),
            events: Vec::new(),
            acks: Vec::new(),
            connection: Connection::default(),
            was_logged_in: false,
            has_hinted: false,
            acks_unsent: 0,
        }
    }

    pub(super) fn exchange(&self) -> Arc<Exchange> {
        self.exchange.clone()
    }

    pub(super) fn run(mut self) -> Result<(), ClientError> {
        // Also if this thread panics: nobody must wait for it then.
        let _ending = Ending(self.exchange.clone());
        let result = self.connect_and_reconnect();
        self.exchange.publish(&mut self.events);
        result
    }

    fn connect_and_reconnect(&mut self) -> Result<(), ClientError> {
        loop {
            let disconnect = match self.connect_once() {
                End::Stopped => return self.stopped(),
                End::Poller(error) => return Err(ClientError::Poller(error)),
                End::Disconnected(disconnect) => disconnect,
            };
            tracing::warn!(kind = disconnect.kind().name(), "{disconnect}");
            self.tell(Event::Disconnected(disconnect.clone()));
            self.exchange.disconnected(&disconnect);
            self.hint_at_allow_list(&disconnect);
            let refused = disconnect.kind() == DisconnectKind::LoginRefused;
            if refused && !self.was_logged_in && !self.settings.retry_refused {
                return Err(ClientError::LoginRefused(disconnect));
            }
            if self.exchange.stop_by().is_some() {
                return self.stopped();
            }
            let Some((_, longest)) = self.settings.reconnect else {
                return Err(ClientError::Unavailable(disconnect));
            };
            let delay = if refused {
                longest
            } else {
                self.backoff.next_delay(fastrand::u64(..))
            };
            tracing::info!(?delay, "connecting anew");
            self.tell(Event::Retrying { delay });
            self.exchange.publish(&mut self.events);
            let waited = self.wait_between(deadline(delay));
            match waited.and_then(|()| self.wait_for_room()) {
                Ok(()) => {}
                Err(End::Poller(error)) => return Err(ClientError::Poller(error)),
                Err(_) => return Ok(()),
            }
        }
    }

    /// A server that knows a client's address to be none of its enterprise's may say nothing, and hang up.
    fn hint_at_allow_list(&mut self, disconnect: &Disconnect) {
        let is_silent = matches!(
            disconnect.kind(),
            DisconnectKind::Closed | DisconnectKind::Broken | DisconnectKind::LoginTimeout
        );
        if is_silent && !self.was_logged_in && !self.has_hinted {
            self.has_hinted = true;
            tracing::warn!(
                "no login was answered yet; check that this machine's public address is on the enterprise's IP allow-list"
            );
        }
    }

    /// Waits while there is no connection.
    fn wait_between(&mut self, until: Instant) -> Result<(), End> {
        while Instant::now() < until {
            self.wait(Some(until))?;
            // What is acked now is of a connection that has ended.
            if self.take_acks().is_some() {
                return Err(End::Stopped);
            }
        }
        Ok(())
    }

    /// An application that has all the bytes it may have needs no connection: not even the answer to the login could be
    /// read.
    fn wait_for_room(&mut self) -> Result<(), End> {
        while self.exchange.is_full() && self.exchange.must_pause() {
            self.wait(None)?;
            if self.take_acks().is_some() {
                return Err(End::Stopped);
            }
        }
        Ok(())
    }

    /// One connection, from the look-up of the name to its end.
    fn connect_once(&mut self) -> End {
        self.acks_unsent = 0;
        let (mut link, address) = match self.link_up() {
            Ok(linked) => linked,
            Err(end) => return end,
        };
        let end = match self.serve(&mut link, address) {
            Ok(()) => End::Stopped,
            Err(end) => end,
        };
        self.part(link, &end);
        self.session.disconnected(self.now());
        let lost = self.connection.acks_taken - self.connection.acks_sent;
        self.exchange.count(|stats| {
            stats.acks_lost += lost;
            stats.in_flight = 0;
        });
        self.acks_unsent = lost;
        self.connection = Connection::default();
        end
    }

    /// The end that the application asked for.
    const fn stopped(&self) -> Result<(), ClientError> {
        match self.acks_unsent {
            0 => Ok(()),
            acks => Err(ClientError::AcksUnsent { acks }),
        }
    }

    /// A connection to a server that is verified.
    fn link_up(&mut self) -> Result<(Link, SocketAddr), End> {
        let addresses = self.resolve()?;
        let mut failure = Disconnect::new(
            DisconnectKind::Resolve,
            format!("{} has no address; check the name", self.settings.host),
        );
        for address in addresses {
            match self.dial(address) {
                Ok(link) => return Ok((link, address)),
                Err(End::Disconnected(disconnect)) => failure = disconnect,
                Err(end) => return Err(end),
            }
        }
        Err(failure.into())
    }

    fn resolve(&mut self) -> Result<Vec<SocketAddr>, End> {
        let until = deadline(self.settings.connect_timeout);
        let failed = |host: &str, why: &dyn std::fmt::Display| {
            Disconnect::new(
                DisconnectKind::Resolve,
                format!("looking {host} up failed: {why}; check the name and the network"),
            )
        };
        let host = self.settings.host.clone();
        self.resolver
            .start(&self.exchange)
            .map_err(|error| failed(&host, &error))?;
        loop {
            if let Some(found) = self.resolver.found() {
                return Ok(found.map_err(|error| failed(&host, &error))?);
            }
            self.wait_for_network(until, || failed(&host, &"no answer in time"))?;
        }
    }

    fn dial(&mut self, address: SocketAddr) -> Result<Link, End> {
        let failed = |why: &dyn std::fmt::Display| {
            Disconnect::new(
                DisconnectKind::Connect,
                format!(
                    "connecting to {address} failed: {why}; check the host, the port and the network"
                ),
            )
        };
        let until = deadline(self.settings.connect_timeout);
        let dialing = Dialing::start(address, self.poll.registry(), SOCKET)
            .map_err(|error| failed(&error))?;
        while !dialing.is_connected().map_err(|error| failed(&error))? {
            self.wait_for_network(until, || failed(&"no answer in time"))?;
        }
        let tls = TlsConnection::client(&self.tls)
            .map_err(|error| Disconnect::new(DisconnectKind::Tls, error.to_string()))?;
        let mut link = dialing.secure(tls, Duration::from_secs(60));
        let until = deadline(self.settings.connect_timeout);
        while !link.shake_hands()? {
            self.wait_for_network(until, || {
                Disconnect::new(
                    DisconnectKind::Tls,
                    format!("the TLS handshake with {address} was not done in time; check that the port speaks TLS"),
                )
            })?;
        }
        Ok(link)
    }

    /// The loop of an open connection, in the order that [`Session`] asks for. `Ok` once the application wants no more.
    fn serve(&mut self, link: &mut Link, address: SocketAddr) -> Result<(), End> {
        tracing::info!(%address, "connected");
        self.tell(Event::Connected { address });
        self.lines.reset();
        let login = Login {
            enterprise_id: &self.settings.enterprise_id,
            enterprise_secret: self.settings.secret.expose(),
        };
        let now = self.now();
        self.session
            .connected(now, &login)
            .map_err(|error| Disconnect::new(DisconnectKind::LoginRefused, error.to_string()))?;
        loop {
            let received = self.receive(link);
            self.session.handle_timeout(self.now());
            let stop = self.take_acks();
            let sent = self.transmit(link);
            self.exchange.publish(&mut self.events);
            // Why the session ended, or was about to, says more than what the transport says then.
            let failed = received.is_err() || sent.is_err();
            if let State::Closing(reason) = self.session.state()
                && failed
            {
                return Err(Disconnect::session(reason).into());
            }
            if let State::Closed(reason) = self.session.state() {
                let refusal = self.connection.refusal.take();
                return Err(refusal
                    .unwrap_or_else(|| Disconnect::session(reason))
                    .into());
            }
            let more = received?;
            sent?;
            if let Some(until) = stop {
                return self.drain(link, until);
            }
            if !more {
                self.wait(self.session_deadline())?;
            }
        }
    }

    /// Takes in what has arrived. `true` when there may be more.
    fn receive(&mut self, link: &mut Link) -> Result<bool, Disconnect> {
        for _ in 0..READS_PER_TURN {
            if self.exchange.is_full() && self.exchange.must_pause() {
                self.exchange.publish(&mut self.events);
                self.session.pause_reading();
                return Ok(false);
            }
            self.session.resume_reading(self.now());
            // What was read before there was no more room.
            if !self.handle_lines() {
                continue;
            }
            let Some(n) = link.read(self.lines.spare())? else {
                return Ok(false);
            };
            self.lines.commit(n);
            self.session.note_received(self.now());
            self.exchange
                .count(|stats| stats.bytes_received += n as u64);
            self.handle_lines();
        }
        Ok(true)
    }

    /// Hands out the lines that have arrived, as long as there is room for them; true when none is left.
    fn handle_lines(&mut self) -> bool {
        let now = self.now();
        let mut delivered = 0;
        let mut poison = 0;
        let mut oversize = 0;
        let all = loop {
            if self.exchange.is_full() {
                break false;
            }
            let Some(line) = self.lines.next_line() else {
                break true;
            };
            let Some(said) = self.session.handle_line(now, line) else {
                continue;
            };
            let event = match said {
                Said::Delivery(delivery) => {
                    delivered += 1;
                    self.connection.proven = true;
                    let line = delivery.line();
                    Event::Delivery(Delivery {
                        line: line.to_vec(),
                        layout: delivery.layout(),
                        charge: Charge::new(&self.exchange, line.len() + OVERHEAD),
                    })
                }
                Said::LoggedIn => {
                    self.was_logged_in = true;
                    self.exchange.logged_in();
                    tracing::info!("logged in");
                    Event::LoggedIn
                }
                Said::LoginRefused { code, msg } => {
                    let msg = self.settings.secret.redacted(msg);
                    self.connection.refusal = Some(Disconnect::refused(code, &msg));
                    continue;
                }
                Said::Pong => {
                    self.connection.proven = true;
                    let Some(sent) = self.connection.ping_sent.take() else {
                        continue;
                    };
                    Event::Pong {
                        round_trip: sent.elapsed(),
                    }
                }
                Said::InvalidMsg { code, msg } => {
                    let msg = self.settings.secret.redacted(msg);
                    self.connection.complaints.log(code, &msg);
                    Event::InvalidMsg { code, msg }
                }
                Said::OversizePart { bytes } => {
                    if self.settings.poison != PoisonPolicy::Deliver {
                        continue;
                    }
                    Event::PoisonPart(charged(&self.exchange, bytes))
                }
                Said::OversizeEnd {
                    bytes,
                    length,
                    push,
                    token,
                } => {
                    poison += 1;
                    oversize += 1;
                    let reason = PoisonReason::Oversize;
                    let bytes = match self.settings.poison {
                        PoisonPolicy::Deliver => bytes,
                        _ => &[],
                    };
                    let bytes = charged(&self.exchange, bytes);
                    Event::Poison(Poison::new(reason, length, bytes, push, token))
                }
                Said::Malformed {
                    line,
                    error,
                    push,
                    token,
                } => {
                    poison += 1;
                    let reason = PoisonReason::Malformed(error);
                    let length = line.len() as u64;
                    let bytes = charged(&self.exchange, line);
                    Event::Poison(Poison::new(reason, length, bytes, push, token))
                }
                Said::Unknown { line } => Event::Unknown(charged(&self.exchange, line)),
                _ => continue,
            };
            self.events.push(event);
        };
        if delivered + poison > 0 {
            let in_flight = self.session.in_flight() as u64;
            self.exchange.count(|stats| {
                stats.delivered += delivered;
                stats.in_flight = in_flight;
                stats.poison += poison;
                stats.oversize += oversize;
            });
        }
        if poison > 0 {
            self.apply_poison_policy();
        }
        if self.connection.proven {
            self.backoff.reset();
        }
        all
    }

    /// Decides on the lines of this turn that cannot be delivered.
    fn apply_poison_policy(&mut self) {
        let mut filled = false;
        for event in &mut self.events {
            let Event::Poison(poison) = event else {
                continue;
            };
            let in_window = std::mem::take(&mut poison.in_window);
            match (poison.token.take(), self.settings.poison) {
                (Some(token), PoisonPolicy::Deliver) => {
                    poison.acker = Some(Acker::new(self.exchange.clone(), token));
                }
                (Some(token), PoisonPolicy::Ack) => {
                    if self.session.ack(token).is_ok() {
                        self.connection.acks_taken += 1;
                        let ack = self.connection.acks_taken;
                        self.connection.poison_acks.push_back(ack);
                        self.exchange.count(|stats| stats.acks_given += 1);
                    }
                    poison.acked = true;
                }
                // Nobody will ack it.
                _ if in_window => {
                    self.connection.held += 1;
                    filled |= self.connection.held == usize::from(self.settings.config.prefetch);
                }
                _ => {}
            }
        }
        if filled {
            self.tell(Event::WindowHeld);
        }
    }

    /// Gives the application's acks to the session. When the application wants to end, by when.
    fn take_acks(&mut self) -> Option<Instant> {
        let wishes = self.exchange.take_wishes(&mut self.acks);
        let mut repeated = 0;
        let mut lost = 0;
        for token in self.acks.drain(..) {
            match self.session.ack(token) {
                Ok(()) => self.connection.acks_taken += 1,
                Err(AckError::AlreadyAcked) => repeated += 1,
                Err(_) => lost += 1,
            }
        }
        if repeated + lost > 0 {
            self.exchange.count(|stats| {
                stats.acks_given -= repeated;
                stats.acks_lost += lost;
            });
        }
        wishes.stop
    }

    fn transmit(&mut self, link: &mut Link) -> Result<(), Disconnect> {
        let mut acks_sent = 0;
        let mut pings = 0;
        loop {
            let now = self.now();
            let bytes = self.session.poll_transmit(now);
            if bytes.is_empty() {
                break;
            }
            let n = link.write(bytes)?;
            if n == 0 {
                break;
            }
            let was_pinging = self.session.is_pinging();
            let unsent = self.session.unsent();
            let was_awaiting_pong = self.session.is_awaiting_pong();
            self.session.transmitted(now, n);
            acks_sent += unsent.saturating_sub(self.session.unsent()) as u64;
            pings += u64::from(was_pinging && !self.session.is_pinging());
            if self.session.is_awaiting_pong() && !was_awaiting_pong {
                self.connection.ping_sent = Some(Instant::now());
            }
        }
        if acks_sent + pings > 0 {
            self.connection.acks_sent += acks_sent;
            let left = self.connection.acks_sent;
            let poison_acks = &mut self.connection.poison_acks;
            let poison_acked = poison_acks.partition_point(|ack| *ack <= left);
            poison_acks.drain(..poison_acked);
            let in_flight = self.session.in_flight() as u64;
            self.exchange.count(|stats| {
                stats.in_flight = in_flight;
                stats.acks_sent += acks_sent;
                stats.poison_acked += poison_acked as u64;
                stats.pings += pings;
            });
        }
        Ok(())
    }

    /// Sends the acks given so far, at most until then.
    fn drain(&mut self, link: &mut Link, until: Instant) -> Result<(), End> {
        let mut scratch = vec![0; 16 * 1024];
        self.session.pause_reading();
        // Before the login is answered no ack leaves, and the answer is not read any more.
        while self.session.unsent() > 0 && self.session.state() != State::LoggingIn {
            // What arrives is left to the next connection, but it must not block the server.
            let more = link.discard(&mut scratch)?;
            self.session.handle_timeout(self.now());
            self.transmit(link)?;
            if let State::Closed(reason) = self.session.state() {
                return Err(Disconnect::session(reason).into());
            }
            if Instant::now() >= until {
                break;
            }
            if self.session.unsent() > 0 && !more {
                let deadline = self.session_deadline();
                self.wait(Some(deadline.map_or(until, |at| at.min(until))))?;
            }
        }
        Ok(())
    }

    /// Closes TLS and TCP, as far as they still work.
    fn part(&mut self, link: Link, end: &End) {
        let linger = match end {
            End::Stopped => LINGER,
            End::Disconnected(disconnect) => match disconnect.kind() {
                DisconnectKind::Tls | DisconnectKind::Broken => return,
                // Acks may just have left.
                DisconnectKind::ServerError | DisconnectKind::WindowExceeded => LINGER,
                _ => Duration::ZERO,
            },
            End::Poller(_) => Duration::ZERO,
        };
        if let Err(End::Disconnected(error)) = self.close(link, linger) {
            tracing::debug!(%error, "the connection did not close in order");
        }
    }

    /// Says goodbye, and waits so long for the server to do the same: closing with data unread would reset the
    /// connection, and destroy what was sent on its way.
    fn close(&mut self, mut link: Link, linger: Duration) -> Result<(), End> {
        let mut scratch = vec![0; 16 * 1024];
        let until = Instant::now() + linger;
        let mut said = false;
        link.tls.close_notify();
        loop {
            said = said || link.say_goodbye()?;
            let rest = link.throw_away(&mut scratch);
            let until = self.exchange.stop_by().map_or(until, |by| by.min(until));
            if rest == Rest::End || Instant::now() >= until {
                return Ok(());
            }
            if rest == Rest::Nothing {
                self.wait(Some(until))?;
            }
        }
    }

    /// When the session has something to do.
    fn session_deadline(&self) -> Option<Instant> {
        let at = self.session.poll_timeout()?;
        Some(self.start + Duration::from_millis(at.as_millis()))
    }

    /// Waits for the network on the way to a connection.
    fn wait_for_network(
        &mut self,
        until: Instant,
        late: impl FnOnce() -> Disconnect,
    ) -> Result<(), End> {
        if Instant::now() >= until {
            return Err(late().into());
        }
        self.exchange.publish(&mut self.events);
        self.wait(Some(until))?;
        self.take_acks();
        if self.exchange.stop_by().is_some() {
            return Err(End::Stopped);
        }
        Ok(())
    }

    /// Sleeps until something happens.
    fn wait(&mut self, until: Option<Instant>) -> Result<(), End> {
        let timeout = until.map(|until| {
            // The poller rounds down to milliseconds; a deadline is not met early.
            let left = until.saturating_duration_since(Instant::now());
            left.min(LONGEST_WAIT) + Duration::from_micros(999)
        });
        match self.poll.poll(&mut self.readiness, timeout) {
            Err(error) if error.kind() != std::io::ErrorKind::Interrupted => {
                Err(End::Poller(error))
            }
            _ => Ok(()),
        }
    }

    fn tell(&mut self, event: Event) {
        self.events.push(event);
    }

    fn now(&self) -> CoreInstant {
        let elapsed = self.start.elapsed();
        CoreInstant::ZERO.saturating_add(elapsed)
    }
}

/// Tells everybody that the thread has ended.
struct Ending(Arc<Exchange>);

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.end();
    }
}

fn charged(exchange: &Arc<Exchange>, bytes: &[u8]) -> Bytes {
    Bytes {
        bytes: bytes.to_vec(),
        _charge: Charge::new(exchange, bytes.len() + OVERHEAD),
    }
}
