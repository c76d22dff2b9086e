//! How deep the stack goes: the free part is painted, and looked at afterwards.

use core::ptr;

unsafe extern "C" {
    /// Where the stack begins, from the linker script of cortex-m-rt.
    static _stack_start: u32;
}

const PAINT: u32 = 0xdead_beef;
/// Not painted below the stack pointer: what the painting itself needs.
const MARGIN: usize = 64;
/// How far down the paint goes, from the stack's beginning.
const DEPTH: usize = 16 * 1024;

/// The stack's beginning, its highest address.
pub fn top() -> usize {
    (&raw const _stack_start).addr()
}

/// Bytes of stack that `work` takes, the call of it included. Interrupts are off meanwhile: their frames are another
/// matter.
pub fn depth_of(work: impl FnOnce()) -> usize {
    cortex_m::interrupt::free(|_| {
        let before = stack_pointer();
        paint();
        call(work);
        before.saturating_sub(lowest_touched())
    })
}

/// A frame of its own, so that nothing of `work` stands in the caller's.
#[inline(never)]
fn call(work: impl FnOnce()) {
    work();
}

/// Paints what is free.
#[inline(never)]
pub fn paint() {
    for address in (top() - DEPTH..stack_pointer() - MARGIN).step_by(4) {
        // SAFETY: RAM below every frame that is in use, this function's own included; aligned, for the stack is.
        unsafe { ptr::write_volatile(ptr::with_exposed_provenance_mut(address), PAINT) }
    }
}

/// The lowest address that was written since the painting.
#[inline(never)]
pub fn lowest_touched() -> usize {
    (top() - DEPTH..stack_pointer())
        .step_by(4)
        // SAFETY: RAM, and aligned.
        .find(|address| unsafe {
            ptr::read_volatile(ptr::with_exposed_provenance::<u32>(*address)) != PAINT
        })
        .unwrap_or_else(stack_pointer)
}

fn stack_pointer() -> usize {
    cortex_m::register::msp::read() as usize
}
