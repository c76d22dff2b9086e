//! What `noti` tells systemd: the test is the service manager at the other end of the socket.

use std::io::ErrorKind;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::time::Duration;

use noti_broker::{Account, Broker, Generator, GeneratorConfig, Source};
use noti_tests::command::noti;
use noti_tests::listener::{ENTERPRISE_ID, ENTERPRISE_SECRET, Listener};

const UNIT: &str = include_str!("../../noti-std/cli/systemd/noti.service");

/// The socket at NOTIFY_SOCKET.
struct Manager {
    socket: UnixDatagram,
}

impl Manager {
    fn listen(path: &Path) -> Self {
        let socket = UnixDatagram::bind(path).unwrap();
        let patience = Some(Duration::from_secs(60));
        socket.set_read_timeout(patience).unwrap();
        Self { socket }
    }

    /// The assignments of the next message.
    fn next(&self) -> Vec<String> {
        let mut bytes = [0; 4096];
        let length = loop {
            match self.socket.recv(&mut bytes) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                received => break received.expect("a message in time"),
            }
        };
        let text = std::str::from_utf8(&bytes[..length]).unwrap();
        text.lines().map(str::to_owned).collect()
    }

    /// All messages up to one with such an assignment.
    fn until(&self, start: &str) -> Vec<Vec<String>> {
        let mut messages = Vec::new();
        loop {
            let message = self.next();
            let found = message.iter().any(|line| line.starts_with(start));
            messages.push(message);
            if found {
                return messages;
            }
        }
    }
}

fn count(messages: &[Vec<String>], wanted: &str) -> usize {
    let lines = messages.iter().flatten();
    lines.filter(|line| *line == wanted).count()
}

fn broker() -> Broker {
    let events = Generator::new(GeneratorConfig::default()).unwrap().take(10);
    let account = Account::new(ENTERPRISE_ID, ENTERPRISE_SECRET).source(Source::bodies(events));
    Broker::builder().account(account).start().unwrap()
}

#[test]
fn systemd_learns_of_the_login_of_life_and_of_the_end() {
    let broker = broker();
    let listener = Listener::new(broker.address(), broker.ca_pem());
    let path = listener.path("notify");
    let manager = Manager::listen(&path);
    let listening = listener
        .env("NOTIFY_SOCKET", &path)
        .env("WATCHDOG_USEC", "100000")
        .start();

    // Ready with the login, not before.
    let start = manager.until("READY=1");
    let ready = start.last().unwrap();
    assert!(ready.contains(&"WATCHDOG=1".to_owned()), "{ready:?}");
    assert!(
        ready
            .iter()
            .any(|line| line.starts_with("STATUS=logged in; ")),
        "{ready:?}"
    );
    for message in &start[..start.len() - 1] {
        assert_eq!(message, &["STATUS=connecting"]);
    }

    // Fed while logged in, by the client's thread coming round.
    broker
        .wait_until(Duration::from_secs(60), |totals| totals.acked == 10)
        .unwrap();
    let fed = manager.until("STATUS=logged in; 10 events received, 0 un-acked");
    assert!(count(&fed, "WATCHDOG=1") >= 1, "{fed:?}");
    let fed: Vec<_> = (0..5).map(|_| manager.next()).collect();
    assert_eq!(count(&fed, "WATCHDOG=1"), 5, "{fed:?}");

    // Not fed while not logged in.
    drop(broker.stop());
    let _ = manager.until("STATUS=not logged in: ");
    let hungry: Vec<_> = (0..5).map(|_| manager.next()).collect();
    assert_eq!(count(&hungry, "WATCHDOG=1"), 0, "{hungry:?}");

    listening.signal("TERM");
    let end = manager.until("STOPPING=1");
    assert_eq!(count(&end, "READY=1"), 0, "once only: {end:?}");
    assert_eq!(listening.finish().code(), Some(0));
}

#[test]
fn without_a_watchdog_none_is_fed_and_without_a_manager_nothing_is_said() {
    let broker = broker();
    let listener = Listener::new(broker.address(), broker.ca_pem());
    let path = listener.path("notify");
    let manager = Manager::listen(&path);
    let listening = listener.env("NOTIFY_SOCKET", &path).start();
    let start = manager.until("READY=1");
    assert_eq!(count(&start, "WATCHDOG=1"), 0, "{start:?}");
    listening.signal("TERM");
    let _ = manager.until("STOPPING=1");
    assert_eq!(listening.finish().code(), Some(0));

    let broker = self::broker();
    let listener = Listener::new(broker.address(), broker.ca_pem());
    let finished = listener.args(&["--count", "10"]).run();
    assert_eq!(finished.code(), Some(0), "{}", finished.stderr);
    assert!(!finished.stderr.contains("systemd"), "{}", finished.stderr);
}

#[test]
fn a_manager_that_is_gone_is_reported_and_events_go_on() {
    let broker = broker();
    let finished = Listener::new(broker.address(), broker.ca_pem())
        .env("NOTIFY_SOCKET", "/nowhere/notify")
        .args(&["--count", "10"])
        .run();
    assert_eq!(finished.code(), Some(0), "{}", finished.stderr);
    let lines = finished.stdout.iter().filter(|byte| **byte == b'\n');
    assert_eq!(lines.count(), 10);
    assert!(
        finished.stderr.contains("NOTIFY_SOCKET"),
        "{}",
        finished.stderr
    );
}

/// The value of a setting; several lines of it are joined.
fn setting(name: &str) -> String {
    let unit = UNIT.replace("\\\n", "");
    let values: Vec<_> = unit
        .lines()
        .filter_map(|line| line.strip_prefix(name)?.strip_prefix('='))
        .collect();
    assert!(!values.is_empty(), "no {name}");
    values.join(" ")
}

#[test]
fn the_unit_fits_the_command() {
    assert_eq!(setting("Type"), "notify");
    assert_eq!(setting("RestartPreventExitStatus"), "2 77");
    let help = noti().args(["listen", "--help"]).output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    let flags: Vec<_> = help.split_whitespace().collect();
    let command = setting("ExecStart");
    let mut used = command
        .split_whitespace()
        .filter(|word| word.starts_with("--"));
    assert!(used.clone().count() >= 2, "{command}");
    assert!(used.all(|flag| flags.contains(&flag)), "{command}");
    for line in setting("Environment").split_whitespace() {
        let name = line.split('=').next().unwrap();
        assert!(help.contains(&format!("[env: {name}=")), "{name}");
    }
}
