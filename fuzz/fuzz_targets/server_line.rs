//! Any bytes of a client into the broker's end.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| noti_fuzz::server_line(data));
