//! Any line through a session.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| noti_fuzz::event_line(data));
