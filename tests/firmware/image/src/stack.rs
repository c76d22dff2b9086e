//! How deep the stack goes: the free part is painted, and looked at afterwards.

use core::ptr;

const PAINT: u32 = 0xdead_beef;
/// Not painted below the caller's frame: what the painting itself needs.
const MARGIN: usize = 128;
/// How far down the paint goes.
const DEPTH: usize = 8 * 1024;

/// Bytes of stack that `work` takes, the calls to it included. Interrupts are off meanwhile: their frames are another
/// matter.
pub fn depth_of(work: impl FnOnce()) -> usize {
    cortex_m::interrupt::free(|_| {
        let top = cortex_m::register::msp::read() as usize;
        paint(top);
        call(work);
        top.saturating_sub(lowest_touched(top))
    })
}

/// A frame of its own, so that nothing of `work` stands above `top`.
#[inline(never)]
fn call(work: impl FnOnce()) {
    work();
}

#[inline(never)]
pub fn paint(top: usize) {
    for address in (top - DEPTH..top - MARGIN).step_by(4) {
        // SAFETY: RAM below every frame that is in use, this function's own included; aligned, for the stack is.
        unsafe { ptr::write_volatile(address as *mut u32, PAINT) }
    }
}

#[inline(never)]
pub fn lowest_touched(top: usize) -> usize {
    (top - DEPTH..top - MARGIN)
        .step_by(4)
        // SAFETY: as above.
        .find(|address| unsafe { ptr::read_volatile(*address as *const u32) } != PAINT)
        .unwrap_or(top - MARGIN)
}
