use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use noti_std::proto::Timestamp;
use noti_std::{Event, Health, Monitor};

use super::pretty::Standing;

/// No event has told its time yet.
const UNKNOWN: u64 = u64::MAX;

/// How far listening has come, for other threads to look at.
#[derive(Clone, Debug)]
pub(crate) struct Progress(Arc<Counters>);

#[derive(Debug)]
struct Counters {
    filtered: AtomicU64,
    /// How late the newest event was, in milliseconds.
    lag: AtomicU64,
}

impl Default for Progress {
    fn default() -> Self {
        Self(Arc::new(Counters {
            filtered: AtomicU64::new(0),
            lag: AtomicU64::new(UNKNOWN),
        }))
    }
}

impl Progress {
    /// These events are written, those are left out.
    pub(crate) fn count(&self, written: &[Event], filtered: &[Event]) {
        self.0
            .filtered
            .fetch_add(filtered.len() as u64, Ordering::Relaxed);
        let newest = |events: &[Event]| events.iter().rev().find_map(created_at);
        if let Some(created_at) = newest(written).max(newest(filtered)) {
            let now = SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .unwrap_or_default();
            // A clock that is behind the cloud's makes no event early.
            let lag = now.as_secs() * 1000 + u64::from(now.subsec_millis());
            let lag = lag.saturating_sub(created_at.as_millis());
            self.0.lag.store(lag, Ordering::Relaxed);
        }
    }

    /// How it goes, with the client's own figures.
    pub(crate) fn standing(&self, monitor: &Monitor) -> Standing {
        let stats = monitor.stats();
        let lag = self.0.lag.load(Ordering::Relaxed);
        Standing {
            logged_in: monitor.health() == Health::LoggedIn,
            received: stats.delivered,
            in_flight: stats.in_flight,
            reconnects: stats.logins.saturating_sub(1),
            filtered: self.0.filtered.load(Ordering::Relaxed),
            lag: (lag != UNKNOWN).then(|| Duration::from_millis(lag)),
        }
    }
}

fn created_at(event: &Event) -> Option<Timestamp> {
    match event {
        Event::Delivery(delivery) => delivery.view().created_at().ok(),
        _ => None,
    }
}
