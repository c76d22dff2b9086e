//! `noti listen` as a process, pointed at a broker of the test's.

use std::ffi::OsStr;
use std::fs::OpenOptions;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread::JoinHandle;
use std::time::Duration;

use tempfile::TempDir;

use crate::command::noti;

/// The credentials that every test uses.
pub const ENTERPRISE_ID: &str = "enterprise";
/// Long and strange enough to be recognised wherever it should not be.
pub const ENTERPRISE_SECRET: &str = "s3cr3t-\"\\-传感器-never-to-be-seen";

/// Writes a secret as it should be: for its owner alone. Of any other noti warns.
pub fn write_secret(path: &Path, secret: &str) {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path).expect("a secret file");
    file.write_all(secret.as_bytes()).expect("room for it");
}

/// What the command needs to reach a broker, in a folder of its own.
pub struct Listener {
    folder: TempDir,
    command: Command,
}

impl Listener {
    /// `noti listen` with the broker's address, its authority and the credentials.
    #[must_use]
    pub fn new(address: SocketAddr, ca_pem: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let (ca, secret) = (folder.path().join("ca.pem"), folder.path().join("secret"));
        std::fs::write(&ca, ca_pem).expect("a CA file");
        write_secret(&secret, &format!("{ENTERPRISE_SECRET}\n"));
        let mut command = noti();
        command
            .arg("listen")
            .args(["--host", &address.ip().to_string()])
            .args(["--port", &address.port().to_string()])
            .args(["--enterprise-id", ENTERPRISE_ID])
            .arg("--enterprise-secret-file")
            .arg(secret)
            .arg("--ca-file")
            .arg(ca)
            .args(["--reconnect-min", "1ms", "--reconnect-max", "10ms"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        Self { folder, command }
    }

    /// Adds arguments; one that is given again replaces nothing, so give each once.
    #[must_use]
    pub fn args(mut self, args: &[&str]) -> Self {
        self.command.args(args);
        self
    }

    /// Sets a variable of its environment.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Lets no file that it writes grow beyond so many KiB. Comes after all arguments.
    #[must_use]
    pub fn limit_files(self, kib: u32) -> Self {
        // The unit is half a KiB.
        self.in_shell(&format!("ulimit -f {} && exec \"$@\"", 2 * kib))
    }

    /// Starts it with a stdout that is closed. Comes after all arguments.
    #[must_use]
    pub fn without_stdout(self) -> Self {
        self.in_shell("exec \"$@\" >&-")
    }

    fn in_shell(mut self, script: &str) -> Self {
        let mut shell = Command::new("sh");
        shell
            .args(["-c", script, "sh"])
            .arg(self.command.get_program())
            .args(self.command.get_args());
        for (name, value) in self.command.get_envs() {
            match value {
                Some(value) => shell.env(name, value),
                None => shell.env_remove(name),
            };
        }
        shell
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        self.command = shell;
        self
    }

    /// A path in the folder, which vanishes with the listener.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Where stdout goes instead of to the test.
    #[must_use]
    pub fn stdout(mut self, stdout: Stdio) -> Self {
        self.command.stdout(stdout);
        self
    }

    /// Starts it.
    #[must_use]
    pub fn start(self) -> Listening {
        Listening::of(self.command, self.folder)
    }

    /// Starts it with both outputs elsewhere. The folder must outlive it.
    #[must_use]
    pub fn start_on(mut self, stdout: Stdio, stderr: Stdio) -> (Child, TempDir) {
        self.command.stdout(stdout).stderr(stderr);
        let child = self.command.spawn().expect("noti starts");
        (child, self.folder)
    }

    /// Starts it with stderr elsewhere. It is killed when it is dropped.
    #[must_use]
    pub fn start_with_stderr(mut self, stderr: Stdio) -> Listening {
        self.command.stderr(stderr);
        Listening::of(self.command, self.folder)
    }

    /// Runs it to its end.
    #[must_use]
    pub fn run(self) -> Finished {
        self.start().finish()
    }
}

/// A listener that runs. It is killed when it is dropped.
pub struct Listening {
    child: Child,
    said: Receiver<String>,
    stderr: Option<JoinHandle<String>>,
    folder: TempDir,
}

/// What a listener left behind.
#[derive(Debug)]
pub struct Finished {
    /// How it exited.
    pub status: ExitStatus,
    /// What it wrote to stdout and nobody had read before.
    pub stdout: Vec<u8>,
    /// What it wrote to stderr.
    pub stderr: String,
}

impl Finished {
    /// The exit code; a process that died of a signal has none.
    #[must_use]
    pub fn code(&self) -> Option<i32> {
        self.status.code()
    }
}

/// The lines of an output, each without its newline.
pub fn lines(output: &[u8]) -> impl Iterator<Item = &[u8]> {
    output
        .split_inclusive(|byte| *byte == b'\n')
        .map(|line| line.strip_suffix(b"\n").unwrap_or(line))
}

impl Listening {
    /// Starts a command. What it says is heard if its stderr is a pipe of its own. The folder vanishes with it.
    pub(crate) fn of(mut command: Command, folder: TempDir) -> Self {
        let mut child = command.spawn().expect("noti starts");
        let stderr = child.stderr.take().map(BufReader::new);
        let (sender, said) = mpsc::channel();
        let stderr = std::thread::spawn(move || {
            let mut text = String::new();
            for line in stderr.into_iter().flat_map(BufRead::lines) {
                let line = line.expect("stderr is UTF-8");
                text.push_str(&line);
                text.push('\n');
                // A test that does not listen has all of it in the end.
                let _ = sender.send(line);
            }
            text
        });
        Self {
            child,
            said,
            stderr: Some(stderr),
            folder,
        }
    }

    /// Its stdout, for a test that reads on its own.
    #[must_use]
    pub fn take_stdout(&mut self) -> std::process::ChildStdout {
        self.child.stdout.take().expect("stdout is a pipe")
    }

    /// A path in its folder.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Waits until it says a line with these words on stderr. Lines before that are passed over.
    pub fn says(&self, words: &str) -> String {
        loop {
            let line = self.said.recv_timeout(Duration::from_secs(60));
            let line = line.unwrap_or_else(|error| panic!("it did not say {words:?}: {error}"));
            if line.contains(words) {
                return line;
            }
        }
    }

    /// Its process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends it a signal, by name.
    pub fn signal(&self, name: &str) {
        let status = Command::new("kill")
            .args(["-s", name, &self.child.id().to_string()])
            .status()
            .expect("kill runs");
        assert!(status.success(), "no process to send {name} to");
    }

    /// Waits for its end.
    #[must_use]
    pub fn finish(mut self) -> Finished {
        self.wait()
    }

    pub(crate) fn wait(&mut self) -> Finished {
        let mut stdout = Vec::new();
        if let Some(mut pipe) = self.child.stdout.take() {
            pipe.read_to_end(&mut stdout).expect("stdout can be read");
        }
        let status = self.child.wait().expect("noti ends");
        let stderr = self.stderr.take().expect("read once");
        Finished {
            status,
            stdout,
            stderr: stderr.join().expect("stderr was read"),
        }
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        // It may have ended long ago.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
