//! The client of this project against every fault: nothing is lost, and it never errs.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use noti_broker::{Body, Broker, Fault, GeneratorConfig, Report, Source};
use noti_std::{Event, PoisonPolicy};

use crate::peer::PATIENCE;

const EVENTS: usize = 300;

/// What happens, and how many events come besides those of the source.
const FAULTS: [(&str, usize); 25] = [
    ("drop:bytes=0", 0),
    ("drop:bytes=5000,times=3", 0),
    ("drop:events=20", 0),
    ("drop:mid-line=20,how=truncate", 0),
    ("reset:events=20,times=3", 0),
    ("no-close-notify:events=20", 0),
    ("cut:mean=5000,times=20", 0),
    ("cut:mean=5000,times=20,how=reset", 0),
    ("stall-reading:for=300ms", 0),
    ("stall-writing:for=300ms", 0),
    ("no-pong:times=2", 0),
    ("late-pong:by=50ms", 0),
    ("no-login-answer", 0),
    ("oversize", 1),
    ("malformed", 1),
    ("garbage", 0),
    ("single-byte-records", 0),
    ("one-record:hold=20ms", 0),
    ("duplicate:every=3", 0),
    ("duplicate:every=3,same-id", 0),
    ("overrun:by=5", 0),
    ("wrong-certificate", 0),
    ("expired-certificate", 0),
    ("early-certificate", 0),
    ("self-signed-certificate", 0),
];

#[test]
fn nothing_is_lost_whatever_goes_wrong() {
    for (fault, besides) in FAULTS {
        let report = run(fault, besides);
        assert_eq!(report.totals.client_errors, 0, "{fault}:\n{report}");
        assert_eq!(
            (report.left, report.totals.in_flight),
            (0, 0),
            "{fault}:\n{report}"
        );
    }
}

fn run(fault: &str, besides: usize) -> Report {
    let source = Source::generate(GeneratorConfig::default()).unwrap();
    let broker = Broker::builder()
        // Slow enough for pings to be sent.
        .source(source.count(EVENTS as u64).rate(2000.0))
        .fault(fault.parse::<Fault>().unwrap())
        .record_acked(2 * EVENTS)
        .start()
        .unwrap();
    let client = broker
        .client()
        .prefetch(10)
        .reconnect(Duration::from_millis(1), Duration::from_millis(10))
        .login_timeout(Duration::from_millis(500))
        .ping_interval(Duration::from_millis(10))
        .pong_timeout(Duration::from_millis(200))
        .poison(PoisonPolicy::Deliver)
        .start()
        .unwrap();
    let mut handled = BTreeSet::new();
    let deadline = Instant::now() + PATIENCE;
    // A fault of pings may need a client that has nothing else to send.
    while broker.acked().len() < EVENTS + besides || broker.report().faults[0].1 == 0 {
        assert!(Instant::now() < deadline, "{fault}:\n{}", broker.report());
        match client.recv_timeout(Duration::from_millis(10)) {
            Some(Event::Delivery(delivery)) => {
                let line = str::from_utf8(delivery.line()).unwrap();
                handled.insert(Body::parse(line).unwrap().as_str().to_owned());
                delivery.ack();
            }
            Some(Event::Poison(poison)) => {
                if let Some(acker) = poison.acker() {
                    acker.ack();
                }
            }
            _ => {}
        }
    }
    let acked = broker.acked();
    let unhandled = acked.iter().filter(|body| !handled.contains(body.as_str()));
    assert_eq!(
        unhandled.count(),
        besides,
        "{fault}: acked, but never handled"
    );
    client.shutdown(Duration::from_secs(5)).unwrap();
    broker.wait()
}
