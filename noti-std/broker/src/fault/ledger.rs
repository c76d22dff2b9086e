//! How often each fault of a broker was committed, and whether it may be once more.

use super::kind::Fault;

/// The faults of a plan, each with how often it was committed over all connections.
pub(crate) struct Ledger {
    entries: Vec<Entry>,
    /// Faults committed since somebody asked.
    fired: u64,
}

struct Entry {
    fault: Fault,
    committed: u64,
}

impl Entry {
    fn may_fire(&self) -> bool {
        self.fault.times.is_none_or(|times| self.committed < times)
    }
}

impl Ledger {
    pub(super) fn new(faults: Vec<Fault>) -> Self {
        let entries = faults.into_iter().map(|fault| Entry {
            fault,
            committed: 0,
        });
        Self {
            entries: entries.collect(),
            fired: 0,
        }
    }

    /// The faults, in the order of the plan.
    pub(super) fn faults(&self) -> impl Iterator<Item = &Fault> {
        self.entries.iter().map(|entry| &entry.fault)
    }

    /// Whether the fault may be committed once more; if so that is counted.
    pub(super) fn fire(&mut self, index: usize) -> bool {
        let Some(entry) = self.entries.get_mut(index) else {
            return false;
        };
        let may = entry.may_fire();
        if may {
            entry.committed += 1;
            self.fired += 1;
        }
        may
    }

    /// Whether the fault may be committed once more.
    pub(super) fn may_fire(&self, index: usize) -> bool {
        self.entries.get(index).is_some_and(Entry::may_fire)
    }

    /// How many faults were committed since this was asked last.
    pub(crate) fn take_fired(&mut self) -> u64 {
        std::mem::take(&mut self.fired)
    }

    pub(super) fn name(&self, index: usize) -> String {
        self.entries
            .get(index)
            .map_or_else(String::new, |entry| entry.fault.to_string())
    }

    /// Each fault as it was told, and how often it was committed.
    pub(crate) fn report(&self) -> Vec<(String, u64)> {
        self.entries
            .iter()
            .map(|entry| (entry.fault.to_string(), entry.committed))
            .collect()
    }
}
