//! What stays the same for a whole run.

use super::choices::Choices;

#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) clients: usize,
    pub(super) prefetch: u16,
    /// The client's transmit buffer.
    pub(super) transmit: usize,
    /// The client's receive buffer: a line that is longer comes in parts.
    pub(super) buffer: usize,
    /// The longest that a byte travels, in milliseconds.
    pub(super) latency: u64,
    /// How many bytes a direction of the link holds.
    pub(super) capacity: usize,
    pub(super) ping_interval: u64,
    /// How long the broker bears a silent client.
    pub(super) patience: u64,
    pub(super) events: u64,
    /// From then on nothing fails any more.
    pub(super) calm_at: u64,
    /// Between two faults, on average.
    pub(super) fault_every: u64,
}

impl Plan {
    pub(super) fn new(choices: &mut Choices<'_>) -> Self {
        let ping_interval = choices.of(&[60_000, 5_000, 20_000, 270_000]);
        Self {
            clients: choices.of(&[1, 1, 1, 2]),
            prefetch: choices.of(&[1, 2, 3, 5, 8]),
            transmit: choices.of(&[256, 128, 160, 1024]),
            buffer: choices.of(&[512, 200, 96]),
            latency: choices.of(&[20, 0, 200, 2000]),
            capacity: choices.of(&[4096, 200, 700]) as usize,
            ping_interval,
            patience: ping_interval + choices.within(30_000, 60_000),
            events: choices.within(4, 40),
            calm_at: choices.within(30, 600) * 1000,
            fault_every: choices.of(&[20_000, 3_000, 100_000]),
        }
    }
}
