//! Real binaries, run as users run them.

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
    match std::env::var_os("TORTURE") {
        Some(binary) => binary.into(),
        None => executable(&["--package", "noti-cli", "--bin", "noti"], "noti"),
    }
}

/// An example of this workspace, built from this tree: all examples of all packages, as a whole test run does it, so that
/// there is nothing left to do then.
#[must_use]
pub fn example(name: &str) -> Command {
    Command::new(executable(&["--workspace", "--examples"], name))
}

/// Lets cargo build what the arguments say, and gives the path of the one that is asked for.
fn executable(arguments: &[&str], name: &str) -> PathBuf {
    let mut cargo = Command::new(env!("CARGO"));
    cargo
        .args(["build", "--quiet", "--locked", "--message-format", "json"])
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"));
    if !cfg!(debug_assertions) {
        cargo.arg("--release");
    }
    // What cargo has told this test about itself; ring would be built anew for it.
    for (name, _) in std::env::vars() {
        if name.starts_with("CARGO_MANIFEST_") || name.starts_with("CARGO_PKG_") {
            cargo.env_remove(name);
        }
    }
    let output = cargo.output().expect("cargo runs");
    assert!(
        output.status.success(),
        "{name} does not build: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let messages = String::from_utf8(output.stdout).expect("cargo writes UTF-8");
    messages
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .filter(|message| message["target"]["name"] == name)
        .find_map(|message| Some(PathBuf::from(message["executable"].as_str()?)))
        .expect("cargo names the binary")
}
