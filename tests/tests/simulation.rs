//! Worlds in virtual time, one for each seed: see `noti_fuzz::world`.
//!
//! - `NOTI_SIM_SEEDS=100000 cargo test --release -p noti-tests --test simulation` runs more of them;
//! - `NOTI_SIM_FIRST=4711` starts elsewhere than at 0;
//! - `NOTI_SIM_SEED=4711 cargo test -p noti-tests --test simulation` runs one, and prints all that happens in it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use noti_fuzz::world::{self, Choices, Summary};

/// Enough to find each mutation of `mutants/planted`, and few enough for every `cargo test`.
const SEEDS: u64 = 1000;

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    let number = text.parse();
    Some(number.unwrap_or_else(|_| panic!("{variable} must be a number, not {text:?}")))
}

/// Prints all that happens in a world, and fails if the world does.
fn show(seed: u64) {
    let mut trace = Vec::new();
    let run = AssertUnwindSafe(|| world::run(Choices::Seed(seed), Some(&mut trace)));
    let outcome = catch_unwind(run);
    for line in &trace {
        println!("{line}");
    }
    match outcome {
        Ok(summary) => println!("seed {seed}: {summary:?}"),
        Err(_) => panic!(
            "seed {seed} breaks a promise; again: NOTI_SIM_SEED={seed} cargo test -p noti-tests --test simulation"
        ),
    }
}

#[test]
fn every_world_keeps_the_promises() {
    if let Some(seed) = number("NOTI_SIM_SEED") {
        return show(seed);
    }
    let first = number("NOTI_SIM_FIRST").unwrap_or(0);
    let seeds = number("NOTI_SIM_SEEDS").unwrap_or(SEEDS);
    let next = AtomicU64::new(first);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let start = Instant::now();
    let total = std::thread::scope(|scope| {
        let worker = || {
            let mut total = Summary::default();
            loop {
                let seed = next.fetch_add(1, Ordering::Relaxed);
                if seed >= first + seeds {
                    return total;
                }
                match catch_unwind(|| world::run(Choices::Seed(seed), None)) {
                    Ok(summary) => {
                        total.events += summary.events;
                        total.connections += summary.connections;
                        total.duplicates += summary.duplicates;
                        total.time += summary.time;
                    }
                    // Again, with a trace this time.
                    Err(_) => show(seed),
                }
            }
        };
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(worker)).collect();
        let mut total = Summary::default();
        for worker in workers {
            let part = worker.join().expect("a world broke a promise");
            total.events += part.events;
            total.connections += part.connections;
            total.duplicates += part.duplicates;
            total.time += part.time;
        }
        total
    });
    let took = start.elapsed().as_secs_f64();
    println!(
        "{seeds} worlds in {took:.1} s ({:.0}/s): {} events, {} connections, {} duplicates, {:.0} days",
        seeds as f64 / took,
        total.events,
        total.connections,
        total.duplicates,
        total.time as f64 / 86_400_000.0,
    );
    assert!(
        total.duplicates > 0 || seeds < 100,
        "nothing ever failed in these worlds"
    );
}
