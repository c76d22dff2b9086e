//! A connection in a time of the test's own, with its client at the other end of a socket.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream as StdTcpStream};
use std::sync::Arc;
use std::time::Instant as StdInstant;

use mio::{Poll, Token, Waker};

use super::*;
use crate::body::Body;
use crate::fault::{Fault, Plan};
use crate::hub::AccountState;
use crate::queue::{Limits, Queue};
use crate::report::Counts;
use crate::source::{Feed, Sender};
use crate::style::{Composer, Style};
use crate::wake::Wake;

const PATIENCE: Duration = Duration::from_secs(20);

fn seconds(seconds: u64) -> Instant {
    Instant::from_millis(seconds * 1000)
}

fn hub(fault: &str) -> Hub {
    let waker = Waker::new(Poll::new().unwrap().registry(), Token(0)).unwrap();
    let wake = Arc::new(Wake::new(waker));
    let limits = Limits {
        backlog: 10,
        backlog_bytes: 1000,
        retain: None,
        retain_for: None,
    };
    let account = AccountState::new(
        ("id".to_owned(), "secret".into()),
        Queue::new(limits),
        Feed::start(None, &wake).unwrap(),
        Sender::new(wake).1,
    );
    Hub {
        accounts: vec![account],
        totals: Counts::default(),
        accepted: 0,
        logins: 0,
        logins_refused: 0,
        composer: Composer::new(Style::PLAIN, 0),
        scratch: Vec::new(),
        redeliver_after: None,
        plan: Plan::new(vec![fault.parse::<Fault>().unwrap()], 0),
        on_ack: None,
        record_acked: 0,
        acked: Vec::new(),
        closed: Default::default(),
        changes: 0,
    }
}

struct Bench {
    hub: Hub,
    connection: Connection,
    client: BufReader<StdTcpStream>,
}

impl Bench {
    /// A client that has logged in at the time 0, and has its answer.
    fn logged_in(fault: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = StdTcpStream::connect(listener.local_addr().unwrap()).unwrap();
        client.set_read_timeout(Some(PATIENCE)).unwrap();
        let (socket, peer) = listener.accept().unwrap();
        socket.set_nonblocking(true).unwrap();
        let mut hub = hub(fault);
        let accepted = (
            TcpStream::from_std(socket),
            peer,
            Transport::new(None).unwrap(),
        );
        let now = Instant::ZERO;
        let connection = Connection::new(now, BrokerConfig::default(), accepted, &mut hub);
        let mut bench = Self {
            hub,
            connection: connection.unwrap(),
            client: BufReader::new(client),
        };
        bench.send(
            now,
            r#"{"cmd":"enterprise_login_req","data":{"enterprise_id":"id","enterprise_secret":"secret","prefetch_count":5}}"#,
            |hub| hub.logins == 1,
        );
        bench.connection.transmit(now, &mut bench.hub);
        bench
    }

    /// The client sends a line, and the broker reads until it has it.
    fn send(&mut self, now: Instant, line: &str, has_it: impl Fn(&Hub) -> bool) {
        writeln!(self.client.get_mut(), "{line}").unwrap();
        let start = StdInstant::now();
        while !has_it(&self.hub) {
            assert!(start.elapsed() < PATIENCE, "{line} is not read");
            self.connection.is_readable();
            self.connection.receive(now, &mut self.hub);
        }
    }

    fn push(&mut self, now: Instant) {
        let body = Body::parse(r#"{"n":1}"#).unwrap();
        self.hub.accounts[0].queue.push(now, Arc::new(body));
        assert_eq!(self.connection.push_front(now, &mut self.hub), Pushed::Sent);
        self.connection.transmit(now, &mut self.hub);
    }

    /// Serves the connection at each of its deadlines.
    fn run(&mut self, until: Instant) {
        for _ in 0..100 {
            let Some(at) = self.connection.deadline().filter(|at| *at <= until) else {
                return;
            };
            self.connection.handle_timeout(at, &mut self.hub);
            self.connection.transmit(at, &mut self.hub);
        }
        panic!("a deadline never passes: {:?}", self.connection.deadline());
    }

    fn ended(&self) -> Option<&Ended> {
        self.connection.report.ended.as_ref()
    }
}

/// Its bytes reach the client when the fault is over, not before, and the client is not to blame.
#[test]
fn bytes_that_a_fault_keeps_back_are_not_stuck_at_the_client() {
    for fault in ["stall-writing:after=0,for=2m", "one-record:hold=2m"] {
        let mut bench = Bench::logged_in(fault);
        bench.push(seconds(0));
        bench.run(seconds(119));
        assert_eq!(bench.ended(), None, "{fault}");
        let before = bench.connection.sent;
        bench.run(seconds(120));
        assert!(bench.connection.sent > before, "{fault}");
        assert_eq!(bench.ended(), None, "{fault}");
        let client = bench.client.by_ref();
        let lines: Vec<_> = client.lines().take(2).map(Result::unwrap).collect();
        assert!(lines[1].contains("enterprise_event_push"), "{lines:?}");
    }
}

#[test]
fn what_was_sent_while_reading_stalled_counts_as_heard() {
    let mut bench = Bench::logged_in("stall-reading:after=0,for=10m");
    bench.run(seconds(599));
    assert_eq!(bench.ended(), None);
    bench.send(seconds(600), r#"{"cmd":"enterprise_ping"}"#, |hub| {
        hub.totals.pings == 1
    });
    bench.run(seconds(929));
    assert_eq!(bench.ended(), None);
    bench.run(seconds(930));
    assert!(bench.ended().is_some(), "silent for 330 s");
}

#[test]
fn a_connection_that_leaves_is_woken_for_its_end_alone() {
    let mut bench = Bench::logged_in("stall-reading:after=0,for=1s");
    assert_eq!(bench.connection.deadline(), Some(seconds(1)));
    let grace = Duration::from_secs(5);
    bench.connection.stop(seconds(0), grace, &mut bench.hub);
    assert_eq!(bench.connection.deadline(), Some(seconds(5)));
    bench.run(seconds(5));
    assert!(bench.connection.is_done());

    let mut bench = Bench::logged_in("late-pong:by=1s");
    bench.send(seconds(0), r#"{"cmd":"enterprise_ping"}"#, |hub| {
        hub.totals.pings == 1
    });
    let (ending, ended) = (Ending::Close, Ended::ByFault(String::new()));
    let Bench {
        connection, hub, ..
    } = &mut bench;
    connection.leave(seconds(0), hub, ending, ended);
    assert_eq!(
        connection.deadline(),
        Some(Instant::ZERO.saturating_add(LEAVE))
    );
}
