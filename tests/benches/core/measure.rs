//! Rounds over all contenders, and the table of what they took.

use rustix::time::{ClockId, clock_gettime};

use crate::outcome::Outcome;

const ROUNDS: usize = 41;

type Pass<'a> = Box<dyn FnMut(&[u8], &mut Outcome) + 'a>;

/// One way to handle a stream.
pub(crate) struct Contender<'a> {
    pub(crate) name: &'static str,
    stream: &'a [u8],
    pass: Pass<'a>,
    outcome: Outcome,
}

impl<'a> Contender<'a> {
    pub(crate) fn new(
        name: &'static str,
        stream: &'a [u8],
        pass: impl FnMut(&[u8], &mut Outcome) + 'a,
    ) -> Self {
        Self {
            name,
            stream,
            pass: Box::new(pass),
            outcome: Outcome::default(),
        }
    }

    fn pass(&mut self) {
        self.outcome.clear();
        (self.pass)(self.stream, &mut self.outcome);
    }

    /// Seconds of one pass.
    fn time(&mut self) -> f64 {
        let start = processor_seconds();
        self.pass();
        processor_seconds() - start
    }
}

/// Seconds that this thread has run: others on the machine do not count.
pub(crate) fn processor_seconds() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9
}

/// Every contender reads the same fields and writes the same acks as the first.
pub(crate) fn check(contenders: &mut [Contender<'_>]) {
    let mut model = None;
    for contender in contenders {
        contender.pass();
        let model = model.get_or_insert_with(|| contender.outcome.clone());
        assert!(contender.outcome == *model, "{} differs", contender.name);
        assert!(model.events > 0, "no events");
    }
}

/// The times of each contender, a row each, over rounds in which each runs once.
pub(crate) fn rounds(contenders: &mut [Contender<'_>], rounds: usize) -> Vec<Vec<f64>> {
    let mut times = vec![Vec::with_capacity(rounds); contenders.len()];
    for contender in &mut *contenders {
        contender.pass();
    }
    for round in 0..rounds {
        for place in 0..contenders.len() {
            // Another one begins each round, so that none always follows the same.
            let place = (place + round) % contenders.len();
            times[place].push(contenders[place].time());
        }
    }
    times
}

/// The value below which this share of the values lies.
pub(crate) fn quantile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[((sorted.len() - 1) as f64 * share).round() as usize]
}

/// Measures, and prints a line for each; ratios are those of the times to the first contender's.
pub(crate) fn table(contenders: &mut [Contender<'_>], events: usize) {
    let times = rounds(contenders, ROUNDS);
    println!("| | events/s | ns/event | MB/s | allocations/event | time, noti-proto = 1 |");
    println!("|---|---:|---:|---:|---:|---:|");
    for (contender, row) in contenders.iter_mut().zip(&times) {
        let counted = allocation_counter::measure(|| contender.pass());
        let ratios: Vec<f64> = row
            .iter()
            .zip(&times[0])
            .map(|(time, first)| time / first)
            .collect();
        let median = quantile(row, 0.5);
        println!(
            "| {} | {:.0} | {:.0} | {:.0} | {:.1} | {:.2} ({:.2}–{:.2}) |",
            contender.name,
            events as f64 / median,
            median * 1e9 / events as f64,
            contender.stream.len() as f64 / median / 1e6,
            counted.count_total as f64 / events as f64,
            quantile(&ratios, 0.5),
            quantile(&ratios, 0.1),
            quantile(&ratios, 0.9),
        );
    }
}
