//! What things take in memory. The tables of the documentation say the same.

use noti_proto::{
    AckToken, Backoff, Borrowed, Config, Delivery, Event, Inline, Line, LineBuf, Session, Slot,
};

/// A6, F5: the sizes in bytes of what an application keeps, with pointers of 64 bits.
#[cfg(target_pointer_width = "64")]
#[test]
fn sizes_are_what_the_documentation_says() {
    let table = [
        ("Slot", size_of::<Slot>(), 48),
        ("AckToken", size_of::<AckToken>(), 8),
        ("Inline<256, 1>", size_of::<Inline<256, 1>>(), 304),
        ("Inline<256, 5>", size_of::<Inline<256, 5>>(), 496),
        ("Inline<1024, 50>", size_of::<Inline<1024, 50>>(), 3424),
        (
            "Session<Inline<256, 1>>",
            size_of::<Session<Inline<256, 1>>>(),
            432,
        ),
        (
            "Session<Inline<256, 5>>",
            size_of::<Session<Inline<256, 5>>>(),
            624,
        ),
        (
            "Session<Inline<1024, 50>>",
            size_of::<Session<Inline<1024, 50>>>(),
            3552,
        ),
        ("Session<Borrowed>", size_of::<Session<Borrowed<'_>>>(), 160),
        (
            "Session<&mut Inline>",
            size_of::<Session<&mut Inline<256, 5>>>(),
            136,
        ),
        (
            "LineBuf<[u8; 4096]>",
            size_of::<LineBuf<[u8; 4096]>>(),
            4136,
        ),
        ("LineBuf<&mut [u8]>", size_of::<LineBuf<&mut [u8]>>(), 56),
        ("Line", size_of::<Line<'_>>(), 32),
        ("Event", size_of::<Event<'_>>(), 112),
        ("Delivery", size_of::<Delivery<'_>>(), 104),
        ("Config", size_of::<Config>(), 72),
        ("Backoff", size_of::<Backoff>(), 24),
    ];
    for (name, size, expected) in table {
        println!("{name:<28}{size:>6}");
        assert_eq!(size, expected, "{name}");
    }
}

/// A6: a session takes its transmit buffer, 48 bytes for each place of the window, and at most 128 bytes.
#[test]
fn a_session_takes_its_buffers_and_128_bytes() {
    fn check<const TX: usize, const WINDOW: usize>() {
        let size = size_of::<Session<Inline<TX, WINDOW>>>();
        assert!(size <= TX + 48 * WINDOW + 128, "{TX}, {WINDOW}: {size}");
    }
    check::<96, 1>();
    check::<256, 1>();
    check::<256, 5>();
    check::<1024, 50>();
    check::<4096, 1000>();
    assert!(size_of::<Session<Inline<256, 5>>>() <= 640);
}
