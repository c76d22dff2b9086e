//! The faults of a broker, over all its connections.

use fastrand::Rng;

use super::armed::Armed;
use super::kind::{Fault, FaultKind};
use super::ledger::Ledger;
use crate::certificates::Leaf;

/// The faults that are to be committed, and how often each was.
pub(crate) struct Plan {
    /// What the connections' faults are counted in.
    pub(crate) ledger: Ledger,
    /// One for each fault of the ledger.
    rngs: Vec<Rng>,
}

impl Plan {
    pub(crate) fn new(faults: Vec<Fault>, seed: u64) -> Self {
        let rngs = faults.iter().zip(0_u64..).map(|(fault, number)| {
            // Two faults of the same seed still choose each for itself.
            Rng::with_seed(seed ^ fault.seed.rotate_left(32) ^ number.rotate_left(48))
        });
        Self {
            rngs: rngs.collect(),
            ledger: Ledger::new(faults),
        }
    }

    /// The faults for a new connection, if there are any at all.
    pub(crate) fn arm(&mut self) -> Option<Box<Armed>> {
        if self.rngs.is_empty() {
            return None;
        }
        let faults = self
            .ledger
            .faults()
            .zip(&mut self.rngs)
            .map(|(fault, rng)| (fault.kind.clone(), rng.fork()));
        Some(Box::new(Armed::new(faults)))
    }

    /// The certificate for the next connection, if it is not to be the good one.
    pub(crate) fn certificate(&mut self) -> Option<Leaf> {
        let (index, leaf) = self
            .ledger
            .faults()
            .enumerate()
            .filter_map(|(index, fault)| Some((index, certificate(fault)?)))
            .find(|(index, _)| self.ledger.may_fire(*index))?;
        self.ledger.fire(index).then_some(leaf)
    }

    /// The certificates that are needed.
    pub(crate) fn certificates(&self) -> impl Iterator<Item = Leaf> {
        self.ledger.faults().filter_map(certificate)
    }
}

fn certificate(fault: &Fault) -> Option<Leaf> {
    match fault.kind {
        FaultKind::Certificate(leaf) => Some(leaf),
        _ => None,
    }
}
