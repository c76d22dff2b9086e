//! What goes wrong.

use noti_proto::State;

use super::World;
use super::client::Client;

/// How long a client may be absent without harm to its connection.
const SHORT: u64 = 8_000;
/// How long a connection takes to get over a disturbance.
const RECOVERY: u64 = 10_000;

impl World<'_> {
    pub(super) fn something_happens(&mut self) {
        let index = self.choices.below(self.clients.len() as u64) as usize;
        let link = self.clients[index].link;
        match (self.choices.below(9), link) {
            (0, _) => self.devices_report(),
            (1, Some(link)) => {
                self.note(|| format!("connection {link} is cut"));
                let connection = &mut self.links[link];
                connection.harmed = true;
                connection.up.cut(self.now, &mut self.choices);
                connection.down.cut(self.now, &mut self.choices);
            }
            (2, Some(link)) => {
                let directions = self.choices.below(3);
                self.note(|| format!("connection {link} is half open ({directions})"));
                let connection = &mut self.links[link];
                connection.harmed = true;
                connection.up.black_hole |= directions != 1;
                connection.down.black_hole |= directions != 2;
            }
            (3, Some(link)) => {
                let span = self.choices.of(&[1_000, 9_000, 40_000, 100_000]);
                let up = self.choices.below(2) == 0;
                self.note(|| format!("connection {link} stalls for {span} (up: {up})"));
                self.disturb(link, span, 1_000);
                let connection = &mut self.links[link];
                let direction = if up {
                    &mut connection.up
                } else {
                    &mut connection.down
                };
                direction.stall(self.now + span);
            }
            (4, _) => {
                let span = self.choices.of(&[300, SHORT, 30_000, 200_000, 4_000_000]);
                self.note(|| format!("client {index} is suspended for {span}"));
                self.clients[index].sleeps_until = self.now + span;
                if let Some(link) = link {
                    self.disturb(link, span, SHORT);
                }
            }
            (5, _) => self.client_crashes(index),
            (6, _) => self.broker_restarts(),
            (7, Some(link)) => {
                let span = self.choices.of(&[500, 15_000, 60_000]);
                self.note(|| format!("client {index} reads nothing for {span}"));
                // The answer to a ping is not missed meanwhile (clause H4).
                self.disturb(link, span, 15_000);
                let client = &mut self.clients[index];
                client.session.pause_reading();
                client.pauses_until = Some(self.now + span);
            }
            (8, Some(link)) => {
                self.note(|| format!("client {index} stops in good order on connection {link}"));
                self.clients[index].stops = true;
            }
            _ => {}
        }
    }

    /// A connection bears one disturbance of at most `bearable` at a time, and none before the login is answered.
    fn disturb(&mut self, link: usize, span: u64, bearable: u64) {
        let connection = &mut self.links[link];
        let logged_in = self.clients[connection.client].session.state() == State::LoggedIn;
        let again = self.now < connection.disturbed_until;
        connection.harmed |= span > bearable || again || !logged_in;
        connection.disturbed_until = self.now + span + RECOVERY;
    }

    /// The process dies, or the whole machine, which closes nothing.
    fn client_crashes(&mut self, index: usize) {
        let power_cut = self.choices.one_in(3);
        self.note(|| format!("client {index} crashes (power cut: {power_cut})"));
        let new = Client::new(&self.plan);
        let old = std::mem::replace(&mut self.clients[index], new);
        if let Some(link) = old.link {
            let connection = &mut self.links[link];
            connection.harmed = true;
            connection.client_open = false;
            connection.down.abandon();
            if power_cut {
                connection.up.black_hole = true;
            } else {
                connection.up.cut(self.now, &mut self.choices);
            }
        }
        old.dies();
        let back = self.now + self.choices.below(20_000);
        self.clients[index].sleeps_until = back;
    }

    /// The broker's connections are gone, its queue is not.
    fn broker_restarts(&mut self) {
        self.note(|| "the broker restarts".to_owned());
        for link in 0..self.links.len() {
            self.links[link].harmed = true;
            self.broker_leaves(link);
        }
        self.broker_down_until = self.now + self.choices.below(10_000);
    }
}
