//! A client over loopback TLS, from the server's first event to the last ack: `cargo bench -p noti-tests --bench loopback`.
//!
//! Contenders: the library, `noti listen > /dev/null`, a client as people write it today (blocking rustls, `serde_json::Value`,
//! one write for each ack), and TLS alone (decrypt and count newlines; no acks). Each is a process of its own, started
//! anew in each round; the feeder is in this one.
//!
//! `--gate` does only what must hold, and exits with 1 when it does not.

mod clients;
mod feeder;

use std::io::Read;
use std::process::{Child, Command, ExitCode, Stdio};

use noti_tests::command::noti;
use noti_tests::listener::{ENTERPRISE_ID, write_secret};
use tempfile::TempDir;

use self::clients::Call;
use self::feeder::{Feeder, Load};

const ROUNDS: usize = 5;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Contender {
    Library,
    Listen,
    Users,
    TlsAlone,
}

impl Contender {
    const ALL: [Self; 4] = [Self::Library, Self::Listen, Self::Users, Self::TlsAlone];

    const fn name(self) -> &'static str {
        match self {
            Self::Library => "the library",
            Self::Listen => "noti listen > /dev/null",
            Self::Users => "a client of today",
            Self::TlsAlone => "TLS alone, no acks",
        }
    }
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["--client", name, port, window, events] => {
            client(name, port, window, events);
            ExitCode::SUCCESS
        }
        ["--gate"] | ["--gate", "--bench"] => gate(&Bench::new()),
        ["--bench"] | [] => {
            tables(&Bench::new());
            ExitCode::SUCCESS
        }
        _ => {
            eprintln!("usage: loopback [--gate]");
            ExitCode::from(2)
        }
    }
}

/// This process is one of the clients; the authority comes through stdin.
fn client(name: &str, port: &str, window: &str, events: &str) {
    let mut ca_pem = String::new();
    std::io::stdin()
        .read_to_string(&mut ca_pem)
        .expect("a pipe");
    let call = Call {
        port: port.parse().expect("a port"),
        ca_pem,
        window: window.parse().expect("a window"),
        events: events.parse().expect("a number"),
    };
    match name {
        "library" => clients::library(&call),
        "users" => clients::users(&call),
        _ => clients::tls_alone(&call),
    }
}

struct Bench {
    feeder: Feeder,
    folder: TempDir,
}

/// What a round of one contender gave.
struct Measured {
    events_per_second: f64,
    cpu_nanos: f64,
    records: f64,
    peak_kib: u64,
}

impl Bench {
    fn new() -> Self {
        let feeder = Feeder::start();
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("ca.pem"), &feeder.ca_pem).expect("room");
        write_secret(&folder.path().join("secret"), "secret");
        Self { feeder, folder }
    }

    fn start(&self, contender: Contender, window: u16, events: usize) -> Child {
        let port = self.feeder.address().port().to_string();
        if contender == Contender::Listen {
            let mut listen = noti();
            listen
                .args(["listen", "--host", "127.0.0.1", "--port", &port])
                .args([
                    "--enterprise-id",
                    ENTERPRISE_ID,
                    "--prefetch",
                    &window.to_string(),
                ])
                .arg("--enterprise-secret-file")
                .arg(self.folder.path().join("secret"))
                .arg("--ca-file")
                .arg(self.folder.path().join("ca.pem"))
                .args(["--no-reconnect", "-q"])
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null());
            return listen.spawn().expect("noti starts");
        }
        let name = match contender {
            Contender::Library => "library",
            Contender::Users => "users",
            _ => "tls",
        };
        let ca = std::fs::File::open(self.folder.path().join("ca.pem")).expect("a file");
        Command::new(std::env::current_exe().expect("this program"))
            .args([
                "--client",
                name,
                &port,
                &window.to_string(),
                &events.to_string(),
            ])
            .stdin(ca)
            .stderr(Stdio::null())
            .spawn()
            .expect("this program starts")
    }

    fn measure(
        &self,
        contender: Contender,
        window: u16,
        small_records: bool,
        events: usize,
    ) -> Measured {
        let mut child = self.start(contender, window, events);
        let feed = self.feeder.feed(Load {
            events,
            window: (contender != Contender::TlsAlone).then_some(usize::from(window)),
            small_records,
        });
        let (cpu_nanos, peak_kib) = usage(child.id());
        child.kill().expect("a child");
        child.wait().expect("a child");
        Measured {
            events_per_second: events as f64 / feed.seconds,
            cpu_nanos: cpu_nanos / events as f64,
            records: feed.records as f64 / events as f64,
            peak_kib,
        }
    }

    /// Every contender once, so many times over.
    fn rounds(
        &self,
        contenders: &[Contender],
        window: u16,
        small_records: bool,
        rounds: usize,
    ) -> Vec<Vec<Measured>> {
        let mut measured: Vec<Vec<Measured>> = contenders.iter().map(|_| Vec::new()).collect();
        for _ in 0..rounds {
            for (contender, measured) in contenders.iter().zip(&mut measured) {
                let events = events(*contender, window);
                measured.push(self.measure(*contender, window, small_records, events));
            }
        }
        measured
    }
}

/// Enough events for a fraction of a second.
fn events(contender: Contender, window: u16) -> usize {
    let fast = match window {
        0..=5 => 4_000,
        6..=50 => 40_000,
        _ => 300_000,
    };
    match contender {
        Contender::Users => fast / 4,
        Contender::TlsAlone => 400_000,
        _ => fast,
    }
}

/// Processor time in nanoseconds, and the peak of the memory, of a process of ours.
fn usage(process: u32) -> (f64, u64) {
    let read =
        |name: &str| std::fs::read_to_string(format!("/proc/{process}/{name}")).expect("Linux");
    let stat = read("stat");
    let (_, after_name) = stat.rsplit_once(") ").expect("a name");
    let ticks: f64 = after_name
        .split(' ')
        .skip(11)
        .take(2)
        .map(|ticks| ticks.parse::<f64>().expect("a number"))
        .sum();
    let status = read("status");
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let peak = peak.and_then(|line| line.trim().strip_suffix(" kB"));
    // A tick is a hundredth of a second.
    (
        ticks * 1e7,
        peak.and_then(|kib| kib.parse().ok()).unwrap_or(0),
    )
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    quantile(values, 0.5)
}

fn quantile(values: impl Iterator<Item = f64>, share: f64) -> f64 {
    let mut sorted: Vec<f64> = values.collect();
    sorted.sort_by(f64::total_cmp);
    sorted[((sorted.len() - 1) as f64 * share).round() as usize]
}

fn tables(bench: &Bench) {
    for (small_records, what) in [(false, "16 KiB"), (true, "one event")] {
        for window in [5, 50, 1000, 32_767] {
            println!("\nRecords of {what}, window {window}\n");
            println!(
                "| | events/s | 10th–90th percentile | CPU ns/event | records sent/event | peak MiB |"
            );
            println!("|---|---:|---:|---:|---:|---:|");
            let measured = bench.rounds(&Contender::ALL, window, small_records, ROUNDS);
            for (contender, rounds) in Contender::ALL.into_iter().zip(&measured) {
                let rates = || rounds.iter().map(|round| round.events_per_second);
                println!(
                    "| {} | {:.0} | {:.0}–{:.0} | {:.0} | {:.4} | {:.1} |",
                    contender.name(),
                    median(rates()),
                    quantile(rates(), 0.1),
                    quantile(rates(), 0.9),
                    median(rounds.iter().map(|round| round.cpu_nanos)),
                    median(rounds.iter().map(|round| round.records)),
                    median(rounds.iter().map(|round| round.peak_kib as f64)) / 1024.0,
                );
            }
        }
    }
}

fn gate(bench: &Bench) -> ExitCode {
    let [library, listen, users, tls] = &bench.rounds(&Contender::ALL, 1000, false, ROUNDS)[..]
    else {
        unreachable!("four contenders");
    };
    let ratio = |above: &[Measured], below: &[Measured]| {
        let pairs = above.iter().zip(below);
        median(pairs.map(|(above, below)| above.events_per_second / below.events_per_second))
    };
    let mut code = ExitCode::SUCCESS;
    for (what, ratio, least) in [
        (
            "the library, times a client of today",
            ratio(library, users),
            4.0,
        ),
        ("the library, times TLS alone", ratio(library, tls), 0.4),
        (
            "noti listen > /dev/null, times the library",
            ratio(listen, library),
            0.6,
        ),
    ] {
        let good = ratio >= least;
        let word = if good { "ok  " } else { "FAIL" };
        println!("{word}  {what}: {ratio:.2}, at least {least}");
        if !good {
            code = ExitCode::FAILURE;
        }
    }
    code
}
