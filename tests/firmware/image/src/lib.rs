//! What the images share: the board, a clock, and a way to say how it went.
#![no_std]

pub mod clock;
pub mod report;
pub mod stack;
pub mod uart;

use core::panic::PanicInfo;

/// Nothing that these images link can panic (`run` looks for it); the linker wants a handler all the same.
#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    report::text("panic\n");
    report::fail()
}
