//! A point on the caller's clock.

use core::time::Duration;

/// A point in time: milliseconds since an epoch of the caller's choice.
///
/// The core has no clock. Whoever drives it passes the time in, from any source that does not run backwards: a
/// hardware tick, `std::time::Instant`, a simulation. The epoch must not change while a session lives. Spans are
/// [`core::time::Duration`], counted in whole milliseconds (rounded down).
///
/// A clock that jumps back is harmless: it only delays deadlines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Instant(u64);

impl Instant {
    /// The epoch itself.
    pub const ZERO: Self = Self(0);

    /// Later than every deadline.
    pub(crate) const NEVER: Self = Self(u64::MAX);

    /// The instant `millis` milliseconds after the epoch.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// Milliseconds since the epoch.
    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// This instant moved `span` into the future; the end of time instead of an overflow.
    #[must_use]
    pub const fn saturating_add(self, span: Duration) -> Self {
        self.after_millis(whole_millis(span))
    }

    /// The span from `earlier` to this instant; zero when `earlier` is the later one.
    #[must_use]
    pub const fn saturating_duration_since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }

    pub(crate) const fn after_millis(self, millis: u64) -> Self {
        Self(self.0.saturating_add(millis))
    }
}

/// `Duration::as_millis` computes in 128 bits, which a microcontroller pays for in flash.
pub(crate) const fn whole_millis(span: Duration) -> u64 {
    let seconds = span.as_secs().saturating_mul(1000);
    // `subsec_millis` is below 1000: widening it loses nothing.
    seconds.saturating_add(span.subsec_millis() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn adds_whole_milliseconds_and_stops_at_the_end_of_time() {
        let start = Instant::from_millis(5);
        assert_eq!(
            start.saturating_add(Duration::from_micros(1_999)),
            Instant::from_millis(6)
        );
        assert_eq!(start.saturating_add(Duration::MAX), Instant::NEVER);
    }

    #[test]
    fn a_clock_that_runs_backwards_gives_an_empty_span() {
        let early = Instant::from_millis(5);
        let late = Instant::from_millis(9);
        assert_eq!(
            late.saturating_duration_since(early),
            Duration::from_millis(4)
        );
        assert_eq!(early.saturating_duration_since(late), Duration::ZERO);
    }
}
