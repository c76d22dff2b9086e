//! Every fault of the broker in turn: `noti broker --strict --style all --fault F` against `noti listen`, two processes
//! over real TLS. `tests/faults` shows the table.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs;
use std::ops::RangeInclusive;
use std::panic::catch_unwind;
use std::path::Path;
use std::sync::Mutex;
use std::sync::mpsc;
use std::thread;
use std::time::Instant;

use noti_broker::{Fault, Generator, GeneratorConfig};
use noti_tests::command::noti;
use noti_tests::listener::{Listener, lines};
use noti_tests::serving::Serving;
use serde_json::{Map, Value};

const EVENTS: usize = 300;

/// Cases that run at once: most of their time is waiting.
const WORKERS: usize = 4;

const NEVER: RangeInclusive<u64> = 0..=0;
const SOME: RangeInclusive<u64> = 1..=u64::MAX;
const ANY: RangeInclusive<u64> = 0..=u64::MAX;

/// What the broker does, and what is expected of it and of the listener besides what is expected of every case: exit codes
/// of 0, no error of the client, and every event in the output or in a dead letter.
struct Case {
    name: &'static str,
    /// With spaces between several.
    faults: &'static str,
    /// How the listener is told to find out sooner.
    listen: &'static [&'static str],
    connections: RangeInclusive<u64>,
    redelivered: RangeInclusive<u64>,
    /// Lines that the source did not give, which are dead letters.
    strangers: usize,
    /// Some of the source's own events are longer than the listener takes: dead letters too.
    long: bool,
    /// The first login is refused: the listener ends with 77 and without an event.
    refused: bool,
}

const PLAIN: Case = Case {
    name: "no fault",
    faults: "",
    listen: &[],
    connections: 1..=1,
    redelivered: NEVER,
    strangers: 0,
    long: false,
    refused: false,
};

const QUICK_LOGIN: &[&str] = &["--login-timeout", "1s"];
const MANY_PINGS: &[&str] = &["--ping-interval", "20ms"];
const QUICK_PONG: &[&str] = &["--ping-interval", "20ms", "--pong-timeout", "200ms"];

/// A connection ends `times`, and what was un-acked comes again.
const fn ends(name: &'static str, faults: &'static str, times: u64) -> Case {
    Case {
        name,
        faults,
        connections: times + 1..=times + 1,
        redelivered: SOME,
        ..PLAIN
    }
}

/// A connection lives on.
const fn bears(name: &'static str, faults: &'static str) -> Case {
    Case {
        name,
        faults,
        ..PLAIN
    }
}

/// The first connection is not logged in.
const fn second_try(name: &'static str, faults: &'static str) -> Case {
    Case {
        redelivered: NEVER,
        ..ends(name, faults, 1)
    }
}

/// One line more comes, which is no event to be delivered.
const fn stranger(name: &'static str, faults: &'static str) -> Case {
    Case {
        strangers: 1,
        ..bears(name, faults)
    }
}

const CASES: &[Case] = &[
    PLAIN,
    Case {
        name: "no fault, long events",
        listen: &["--max-line", "600"],
        long: true,
        ..PLAIN
    },
    ends("drop before a byte", "drop:bytes=0", 1),
    ends("drop after bytes", "drop:bytes=5000,times=3", 3),
    ends("drop after events", "drop:events=20,times=3", 3),
    ends("drop within a line", "drop:mid-line=20", 1),
    ends("reset", "reset:events=20,times=3", 3),
    ends("no close_notify", "no-close-notify:events=20", 1),
    ends("cut by chance", "cut:mean=5000,times=10", 10),
    ends(
        "cut by chance, reset",
        "cut:mean=5000,times=10,how=reset",
        10,
    ),
    bears("stall reading", "stall-reading:for=300ms"),
    bears("stall writing", "stall-writing:for=300ms"),
    Case {
        listen: QUICK_PONG,
        // A slow machine may be too late for a pong of the second connection too.
        connections: 2..=u64::MAX,
        redelivered: ANY,
        ..bears("half-open link", "stall-writing:for=3600s")
    },
    Case {
        listen: QUICK_PONG,
        connections: SOME,
        redelivered: ANY,
        ..bears("no pong", "no-pong:times=1")
    },
    Case {
        listen: MANY_PINGS,
        ..bears("late pong", "late-pong:by=50ms")
    },
    Case {
        listen: QUICK_LOGIN,
        // A slow machine may miss the time for the second login too.
        connections: 2..=u64::MAX,
        redelivered: ANY,
        ..second_try("no login answer", "no-login-answer")
    },
    Case {
        refused: true,
        ..bears("refuse the first login", "refuse-login")
    },
    Case {
        connections: 3..=3,
        ..ends(
            "refuse a later login",
            "drop:events=20 refuse-login:after=1",
            2,
        )
    },
    stranger("oversize line", "oversize"),
    stranger("malformed line", "malformed"),
    stranger("garbage bytes", "garbage"),
    bears("single-byte records", "single-byte-records"),
    bears("all in one record", "one-record:hold=20ms"),
    Case {
        redelivered: 30..=30,
        ..bears("duplicate, fresh id", "duplicate:every=10")
    },
    Case {
        redelivered: 30..=30,
        ..bears("duplicate, same id", "duplicate:every=10,same-id")
    },
    bears("out-of-window push", "overrun:by=5"),
    second_try("wrong certificate", "wrong-certificate"),
    second_try("expired certificate", "expired-certificate"),
    second_try("early certificate", "early-certificate"),
    second_try("self-signed certificate", "self-signed-certificate"),
    Case {
        listen: QUICK_LOGIN,
        connections: 8..=u64::MAX,
        strangers: 2,
        ..ends(
            "many at once",
            "cut:mean=9000,times=5 no-login-answer wrong-certificate duplicate overrun oversize malformed",
            7,
        )
    },
];

#[test]
fn every_event_is_delivered_or_a_dead_letter_whatever_goes_wrong() {
    assert_all_kinds_are_there();
    // Built now, and not on the time of the first cases.
    let _ = noti();
    println!("{}", Row::HEAD);
    let next = Mutex::new(CASES.iter().enumerate());
    let (sender, rows) = mpsc::channel();
    let failed = thread::scope(|scope| {
        for _ in 0..WORKERS {
            let (next, sender) = (&next, sender.clone());
            scope.spawn(move || {
                while let Some((number, case)) = { next.lock().unwrap().next() } {
                    sender.send((number, Row::of(case))).unwrap();
                }
            });
        }
        drop(sender);
        print_in_order(rows)
    });
    assert_eq!(failed, 0, "faults that were not borne");
}

/// Prints each row when those before it are printed; how many failed.
fn print_in_order(rows: mpsc::Receiver<(usize, Row)>) -> usize {
    let mut waiting = BTreeMap::new();
    let (mut printed, mut failed) = (0, 0);
    for (number, row) in rows {
        waiting.insert(number, row);
        while let Some(row) = waiting.remove(&printed) {
            println!("{row}");
            printed += 1;
            failed += usize::from(!row.wrong.is_empty());
        }
    }
    failed
}

/// The table leaves no kind of fault out.
fn assert_all_kinds_are_there() {
    let tried: BTreeSet<_> = CASES
        .iter()
        .flat_map(|case| case.specs())
        .map(name_of)
        .collect();
    let known: BTreeSet<_> = Fault::catalogue()
        .iter()
        .map(|(spec, _)| name_of(spec))
        .collect();
    assert_eq!(tried, known);
}

fn name_of(spec: &str) -> &str {
    spec.split_once(':').map_or(spec, |(name, _)| name)
}

/// What one case came to.
#[derive(Default)]
struct Row {
    name: &'static str,
    faults: &'static str,
    delivered: usize,
    dead: usize,
    redelivered: u64,
    connections: u64,
    client_errors: u64,
    codes: (Option<i32>, Option<i32>),
    seconds: f32,
    /// What is not as expected.
    wrong: Vec<&'static str>,
}

impl Case {
    fn specs(&self) -> impl Iterator<Item = &'static str> {
        self.faults.split_ascii_whitespace()
    }

    fn listener_code(&self) -> i32 {
        if self.refused { 77 } else { 0 }
    }
}

impl Row {
    const HEAD: &str = "fault                    events delivered dead redelivered connections errors codes     s result --fault";

    fn of(case: &Case) -> Self {
        let start = Instant::now();
        let row = catch_unwind(|| run(case)).unwrap_or_else(|_| Self {
            wrong: vec!["it did not come to its end"],
            ..Self::default()
        });
        Self {
            name: case.name,
            faults: case.faults,
            seconds: start.elapsed().as_secs_f32(),
            ..row
        }
    }

    fn expect(&mut self, holds: bool, otherwise: &'static str) {
        if !holds {
            self.wrong.push(otherwise);
        }
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let code = |code: Option<i32>| code.map_or("-".to_owned(), |code| code.to_string());
        let codes = format!("{}/{}", code(self.codes.0), code(self.codes.1));
        let result = if self.wrong.is_empty() {
            "ok"
        } else {
            "FAILED"
        };
        write!(
            f,
            "{:<24} {EVENTS:>6} {:>9} {:>4} {:>11} {:>11} {:>6} {codes:>5} {:>5.1} {result:<6} {}",
            self.name,
            self.delivered,
            self.dead,
            self.redelivered,
            self.connections,
            self.client_errors,
            self.seconds,
            self.faults,
        )?;
        self.wrong
            .iter()
            .try_for_each(|wrong| write!(f, "\n    {wrong}"))
    }
}

fn run(case: &Case) -> Row {
    let folder = tempfile::tempdir().unwrap();
    let [events, output, dead] = ["events", "output", "dead"].map(|name| {
        let path = folder.path().join(name);
        path.into_os_string().into_string().unwrap()
    });
    let bodies: Vec<_> = Generator::new(GeneratorConfig::default())
        .unwrap()
        .take(EVENTS)
        .map(|body| body.as_str().to_owned())
        .collect();
    fs::write(&events, bodies.join("\n")).unwrap();

    let mut args = vec![
        "--strict", "--style", "all", "--seed", "1", "--events", &events,
    ];
    args.extend(case.specs().flat_map(|spec| ["--fault", spec]));
    let serving = Serving::start(&args);
    let listening = Listener::new(serving.address(), &serving.ca_pem())
        .args(&[
            "--prefetch",
            "10",
            "--output",
            &output,
            "--dead-letter",
            &dead,
        ])
        .args(case.listen)
        .start();
    if case.refused {
        listening.says("refused the login");
        serving.process().signal("TERM");
    } else {
        // It ends by itself once everything is acked, in every copy.
        serving.process().says("left in queue");
        listening.signal("TERM");
    }
    let listener = listening.finish();
    let (broker, report) = serving.finish();

    let count = |name: &str| report[name].as_u64().expect("a number");
    let delivered = bodies_in(&fs::read(&output).unwrap_or_default());
    let dead = dead_letters(Path::new(&dead));
    let mut row = Row {
        delivered: delivered.len(),
        dead: dead.len(),
        redelivered: count("redelivered"),
        connections: count("accepted"),
        client_errors: count("client_errors"),
        codes: (broker.code(), listener.code()),
        ..Row::default()
    };
    let source: BTreeSet<_> = bodies
        .iter()
        .map(|body| canonical(body.as_bytes()))
        .collect();
    let letters_of_source = dead.intersection(&source).count();
    let strangers = dead.difference(&source);
    let codes = (Some(0), Some(case.listener_code()));
    row.expect(source.len() == EVENTS, "two events are the same");
    row.expect(
        delivered.is_subset(&source),
        "the output has what nobody sent",
    );
    row.expect(
        strangers.count() == case.strangers,
        "other dead letters than the fault's",
    );
    row.expect(
        (letters_of_source > 0) == case.long,
        "the wrong events are dead letters",
    );
    row.expect(
        delivered.is_empty() == case.refused,
        "nothing is delivered, or something",
    );
    if case.refused {
        row.expect(count("delivered") == 0, "an event was delivered");
    } else {
        let missing = source
            .difference(&delivered)
            .filter(|body| !dead.contains(*body));
        row.expect(missing.count() == 0, "an event is lost");
        row.expect(
            count("left") + count("in_flight") == 0,
            "an event is not acked",
        );
    }
    row.expect(row.codes == codes, "the wrong exit code");
    row.expect(row.client_errors == 0, "the client erred");
    row.expect(
        case.redelivered.contains(&row.redelivered),
        "unexpected redeliveries",
    );
    row.expect(
        case.connections.contains(&row.connections),
        "unexpected connections",
    );
    let committed = report["faults_by_kind"].as_array().expect("a list");
    row.expect(
        committed.len() == case.specs().count(),
        "a fault is not in the report",
    );
    let all = committed
        .iter()
        .all(|fault| fault["count"].as_u64() > Some(0));
    row.expect(all, "a fault was not committed");
    if !row.wrong.is_empty() {
        eprintln!("{}: {}\n{}", case.name, broker.stderr, listener.stderr);
    }
    row
}

fn bodies_in(output: &[u8]) -> BTreeSet<String> {
    lines(output).map(canonical).collect()
}

/// What dead letters hold; of bytes that are no text, how they are written there.
fn dead_letters(file: &Path) -> BTreeSet<String> {
    let text = fs::read_to_string(file).unwrap_or_default();
    let letters = text.lines().map(|line| {
        let letter: Value = serde_json::from_str(line).expect("a dead letter is JSON");
        let parts = letter["parts"].as_array().expect("parts");
        let texts: Option<String> = parts.iter().map(|part| part["text"].as_str()).collect();
        texts.map_or(letter["parts"].to_string(), |text| {
            canonical(text.as_bytes())
        })
    });
    letters.collect()
}

/// An event without what a style may change: order, spelling, the group, the form of raw data.
fn canonical(line: &[u8]) -> String {
    let Ok(mut event) = serde_json::from_slice::<Map<_, _>>(line) else {
        return String::from_utf8_lossy(line).into_owned();
    };
    for name in ["cmd", "delivery_id", "group_id"] {
        event.remove(name);
    }
    if let Some(created_at) = event.get_mut("created_at") {
        *created_at = created_at.as_f64().into();
    }
    if event
        .get("event_type")
        .is_some_and(|kind| kind == "device_status_raw")
        && let Some(data) = event.get_mut("data")
        && let Some(raw) = data.get("raw").cloned()
    {
        *data = raw;
    }
    Value::from(event).to_string()
}
