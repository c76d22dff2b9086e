use std::time::Duration;

/// How often a time was within each of some bounds.
#[derive(Clone, Debug)]
pub(super) struct Histogram<const N: usize> {
    bounds: &'static [Bound; N],
    /// One a bound, and one for what is above them all.
    within: [u64; N],
    above: u64,
    /// In nanoseconds. Events of three days ago would soon be too many for 64 bits.
    sum: u128,
}

/// A bound, and how it is written.
#[derive(Debug)]
pub(super) struct Bound(pub(super) &'static str, pub(super) Duration);

impl<const N: usize> Histogram<N> {
    pub(super) const fn new(bounds: &'static [Bound; N]) -> Self {
        Self {
            bounds,
            within: [0; N],
            above: 0,
            sum: 0,
        }
    }

    pub(super) fn add(&mut self, time: Duration) {
        let mut buckets = self.bounds.iter().zip(&mut self.within);
        let bucket = buckets.find_map(|(bound, count)| (time <= bound.1).then_some(count));
        *bucket.unwrap_or(&mut self.above) += 1;
        self.sum = self.sum.saturating_add(time.as_nanos());
    }

    /// Each bound, and how often the time was not above it.
    pub(super) fn cumulative(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let buckets = self.bounds.iter().zip(&self.within);
        buckets.scan(0, |sum, (bound, count)| {
            *sum += count;
            Some((bound.0, *sum))
        })
    }

    pub(super) fn count(&self) -> u64 {
        self.within.iter().sum::<u64>() + self.above
    }

    /// All times together, in seconds.
    pub(super) fn sum(&self) -> String {
        let nanos = Duration::from_secs(1).as_nanos();
        format!("{}.{:09}", self.sum / nanos, self.sum % nanos)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_counts_in_its_bucket_and_in_all_above() {
        const BOUNDS: [Bound; 2] = [
            Bound("0.001", Duration::from_millis(1)),
            Bound("1", Duration::from_secs(1)),
        ];
        let mut histogram = Histogram::new(&BOUNDS);
        for millis in [0, 1, 2, 1000, 5_000_000_000] {
            histogram.add(Duration::from_millis(millis));
        }
        assert_eq!(
            histogram.cumulative().collect::<Vec<_>>(),
            [("0.001", 2), ("1", 4)]
        );
        assert_eq!(histogram.count(), 5);
        assert_eq!(histogram.sum(), "5000001.003000000");
    }
}
