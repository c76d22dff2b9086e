//! Milliseconds since the start, counted by the SysTick interrupt.

use core::sync::atomic::{AtomicU32, Ordering};

use cortex_m::peripheral::SYST;
use cortex_m::peripheral::syst::SystClkSource;
use noti_proto::Instant;

/// The LM3S6965 leaves reset at 12.5 MHz in QEMU.
const TICKS_PER_MILLISECOND: u32 = 12_500;

/// Enough for 49 days. A Cortex-M3 has no wider atomics; who needs more counts the wraps too.
static MILLIS: AtomicU32 = AtomicU32::new(0);

pub fn start(mut timer: SYST) {
    timer.set_clock_source(SystClkSource::Core);
    timer.set_reload(TICKS_PER_MILLISECOND - 1);
    timer.clear_current();
    timer.enable_counter();
    timer.enable_interrupt();
}

pub fn now() -> Instant {
    Instant::from_millis(MILLIS.load(Ordering::Relaxed).into())
}

#[cortex_m_rt::exception]
fn SysTick() {
    // The only writer, so load and store need not be one operation.
    let millis = MILLIS.load(Ordering::Relaxed);
    MILLIS.store(millis.wrapping_add(1), Ordering::Relaxed);
}
