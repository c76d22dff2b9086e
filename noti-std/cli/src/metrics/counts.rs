use std::time::{Duration, SystemTime, UNIX_EPOCH};

use noti_std::proto::EventType;
use noti_std::{Delivery, Event};

use super::histogram::{Bound, Histogram};

/// The kinds of events, and one for all that noti does not know: a server must not be able to make up labels.
pub(super) const EVENT_TYPES: [&str; 7] = [
    "device_online",
    "device_offline",
    "attr_fault",
    "attr_alert",
    "device_status_raw",
    "device_status_kv",
    "other",
];

const fn millis(text: &'static str, millis: u64) -> Bound {
    Bound(text, Duration::from_millis(millis))
}

/// From a link that keeps up to the three days for which the service keeps events.
const LAG: [Bound; 15] = [
    millis("0.1", 100),
    millis("0.25", 250),
    millis("0.5", 500),
    millis("1", 1000),
    millis("2.5", 2500),
    millis("5", 5000),
    millis("10", 10_000),
    millis("30", 30_000),
    millis("60", 60_000),
    millis("300", 300_000),
    millis("1800", 1_800_000),
    millis("3600", 3_600_000),
    millis("21600", 21_600_000),
    millis("86400", 86_400_000),
    millis("259200", 259_200_000),
];

/// From a machine beside the server to the default timeout.
const ROUND_TRIP: [Bound; 12] = [
    millis("0.001", 1),
    millis("0.005", 5),
    millis("0.01", 10),
    millis("0.025", 25),
    millis("0.05", 50),
    millis("0.1", 100),
    millis("0.25", 250),
    millis("0.5", 500),
    millis("1", 1000),
    millis("2.5", 2500),
    millis("5", 5000),
    millis("10", 10_000),
];

/// What `listen` has seen.
#[derive(Clone, Debug)]
pub(super) struct Counts {
    /// When the process started.
    pub(super) start: SystemTime,
    /// In the order of [`EVENT_TYPES`].
    pub(super) events: [u64; EVENT_TYPES.len()],
    pub(super) filtered: u64,
    pub(super) lag: Histogram<{ LAG.len() }>,
    pub(super) round_trip: Histogram<{ ROUND_TRIP.len() }>,
}

impl Counts {
    pub(super) const fn new(start: SystemTime) -> Self {
        Self {
            start,
            events: [0; EVENT_TYPES.len()],
            filtered: 0,
            lag: Histogram::new(&LAG),
            round_trip: Histogram::new(&ROUND_TRIP),
        }
    }

    pub(super) fn add(&mut self, events: &[Event], now: SystemTime) {
        let now = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        for event in events {
            match event {
                Event::Delivery(delivery) => self.add_delivery(delivery, now),
                Event::Pong { round_trip } => self.round_trip.add(*round_trip),
                _ => {}
            }
        }
    }

    fn add_delivery(&mut self, delivery: &Delivery, now: Duration) {
        let delivery = delivery.view();
        let [online, offline, fault, alert, raw, kv, other] = &mut self.events;
        let count = match delivery.event_type() {
            Ok(EventType::DeviceOnline) => online,
            Ok(EventType::DeviceOffline) => offline,
            Ok(EventType::AttrFault) => fault,
            Ok(EventType::AttrAlert) => alert,
            Ok(EventType::DeviceStatusRaw) => raw,
            Ok(EventType::DeviceStatusKv) => kv,
            _ => other,
        };
        *count += 1;
        if let Ok(created) = delivery.created_at() {
            let created = Duration::new(created.seconds(), created.subsec_nanos());
            // A cloud whose clock is ahead of this machine's is no lag.
            self.lag.add(now.saturating_sub(created));
        }
    }
}
