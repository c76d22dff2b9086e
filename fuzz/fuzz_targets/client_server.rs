//! Both ends over a link that fails in any way.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| noti_fuzz::client_server(data));
