//! The client in Python that the README shows, against the broker.

use std::fs::File;
use std::process::{Command, Stdio};
use std::time::Duration;

use noti_broker::{Account, Broker, GeneratorConfig, Source, Style};
use noti_tests::listener::lines;

const README: &str = include_str!("../../README.md");
const EVENTS: u64 = 200;
const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn the_python_client_of_the_readme_acks_every_event_in_every_style() {
    // Not every machine that runs the tests has Python.
    if Command::new("python3").arg("--version").output().is_err() {
        return;
    }
    let (_, rest) = README
        .split_once("```python\n")
        .expect("a client in Python");
    let (client, _) = rest.split_once("```").expect("its end");
    let source = Source::generate(GeneratorConfig::default()).unwrap();
    let broker = Broker::builder()
        .account(Account::new("demo", "secret").source(source.count(EVENTS)))
        .style(Style::ALL)
        .start()
        .unwrap();
    let port = broker.address().port().to_string();
    let client = client.replace("2015", &port);
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("ca.pem"), broker.ca_pem()).unwrap();

    let output = folder.path().join("output");
    let python = Command::new("python3")
        .args(["-c", &client])
        .current_dir(folder.path())
        .stdin(Stdio::null())
        .stdout(File::create(&output).unwrap())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let acked = broker.wait_until(PATIENCE, |totals| totals.acked >= EVENTS);
    // It reads on until the broker closes the connection.
    let report = broker.stop();
    let finished = python.wait_with_output().unwrap();
    let stderr = String::from_utf8_lossy(&finished.stderr);
    assert!(acked.is_ok() && finished.status.success(), "{stderr}");
    let output = std::fs::read(output).unwrap();
    assert_eq!(lines(&output).count() as u64, EVENTS);
    assert_eq!(report.totals.acked, EVENTS);
    assert_eq!(
        (report.totals.redelivered, report.totals.client_errors),
        (0, 0)
    );
}
