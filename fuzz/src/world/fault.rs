//! What goes wrong.

use noti_proto::State;

use super::World;
use super::client::Client;

/// How long a client may be absent without harm to its connection.
const SHORT: u64 = 8_000;

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
                let until = self.now + self.choices.of(&[1_000, 9_000, 40_000, 100_000]);
                let up = self.choices.below(2) == 0;
                self.note(|| format!("connection {link} stalls until {until} (up: {up})"));
                let connection = &mut self.links[link];
                connection.harmed |= until > self.now + 1_000;
                let direction = if up {
                    &mut connection.up
                } else {
                    &mut connection.down
                };
                direction.stall(until);
            }
            (4, _) => {
                let span = self.choices.of(&[300, SHORT, 30_000, 200_000, 4_000_000]);
                self.note(|| format!("client {index} is suspended for {span}"));
                self.client_is_absent(index, span);
            }
            (5, _) => self.client_crashes(index),
            (6, _) => self.broker_restarts(),
            (7, Some(link)) => {
                let span = self.choices.of(&[500, 15_000, 60_000]);
                self.note(|| format!("client {index} reads nothing for {span}"));
                let client = &mut self.clients[index];
                client.session.pause_reading();
                // A pause holds the pong's deadline (clause H4), not the login's.
                let logged_in = client.session.state() == State::LoggedIn;
                let again = client.pauses_until.is_some();
                self.links[link].harmed |= span > 15_000 || again || !logged_in;
                client.pauses_until = Some(self.now + span);
            }
            (8, Some(link)) => {
                self.note(|| format!("client {index} stops in good order on connection {link}"));
                self.clients[index].stops = true;
            }
            _ => {}
        }
    }

    fn client_is_absent(&mut self, index: usize, span: u64) {
        let client = &mut self.clients[index];
        let again = self.now < client.sleeps_until;
        client.sleeps_until = self.now + span;
        if let Some(link) = client.link {
            self.links[link].harmed |= span > SHORT || again;
        }
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
