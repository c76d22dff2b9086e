//! Output and exit through the debugger (semihosting), without `core::fmt`: it can panic, and costs flash.

use cortex_m_semihosting::debug::{self, EXIT_FAILURE, EXIT_SUCCESS};
use cortex_m_semihosting::hio;

pub fn text(text: &str) {
    if let Ok(mut host) = hio::hstdout() {
        // There is nobody to tell.
        let _ = host.write_all(text.as_bytes());
    }
}

/// ` name=value`
pub fn value(name: &str, value: usize) {
    text(" ");
    text(name);
    text("=");
    number(value);
}

pub fn number(value: usize) {
    let mut digits = heapless::String::<10>::new();
    let mut place = 1;
    while value / place >= 10 {
        place *= 10;
    }
    while place > 0 {
        let digit = u8::try_from(value / place % 10).unwrap_or_default();
        let _ = digits.push(char::from(b'0' + digit));
        place /= 10;
    }
    text(&digits);
}

pub fn succeed() -> ! {
    exit(EXIT_SUCCESS)
}

pub fn fail() -> ! {
    exit(EXIT_FAILURE)
}

fn exit(status: debug::ExitStatus) -> ! {
    debug::exit(status);
    loop {
        cortex_m::asm::bkpt();
    }
}
