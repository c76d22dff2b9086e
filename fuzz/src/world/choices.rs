//! Where a world's accidents come from.

/// A run's decisions: from a seed, or from a fuzzer's bytes.
#[derive(Clone, Debug)]
pub enum Choices<'a> {
    /// An endless sequence that the number determines.
    Seed(u64),
    /// One byte or two for each decision. When they are used up, nothing special happens any more.
    Bytes(&'a [u8]),
}

impl Choices<'_> {
    /// A number below `n`. Zero is the harmless choice everywhere.
    pub(super) fn below(&mut self, n: u64) -> u64 {
        if n < 2 {
            return 0;
        }
        match self {
            // SplitMix64.
            Self::Seed(state) => {
                *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
                let mixed = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
                let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
                (mixed ^ (mixed >> 31)) % n
            }
            Self::Bytes(bytes) => {
                let (value, rest) = match bytes {
                    [high, low, rest @ ..] if n > 256 => (
                        (u64::from(u16::from_be_bytes([*high, *low])) * n) >> 16,
                        rest,
                    ),
                    [byte, rest @ ..] => (u64::from(*byte) % n, rest),
                    [] => (0, *bytes),
                };
                *bytes = rest;
                value
            }
        }
    }

    pub(super) fn within(&mut self, min: u64, max: u64) -> u64 {
        min + self.below(max - min + 1)
    }

    pub(super) fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == n - 1
    }

    pub(super) fn of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len() as u64) as usize]
    }

    pub(super) fn are_used_up(&self) -> bool {
        matches!(self, Self::Bytes([]))
    }
}
