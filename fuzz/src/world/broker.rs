//! The broker: it keeps the events, and a session for each connection.

use std::collections::VecDeque;
use std::time::Duration;

use noti_proto::server::{BrokerConfig, BrokerEvent, BrokerSession, BrokerState, PushError};
use noti_proto::{Instant, LineBuf};

use super::World;
use super::link::{Ids, Link};
use super::memory::Memory;
use super::pipe::{Pipe, Read};

const TRANSMIT: usize = 1024;
const BUFFER: usize = 256;

impl World<'_> {
    /// A client's transport connects. Gives the number of the connection.
    pub(super) fn connection_opens(&mut self, client: usize) -> usize {
        let mut config = BrokerConfig::default();
        config.idle_timeout = Duration::from_millis(self.plan.patience);
        let memory = Memory::new(TRANSMIT, self.plan.prefetch.into());
        let mut session = BrokerSession::new(config, memory).expect("it fits");
        session.connected(Instant::from_millis(self.now));
        let choices = &mut self.choices;
        self.links.push(Link {
            up: Pipe::new(self.plan.capacity, self.plan.latency),
            down: Pipe::new(self.plan.capacity, self.plan.latency),
            client,
            harmed: false,
            disturbed_until: 0,
            drained: false,
            client_open: true,
            broker_open: true,
            session,
            lines: LineBuf::new(vec![0; BUFFER]),
            answers_at: None,
            refuses: false,
            ids: choices.of(&[Ids::Counted, Ids::Strings, Ids::Longest, Ids::Last]),
            unacked: VecDeque::new(),
            sent: Vec::new(),
            delivered: Vec::new(),
            acks_given: Vec::new(),
            pings: 0,
        });
        self.open.push(self.links.len() - 1);
        self.links.len() - 1
    }

    /// One turn of the broker on one connection. Says whether anything was done.
    pub(super) fn broker_runs(&mut self, link: usize) -> bool {
        let mut active = false;
        let ended = self.broker_reads(link, &mut active);
        let now = Instant::from_millis(self.now);
        let connection = &mut self.links[link];
        if connection.answers_at.is_some_and(|at| at <= self.now) {
            connection.answers_at = None;
            active = true;
            if connection.refuses {
                connection.session.refuse_login("not today");
            } else {
                connection.session.accept_login();
            }
        }
        connection.session.handle_timeout(now);
        let next = connection.session.poll_timeout();
        assert!(
            next.is_none_or(|next| next > now),
            "the broker's deadline never passes"
        );
        self.broker_pushes(link, &mut active);
        let connection = &mut self.links[link];
        while let bytes @ [_, ..] = connection.session.poll_transmit(now) {
            let taken = connection.down.write(self.now, bytes, &mut self.choices);
            if taken == 0 {
                break;
            }
            connection.session.transmitted(now, taken);
            active = true;
        }
        if ended {
            connection.session.disconnected(now);
        }
        if let BrokerState::Closed(reason) = connection.session.state() {
            let to_blame = connection.harmed || connection.refuses || !connection.client_open;
            assert!(to_blame, "the broker ends a sound connection: {reason:?}");
            self.note(|| format!("the broker leaves connection {link}: {reason:?}"));
            while let Some(event) = self.links[link].session.take_unacked() {
                let expected = self.links[link].unacked.get(self.returned.len());
                assert_eq!(Some(&event), expected, "not the events that are un-acked");
                self.returned.push(event);
            }
            assert_eq!(self.returned.len(), self.links[link].unacked.len());
            self.returned.clear();
            self.broker_leaves(link);
            active = true;
        }
        active
    }

    /// The broker's end is closed; what is un-acked goes back to the front of the queue.
    pub(super) fn broker_leaves(&mut self, link: usize) {
        let connection = &mut self.links[link];
        if !connection.broker_open {
            return;
        }
        connection.broker_open = false;
        self.open.retain(|open| *open != link);
        connection.down.finish(self.now);
        connection.up.abandon();
        let unacked = std::mem::take(&mut connection.unacked);
        if connection.drained && !connection.harmed {
            let lost = unacked
                .iter()
                .any(|event| connection.acks_given.contains(event));
            assert!(!lost, "an ack that was said to have left has not");
        }
        for event in unacked.into_iter().rev() {
            self.events[event as usize].returned += 1;
            self.queue.push_front(event);
        }
    }

    fn broker_reads(&mut self, link: usize, active: &mut bool) -> bool {
        loop {
            let connection = &mut self.links[link];
            let spare = connection.lines.spare();
            match connection.up.read(self.now, spare, &mut self.choices) {
                Read::Bytes(n) => connection.lines.commit(n),
                Read::Nothing => return false,
                Read::End => return true,
            }
            *active = true;
            self.broker_reads_lines(link);
        }
    }

    fn broker_reads_lines(&mut self, link: usize) {
        let now = Instant::from_millis(self.now);
        let connection = &mut self.links[link];
        while let Some(line) = connection.lines.next_line() {
            match connection.session.handle_line(now, line) {
                Some(BrokerEvent::LoginRequest(request)) => {
                    assert_eq!(request.prefetch, self.plan.prefetch);
                    let calm = self.now >= self.calm_at;
                    connection.refuses = !calm && self.choices.one_in(16);
                    let delay = if calm {
                        0
                    } else {
                        self.choices.of(&[0, 500, 5_000, 15_000])
                    };
                    connection.harmed |= delay > 5_000;
                    connection.answers_at = Some(self.now + delay);
                }
                Some(BrokerEvent::Acked { tag }) => {
                    let at = connection
                        .unacked
                        .iter()
                        .position(|unacked| *unacked == tag);
                    connection.unacked.remove(at.expect("it was un-acked"));
                    let given = connection.acks_given.contains(&tag);
                    assert!(given, "event {tag} is acked, and no application said so");
                    let event = &mut self.events[tag as usize];
                    assert!(event.written, "event {tag} is acked and lost");
                    assert!(!event.acked, "event {tag} is acked twice");
                    event.acked = true;
                    self.trace.note(self.now, || {
                        format!("event {tag} is acked on connection {link}")
                    });
                }
                Some(BrokerEvent::Ping) => connection.pings += 1,
                Some(event) => panic!("the client went wrong: {event:?}"),
                None => {}
            }
        }
    }

    fn broker_pushes(&mut self, link: usize, active: &mut bool) {
        let connection = &mut self.links[link];
        while connection.session.window() > 0
            && let Some(number) = self.queue.front().copied()
        {
            let event = &self.events[number as usize];
            let next = connection.session.next_id();
            let (id, result) = match connection.ids {
                Ids::Counted => {
                    let result = connection.session.push(number, event.body.as_bytes());
                    (next.to_string(), result)
                }
                Ids::Strings => (format!("\"{link}-{next}\""), Ok(())),
                Ids::Longest => (format!("\"{next:038}\""), Ok(())),
                Ids::Last => (next.to_string(), Ok(())),
            };
            let line = event.line(&id, matches!(connection.ids, Ids::Last));
            let result = match connection.ids {
                Ids::Counted => result,
                _ => connection
                    .session
                    .push_line(number, id.as_bytes(), &[line.as_bytes()]),
            };
            match result {
                Ok(()) => {}
                Err(PushError::NoRoom) => return,
                Err(error) => panic!("{error}"),
            }
            self.queue.pop_front();
            connection.sent.push((number, line.into_bytes()));
            connection.unacked.push_back(number);
            assert!(connection.unacked.len() <= self.plan.prefetch.into());
            *active = true;
        }
    }
}
