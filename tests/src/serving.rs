//! `noti broker` as a process.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::Stdio;

use serde_json::Value;

use crate::command::noti;
use crate::listener::{ENTERPRISE_ID, ENTERPRISE_SECRET, Finished, Listening, write_secret};

/// A broker that listens. It is killed when it is dropped.
pub struct Serving {
    running: Listening,
    address: SocketAddr,
}

impl Serving {
    /// Starts `noti broker` on a free port of 127.0.0.1 with the credentials that every test uses, and these arguments.
    ///
    /// # Panics
    /// It does not start.
    #[must_use]
    pub fn start(args: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let secret = folder.path().join("secret");
        write_secret(&secret, ENTERPRISE_SECRET);
        let mut command = noti();
        command
            .args(["broker", "--listen", "127.0.0.1:0"])
            .args(["--enterprise-id", ENTERPRISE_ID])
            .arg("--enterprise-secret-file")
            .arg(secret)
            .arg("--report")
            .arg(folder.path().join("report"));
        if !args.contains(&"--plain") {
            command.arg("--ca-out").arg(folder.path().join("ca.pem"));
        }
        command
            .args(args)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut running = Listening::of(command, folder);
        let mut line = String::new();
        BufReader::new(running.take_stdout())
            .read_line(&mut line)
            .expect("stdout is UTF-8");
        match line.trim_end().parse() {
            Ok(address) => Self { running, address },
            Err(_) => panic!("no address: {:?}", running.finish()),
        }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The authority that a client must trust.
    #[must_use]
    pub fn ca_pem(&self) -> String {
        std::fs::read_to_string(self.running.path("ca.pem")).expect("a CA file")
    }

    /// The process.
    #[must_use]
    pub fn process(&self) -> &Listening {
        &self.running
    }

    /// Waits for its end; what it left behind, and its report.
    #[must_use]
    pub fn finish(mut self) -> (Finished, Value) {
        let finished = self.running.wait();
        let report = self.report();
        (finished, report)
    }

    /// The report that it wrote last.
    #[must_use]
    pub fn report(&self) -> Value {
        let report = std::fs::read(self.running.path("report")).expect("a report");
        serde_json::from_slice(&report).expect("a report in JSON")
    }
}
