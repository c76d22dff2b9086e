//! What goes over a connection: the client's lines in, events and answers out.

use noti_proto::Instant;
use noti_proto::server::{BrokerEvent, BrokerState, PushError};

use super::pushed::Pushed;
use super::{Connection, Phase};
use crate::fault::{Injection, LoginAnswer};
use crate::hub::Hub;
use crate::queue::Form;
use crate::report::Ended;
use crate::style::{Style, Terminator};
use noti_std::tls::{Plaintext, Receive};

/// How often a connection reads from its socket before others have their turn.
const READS: usize = 8;

/// What every push begins with in the plain form (clause P1).
const HEAD: &[u8] = br#"{"cmd":"enterprise_event_push","delivery_id":"#;

impl Connection {
    /// Reads what has arrived, but not for ever.
    pub(crate) fn receive(&mut self, now: Instant, hub: &mut Hub) {
        for _ in 0..READS {
            if !self.readable || self.phase == Phase::Done || !self.may_read(now) {
                return;
            }
            match self.transport.receive(&mut self.socket) {
                Ok(Receive::Progress | Receive::Unread) => self.read(now, hub),
                Ok(Receive::WouldBlock) => self.readable = false,
                Ok(Receive::End) => {
                    self.read(now, hub);
                    self.lost(now, hub, Ended::BrokenOff);
                }
                Err(error) => self.lost(now, hub, Ended::Failed(error.to_string())),
            }
        }
    }

    fn read(&mut self, now: Instant, hub: &mut Hub) {
        while self.phase != Phase::Done {
            match self.transport.read(self.lines.spare()) {
                Plaintext::Data(n) => {
                    self.lines.commit(n);
                    self.handle_lines(now, hub);
                }
                Plaintext::Pending => return,
                Plaintext::Closed => self.lost(now, hub, Ended::ByClient),
                Plaintext::Truncated => self.lost(now, hub, Ended::BrokenOff),
            }
        }
    }

    fn handle_lines(&mut self, now: Instant, hub: &mut Hub) {
        let Self {
            session,
            lines,
            report,
            account,
            faults,
            ..
        } = self;
        while let Some(line) = lines.next_line() {
            hub.changes += 1;
            match session.handle_line(now, line) {
                Some(BrokerEvent::Acked { tag }) => {
                    report.counts.ack();
                    if let Some(account) = *account {
                        hub.acked(account, tag);
                    }
                }
                Some(BrokerEvent::Ping) => {
                    report.counts.pings += 1;
                    hub.totals.pings += 1;
                    if let Some(faults) = faults
                        && faults.withholds_pongs()
                        && faults.answers_ping(now, &mut hub.plan.ledger)
                    {
                        session.pong();
                    }
                }
                Some(BrokerEvent::LoginRequest(request)) => {
                    report.prefetch = request.prefetch;
                    let found = hub.log_in(&request);
                    let answer = match faults {
                        Some(faults) => {
                            faults.answer_login(found.is_ok(), hub.logins, &mut hub.plan.ledger)
                        }
                        None => LoginAnswer::Honest,
                    };
                    match (answer, found) {
                        (LoginAnswer::None, _) => {}
                        (LoginAnswer::Honest, Ok(found)) => {
                            *account = Some(found);
                            report.account = hub
                                .accounts
                                .get(found)
                                .map(|account| account.enterprise_id.clone());
                            hub.logins += 1;
                            session.accept_login();
                            if let Some(faults) = faults {
                                faults.begin(&mut hub.plan.ledger);
                                session.exceed_window(faults.excess());
                                if faults.withholds_pongs() {
                                    session.withhold_pongs();
                                }
                            }
                        }
                        (LoginAnswer::Refuse, Ok(_)) => {
                            hub.logins_refused += 1;
                            session.refuse_login("refused by a fault of the local broker");
                        }
                        (_, Err(message)) => {
                            hub.logins_refused += 1;
                            session.refuse_login(message);
                        }
                    }
                }
                Some(BrokerEvent::ClientError { error, line }) => {
                    report.err(error, line);
                    hub.totals.err(error);
                }
                _ => {}
            }
        }
        if self.faults.is_some() {
            self.count_faults(hub);
            self.begin_faults(now, hub);
        }
        if self.phase == Phase::Open {
            self.look_at_state(now, hub);
        }
    }

    /// Commits the faults that need no event once the client is logged in.
    fn begin_faults(&mut self, now: Instant, hub: &mut Hub) {
        if self.session.state() == BrokerState::LoggedIn
            && self
                .faults
                .as_mut()
                .is_some_and(|faults| faults.take_begin())
        {
            let at = self.position(now);
            let Some(account) = self.account else {
                return;
            };
            let Some(faults) = &mut self.faults else {
                return;
            };
            let injections = faults.after_events(now, at..at, &mut hub.plan.ledger);
            self.inject(now, hub, account, injections);
        }
    }

    /// Takes the faults that were committed since this was called last as its own.
    pub(crate) fn count_faults(&mut self, hub: &mut Hub) {
        let fired = hub.plan.ledger.take_fired();
        self.report.counts.faults += fired;
        hub.totals.faults += fired;
    }

    /// Pushes the front of the account's queue.
    pub(crate) fn push_front(&mut self, now: Instant, hub: &mut Hub) -> Pushed {
        let Some(account) = self.account else {
            return Pushed::NotNow;
        };
        let Some(key) = hub
            .accounts
            .get(account)
            .and_then(|account| account.queue.front())
        else {
            return Pushed::NotNow;
        };
        let number = self.session.next_id();
        let before = self.position(now);
        let pushed = self.push(now, hub, account, key, number);
        if pushed != Pushed::Sent {
            return pushed;
        }
        let Some(state) = hub.accounts.get_mut(account) else {
            return pushed;
        };
        let first_time = state.queue.sent_front();
        if let Some(after) = hub.redeliver_after {
            state.watch(now.saturating_add(after), key);
        }
        self.count_delivery(hub, first_time);
        let after = self.position(now);
        let room = self.room();
        if let Some(faults) = &mut self.faults {
            let event = (key, number, before..after);
            let injections = faults.event_pushed(now, event, room, &mut hub.plan.ledger);
            self.inject(now, hub, account, injections);
        }
        pushed
    }

    fn count_delivery(&mut self, hub: &mut Hub, first_time: bool) {
        hub.changes += 1;
        self.report.counts.deliver(first_time);
        hub.totals.deliver(first_time);
    }

    /// How many bytes of plaintext there are in front of what is written next.
    fn position(&mut self, now: Instant) -> u64 {
        match self.faults {
            Some(_) => self.sent + self.waiting(now).len() as u64,
            None => 0,
        }
    }

    /// The bytes that wait. The time that the client has to take them begins when a fault no longer keeps them back.
    fn waiting(&mut self, now: Instant) -> &[u8] {
        let writes_from = self.writes_from(now);
        self.session.poll_transmit(writes_from)
    }

    /// When the client may next get bytes.
    fn writes_from(&mut self, now: Instant) -> Instant {
        match &mut self.faults {
            Some(faults) => faults.writes_from(now, self.sent),
            None => now,
        }
    }

    /// Writes an event's line, as the delivery with this number.
    fn push(
        &mut self,
        now: Instant,
        hub: &mut Hub,
        account: usize,
        key: u32,
        number: u64,
    ) -> Pushed {
        let Some(entry) = hub
            .accounts
            .get(account)
            .and_then(|account| account.queue.entry(key))
        else {
            return Pushed::NotNow;
        };
        let style = hub.composer.style();
        if entry.form == Form::Malformed {
            let id = style.id_token(number);
            let broken: &[u8] = br#","event_type":"device_status_kv","data":{"broken":}}"#;
            return self.push_line(now, key, id.as_bytes(), &[HEAD, id.as_bytes(), broken]);
        }
        if style == Style::PLAIN {
            let mut digits = itoa(number);
            let id = digits.as_bytes();
            let members = entry.body.inner().as_bytes();
            let comma: &[u8] = if members.is_empty() { b"" } else { b"," };
            return self.push_line(now, key, id, &[HEAD, id, comma, members, b"}"]);
        }
        hub.scratch.clear();
        let carriage_return: &[u8] =
            match hub.composer.compose(&entry.body, number, &mut hub.scratch) {
                Terminator::Lf => b"",
                Terminator::Crlf => b"\r",
            };
        let id = style.id_token(number);
        self.push_line(now, key, id.as_bytes(), &[&hub.scratch, carriage_return])
    }

    /// Gives a line to the session, and the session the memory for it.
    fn push_line(&mut self, now: Instant, key: u32, id: &[u8], line: &[&[u8]]) -> Pushed {
        if self.room() == 0 {
            return Pushed::NotNow;
        }
        if self.session.window() == 0 {
            let wanted = self.wanted();
            self.session.storage_mut().grow_slots(wanted);
        }
        loop {
            match self.session.push_line(key, id, line) {
                Ok(()) => return Pushed::Sent,
                Err(PushError::NoRoom) => {
                    let nothing_waits = self.waiting(now).is_empty();
                    let length = line.iter().map(|piece| piece.len()).sum::<usize>() + 1;
                    let storage = self.session.storage_mut();
                    if !(storage.grow_transmit() || nothing_waits && storage.fit_line(length)) {
                        return Pushed::NoRoom(length);
                    }
                }
                Err(_) => return Pushed::NotNow,
            }
        }
    }

    /// Sends what faults add to the events.
    fn inject(&mut self, now: Instant, hub: &mut Hub, account: usize, injections: Vec<Injection>) {
        for injection in injections {
            match injection {
                Injection::Copy { key, number } => {
                    let number = number.unwrap_or(self.session.next_id());
                    let mut pushed = self.push(now, hub, account, key, number);
                    while let Pushed::NoRoom(length) = pushed {
                        self.session.storage_mut().lengthen(length);
                        pushed = self.push(now, hub, account, key, number);
                    }
                    if pushed == Pushed::Sent {
                        if let Some(account) = hub.accounts.get_mut(account) {
                            account.queue.sent_again(key);
                        }
                        self.count_delivery(hub, false);
                    }
                }
                Injection::Event { body, form } => {
                    if let Some(account) = hub.accounts.get_mut(account) {
                        account.queue.push_front(now, body, form);
                    }
                }
                Injection::Bytes(bytes) => {
                    while self.session.push_bytes(&[&bytes]) == Err(PushError::NoRoom) {
                        self.session.storage_mut().lengthen(bytes.len());
                    }
                }
            }
        }
        self.count_faults(hub);
    }

    /// Sends what waits, as much as the socket takes. True when all of it is sent and there may be room for more.
    pub(crate) fn transmit(&mut self, now: Instant, hub: &mut Hub) -> bool {
        if self.phase != Phase::Open {
            self.send_end(now, hub);
            return false;
        }
        loop {
            if self.ends_by_fault(now, hub) {
                return false;
            }
            let writes_from = self.writes_from(now);
            let waiting = self.session.poll_transmit(writes_from);
            let is_all = waiting.is_empty();
            let allowed = match &mut self.faults {
                None => waiting,
                Some(faults) => {
                    let most = faults.allowed(now, self.sent, waiting.len(), &hub.plan.ledger);
                    waiting.get(..most).unwrap_or(waiting)
                }
            };
            match self.transport.transmit(allowed, &mut self.socket) {
                Ok(0) => {
                    if is_all {
                        self.session.storage_mut().shrink();
                    }
                    return is_all;
                }
                Ok(n) => {
                    self.sent += n as u64;
                    let writes_from = self.writes_from(now);
                    self.session.transmitted(writes_from, n);
                }
                Err(error) => {
                    self.lost(now, hub, Ended::Failed(error.to_string()));
                    return false;
                }
            }
            if let BrokerState::Closed(_) = self.session.state() {
                self.look_at_state(now, hub);
                return false;
            }
        }
    }

    /// Ends the connection if a fault says that it ends here.
    fn ends_by_fault(&mut self, now: Instant, hub: &mut Hub) -> bool {
        if self.faults.is_some() && self.sent == 0 && self.waiting(now).is_empty() {
            return false;
        }
        let Some(faults) = &mut self.faults else {
            return false;
        };
        let Some((ending, fault)) = faults.ending(self.sent, &mut hub.plan.ledger) else {
            return false;
        };
        self.count_faults(hub);
        self.leave(now, hub, ending, Ended::ByFault(fault));
        true
    }
}

/// The digits of a number, without an allocation.
struct Digits {
    bytes: [u8; 20],
    from: usize,
}

impl Digits {
    fn as_bytes(&mut self) -> &[u8] {
        self.bytes.get(self.from..).unwrap_or_default()
    }
}

fn itoa(mut number: u64) -> Digits {
    let mut digits = Digits {
        bytes: [b'0'; 20],
        from: 20,
    };
    for place in digits.bytes.iter_mut().rev() {
        *place = b'0' + (number % 10) as u8;
        digits.from -= 1;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    digits
}
