//! Links and runs the core with all its features in a program without std and without an allocator. It prints nothing;
//! its exit code says which step failed, 0 that none did.
#![no_std]
#![no_main]

mod broker;
mod client;
mod drivers;
mod events;
mod poison;
#[cfg(feature = "serde")]
mod typed;
mod wire;

use core::arch::{asm, global_asm};
use core::panic::PanicInfo;

// The entry: the C runtime, which would have called `main`, is not linked.
#[cfg(target_arch = "x86_64")]
global_asm!(
    ".globl _start",
    "_start:",
    "xor ebp, ebp",
    "and rsp, -16",
    "call {main}",
    main = sym main,
);
#[cfg(target_arch = "aarch64")]
global_asm!(".globl _start", "_start:", "mov x29, #0", "bl {main}", main = sym main);

extern "C" fn main() -> ! {
    let steps: &[fn() -> Option<()>] = &[
        client::logs_in_acks_and_pings,
        client::serves_connection_after_connection,
        client::waits_between_attempts,
        events::every_kind_has_its_fields,
        poison::oversize_lines_have_tokens,
        poison::malformed_lines_have_tokens,
        broker::serves_a_client,
        drivers::polls_a_transport,
        drivers::blocks_on_a_transport,
        #[cfg(feature = "async")]
        drivers::steps_over_a_transport,
        #[cfg(feature = "async")]
        drivers::steps_over_two_halves,
        #[cfg(feature = "serde")]
        typed::data_becomes_a_type,
        #[cfg(feature = "plant-allocation")]
        plants::allocates,
        #[cfg(feature = "plant-panic")]
        plants::panics,
    ];
    let failed = steps.iter().zip(1..).find(|(step, _)| step().is_none());
    exit(failed.map_or(0, |(_, number)| number))
}

/// Ends the process by a system call of Linux.
fn exit(code: u64) -> ! {
    // SAFETY: `exit_group` takes the code in a register, touches no memory, and does not return.
    #[cfg(target_arch = "x86_64")]
    unsafe {
        asm!("syscall", in("rax") 231, in("rdi") code, options(noreturn, nostack))
    }
    // SAFETY: as above.
    #[cfg(target_arch = "aarch64")]
    unsafe {
        asm!("svc 0", in("x8") 94, in("x0") code, options(noreturn, nostack))
    }
}

#[cfg(not(feature = "no-panic"))]
#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    exit(100)
}

#[cfg(feature = "no-panic")]
#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    unsafe extern "C" {
        /// Defined nowhere.
        safe fn a_panic_can_be_reached() -> !;
    }
    a_panic_can_be_reached()
}

#[cfg(any(feature = "plant-allocation", feature = "plant-panic"))]
mod plants {
    use core::hint::black_box;

    #[cfg(feature = "plant-allocation")]
    pub(crate) fn allocates() -> Option<()> {
        extern crate alloc;
        black_box(alloc::vec![black_box(1_u8)]).first().map(|_| ())
    }

    #[cfg(feature = "plant-panic")]
    pub(crate) fn panics() -> Option<()> {
        let array = black_box([1_u8, 2, 3]);
        (array[black_box(2_usize)] == 3).then_some(())
    }
}
