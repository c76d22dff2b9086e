//! Figures for `tests/torture`, which sets the variable `TORTURE` to the binary that it tests.

/// Prints what was measured; `tests/torture` puts it in its list.
pub fn figure(text: impl std::fmt::Display) {
    println!("figure: {text}");
}

/// How often something is to be done: `full` times for `tests/torture`, `quick` times otherwise.
#[must_use]
pub fn scaled(quick: u64, full: u64) -> u64 {
    match std::env::var_os("TORTURE") {
        Some(_) => full,
        None => quick,
    }
}
