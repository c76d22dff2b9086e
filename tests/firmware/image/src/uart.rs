//! A transport for the `embedded-io` driver: UART0 of the LM3S6965, a PL011 as many chips have it. An interrupt moves
//! what arrives into a ring, so nothing is lost while the program writes, computes or sleeps.

use core::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering};

use cortex_m::peripheral::NVIC;
use embedded_io::{ErrorKind, ErrorType, Read, ReadReady, Write, WriteReady};

const BASE: usize = 0x4000_c000;
const DATA: Register = Register(BASE);
const FLAGS: Register = Register(BASE + 0x18);
const LINE_CONTROL: Register = Register(BASE + 0x2c);
const CONTROL: Register = Register(BASE + 0x30);
const INTERRUPT_MASK: Register = Register(BASE + 0x38);
/// Where the system controller lets the clock through to UART0.
const CLOCK_GATE: Register = Register(0x400f_e104);

const BUSY: u32 = 1 << 3;
const RECEIVE_EMPTY: u32 = 1 << 4;
const TRANSMIT_FULL: u32 = 1 << 5;
const OVERRUN: u32 = 1 << 11;
const EIGHT_BITS_WITH_FIFO: u32 = 0x70;
/// UART on, both directions, RTS and CTS by hardware: when the ring is full the other side waits.
const ENABLE_WITH_FLOW_CONTROL: u32 = 0xc301;
/// Bytes are there, or some have been there for a while.
const RECEIVE_INTERRUPTS: u32 = 0x50;
const INTERRUPT_NUMBER: i16 = 5;

struct Register(usize);

impl Register {
    fn read(&self) -> u32 {
        // SAFETY: the address of a device register of this chip.
        unsafe { core::ptr::read_volatile(self.0 as *const u32) }
    }

    fn write(&self, value: u32) {
        // SAFETY: the same.
        unsafe { core::ptr::write_volatile(self.0 as *mut u32, value) }
    }
}

/// Bytes between the interrupt, which is the only one to put, and the program, which is the only one to take.
struct Ring {
    bytes: [AtomicU8; Self::SIZE],
    put: AtomicUsize,
    taken: AtomicUsize,
}

impl Ring {
    /// A power of two, so that the counters may wrap.
    const SIZE: usize = 128;

    fn is_full(&self) -> bool {
        self.len() == Self::SIZE
    }

    fn len(&self) -> usize {
        let put = self.put.load(Ordering::Acquire);
        put.wrapping_sub(self.taken.load(Ordering::Acquire))
    }

    fn put(&self, byte: u8) {
        let at = self.put.load(Ordering::Relaxed);
        if let Some(place) = self.bytes.get(at % Self::SIZE) {
            place.store(byte, Ordering::Relaxed);
        }
        self.put.store(at.wrapping_add(1), Ordering::Release);
    }

    fn take(&self) -> Option<u8> {
        if self.len() == 0 {
            return None;
        }
        let at = self.taken.load(Ordering::Relaxed);
        let byte = self.bytes.get(at % Self::SIZE)?.load(Ordering::Relaxed);
        self.taken.store(at.wrapping_add(1), Ordering::Release);
        Some(byte)
    }
}

static RECEIVED: Ring = Ring {
    bytes: [const { AtomicU8::new(0) }; Ring::SIZE],
    put: AtomicUsize::new(0),
    taken: AtomicUsize::new(0),
};
static LOST: AtomicBool = AtomicBool::new(false);

/// UART0, at whatever speed the chip's reset has left it.
pub struct Uart(());

/// Bytes arrived faster than they were taken, and some are lost.
#[derive(Clone, Copy, Debug)]
pub struct Overrun;

impl Uart {
    /// Takes UART0 into service. Call it once.
    pub fn start() -> Self {
        CLOCK_GATE.write(CLOCK_GATE.read() | 1);
        LINE_CONTROL.write(EIGHT_BITS_WITH_FIFO);
        CONTROL.write(ENABLE_WITH_FLOW_CONTROL);
        INTERRUPT_MASK.write(RECEIVE_INTERRUPTS);
        // SAFETY: the handler below is ready for it.
        unsafe { NVIC::unmask(Irq) }
        Self(())
    }

    /// Throws away what has arrived.
    pub fn discard(&mut self) -> bool {
        let mut any = false;
        while RECEIVED.take().is_some() {
            any = true;
        }
        LOST.store(false, Ordering::Relaxed);
        INTERRUPT_MASK.write(RECEIVE_INTERRUPTS);
        any
    }
}

#[derive(Clone, Copy)]
struct Irq;

// SAFETY: the number is that of UART0 on this chip.
unsafe impl cortex_m::interrupt::InterruptNumber for Irq {
    fn number(self) -> u16 {
        INTERRUPT_NUMBER.unsigned_abs()
    }
}

#[cortex_m_rt::exception]
unsafe fn DefaultHandler(number: i16) {
    if number != INTERRUPT_NUMBER {
        return;
    }
    while FLAGS.read() & RECEIVE_EMPTY == 0 {
        if RECEIVED.is_full() {
            // The bytes stay in the FIFO until the program has made room.
            INTERRUPT_MASK.write(0);
            return;
        }
        let data = DATA.read();
        if data & OVERRUN != 0 {
            LOST.store(true, Ordering::Relaxed);
        }
        let [byte, ..] = data.to_le_bytes();
        RECEIVED.put(byte);
    }
}

impl ErrorType for Uart {
    type Error = Overrun;
}

impl ReadReady for Uart {
    fn read_ready(&mut self) -> Result<bool, Overrun> {
        if LOST.load(Ordering::Relaxed) {
            return Err(Overrun);
        }
        Ok(RECEIVED.len() > 0)
    }
}

impl Read for Uart {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Overrun> {
        while !buffer.is_empty() && !self.read_ready()? {
            cortex_m::asm::wfi();
        }
        let mut length = 0;
        for (place, byte) in buffer
            .iter_mut()
            .zip(core::iter::from_fn(|| RECEIVED.take()))
        {
            *place = byte;
            length += 1;
        }
        INTERRUPT_MASK.write(RECEIVE_INTERRUPTS);
        Ok(length)
    }
}

impl WriteReady for Uart {
    fn write_ready(&mut self) -> Result<bool, Overrun> {
        Ok(FLAGS.read() & TRANSMIT_FULL == 0)
    }
}

impl Write for Uart {
    /// As many bytes as the FIFO has room for, and one at least.
    fn write(&mut self, bytes: &[u8]) -> Result<usize, Overrun> {
        let mut length = 0;
        for byte in bytes {
            while FLAGS.read() & TRANSMIT_FULL != 0 {
                if length > 0 {
                    return Ok(length);
                }
            }
            DATA.write((*byte).into());
            length += 1;
        }
        Ok(length)
    }

    fn flush(&mut self) -> Result<(), Overrun> {
        while FLAGS.read() & BUSY != 0 {}
        Ok(())
    }
}

impl core::fmt::Display for Overrun {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("the UART lost bytes; connect anew, and look at its flow control")
    }
}

impl core::error::Error for Overrun {}

impl embedded_io::Error for Overrun {
    fn kind(&self) -> ErrorKind {
        ErrorKind::Other
    }
}
