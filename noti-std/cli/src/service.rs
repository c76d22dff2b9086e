use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use noti_std::{Client, Health, Monitor};
use sd_notify::NotifyState;

/// How often systemd learns how far the events are, if it does not want a sign of life more often.
const STATUS_INTERVAL: Duration = Duration::from_secs(60);

/// Tells systemd how the client stands, if it is systemd that started noti.
///
/// - `READY=1` with the first login.
/// - `WATCHDOG=1`, twice in the time that `WatchdogSec=` gives, while logged in and while the client's thread comes round.
///   An outage that lasts longer than that ends in a restart.
/// - `STATUS=` for `systemctl status`.
/// - `STOPPING=1` on the way out.
#[derive(Debug)]
pub(crate) struct Service {
    stopping: Arc<AtomicBool>,
}

impl Service {
    pub(crate) fn start(client: &Client) -> Option<Self> {
        std::env::var_os("NOTIFY_SOCKET")?;
        let stopping = Arc::new(AtomicBool::new(false));
        let mut reporter = Reporter {
            monitor: client.monitor(),
            stopping: stopping.clone(),
            watchdog: sd_notify::watchdog_enabled().filter(|time| !time.is_zero()),
            ready: false,
            pulse: None,
        };
        let started = std::thread::Builder::new()
            .name("noti-service".into())
            .spawn(move || reporter.run());
        if let Err(error) = started {
            tracing::error!(%error, "systemd cannot be told how noti stands");
            return None;
        }
        Some(Self { stopping })
    }

    /// From now on nothing more is received; what was written is acked, and noti ends.
    pub(crate) fn stopping(&self) {
        self.stopping.store(true, Ordering::SeqCst);
        notify(&[NotifyState::Stopping, NotifyState::Status("stopping")]);
    }
}

struct Reporter {
    monitor: Monitor,
    stopping: Arc<AtomicBool>,
    watchdog: Option<Duration>,
    ready: bool,
    /// What the client's thread showed at the last sign of life.
    pulse: Option<u64>,
}

impl Reporter {
    /// Reports each change at once, and else at intervals. Ends with the client.
    fn run(&mut self) {
        let interval = self
            .watchdog
            .map_or(STATUS_INTERVAL, |time| STATUS_INTERVAL.min(time / 2));
        let mut known = u64::MAX;
        let mut due = Instant::now();
        loop {
            let (change, health) = self.monitor.health_after(known, due);
            if health == Health::Ended || self.stopping.load(Ordering::SeqCst) {
                return;
            }
            if change != known || Instant::now() >= due {
                known = change;
                due = Instant::now() + interval;
                self.report(&health);
            }
        }
    }

    fn report(&mut self, health: &Health) {
        let status = self.status(health);
        let mut message = vec![NotifyState::Status(&status)];
        if *health == Health::LoggedIn {
            if !self.ready {
                self.ready = true;
                message.push(NotifyState::Ready);
            }
            let pulse = Some(self.monitor.pulse());
            if self.watchdog.is_some() && self.pulse != pulse {
                message.push(NotifyState::Watchdog);
            }
            self.pulse = pulse;
        }
        notify(&message);
    }

    fn status(&self, health: &Health) -> String {
        let status = match health {
            Health::LoggedIn => {
                let stats = self.monitor.stats();
                format!(
                    "logged in; {} events received, {} un-acked",
                    stats.delivered, stats.in_flight
                )
            }
            Health::Disconnected(why) => format!("not logged in: {why}"),
            _ => "connecting".to_owned(),
        };
        // A line break would begin another message.
        status.replace(char::is_control, " ")
    }
}

fn notify(message: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(message) {
        tracing::warn!(%error, "systemd does not listen at NOTIFY_SOCKET");
    }
}
