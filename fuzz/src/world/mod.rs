//! A deterministic world in virtual time: clients and a broker on the cores, over links that fail in any way.
//!
//! One sequence of [`Choices`] is one run. What must be true at any moment is asserted where it could first be false; a
//! panic is a finding. In the end the weather is calm, and then everything must have arrived.

mod broker;
mod choices;
mod client;
mod event;
mod fault;
mod link;
mod memory;
mod pipe;
mod plan;

use std::collections::VecDeque;

use noti_proto::{Instant, State};

pub use choices::Choices;
use client::Client;
use event::Event;
use link::Link;
use plan::Plan;

/// More turns than that in one instant are a busy loop.
const MOST_TURNS: u32 = 2_000;

/// What a run was like.
#[derive(Clone, Copy, Debug, Default)]
pub struct Summary {
    /// Events that were delivered and acked.
    pub events: usize,
    /// Connections that were opened.
    pub connections: usize,
    /// Deliveries beyond the first.
    pub duplicates: u32,
    /// Milliseconds of virtual time.
    pub time: u64,
}

/// Runs one world to its end. With a trace, what happens is noted in it.
///
/// # Panics
/// When a promise is broken.
pub fn run(choices: Choices<'_>, trace: Option<&mut Vec<String>>) -> Summary {
    World::new(choices, trace).lives()
}

/// What happens, for a reader; written down only if there is one.
struct Trace<'a>(Option<&'a mut Vec<String>>);

impl Trace<'_> {
    fn note(&mut self, now: u64, text: impl FnOnce() -> String) {
        if let Some(lines) = &mut self.0 {
            lines.push(format!("{now:>9} {}", text()));
        }
    }
}

struct World<'a> {
    now: u64,
    choices: Choices<'a>,
    trace: Trace<'a>,
    plan: Plan,
    clients: Vec<Client>,
    links: Vec<Link>,
    /// Those of them that the broker has open.
    open: Vec<usize>,
    events: Vec<Event>,
    /// The broker's events that are with no client.
    queue: VecDeque<u32>,
    broker_down_until: u64,
    next_fault: u64,
    calm_at: u64,
    /// For comparing what a session gives back.
    returned: Vec<u32>,
}

impl<'a> World<'a> {
    fn new(mut choices: Choices<'a>, trace: Option<&'a mut Vec<String>>) -> Self {
        let plan = Plan::new(&mut choices);
        let clients = (0..plan.clients).map(|_| Client::new(&plan)).collect();
        Self {
            now: 0,
            choices,
            trace: Trace(trace),
            clients,
            links: Vec::new(),
            open: Vec::new(),
            events: Vec::new(),
            queue: VecDeque::new(),
            broker_down_until: 0,
            next_fault: 0,
            calm_at: plan.calm_at,
            returned: Vec::new(),
            plan,
        }
    }

    fn note(&mut self, text: impl FnOnce() -> String) {
        self.trace.note(self.now, text);
    }

    fn lives(mut self) -> Summary {
        let plan = self.plan.clone();
        self.note(|| format!("{plan:?}"));
        while self.now < self.calm_at {
            self.goes_on(self.calm_at);
            if self.choices.are_used_up() {
                self.calm_at = self.now;
            }
        }
        self.calms_down();
        self.window_is_whole();
        self.peace_is_kept();
        let mut summary = Summary {
            events: self.events.len(),
            connections: self.links.len(),
            duplicates: 0,
            time: self.now,
        };
        for event in &self.events {
            assert!(event.written && event.acked && event.delivered > 0);
            summary.duplicates += event.delivered - 1;
        }
        for client in self.clients.drain(..) {
            client.dies();
        }
        summary
    }

    /// Everybody takes turns until nobody has anything to do; then time jumps to the next thing, `until` at most.
    fn goes_on(&mut self, until: u64) {
        let mut turns = 0;
        loop {
            let mut active = false;
            for client in 0..self.clients.len() {
                active |= self.client_runs(client);
            }
            let mut at = 0;
            while let Some(link) = self.open.get(at).copied() {
                active |= self.broker_runs(link);
                at += usize::from(self.open.get(at) == Some(&link));
            }
            if !active {
                break;
            }
            turns += 1;
            assert!(turns < MOST_TURNS, "a busy loop");
        }
        let mut next = until;
        for client in &self.clients {
            let down = client.link.and_then(|link| self.links[link].down.next());
            next = next.min(client.wakes_at(down));
        }
        for link in self.open.iter().map(|link| &self.links[*link]) {
            let deadline = link.session.poll_timeout().map(Instant::as_millis);
            let times = [deadline, link.up.next(), link.answers_at];
            next = times.into_iter().flatten().fold(next, u64::min);
        }
        if self.now < self.calm_at {
            next = next.min(self.next_fault.max(self.now + 1));
        }
        assert!(next > self.now || next == until, "time stands still");
        self.now = next;
        if self.now < self.calm_at && self.next_fault <= self.now {
            self.something_happens();
            let every = self.plan.fault_every;
            self.next_fault = self.now + 1 + self.choices.below(2 * every);
        }
    }

    /// Devices cause some events.
    fn devices_report(&mut self) {
        for _ in 0..self.choices.within(1, 6) {
            if (self.events.len() as u64) < self.plan.events {
                self.device_reports();
            }
        }
    }

    fn device_reports(&mut self) {
        let number = self.events.len() as u32;
        self.events.push(Event::new(number, &mut self.choices));
        self.queue.push_back(number);
    }

    /// The faults are over: whatever they have done, all events arrive and are acked, and every client is logged in on a
    /// connection that the broker shares.
    fn calms_down(&mut self) {
        self.note(|| "calm".to_owned());
        self.broker_down_until = self.now;
        for client in &mut self.clients {
            client.sleeps_until = client.sleeps_until.min(self.now);
        }
        self.device_reports();
        // A client notices a dead link by its ping, the broker by the silence; a window of one and a slow application
        // take their time for each event.
        let each = 50_000 + 4 * self.plan.latency;
        let events = self.events.len() as u64 * each;
        let limit = self.now + self.plan.patience + self.plan.ping_interval + 200_000 + events;
        while !self.is_settled() {
            assert!(self.now < limit, "it never settles");
            self.goes_on(limit);
        }
        let quiet_until = self.now + self.plan.ping_interval + 100_000;
        while self.now < quiet_until {
            self.goes_on(quiet_until);
        }
        assert!(self.is_settled(), "it does not stay settled");
        for link in &mut self.links {
            link.harmed = false;
        }
    }

    fn is_settled(&self) -> bool {
        let at_home = |client: &Client| {
            client.session.state() == State::LoggedIn
                && client.link.is_some_and(|link| self.links[link].is_sound())
                && client.session.in_flight() == 0
                && client.session.unsent() == 0
        };
        self.queue.is_empty()
            && self.events.iter().all(|event| event.acked)
            && self.clients.iter().all(at_home)
            && self.links.iter().filter(|link| !link.is_over()).count() == self.clients.len()
    }

    /// No slot was lost on the way: the whole window can be in use at once, more than once.
    fn window_is_whole(&mut self) {
        for _ in 0..2 * u32::from(self.plan.prefetch) * self.clients.len() as u32 {
            self.device_reports();
        }
        let limit = self.now + 100_000 + self.plan.events * 50_000;
        while !self.is_settled() {
            assert!(self.now < limit, "the window is not whole");
            self.goes_on(limit);
        }
    }

    /// Nothing is to be said for a long time, and the connections live.
    fn peace_is_kept(&mut self) {
        let connections = self.links.len();
        let pings = |links: &[Link]| links.iter().map(|link| link.pings).sum::<u32>();
        let before = pings(&self.links);
        let until = self.now + self.plan.patience + self.plan.ping_interval;
        while self.now < until {
            self.goes_on(until);
        }
        assert_eq!(
            self.links.len(),
            connections,
            "a connection was lost in peace"
        );
        assert!(self.is_settled());
        // One may be on its way as the peace begins.
        let most = 3 + (self.plan.patience / self.plan.ping_interval) as u32;
        let sent = pings(&self.links) - before;
        let clients = self.clients.len() as u32;
        assert!(
            sent >= clients && sent <= most * clients,
            "{sent} pings in peace"
        );
    }
}
