//! Any line that is longer than the buffer.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| noti_fuzz::resumable_id(data));
