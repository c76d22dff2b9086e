//! The faults of a broker, over all its connections.

use fastrand::Rng;

use super::armed::Armed;
use super::{Fault, FaultKind};
use crate::certificates::Leaf;

/// The faults that are to be committed, and how often each was.
pub(crate) struct Plan {
    faults: Vec<Planned>,
    /// Faults committed since somebody asked.
    fired: u64,
}

struct Planned {
    fault: Fault,
    committed: u64,
    rng: Rng,
}

impl Plan {
    pub(crate) fn new(faults: Vec<Fault>, seed: u64) -> Self {
        let faults = faults
            .into_iter()
            .zip(0_u64..)
            .map(|(fault, number)| Planned {
                committed: 0,
                // Two faults of the same seed still choose each for itself.
                rng: Rng::with_seed(seed ^ fault.seed.rotate_left(32) ^ number.rotate_left(48)),
                fault,
            });
        Self {
            faults: faults.collect(),
            fired: 0,
        }
    }

    /// The faults for a new connection, if there are any at all.
    pub(crate) fn arm(&mut self) -> Option<Box<Armed>> {
        if self.faults.is_empty() {
            return None;
        }
        let faults = self
            .faults
            .iter_mut()
            .map(|planned| (planned.fault.kind.clone(), planned.rng.fork()));
        Some(Box::new(Armed::new(faults)))
    }

    /// The certificate for the next connection, if it is not to be the good one.
    pub(crate) fn certificate(&mut self) -> Option<Leaf> {
        (0..self.faults.len()).find_map(|index| match self.faults.get(index)?.fault.kind {
            FaultKind::Certificate(leaf) => self.fire(index).then_some(leaf),
            _ => None,
        })
    }

    /// The certificates that are needed.
    pub(crate) fn certificates(&self) -> impl Iterator<Item = Leaf> {
        self.faults
            .iter()
            .filter_map(|planned| match planned.fault.kind {
                FaultKind::Certificate(leaf) => Some(leaf),
                _ => None,
            })
    }

    /// Whether the fault may be committed once more; if so that is counted.
    pub(super) fn fire(&mut self, index: usize) -> bool {
        let Some(planned) = self.faults.get_mut(index) else {
            return false;
        };
        let may = planned
            .fault
            .times
            .is_none_or(|times| planned.committed < times);
        if may {
            planned.committed += 1;
            self.fired += 1;
        }
        may
    }

    /// Whether the fault may be committed once more.
    pub(super) fn may_fire(&self, index: usize) -> bool {
        self.faults.get(index).is_some_and(|planned| {
            planned
                .fault
                .times
                .is_none_or(|times| planned.committed < times)
        })
    }

    /// How many faults were committed since this was asked last.
    pub(crate) fn take_fired(&mut self) -> u64 {
        std::mem::take(&mut self.fired)
    }

    pub(super) fn name(&self, index: usize) -> String {
        self.faults
            .get(index)
            .map_or_else(String::new, |planned| planned.fault.to_string())
    }

    pub(crate) fn report(&self) -> Vec<(String, u64)> {
        self.faults
            .iter()
            .map(|planned| (planned.fault.to_string(), planned.committed))
            .collect()
    }
}
