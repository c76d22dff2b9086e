//! Any stream into lines.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| noti_fuzz::line_framing(data));
