//! The real binary, run as users run it.

use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

/// The command `noti`, built once from this tree.
#[must_use]
pub fn noti() -> Command {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    let mut command = Command::new(BINARY.get_or_init(build));
    // What the tester's shell has set must not change what is tested.
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("NOTI_")) {
        command.env_remove(name);
    }
    command
}

fn build() -> PathBuf {
    // `tests/torture` has built one of its own.
    if let Some(binary) = std::env::var_os("TORTURE") {
        return binary.into();
    }
    let mut cargo = Command::new(env!("CARGO"));
    cargo
        .args(["build", "--quiet", "--locked", "--bin", "noti"])
        .args(["--package", "noti-std", "--message-format", "json"])
        .current_dir(env!("CARGO_MANIFEST_DIR"));
    if !cfg!(debug_assertions) {
        cargo.arg("--release");
    }
    let output = cargo.output().expect("cargo runs");
    assert!(
        output.status.success(),
        "noti does not build: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let messages = String::from_utf8(output.stdout).expect("cargo writes UTF-8");
    messages
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .find_map(|message| Some(PathBuf::from(message.get("executable")?.as_str()?)))
        .expect("cargo names the binary")
}
