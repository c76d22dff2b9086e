//! Where the settings of `noti listen` come from.

use std::path::Path;
use std::process::Output;

use noti_broker::{Account, Broker, Generator, GeneratorConfig, Source};
use noti_tests::command::noti;
use noti_tests::listener::{ENTERPRISE_ID, ENTERPRISE_SECRET};
use tempfile::TempDir;

/// A folder with these files.
fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

fn run(folder: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    noti()
        .args(arguments)
        .envs(variables.iter().copied())
        .current_dir(folder)
        .output()
        .unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn print(folder: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> String {
    let arguments = [&["listen", "--print-config"], arguments].concat();
    let output = run(folder, &arguments, variables);
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(stderr(&output), "");
    stdout(&output)
}

#[test]
fn a_flag_wins_over_a_variable_and_a_variable_over_the_file() {
    let folder = folder(&[(
        "noti.toml",
        "port = 1111\nprefetch = 11\nping-interval = \"11s\"\nno-reconnect = true\ndid = [\"a\", \"b\"]\n\
         log-format = \"json\"\nmax-line = 4096\n",
    )]);
    let variables = [
        ("NOTI_PORT", "2222"),
        ("NOTI_PREFETCH", "22"),
        ("NOTI_CONFIG", "noti.toml"),
    ];
    let printed = print(folder.path(), &["--port", "3333"], &variables);
    for line in [
        "port = 3333  # flag",
        "prefetch = 22  # variable NOTI_PREFETCH",
        "ping-interval = \"11s\"  # file noti.toml",
        "no-reconnect = true  # file noti.toml",
        "did = [\"a\", \"b\"]  # file noti.toml",
        "log-format = \"json\"  # file noti.toml",
        "max-line = 4096  # file noti.toml",
        "host = \"noti.gizwitsapi.com\"  # default",
        "pong-timeout = \"10s\"  # default",
        "retry-refused = false  # default",
        "# enterprise-id is not set",
        "# The enterprise secret is not set.",
    ] {
        assert!(
            printed.lines().any(|printed| printed == line),
            "{line}:\n{printed}"
        );
    }
}

#[test]
fn what_is_printed_is_a_file_that_gives_the_same_again() {
    let folder = folder(&[]);
    let flags = [
        "--port",
        "3333",
        "--did",
        "温",
        "--did",
        "\\",
        "--ca-file",
        "a b",
        "--quiet",
    ];
    let first = print(folder.path(), &flags, &[]);
    std::fs::write(folder.path().join("again.toml"), &first).unwrap();
    let again = print(folder.path(), &["--config", "again.toml"], &[]);
    let without_source = |text: &str| -> Vec<String> {
        let lines = text
            .lines()
            .map(|line| line.split("  # ").next().unwrap().to_owned());
        lines.collect()
    };
    assert_eq!(without_source(&first), without_source(&again));
}

#[test]
fn the_secret_is_never_shown_and_its_variable_wins_over_the_file() {
    let folder = folder(&[("noti.toml", "enterprise-secret-file = \"secret\"\n")]);
    let config = ["--config", "noti.toml"];
    let printed = print(folder.path(), &config, &[]);
    assert!(
        printed.contains("# The enterprise secret is in that file, hidden here."),
        "{printed}"
    );
    let printed = print(
        folder.path(),
        &config,
        &[("NOTI_ENTERPRISE_SECRET", "hunter2")],
    );
    assert!(
        printed.contains("in the variable NOTI_ENTERPRISE_SECRET, hidden here."),
        "{printed}"
    );
    assert!(
        printed.contains("# enterprise-secret-file is not set"),
        "{printed}"
    );
    assert!(!printed.contains("hunter2"), "{printed}");
}

#[test]
fn a_file_that_is_wrong_is_refused_with_its_line_and_what_to_do() {
    for (text, expected) in [
        (
            "prot = 1",
            "noti.toml:1: unknown key \"prot\"; did you mean \"port\"?",
        ),
        (
            "\n\nport = \"x\"",
            "noti.toml:3: \"port\" must be a whole number, not a string",
        ),
        ("poison = \"keep\"", "must be one of \"hold\", \"ack\""),
        (
            "enterprise-secret = \"hunter2\"",
            "the secret does not belong in the configuration file",
        ),
        ("enterprise-secret = hunter2", "noti.toml:1: not TOML"),
    ] {
        let folder = folder(&[("noti.toml", text)]);
        let output = run(folder.path(), &["listen", "--config", "noti.toml"], &[]);
        assert_eq!(output.status.code(), Some(2), "{text}");
        let stderr = stderr(&output);
        assert!(stderr.contains(expected), "{text}: {stderr}");
        assert!(!stderr.contains("hunter2"), "{stderr}");
        assert!(output.stdout.is_empty());
    }
    let folder = folder(&[]);
    let output = run(folder.path(), &["listen", "--config", "none.toml"], &[]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        stderr(&output).contains("none.toml cannot be read"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn a_listener_works_from_its_file_alone_and_warns_of_an_open_secret() {
    let events = Generator::new(GeneratorConfig::default()).unwrap().take(5);
    let account = Account::new(ENTERPRISE_ID, ENTERPRISE_SECRET).source(Source::bodies(events));
    let broker = Broker::builder().account(account).start().unwrap();
    let address = broker.address();
    let (host, port) = (address.ip(), address.port());
    let config = format!(
        "host = \"{host}\"\nport = {port}\nenterprise-id = \"{ENTERPRISE_ID}\"\n\
         enterprise-secret-file = \"secret\"\nca-file = \"ca.pem\"\ncount = 5\n"
    );
    let folder = folder(&[
        ("noti.toml", &config),
        ("secret", ENTERPRISE_SECRET),
        ("ca.pem", broker.ca_pem()),
    ]);
    set_mode(&folder.path().join("secret"), 0o644);

    let output = run(folder.path(), &["listen", "--config", "noti.toml"], &[]);

    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(stdout(&output).lines().count(), 5);
    // Keys that only listen has are no fault for another command.
    let checked = run(folder.path(), &["check", "--config", "noti.toml"], &[]);
    assert_eq!(checked.status.code(), Some(0), "{}", stdout(&checked));
    if cfg!(unix) {
        assert!(
            stderr(&output).contains("chmod 600 secret"),
            "{}",
            stderr(&output)
        );
        set_mode(&folder.path().join("secret"), 0o640);
        let output = run(
            folder.path(),
            &["listen", "--host", "", "--config", "noti.toml"],
            &[],
        );
        assert!(!stderr(&output).contains("chmod"), "{}", stderr(&output));
    }
}

#[cfg(unix)]
fn set_mode(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

#[cfg(not(unix))]
fn set_mode(_: &Path, _: u32) {}

#[test]
fn init_writes_a_file_that_is_good_as_it_is_and_overwrites_none() {
    let folder = folder(&[]);
    let output = run(folder.path(), &["init"], &[]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(
        stderr(&output).contains("noti.toml is written"),
        "{}",
        stderr(&output)
    );
    assert!(output.stdout.is_empty());
    let defaults = print(folder.path(), &[], &[]);
    assert_eq!(
        print(folder.path(), &["--config", "noti.toml"], &[]),
        defaults
    );

    let text = std::fs::read_to_string(folder.path().join("noti.toml")).unwrap();
    for line in [
        "# The broker's port.",
        "# port = 2015",
        "# ping-interval = \"60s\"",
        "# no-reconnect = false",
    ] {
        assert!(
            text.lines().any(|written| written == line),
            "{line}:\n{text}"
        );
    }
    let output = run(folder.path(), &["init"], &[]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        stderr(&output).contains("noti.toml is there already"),
        "{}",
        stderr(&output)
    );
    assert_eq!(
        std::fs::read_to_string(folder.path().join("noti.toml")).unwrap(),
        text
    );
}

#[test]
fn completions_and_manual_pages_know_the_flags() {
    let folder = folder(&[]);
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let output = run(folder.path(), &["completions", shell], &[]);
        assert!(output.status.success());
        assert!(stdout(&output).contains("ping-interval"), "{shell}");
    }
    for (arguments, expected) in [
        (
            &["man"][..],
            &[".TH noti 1", "noti\\-listen", "EXIT STATUS"][..],
        ),
        (
            &["man", "listen"],
            &[
                "noti\\-listen",
                "ping\\-interval",
                "NOTI_PING_INTERVAL",
                "EXIT STATUS",
            ],
        ),
    ] {
        let output = run(folder.path(), arguments, &[]);
        assert!(output.status.success());
        for expected in expected {
            assert!(
                stdout(&output).contains(expected),
                "{arguments:?}, {expected}: {}",
                stdout(&output)
            );
        }
    }
    let output = run(folder.path(), &["man", "lisen"], &[]);
    assert_eq!(output.status.code(), Some(2));
}
