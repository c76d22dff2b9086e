//! A client: the driver's loop, and an application that writes events and acks them later.

use std::time::Duration;

use noti_proto::{
    AckError, AckToken, Backoff, CloseReason, Config, Event, Instant, LineBuf, Login, Session,
    State,
};

use super::World;
use super::event;
use super::memory::Memory;
use super::pipe::Read;
use super::plan::Plan;

const SECRET: &str = "f00dfacecafebeef";

pub(super) struct Client {
    pub(super) session: Session<Memory>,
    lines: LineBuf<Vec<u8>>,
    /// The connection that is open.
    pub(super) link: Option<usize>,
    pub(super) connects_at: u64,
    backoff: Backoff,
    /// The process does nothing until then: it is suspended, or has crashed.
    pub(super) sleeps_until: u64,
    /// When bytes last left.
    sent_at: u64,
    /// The driver does not read until then.
    pub(super) pauses_until: Option<u64>,
    /// The application ends in good order: no more reading, acks out, then close.
    pub(super) stops: bool,
    /// What the application has in memory.
    jobs: Vec<Job>,
    /// The parts so far of a line that is longer than the buffer.
    parts: Vec<u8>,
}

/// An event on its way through the application.
struct Job {
    link: usize,
    event: u32,
    token: AckToken,
    writes_at: u64,
    acks_at: u64,
}

impl Client {
    pub(super) fn new(plan: &Plan) -> Self {
        let mut config = Config::new();
        config.prefetch = plan.prefetch;
        config.ping_interval = Duration::from_millis(plan.ping_interval);
        let memory = Memory::new(plan.transmit, plan.prefetch.into());
        Self {
            session: Session::new(config, memory).expect("it fits"),
            lines: LineBuf::new(vec![0; plan.buffer]),
            link: None,
            connects_at: 0,
            backoff: Backoff::new(Duration::from_secs(1), Duration::from_secs(60)),
            sleeps_until: 0,
            sent_at: 0,
            pauses_until: None,
            stops: false,
            jobs: Vec::new(),
            parts: Vec::new(),
        }
    }

    /// Ends the process: what it had in memory is gone. Nothing of the secret may be in it.
    pub(super) fn dies(self) {
        let memory = self.session.into_storage();
        assert!(!memory.holds(SECRET), "the secret was not overwritten");
    }

    /// When it has something to do by itself.
    pub(super) fn wakes_at(&self, down: Option<u64>) -> u64 {
        let mut next = u64::MAX;
        let mut at = |time: Option<u64>| next = next.min(time.unwrap_or(u64::MAX));
        if self.link.is_some() {
            at(self.session.poll_timeout().map(Instant::as_millis));
            at(self.pauses_until.or(down.filter(|_| !self.stops)));
        } else {
            at(Some(self.connects_at));
        }
        for job in &self.jobs {
            at(Some(job.writes_at.min(job.acks_at)));
        }
        next.max(self.sleeps_until)
    }
}

impl World<'_> {
    /// One turn of a client. Says whether anything was done.
    pub(super) fn client_runs(&mut self, index: usize) -> bool {
        let client = &mut self.clients[index];
        if self.now < client.sleeps_until {
            return false;
        }
        let mut active = false;
        for job in &mut client.jobs {
            if job.writes_at <= self.now {
                job.writes_at = u64::MAX;
                self.events[job.event as usize].written = true;
                active = true;
            }
        }
        if client.link.is_none() && client.connects_at <= self.now {
            self.client_connects(index);
            active = true;
        }
        let ended = self.client_reads(index, &mut active);
        self.client_looks_at_the_clock(index);
        self.client_acks(index, &mut active);
        self.client_writes(index, &mut active);
        self.client_looks_at_the_state(index, ended, &mut active);
        active
    }

    fn client_connects(&mut self, index: usize) {
        if self.now < self.broker_down_until {
            self.client_waits(index);
            return;
        }
        let now = Instant::from_millis(self.now);
        let link = self.connection_opens(index);
        let client = &mut self.clients[index];
        let login = Login {
            enterprise_id: "enterprise",
            enterprise_secret: SECRET,
        };
        client.session.connected(now, &login).expect("it fits");
        client.lines.reset();
        client.parts.clear();
        client.link = Some(link);
        self.note(|| format!("client {index} opens connection {link}"));
    }

    /// Before the next attempt to connect.
    fn client_waits(&mut self, index: usize) {
        let random = self.choices.below(1 << 16) << 48;
        let client = &mut self.clients[index];
        let delay = client.backoff.next_delay(random).as_millis() as u64;
        client.connects_at = self.now + delay.max(1);
    }

    /// Feeds all that has arrived. Says whether the stream has ended.
    fn client_reads(&mut self, index: usize, active: &mut bool) -> bool {
        let Some(link) = self.clients[index].link else {
            return false;
        };
        let client = &mut self.clients[index];
        if let Some(until) = client.pauses_until {
            if self.now < until {
                return false;
            }
            client.pauses_until = None;
            client
                .session
                .resume_reading(Instant::from_millis(self.now));
            *active = true;
        }
        if client.stops {
            return false;
        }
        loop {
            let client = &mut self.clients[index];
            let spare = client.lines.spare();
            assert!(!spare.is_empty(), "no room for the next read");
            match self.links[link]
                .down
                .read(self.now, spare, &mut self.choices)
            {
                Read::Bytes(n) => {
                    client.lines.commit(n);
                    client.session.note_received(Instant::from_millis(self.now));
                }
                Read::Nothing => return false,
                Read::End => return true,
            }
            *active = true;
            self.client_reads_lines(index, link);
        }
    }

    fn client_reads_lines(&mut self, index: usize, link: usize) {
        let now = Instant::from_millis(self.now);
        loop {
            let client = &mut self.clients[index];
            let Some(line) = client.lines.next_line() else {
                return;
            };
            let mut whole = Vec::new();
            let got = match client.session.handle_line(now, line) {
                Some(Event::Delivery(delivery)) => {
                    whole.extend_from_slice(delivery.line());
                    Some(delivery.token())
                }
                Some(Event::Malformed { line, token, .. }) => {
                    whole.extend_from_slice(line);
                    assert!(token.is_some() || line == b"No Heartbeat!", "no token");
                    token
                }
                Some(Event::OversizePart { bytes }) => {
                    client.parts.extend_from_slice(bytes);
                    None
                }
                Some(Event::OversizeEnd {
                    bytes,
                    length,
                    push,
                    token,
                }) => {
                    whole.append(&mut client.parts);
                    whole.extend_from_slice(bytes);
                    assert_eq!(length, whole.len() as u64);
                    assert!(push && token.is_some(), "no token");
                    token
                }
                Some(Event::LoggedIn) => None,
                Some(Event::Pong) => {
                    client.backoff.reset();
                    None
                }
                Some(Event::LoginRefused { .. }) => {
                    assert!(self.links[link].refuses);
                    None
                }
                None => {
                    let closing =
                        matches!(client.session.state(), State::Closing(_) | State::Closed(_));
                    assert!(closing, "a line was swallowed");
                    None
                }
                Some(event) => panic!("the broker was misunderstood: {event:?}"),
            };
            if let Some(token) = got {
                client.backoff.reset();
                self.client_gets(index, link, token, &whole);
            }
        }
    }

    fn client_gets(&mut self, index: usize, link: usize, token: AckToken, line: &[u8]) {
        let number = event::number(line);
        let connection = &mut self.links[link];
        let sent = connection.sent.iter().find(|(sent, _)| *sent == number);
        let (_, sent) = sent.expect("an event that was not sent on this connection");
        assert_eq!(sent, line, "not the bytes that were sent");
        assert!(
            !connection.delivered.contains(&number),
            "twice on one connection"
        );
        connection.delivered.push(number);
        let event = &mut self.events[number as usize];
        event.delivered += 1;
        // At least once, and once more only for each connection that ended in between.
        assert!(
            event.delivered <= 1 + event.returned,
            "more duplicates than cuts"
        );

        let choices = &mut self.choices;
        let slow = if choices.one_in(8) { 5_000 } else { 300 };
        let writes = choices.below(slow);
        let slow = if choices.one_in(12) { 40_000 } else { 1_000 };
        let acks = choices.below(slow);
        let client = &mut self.clients[index];
        client.jobs.push(Job {
            link,
            event: number,
            token,
            writes_at: self.now + writes,
            acks_at: self.now + writes + acks,
        });
        let held = client.jobs.iter().filter(|job| job.link == link).count();
        assert_eq!(
            client.session.in_flight(),
            held,
            "the session counts otherwise"
        );
        assert!(
            held <= usize::from(self.plan.prefetch),
            "more than the window"
        );
        self.note(|| format!("client {index} gets event {number} on connection {link}"));
    }

    fn client_looks_at_the_clock(&mut self, index: usize) {
        let now = Instant::from_millis(self.now);
        let client = &mut self.clients[index];
        client.session.handle_timeout(now);
        if self.choices.one_in(8) {
            client.session.handle_timeout(now);
        }
        let next = client.session.poll_timeout();
        assert!(
            next.is_none_or(|next| next > now),
            "a deadline that never passes"
        );
    }

    /// Acks come from another thread, whenever it is done, whatever has become of the connection.
    fn client_acks(&mut self, index: usize, active: &mut bool) {
        let client = &mut self.clients[index];
        let mut at = 0;
        while let Some(job) = client.jobs.get(at) {
            let written = job.writes_at == u64::MAX;
            if !written || job.acks_at > self.now {
                at += 1;
                continue;
            }
            let job = client.jobs.swap_remove(at);
            *active = true;
            let state = client.session.state();
            let open = client.link == Some(job.link) && !matches!(state, State::Closed(_));
            let expected = if open { Ok(()) } else { Err(AckError::Stale) };
            assert_eq!(client.session.ack(job.token), expected);
            if open {
                self.links[job.link].acks_given.push(job.event);
                if self.choices.one_in(16) {
                    let again = client.session.ack(job.token);
                    assert_eq!(again, Err(AckError::AlreadyAcked));
                }
            }
        }
    }

    fn client_writes(&mut self, index: usize, active: &mut bool) {
        let client = &mut self.clients[index];
        let Some(link) = client.link else {
            return;
        };
        let now = Instant::from_millis(self.now);
        while let bytes @ [_, ..] = client.session.poll_transmit(now) {
            let taken = self.links[link]
                .up
                .write(self.now, bytes, &mut self.choices);
            if taken == 0 {
                break;
            }
            client.session.transmitted(now, taken);
            client.sent_at = self.now;
            *active = true;
        }
        // Clause H1, whatever arrives and whatever the application does.
        let idle = client.session.poll_transmit(now).is_empty();
        if idle && client.session.state() == State::LoggedIn {
            let silent = self.now - client.sent_at;
            assert!(silent < self.plan.ping_interval, "no ping");
        }
    }

    fn client_looks_at_the_state(&mut self, index: usize, ended: bool, active: &mut bool) {
        let now = Instant::from_millis(self.now);
        let client = &mut self.clients[index];
        let Some(link) = client.link else {
            return;
        };
        let drained = client.stops && client.session.unsent() == 0;
        if drained {
            self.links[link].drained = true;
        }
        if ended || drained {
            client.session.disconnected(now);
        }
        let State::Closed(reason) = client.session.state() else {
            return;
        };
        *active = true;
        assert_ne!(reason, CloseReason::WindowExceeded, "a slot is lost");
        let connection = &mut self.links[link];
        let to_blame = connection.harmed || connection.drained || connection.refuses;
        assert!(to_blame, "the client ends a sound connection: {reason}");
        connection.client_open = false;
        connection.up.finish(self.now);
        connection.down.abandon();
        client.link = None;
        client.pauses_until = None;
        if drained {
            let new = Client::new(&self.plan);
            std::mem::replace(client, new).dies();
        }
        self.client_waits(index);
        self.note(|| format!("client {index} leaves connection {link}: {reason}"));
    }
}
