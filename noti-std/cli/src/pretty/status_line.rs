//! One line at the bottom of the terminal that says how it goes. It is drawn on stderr, and is never in the way of what
//! is written above it.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use terminal_size::{Width, terminal_size_of};

use super::cells::Cells;

/// How often it is drawn anew.
const INTERVAL: Duration = Duration::from_millis(200);

/// How long it may take to vanish.
const PATIENCE: Duration = Duration::from_secs(1);

/// Over how long events are counted for their rate.
const WINDOW: Duration = Duration::from_secs(5);

const ERASE: &str = "\r\x1b[K";

/// What is on the screen now; empty: nothing.
static DRAWN: Mutex<String> = Mutex::new(String::new());

/// How it goes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Standing {
    pub(crate) logged_in: bool,
    pub(crate) received: u64,
    pub(crate) in_flight: u64,
    pub(crate) reconnects: u64,
    pub(crate) filtered: u64,
    /// How late the newest event was.
    pub(crate) lag: Option<Duration>,
}

/// Does the work, with the status line under what it writes.
pub(crate) fn with_status_line<R>(
    standing: impl Fn() -> Standing + Send + 'static,
    work: impl FnOnce() -> R,
) -> R {
    let (working, done) = mpsc::channel::<()>();
    let (drawing, hidden) = mpsc::channel::<()>();
    let thread = thread::Builder::new().name("noti-status".into());
    let drawn = thread.spawn(move || {
        let _drawing = drawing;
        let mut rate = Rate::default();
        loop {
            let standing = standing();
            draw(&standing, rate.measure(Instant::now(), standing.received));
            // Ended, also by a panic, when the sender is gone.
            if done.recv_timeout(INTERVAL) != Err(mpsc::RecvTimeoutError::Timeout) {
                return hide();
            }
        }
    });
    if let Err(error) = drawn {
        tracing::warn!(%error, "no status line, for want of a thread");
    }
    let result = work();
    drop(working);
    // A terminal that takes nothing any more holds nobody up.
    let _ = hidden.recv_timeout(PATIENCE);
    result
}

/// Writes to the terminal above the status line.
pub(crate) fn above<R>(write: impl FnOnce() -> R) -> R {
    let drawn = lock();
    if drawn.is_empty() {
        return write();
    }
    // A terminal that takes nothing any more is noticed by whoever writes what matters.
    let _ = io::stderr().write_all(ERASE.as_bytes());
    let result = write();
    let _ = io::stderr().write_all(drawn.as_bytes());
    result
}

/// Takes the status line away, unless somebody is writing above it.
pub(crate) fn hide() {
    let drawn = match DRAWN.try_lock() {
        Ok(drawn) => Some(drawn),
        Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
        Err(TryLockError::WouldBlock) => None,
    };
    if let Some(mut drawn) = drawn {
        replace(&mut drawn, String::new());
    }
}

fn draw(standing: &Standing, rate: f64) {
    let columns = terminal_size_of(io::stderr()).map_or(80, |(Width(columns), _)| columns.into());
    // The last column stays free: a cursor beyond it would be in the next line.
    let text = Cells::new(describe(standing, rate), usize::saturating_sub(columns, 1));
    replace(&mut lock(), text.text().to_owned());
}

fn replace(drawn: &mut String, text: String) {
    if !drawn.is_empty() || !text.is_empty() {
        let _ = write!(io::stderr(), "{ERASE}{text}");
    }
    *drawn = text;
}

fn lock() -> MutexGuard<'static, String> {
    DRAWN.lock().unwrap_or_else(PoisonError::into_inner)
}

fn describe(standing: &Standing, rate: f64) -> String {
    let mut text = String::new();
    if !standing.logged_in {
        text.push_str("not logged in  ");
    }
    let precision = usize::from(rate < 100.0);
    let (in_flight, reconnects) = (standing.in_flight, standing.reconnects);
    text += &format!("{rate:.precision$} events/s  in flight {in_flight}  reconnects {reconnects}");
    if let Some(lag) = standing.lag {
        text += &format!("  lag {}", span(lag));
    }
    if standing.filtered > 0 {
        text += &format!("  filtered out {}", standing.filtered);
    }
    text
}

fn span(time: Duration) -> String {
    match time.as_secs() {
        0..60 => format!("{:.1} s", time.as_secs_f64()),
        seconds @ 60..7200 => format!("{} min", seconds / 60),
        seconds @ 7200..172_800 => format!("{} h", seconds / 3600),
        seconds => format!("{} days", seconds / 86_400),
    }
}

/// Events a second, over the last few.
#[derive(Debug, Default)]
struct Rate {
    samples: VecDeque<(Instant, u64)>,
}

impl Rate {
    fn measure(&mut self, now: Instant, count: u64) -> f64 {
        while self
            .samples
            .front()
            .is_some_and(|(at, _)| now.duration_since(*at) > WINDOW)
        {
            self.samples.pop_front();
        }
        self.samples.push_back((now, count));
        let Some((first, before)) = self.samples.front() else {
            return 0.0;
        };
        let time = now.duration_since(*first).as_secs_f64();
        if time > 0.0 {
            (count - before) as f64 / time
        } else {
            0.0
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_says_how_it_goes_and_no_more_than_is_known() {
        let mut standing = Standing::default();
        assert_eq!(
            describe(&standing, 0.0),
            "not logged in  0.0 events/s  in flight 0  reconnects 0"
        );
        standing = Standing {
            logged_in: true,
            received: 100,
            in_flight: 3,
            reconnects: 1,
            filtered: 7,
            lag: Some(Duration::from_millis(250)),
        };
        assert_eq!(
            describe(&standing, 52.04),
            "52.0 events/s  in flight 3  reconnects 1  lag 0.2 s  filtered out 7"
        );
    }

    #[test]
    fn a_lag_is_told_in_its_largest_unit() {
        for (seconds, expected) in [
            (0, "0.0 s"),
            (59, "59.0 s"),
            (60, "1 min"),
            (7199, "119 min"),
            (7200, "2 h"),
            (172_800, "2 days"),
        ] {
            assert_eq!(span(Duration::from_secs(seconds)), expected);
        }
    }

    #[test]
    fn the_rate_is_that_of_the_last_seconds() {
        let mut rate = Rate::default();
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(rate.measure(at(0), 0), 0.0);
        assert_eq!(rate.measure(at(1), 50), 50.0);
        assert_eq!(rate.measure(at(2), 50), 25.0);
        assert_eq!(rate.measure(at(20), 50), 0.0);
        assert_eq!(rate.measure(at(21), 60), 10.0);
    }
}
