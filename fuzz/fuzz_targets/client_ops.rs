//! Any sequence of calls of a session.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| noti_fuzz::client_ops(data));
