//! The examples of other runtimes, each run as a process against the broker: what they print, when they ack, and how they
//! come back after a cut.
#![cfg(unix)]

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, BufRead, BufReader, ErrorKind, PipeReader, PipeWriter, Write};
use std::path::Path;
use std::process::{Child, ExitStatus, Stdio};
use std::thread;
use std::time::Duration;

use noti_broker::{Body, Broker, Builder, Generator, GeneratorConfig, Source};
use noti_tests::command::example;
use noti_tests::scripted::wait_until;
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};

const COUNT: usize = 200;
/// The connection is reset once, in the middle of a line.
const CUT: &str = "drop:mid-line=50,how=reset";
/// The prefetch of the examples.
const WINDOW: u64 = 5;
/// So often is an example stopped and continued.
const INTERRUPTIONS: u64 = 5;
const PATIENCE: Duration = Duration::from_secs(60);
/// An ack that has no business to be there would come in this time.
const A_WHILE: Duration = Duration::from_millis(300);

#[test]
fn tokio_over_tls() {
    tells_the_story("tokio_tls", Broker::builder());
}

#[test]
fn embassy() {
    tells_the_story("embassy", Broker::builder().plain());
}

#[test]
fn a_poll_loop() {
    tells_the_story("poll_loop", Broker::builder().plain());
}

#[test]
fn a_raw_loop() {
    tells_the_story("raw_loop", Broker::builder().plain());
}

/// Connect, print, ack what is printed and nothing else, connect anew; stay connected when a signal interrupts, and end when
/// stdout is closed.
fn tells_the_story(name: &str, broker: Builder) {
    let generator = Generator::new(GeneratorConfig::default()).unwrap();
    let events: Vec<_> = generator.take(COUNT).collect();
    let broker = broker
        .source(Source::bodies(events.clone()))
        .fault(CUT.parse().unwrap())
        .start()
        .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (example, output) = Example::start(name, &broker, folder.path());

    let wait = |totals: fn(&_) -> bool| broker.wait_until(PATIENCE, totals).unwrap();
    wait(|totals| totals.delivered == WINDOW);
    let acked = broker.wait_until(A_WHILE, |totals| totals.acked > 0);
    assert!(acked.is_err(), "acked before it could be printed");

    let printing = thread::spawn(|| events_of(output));
    wait(|totals| totals.acked == COUNT as u64);
    for round in 1..=INTERRUPTIONS {
        // Idle by now: a read or a poll is what the signals end.
        example.stop_and_continue();
        broker.push(events[0].clone()).unwrap();
        broker
            .wait_until(PATIENCE, |totals| totals.acked == COUNT as u64 + round)
            .unwrap();
    }
    drop(example);
    let sent: BTreeSet<_> = events.iter().map(|event| event.as_str().into()).collect();
    assert_eq!(printing.join().unwrap(), sent);

    let (mut example, output) = Example::start(name, &broker, folder.path());
    drop(output);
    broker.push(events[0].clone()).unwrap();
    assert!(!example.end().success(), "stdout is closed");
    let report = broker.stop();
    // One for the cut, one of the example without stdout.
    assert_eq!((report.logins, report.totals.faults), (3, 1));
    assert_eq!(report.totals.client_errors, 0, "{report}");
}

/// What is printed, until the example dies. Some of it comes twice: what was not acked before the cut.
fn events_of(output: PipeReader) -> BTreeSet<String> {
    let lines = BufReader::new(output).lines().map(Result::unwrap);
    lines
        .filter(|line| !line.is_empty())
        .map(|line| Body::parse(&line).unwrap().as_str().to_owned())
        .collect()
}

/// A pipe that takes nothing until the lines in it, which are empty, are read.
fn full_pipe() -> (PipeReader, PipeWriter) {
    let (reader, writer) = io::pipe().unwrap();
    let flags = fcntl_getfl(&writer).unwrap();
    fcntl_setfl(&writer, flags | OFlags::NONBLOCK).unwrap();
    let full = loop {
        if let Err(error) = (&writer).write(b"\n") {
            break error;
        }
    };
    assert_eq!(full.kind(), ErrorKind::WouldBlock);
    fcntl_setfl(&writer, flags).unwrap();
    (reader, writer)
}

/// An example that runs; it dies with this value.
struct Example(Child);

impl Example {
    /// The reader is its stdout, which is full.
    fn start(name: &str, broker: &Broker, folder: &Path) -> (Self, PipeReader) {
        let authority = folder.join("ca.pem");
        fs::write(&authority, broker.ca_pem()).unwrap();
        let (output, stdout) = full_pipe();
        let child = example(name)
            .env("NOTI_ADDRESS", broker.address().to_string())
            .env("NOTI_ENTERPRISE_ID", broker.enterprise_id())
            .env("NOTI_ENTERPRISE_SECRET", broker.enterprise_secret())
            .env("SSL_CERT_FILE", authority)
            .env_remove("SSL_CERT_DIR")
            .stdin(Stdio::null())
            .stdout(stdout)
            .spawn()
            .unwrap();
        (Self(child), output)
    }

    /// As `^Z` and `fg` do: what waits in the kernel is interrupted, although no handler runs.
    fn stop_and_continue(&self) {
        let id = Pid::from_child(&self.0);
        kill_process(id, Signal::STOP).unwrap();
        let (_, status) = waitpid(Some(id), WaitOptions::UNTRACED).unwrap().unwrap();
        assert!(status.stopped(), "{status:?}");
        kill_process(id, Signal::CONT).unwrap();
    }

    /// Waits until it ends by itself.
    fn end(&mut self) -> ExitStatus {
        wait_until("the end of the example", || {
            self.0.try_wait().unwrap().is_some()
        });
        self.0.wait().unwrap()
    }
}

impl Drop for Example {
    fn drop(&mut self) {
        // It may have ended by itself; the test has failed then.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
