//! What is acked is in the output file, whatever becomes of the process.

use std::collections::HashSet;
use std::fs::OpenOptions;
use std::io::{ErrorKind, Read as _};
use std::path::Path;
use std::sync::{Arc, Mutex};

use noti_broker::{Account, Body, Broker, GeneratorConfig, Source};
use noti_tests::figure::{figure, scaled};
use noti_tests::listener::{ENTERPRISE_ID, ENTERPRISE_SECRET, Finished, Listener, lines};
use noti_tests::process;
use noti_tests::scripted::{PATIENCE, wait_until};

/// The bodies that the broker saw acked.
#[derive(Clone, Default)]
struct Acked(Arc<Mutex<Vec<String>>>);

impl Acked {
    fn broker(&self, source: Source) -> Broker {
        let acked = self.clone();
        Broker::builder()
            .account(Account::new(ENTERPRISE_ID, ENTERPRISE_SECRET).source(source))
            .on_ack(move |body: &Body| acked.0.lock().unwrap().push(body.as_str().to_owned()))
            .start()
            .unwrap()
    }

    fn len(&self) -> usize {
        self.0.lock().unwrap().len()
    }

    /// Asserts that all of them are in the file. A last line without an end does not count.
    fn assert_kept(&self, file: &Path) {
        Kept::default().assert_all(self, file);
    }
}

/// What has been read of a file that grows.
#[derive(Default)]
struct Kept {
    bodies: HashSet<String>,
    read: usize,
    checked: usize,
}

impl Kept {
    /// Asserts that all that was acked is in the file by now.
    fn assert_all(&mut self, acked: &Acked, file: &Path) {
        let acked = acked.0.lock().unwrap();
        let written = std::fs::read(file).unwrap();
        let fresh = &written[self.read..];
        let whole = fresh.iter().rposition(|byte| *byte == b'\n');
        let whole = whole.map_or(0, |end| end + 1);
        self.bodies.extend(lines(&fresh[..whole]).map(body_of));
        self.read += whole;
        for body in &acked[self.checked..] {
            assert!(
                self.bodies.contains(body),
                "acked, but not in the file: {body}"
            );
        }
        self.checked = acked.len();
    }
}

fn body_of(line: &[u8]) -> String {
    let line = std::str::from_utf8(line).expect("lines are UTF-8");
    let body = Body::parse(line).expect("lines are whole events");
    body.as_str().to_owned()
}

fn endless() -> Source {
    Source::generate(GeneratorConfig::default()).unwrap()
}

#[test]
fn a_kill_at_any_point_loses_nothing_that_was_acked() {
    let rounds = scaled(6, 60);
    let mut rng = numbers(11);
    for sync in ["batch", "never"] {
        let acked = Acked::default();
        let broker = acked.broker(endless());
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("events");
        let mut torn = 0;
        let mut kept = Kept::default();
        for _ in 0..rounds {
            let listening = Listener::new(broker.address(), broker.ca_pem())
                .args(&["--output", file.to_str().unwrap(), "--sync", sync])
                .start();
            let goal = acked.len() as u64 + rng(3000);
            broker
                .wait_until(PATIENCE, |_| acked.len() as u64 > goal)
                .unwrap();
            listening.signal("KILL");
            drop(listening.finish());
            broker
                .wait_until(PATIENCE, |totals| totals.in_flight == 0)
                .unwrap();
            kept.assert_all(&acked, &file);
            // As a power cut leaves it, for the next start to mend.
            let mut written = std::fs::read(&file).unwrap();
            torn += usize::from(!written.ends_with(b"\n"));
            written.truncate(written.iter().rposition(|byte| *byte == b'\n').unwrap() + 1);
            written.extend_from_slice(b"{\"cmd\":\"enterprise_event_pu");
            std::fs::write(&file, written).unwrap();
        }
        let last = Listener::new(broker.address(), broker.ca_pem())
            .args(&["--output", file.to_str().unwrap(), "--count", "100"])
            .run();
        assert_eq!(last.code(), Some(0), "{}", last.stderr);
        assert!(last.stderr.contains("unfinished"), "{}", last.stderr);
        acked.assert_kept(&file);
        let written = std::fs::read(&file).unwrap();
        assert!(written.ends_with(b"\n"));
        let count = lines(&written).map(body_of).count();
        let report = broker.stop();
        assert_eq!(report.totals.client_errors, 0, "{report}");
        figure(format!(
            "--sync {sync}: {rounds} kills, {torn} torn lines, {} acked, {count} written",
            acked.len()
        ));
    }
}

/// Numbers below a bound, the same in each run.
fn numbers(seed: u64) -> impl FnMut(u64) -> u64 {
    let mut state = seed;
    move |bound| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % bound
    }
}

#[test]
fn a_full_disk_ends_it_and_nothing_is_acked_that_was_not_written() {
    for sync in ["always", "batch", "never"] {
        let acked = Acked::default();
        let broker = acked.broker(endless());
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("events");
        let output = ["--output", file.to_str().unwrap(), "--sync", sync];
        let full = Listener::new(broker.address(), broker.ca_pem())
            .args(&output)
            .limit_files(64)
            .run();
        assert_full(&full, &broker);
        assert_eq!(std::fs::metadata(&file).unwrap().len(), 64 * 1024);
        acked.assert_kept(&file);
        assert!(acked.len() > 10);
        figure(format!("--sync {sync}: {} acked before", acked.len()));

        let next = Listener::new(broker.address(), broker.ca_pem())
            .args(&output)
            .args(&["--count", "200"])
            .run();

        assert_eq!(next.code(), Some(0), "{}", next.stderr);
        acked.assert_kept(&file);
        // Lines that were written and not acked are there twice, and every line is whole.
        let written = std::fs::read(&file).unwrap();
        assert!(lines(&written).map(body_of).count() >= acked.len());
    }
}

fn assert_full(finished: &Finished, broker: &Broker) {
    assert_eq!(finished.code(), Some(74), "{}", finished.stderr);
    let said = finished.stderr.contains("writing events failed");
    assert!(said, "{}", finished.stderr);
    broker
        .wait_until(PATIENCE, |totals| totals.in_flight == 0)
        .unwrap();
    assert_eq!(broker.report().totals.client_errors, 0);
}

#[test]
fn a_stdout_on_a_full_disk_is_left_with_whole_lines() {
    let acked = Acked::default();
    let broker = acked.broker(endless());
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("events");
    for append in [false, true] {
        let mut options = OpenOptions::new();
        options.create(true).append(append).write(true);
        let stdout = options.open(&file).unwrap();
        let full = Listener::new(broker.address(), broker.ca_pem())
            .limit_files(if append { 64 } else { 32 })
            .stdout(stdout.into())
            .run();
        assert_full(&full, &broker);
        acked.assert_kept(&file);
        let written = std::fs::read(&file).unwrap();
        assert!(written.ends_with(b"\n"), "the torn line is taken back");
        assert!(lines(&written).map(body_of).count() >= acked.len());
    }
    assert!(acked.len() > 10);
}

#[test]
fn a_broken_pipe_ends_it_and_nothing_is_acked_that_was_not_written() {
    let acked = Acked::default();
    let broker = acked.broker(endless());
    let mut listening = Listener::new(broker.address(), broker.ca_pem()).start();
    let mut stdout = listening.take_stdout();
    let mut printed = vec![0; 100_000];
    stdout.read_exact(&mut printed).unwrap();
    // While it stands still all that it has written can be read, and nothing comes after that.
    listening.signal("STOP");
    wait_until("a process that stands still", || {
        process::state(listening.id()) == 'T'
    });
    rustix::io::ioctl_fionbio(&stdout, true).unwrap();
    let end = stdout.read_to_end(&mut printed).unwrap_err();
    assert_eq!(end.kind(), ErrorKind::WouldBlock);
    drop(stdout);
    listening.signal("CONT");

    assert_full(&listening.finish(), &broker);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("printed");
    std::fs::write(&file, printed).unwrap();
    acked.assert_kept(&file);
    assert!(acked.len() > 10);
}

#[test]
fn acks_arrive_though_the_socket_is_full_of_unread_events() {
    for _ in 0..scaled(3, 10) {
        let acked = Acked::default();
        let broker = acked.broker(endless());
        let finished = Listener::new(broker.address(), broker.ca_pem())
            .args(&["--prefetch", "20000", "--count", "20000"])
            .run();
        assert_eq!(finished.code(), Some(0), "{}", finished.stderr);
        let printed: Vec<_> = lines(&finished.stdout).map(body_of).collect();
        assert_eq!(printed.len(), 20_000);
        let report = broker.stop();
        assert_eq!(report.totals.client_errors, 0);
        assert_eq!(*acked.0.lock().unwrap(), printed);
        assert!(report.totals.delivered > 20_000, "more was on its way");
    }
}
