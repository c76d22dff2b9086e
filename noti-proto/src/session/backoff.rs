//! How long to wait before connecting again.

use core::time::Duration;

/// Delays between attempts to connect: exponential, with full jitter.
///
/// The nth delay since the last [`reset`](Self::reset), counted from 1, is uniform between the
/// minimum and minimum · 2ⁿ, where the maximum bounds the latter. The spread starts with the first
/// delay: when a server restarts, all of its clients are cut at the same moment, and must not come
/// back at the same moment.
///
/// Pure arithmetic: the random numbers and the waiting are the caller's.
///
/// # When to reset
/// Call [`reset`](Self::reset) only after the session has proved itself: with the first event or
/// pong that is received after a login. A server in trouble often accepts connections, and even
/// logins, only to close them at once. A client that resets on connecting, or on logging in, then
/// comes back at the shortest delay for ever.
///
/// ```
/// use core::time::Duration;
/// use noti_proto::Backoff;
///
/// let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(60));
/// let random = u64::MAX; // from a generator, a new one for each delay
/// assert_eq!(backoff.next_delay(random), Duration::from_secs(2));
/// assert_eq!(backoff.next_delay(random), Duration::from_secs(4));
/// backoff.reset();
/// assert_eq!(backoff.next_delay(random), Duration::from_secs(2));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Backoff {
    // Milliseconds: a shift and a product of `Duration`s would take several times the code.
    min: u64,
    max: u64,
    attempts: u32,
}

impl Backoff {
    /// Delays of at least `min`, which win over `max` if that is less.
    ///
    /// Both count in whole milliseconds; a finer part is dropped. A `min` of zero doubles as if it
    /// were one millisecond, and delays may then be zero.
    pub fn new(min: Duration, max: Duration) -> Self {
        Self {
            min: millis(min),
            max: millis(max),
            attempts: 0,
        }
    }

    /// Counts an attempt, and returns the delay to wait before it.
    ///
    /// `random` chooses the delay: 0 the shortest, `u64::MAX` the longest, others in proportion.
    /// All of its 64 bits have to be random: a number of 32 random bits would choose the shortest
    /// every time, so put two of them together.
    pub fn next_delay(&mut self, random: u64) -> Duration {
        self.attempts = self.attempts.saturating_add(1);
        // Zero if the minimum is above the maximum.
        let span = self.longest().saturating_sub(self.min);
        // One more than the span, since the longest delay is one of the choices.
        let offset = multiply_high(random, span.saturating_add(1));
        Duration::from_millis(self.min.saturating_add(offset))
    }

    /// Starts again with short delays; the type's documentation says when.
    pub fn reset(&mut self) {
        self.attempts = 0;
    }

    /// How many delays were given since the last reset; it stops counting at `u32::MAX`.
    pub fn attempts(&self) -> u32 {
        self.attempts
    }

    /// The longest delay of the current attempt, unless the minimum is longer.
    fn longest(&self) -> u64 {
        let base = self.min.max(1);
        // As many zeros as `base` begins with are the bits that it can be shifted by without a
        // loss. They are fewer than 64.
        let doubled = if self.attempts <= base.leading_zeros() {
            base.wrapping_shl(self.attempts)
        } else {
            u64::MAX
        };
        doubled.min(self.max)
    }
}

/// Whole milliseconds, from parts: `Duration::as_millis` is 128 bits wide.
fn millis(span: Duration) -> u64 {
    span.as_secs()
        .saturating_mul(1000)
        .saturating_add(u64::from(span.subsec_millis()))
}

/// The upper half of the 128-bit product, from 32-bit halves.
///
/// With a uniform `a` it is uniform in `0..b` to within `b` parts in 2⁶⁴, and takes no division.
fn multiply_high(a: u64, b: u64) -> u64 {
    let (a_high, a_low) = halves(a);
    let (b_high, b_low) = halves(b);
    // No step can wrap: (2³² − 1)² + 2 · (2³² − 1) is u64::MAX.
    let low = a_low.wrapping_mul(b_low);
    let middle = a_high.wrapping_mul(b_low).wrapping_add(halves(low).0);
    let (middle_high, middle_low) = halves(middle);
    let cross = a_low.wrapping_mul(b_high).wrapping_add(middle_low);
    a_high
        .wrapping_mul(b_high)
        .wrapping_add(middle_high)
        .wrapping_add(halves(cross).0)
}

/// The upper and the lower 32 bits.
fn halves(value: u64) -> (u64, u64) {
    (value >> 32, value & 0xffff_ffff)
}

#[cfg(test)]
#[allow(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::indexing_slicing
)]
mod tests {
    extern crate std;
    use super::*;
    use proptest::prelude::*;
    use std::vec::Vec;

    const SECOND: Duration = Duration::from_secs(1);
    const MINUTE: Duration = Duration::from_secs(60);

    fn delays(backoff: &mut Backoff, random: u64, count: usize) -> Vec<u64> {
        (0..count)
            .map(|_| millis(backoff.next_delay(random)))
            .collect()
    }

    #[test]
    fn the_longest_delay_doubles_up_to_the_maximum() {
        let mut backoff = Backoff::new(SECOND, MINUTE);
        let longest = delays(&mut backoff, u64::MAX, 8);
        assert_eq!(
            longest,
            [2000, 4000, 8000, 16000, 32000, 60000, 60000, 60000]
        );
    }

    #[test]
    fn the_shortest_delay_stays_the_minimum() {
        let mut backoff = Backoff::new(SECOND, MINUTE);
        assert_eq!(delays(&mut backoff, 0, 4), [1000; 4]);
    }

    #[test]
    fn half_of_the_random_range_is_half_of_the_span() {
        let mut backoff = Backoff::new(SECOND, MINUTE);
        assert_eq!(delays(&mut backoff, u64::MAX / 2, 3), [1500, 2500, 4500]);
    }

    #[test]
    fn a_session_that_proved_itself_starts_over() {
        let mut backoff = Backoff::new(SECOND, MINUTE);
        assert_eq!(backoff.attempts(), 0);
        delays(&mut backoff, 0, 100);
        assert_eq!(backoff.attempts(), 100);
        backoff.reset();
        assert_eq!(backoff, Backoff::new(SECOND, MINUTE));
        assert_eq!(backoff.next_delay(u64::MAX), 2 * SECOND);
    }

    #[test]
    fn the_ends_of_the_configuration_are_harmless() {
        let last = Duration::from_millis(u64::MAX);
        let cases = [
            // min, max, the longest delays
            (Duration::ZERO, Duration::ZERO, [0, 0, 0]),
            (Duration::ZERO, MINUTE, [2, 4, 8]),
            (MINUTE, SECOND, [60_000; 3]),
            (MINUTE, MINUTE, [60_000; 3]),
            (Duration::MAX, Duration::MAX, [u64::MAX; 3]),
            (last, Duration::ZERO, [u64::MAX; 3]),
            (Duration::from_secs(1 << 61), Duration::ZERO, [u64::MAX; 3]),
            (Duration::from_nanos(1_999_999), MINUTE, [2, 4, 8]),
        ];
        for (min, max, longest) in cases {
            let mut backoff = Backoff::new(min, max);
            assert_eq!(
                delays(&mut backoff, u64::MAX, 3),
                longest,
                "{min:?}, {max:?}"
            );
            backoff.reset();
            assert_eq!(
                delays(&mut backoff, 0, 3),
                [millis(min); 3],
                "{min:?}, {max:?}"
            );
        }
    }

    #[test]
    fn the_attempts_may_go_on_for_ever() {
        let mut backoff = Backoff::new(Duration::from_millis(1), Duration::MAX);
        delays(&mut backoff, 0, 61);
        assert_eq!(backoff.longest(), 1 << 61);
        delays(&mut backoff, 0, 2);
        assert_eq!(backoff.longest(), 1 << 63);
        delays(&mut backoff, 0, 1);
        assert_eq!(backoff.longest(), u64::MAX);

        backoff.attempts = u32::MAX - 1;
        for _ in 0..3 {
            assert_eq!(millis(backoff.next_delay(u64::MAX)), u64::MAX);
            assert_eq!(backoff.attempts(), u32::MAX);
        }

        let mut backoff = Backoff::new(Duration::ZERO, Duration::MAX);
        backoff.attempts = 100;
        // The count of all u64 is no u64: the last millisecond is left out.
        assert_eq!(millis(backoff.next_delay(u64::MAX)), u64::MAX - 1);
    }

    #[test]
    fn every_delay_of_the_span_is_as_likely_as_another() {
        // 1 to 4 ms at the second attempt: four delays, and random numbers at even distances.
        let mut seen = [0; 5];
        for step in 0..4000 {
            let mut backoff = Backoff::new(Duration::from_millis(1), MINUTE);
            backoff.next_delay(0);
            let delay = backoff.next_delay(u64::MAX / 4000 * step + u64::MAX / 8000);
            seen[delay.subsec_millis() as usize] += 1;
        }
        assert_eq!(seen, [0, 1000, 1000, 1000, 1000]);
    }

    proptest! {
        #[test]
        fn a_delay_is_within_its_bounds(
            min in any::<Duration>(),
            max in any::<Duration>(),
            shift in 0_u32..31,
            attempts in prop_oneof![0_u32..70, any::<u32>()],
            random in any::<u64>(),
        ) {
            let (min, max) = (min / (1 << shift), max / (1 << shift));
            let mut backoff = Backoff { attempts, ..Backoff::new(min, max) };
            let delay = u128::from(millis(backoff.next_delay(random)));

            let (min, max) = (u128::from(millis(min)), u128::from(millis(max)));
            let doubled = min.max(1) << attempts.saturating_add(1).min(64);
            prop_assert!(min <= delay && delay <= doubled.min(max).max(min));
        }

        #[test]
        fn the_upper_half_of_a_product_agrees_with_128_bits(a in any::<u64>(), b in any::<u64>()) {
            for (a, b) in [(a, b), (a, !0), (!0, !0), (a, 1), (a >> 32, b), (a, b >> 32)] {
                let product = u128::from(a) * u128::from(b);
                prop_assert_eq!(u128::from(multiply_high(a, b)), product >> 64);
            }
        }
    }
}
