//! The session's time is that of embassy.

use embassy_time::Timer;
use noti_proto::Instant;

pub(crate) fn now() -> Instant {
    Instant::from_millis(embassy_time::Instant::now().as_millis())
}

pub(crate) fn sleep_until(deadline: Instant) -> Timer {
    Timer::at(embassy_time::Instant::from_millis(deadline.as_millis()))
}
