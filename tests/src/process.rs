//! What the system says of a process.

use std::fs;

/// A line of `/proc/PID/status` in KiB, such as `VmRSS` or `VmHWM`.
///
/// # Panics
/// There is no such process, or no such line.
#[must_use]
pub fn kib(pid: u32, name: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("a process");
    let mut lines = status.lines();
    let value = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    let value = value.expect("a line of that name").trim();
    value
        .trim_end_matches(" kB")
        .parse()
        .expect("a number of KiB")
}

/// What it does: `R` for running, `S` for waiting, `T` for stopped, `Z` for ended but not waited for, and others.
///
/// # Panics
/// There is no such process.
#[must_use]
pub fn state(pid: u32) -> char {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).expect("a process");
    let (_, rest) = stat.rsplit_once(") ").expect("a name in brackets");
    rest.chars().next().expect("a state")
}

/// How many writes it has done, to anything but sockets.
///
/// # Panics
/// There is no such process, or the system does not count.
#[must_use]
pub fn writes(pid: u32) -> u64 {
    let io = fs::read_to_string(format!("/proc/{pid}/io")).expect("a process");
    let writes = io.lines().find_map(|line| line.strip_prefix("syscw: "));
    let writes = writes.expect("a count of writes");
    writes.parse().expect("a number")
}

/// How many threads it has.
#[must_use]
pub fn threads(pid: u32) -> usize {
    entries(pid, "task")
}

/// How many descriptors it has open.
#[must_use]
pub fn descriptors(pid: u32) -> usize {
    entries(pid, "fd")
}

fn entries(pid: u32, what: &str) -> usize {
    let folder = fs::read_dir(format!("/proc/{pid}/{what}"));
    folder.expect("a process").count()
}
