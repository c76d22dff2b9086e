//! Generated device events: what a fleet of simulated devices would report, the same for the same
//! seed.
//!
//! ```text
//!   offline ── device_online ──> online ── device_status_kv, device_status_raw ──> online
//!      ^                           │  └─── attr_fault, attr_alert: raised (1), later cleared (0)
//!      └───── device_offline ──────┘
//! ```
//!
//! Nothing here looks at a clock: the events bear the time that the configuration gives them.

mod catalogue;
mod config;
mod device;
mod payload;

use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;

use fastrand::Rng;

use self::catalogue::{ALERTS, Attribute, FAULTS, PLACES};
use self::config::Kind;
pub use self::config::{GeneratorConfig, GeneratorConfigError, MAX_DEVICES, MAX_PAYLOAD, Mix};
use self::device::Fleet;
use self::payload::{Shares, push_raw};
use super::body::Body;
use super::text::{below, push_fmt};

/// A fault or an alert that is raised and not yet cleared.
struct Raised {
    device: u32,
    attribute: usize,
    chinese: bool,
    event_id: u128,
}

/// With so many faults or alerts raised, the next event of the kind clears one.
const MAX_RAISED: usize = 8;

/// An endless stream of device events.
///
/// Of the six kinds of event, the first six events show each one once (those of weight 0 aside),
/// all from one device: it comes online, reports its data points, then a raw frame, raises a fault
/// and an alert, and goes offline.
pub struct Generator {
    config: GeneratorConfig,
    shares: Shares,
    rng: Rng,
    fleet: Fleet,
    faults: VecDeque<Raised>,
    alerts: VecDeque<Raised>,
    // The kinds that the opening has yet to show.
    opening: VecDeque<Kind>,
    // Microseconds since 1970.
    created_at: u64,
    text: String,
    frame: Vec<u8>,
}

impl Generator {
    /// Builds the fleet; nothing is written yet.
    ///
    /// # Errors
    /// A field of `config` is out of its range.
    pub fn new(config: GeneratorConfig) -> Result<Self, GeneratorConfigError> {
        config.check()?;
        let mut rng = Rng::with_seed(config.seed);
        let shares = Shares {
            chinese: config.chinese,
            escaped: config.escaped,
        };
        let fleet = Fleet::new(&mut rng, shares, config.devices, config.mix.online == 0);
        let opening = Kind::ALL
            .into_iter()
            .filter(|&kind| config.mix.weight(kind) > 0)
            .collect();
        Ok(Self {
            created_at: micros(config.start),
            shares,
            rng,
            fleet,
            faults: VecDeque::with_capacity(MAX_RAISED),
            alerts: VecDeque::with_capacity(MAX_RAISED),
            opening,
            text: String::with_capacity(512),
            frame: Vec::new(),
            config,
        })
    }

    /// The next event; there always is one.
    pub fn next_body(&mut self) -> Body {
        let kind = self
            .opening
            .pop_front()
            .unwrap_or_else(|| self.config.mix.draw(&mut self.rng));
        self.text.clear();
        match kind {
            Kind::Online => match self.fleet.random_offline(&mut self.rng) {
                Some(device) => self.online(device),
                None => self.offline_or_online(),
            },
            Kind::Offline => self.offline_or_online(),
            Kind::Kv | Kind::Raw => match self.fleet.random_online(&mut self.rng) {
                Some(device) => self.status(device, kind),
                None => self.offline_or_online(),
            },
            Kind::Fault | Kind::Alert => self.attribute(kind),
        }
        self.created_at = self.created_at.saturating_add(micros(self.config.step));
        Body::generated(&self.text)
    }

    /// A random device goes offline, or comes online where none is left to go: the way out when the
    /// drawn kind does not fit.
    fn offline_or_online(&mut self) {
        if let Some(device) = self.fleet.random_online(&mut self.rng) {
            self.offline(device);
        } else if let Some(device) = self.fleet.random_offline(&mut self.rng) {
            self.online(device);
        }
    }

    fn online(&mut self, device: u32) {
        self.fleet.connect(device);
        self.head(device, Kind::Online, None);
        let device = self.fleet.device(device);
        let place = &PLACES[usize::from(device.place)];
        // The three networks that are reserved for documentation (RFC 5737).
        let network = ["192.0.2", "198.51.100", "203.0.113"][below(&mut self.rng, 3)];
        push_fmt(
            &mut self.text,
            format_args!(",\"ip\":\"{network}.{}\"", self.rng.u8(1..255)),
        );
        for (key, text) in [
            ("country", &place.country),
            ("region", &place.region),
            ("city", &place.city),
        ] {
            push_fmt(&mut self.text, format_args!(",\"{key}\":"));
            self.shares
                .push_text(&mut self.text, &mut self.rng, text, device.chinese);
        }
        self.text.push('}');
    }

    fn offline(&mut self, device: u32) {
        self.fleet.disconnect(device);
        self.head(device, Kind::Offline, None);
        self.text.push('}');
    }

    fn status(&mut self, device: u32, kind: Kind) {
        self.head(device, kind, None);
        self.text.push_str(",\"data\":");
        let size = self.rng.u32(self.config.payload.clone()) as usize;
        if kind == Kind::Raw {
            push_raw(&mut self.text, &mut self.rng, size, &mut self.frame);
        } else {
            self.fleet
                .product(device)
                .push_kv(&mut self.text, &mut self.rng, self.shares, size);
        }
        self.text.push('}');
    }

    /// Raises a fault or an alert, or clears one.
    fn attribute(&mut self, kind: Kind) {
        let (catalogue, raised) = match kind {
            Kind::Fault => (FAULTS, &mut self.faults),
            _ => (ALERTS, &mut self.alerts),
        };
        let clear = raised.len() >= MAX_RAISED || self.rng.bool();
        let (device, attribute) = match (raised.front(), self.fleet.random_online(&mut self.rng)) {
            (Some(oldest), _) if clear => (oldest.device, oldest.attribute),
            (_, Some(device)) => (device, below(&mut self.rng, catalogue.len())),
            (_, None) => return self.offline_or_online(),
        };
        if !self.fleet.is_online(device) {
            // Only a device that is online can report: this one returns, and clears another time.
            return self.online(device);
        }
        // What is raised already cannot be raised again: it clears, though it be not the oldest.
        let same = |open: &Raised| open.device == device && open.attribute == attribute;
        let open = raised
            .iter()
            .position(same)
            .and_then(|at| raised.remove(at));
        if let Some(open) = open {
            return self.attribute_event(kind, &catalogue[attribute], &open, 0);
        }
        let chinese = self.shares.chinese(&mut self.rng);
        let event_id = u128::from(self.rng.u64(..)) << 64 | u128::from(self.rng.u64(..));
        let open = Raised {
            device,
            attribute,
            chinese,
            event_id,
        };
        self.attribute_event(kind, &catalogue[attribute], &open, 1);
        match kind {
            Kind::Fault => self.faults.push_back(open),
            _ => self.alerts.push_back(open),
        }
    }

    fn attribute_event(&mut self, kind: Kind, attribute: &Attribute, raised: &Raised, value: u8) {
        self.head(raised.device, kind, Some(raised.event_id));
        let name = attribute.name;
        push_fmt(
            &mut self.text,
            format_args!(",\"data\":{{\"attr_name\":\"{name}\",\"attr_displayname\":"),
        );
        self.shares.push_text(
            &mut self.text,
            &mut self.rng,
            &attribute.display,
            raised.chinese,
        );
        push_fmt(&mut self.text, format_args!(",\"value\":{value}}}}}"));
    }

    /// The members that every event has, in the order of the document (3.1 to 3.4), and `event_id`
    /// where it stands in 3.3.
    fn head(&mut self, device: u32, kind: Kind, event_id: Option<u128>) {
        let out = &mut self.text;
        push_fmt(
            out,
            format_args!("{{\"event_type\":\"{}\",", kind.event_type()),
        );
        if let Some(id) = event_id {
            push_fmt(out, format_args!("\"event_id\":\"{}\",", Uuid(id)));
        }
        out.push_str(&self.fleet.device(device).identity);
        let (seconds, micros) = (self.created_at / 1_000_000, self.created_at % 1_000_000);
        push_fmt(out, format_args!(",\"created_at\":{seconds}."));
        match micros % 1_000 {
            0 => push_fmt(out, format_args!("{:03}", micros / 1_000)),
            _ => push_fmt(out, format_args!("{micros:06}")),
        }
    }
}

impl Iterator for Generator {
    type Item = Body;

    fn next(&mut self) -> Option<Body> {
        Some(self.next_body())
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (usize::MAX, None)
    }
}

impl fmt::Debug for Generator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Generator")
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

/// 128 random bits as a UUID of version 4 (RFC 9562).
struct Uuid(u128);

impl fmt::Display for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (high, low) = ((self.0 >> 64) as u64, self.0 as u64);
        let version = 0x4000 | high & 0x0fff;
        let variant = 0x8000 | (low >> 48) & 0x3fff;
        let (first, second) = (high >> 32, (high >> 16) & 0xffff);
        write!(
            f,
            "{first:08x}-{second:04x}-{version:04x}-{variant:04x}-{:012x}",
            low & 0xffff_ffff_ffff
        )
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
