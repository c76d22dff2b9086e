//! What the fuzz targets check, usable without a fuzzer.
//!
//! Each target is a function of bytes that panics where noti-proto breaks a promise. libFuzzer calls it with bytes of its
//! own; `cargo test` on stable calls it with those that are kept in `corpus` and `regressions`.

mod client;
mod client_ops;
mod client_server;
mod event_line;
mod json_scan;
mod line_framing;
pub mod model;
pub mod operations;
pub mod reads;
mod resumable_id;
mod server_line;
pub mod world;

pub use client_ops::client_ops;
pub use client_server::client_server;
pub use event_line::event_line;
pub use json_scan::json_scan;
pub use line_framing::line_framing;
pub use resumable_id::resumable_id;
pub use server_line::server_line;

/// A target: its name, which is that of its corpus, and its oracle.
pub type Target = (&'static str, fn(&[u8]));

/// All of them.
pub const TARGETS: [Target; 7] = [
    ("line_framing", line_framing),
    ("json_scan", json_scan),
    ("event_line", event_line),
    ("client_ops", client_ops),
    ("client_server", client_server),
    ("server_line", server_line),
    ("resumable_id", resumable_id),
];
