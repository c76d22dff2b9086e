//! Any text as JSON.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| noti_fuzz::json_scan(data));
