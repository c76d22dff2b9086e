//! `noti listen --metrics` as a process: what it counts, and who cannot disturb it.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use noti_broker::{Account, Body, Broker, Fault, Generator, GeneratorConfig, Source};
use noti_tests::listener::{ENTERPRISE_ID, ENTERPRISE_SECRET, Listener, Listening};
use noti_tests::process::descriptors;
use noti_tests::prometheus::{Scrape, get, parse_answer, scrape};
use serde_json::Value;

const PATIENCE: Duration = Duration::from_secs(60);

fn events(count: usize) -> Vec<Body> {
    let generator = Generator::new(GeneratorConfig::default()).expect("the defaults are good");
    generator.take(count).collect()
}

fn broker(source: Source, faults: &[&str]) -> Broker {
    let account = Account::new(ENTERPRISE_ID, ENTERPRISE_SECRET).source(source);
    let mut builder = Broker::builder().account(account);
    for fault in faults {
        builder = builder.fault(fault.parse::<Fault>().expect("a fault"));
    }
    builder.start().expect("it starts")
}

/// A listener that serves metrics, and writes its events to the file `events`.
fn listener(broker: &Broker) -> Listener {
    let listener = Listener::new(broker.address(), broker.ca_pem());
    let events = listener.path("events");
    listener.args(&[
        "--metrics",
        "0",
        "--output",
        events.to_str().expect("UTF-8"),
    ])
}

fn metrics_address(listening: &Listening) -> SocketAddr {
    let line = listening.says("metrics at http://");
    let address = line.split("http://").nth(1).expect("an address");
    let address = address.split('/').next().expect("an address");
    address.parse().expect("an address")
}

/// Scrapes until the scrape is as wanted.
fn scrape_until(address: SocketAddr, wanted: impl Fn(&Scrape) -> bool) -> Scrape {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let scrape = scrape(address);
        if wanted(&scrape) {
            return scrape;
        }
        assert!(
            Instant::now() < deadline,
            "not in time: {:?}",
            scrape.series
        );
    }
}

#[test]
fn every_event_is_counted_while_scrapers_ask_and_no_counter_goes_down() {
    let sent = events(5000);
    let broker = broker(
        Source::bodies(sent.clone()).rate(5000.0),
        &[
            "drop:events=1000",
            "oversize:after=500",
            "malformed:after=600",
        ],
    );
    let listening = listener(&broker)
        .args(&["--poison", "ack", "--ping-interval", "20ms"])
        .start();
    let address = metrics_address(&listening);

    let scrapers: Vec<_> = (0..4)
        .map(|_| {
            std::thread::spawn(move || {
                let mut last = BTreeMap::<String, f64>::new();
                let deadline = Instant::now() + PATIENCE;
                for number in 0.. {
                    let now = scrape(address);
                    for (series, value) in now.counters() {
                        let before = last.insert(series.to_owned(), value);
                        assert!(before.unwrap_or_default() <= value, "{series} went down");
                    }
                    if now.value("noti_acks_sent_total") >= 5000.0 && number >= 50 {
                        break;
                    }
                    assert!(Instant::now() < deadline, "not in time: {last:?}");
                }
            })
        })
        .collect();
    for scraper in scrapers {
        scraper.join().unwrap();
    }
    broker
        .wait_until(PATIENCE, |totals| totals.acked >= 5002 && totals.pings > 0)
        .unwrap();
    let last = scrape_until(address, |scrape| {
        scrape.value("noti_in_flight_events") == 0.0
            && scrape.value("noti_ping_round_trip_seconds_count") > 0.0
            && scrape.sum("noti_events_total") >= 5000.0
    });
    listening.signal("TERM");
    let path = listening.path("events");
    let written = read_events(&path);
    let finished = listening.finish();
    assert_eq!(finished.code(), Some(0), "{}", finished.stderr);

    let total = last.sum("noti_events_total");
    assert_eq!(total, written.values().sum::<f64>());
    for (kind, count) in &written {
        assert_eq!(
            last.value(&format!("noti_events_total{{type=\"{kind}\"}}")),
            *count,
            "{kind}"
        );
    }
    // The generator's events are of 2023, longer ago than any bound.
    assert_eq!(last.value("noti_event_lag_seconds_count"), total);
    assert_eq!(
        last.value("noti_event_lag_seconds_bucket{le=\"259200\"}"),
        0.0
    );
    assert!(last.value("noti_event_lag_seconds_sum") > total * 86_400.0 * 365.0);
    assert_eq!(last.value("noti_logged_in"), 1.0);
    assert_eq!(last.value("noti_logins_total"), 2.0);
    assert_eq!(last.value("noti_disconnects_total{reason=\"closed\"}"), 1.0);
    assert_eq!(last.sum("noti_disconnects_total"), 1.0);
    assert_eq!(
        last.value("noti_poison_lines_total{reason=\"oversize\"}"),
        1.0
    );
    assert_eq!(
        last.value("noti_poison_lines_total{reason=\"malformed\"}"),
        1.0
    );
    assert_eq!(last.value("noti_events_filtered_total"), 0.0);
    assert_eq!(last.value("noti_buffer_bytes"), 0.0);
    assert_eq!(last.value("noti_buffer_limit_bytes"), 1_048_576.0);
    assert_eq!(
        last.value(&format!(
            "noti_build_info{{version=\"{}\"}}",
            env!("CARGO_PKG_VERSION")
        )),
        1.0
    );
    assert!(last.value("noti_pings_total") >= 1.0);
    let received = last.value("noti_received_bytes_total");
    assert!(received > 5000.0 * 100.0, "{received}");
}

/// How many events of each kind a file has.
fn read_events(path: &std::path::Path) -> BTreeMap<String, f64> {
    let mut kinds = BTreeMap::new();
    for line in std::fs::read_to_string(path).unwrap().lines() {
        let event: Value = serde_json::from_str(line).unwrap();
        let kind = event["event_type"].as_str().unwrap().to_owned();
        *kinds.entry(kind).or_default() += 1.0;
    }
    kinds
}

#[test]
fn the_health_is_good_while_logged_in_and_else_says_why_not() {
    let broker = broker(Source::bodies(events(10)), &[]);
    let listening = listener(&broker).start();
    let address = metrics_address(&listening);
    let _ = listening.says("logged in");
    let health = get(address, "/healthz");
    assert_eq!((health.status, health.body.as_str()), (200, "logged in\n"));

    drop(broker.stop());
    // It failed to connect, and that is known to all by now.
    let _ = listening.says("connecting to");
    let _ = listening.says("connecting anew");
    let health = get(address, "/healthz");
    assert_eq!(health.status, 503);
    assert!(
        health.body.contains("Connection refused"),
        "{}",
        health.body
    );
    assert_eq!(scrape(address).value("noti_logged_in"), 0.0);
    assert!(scrape(address).value("noti_disconnects_total{reason=\"connect\"}") >= 1.0);
}

#[test]
fn the_health_is_bad_before_the_first_login() {
    // It takes connections, and never says a word.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let stranger = broker(Source::bodies([]), &[]);
    let listening = Listener::new(silent.local_addr().unwrap(), stranger.ca_pem())
        .args(&["--metrics", ":0"])
        .start();
    let address = metrics_address(&listening);
    let health = get(address, "/healthz");
    assert_eq!(health.status, 503);
    assert_eq!(health.body, "not logged in: connecting\n");
    assert_eq!(get(address, "/").status, 404);
}

#[test]
fn hostile_scrapers_disturb_neither_events_nor_an_honest_one() {
    let broker = broker(Source::bodies(events(3000)), &[]);
    let listening = listener(&broker).start();
    let address = metrics_address(&listening);
    let connect = || TcpStream::connect(address).unwrap();

    // Many that say nothing, and many that never come to an end.
    let mut silent: Vec<_> = (0..200).map(|_| connect()).collect();
    let mut slow: Vec<_> = (0..100).map(|_| connect()).collect();
    for socket in &mut slow {
        // It may have been put out already.
        let _ = socket.write_all(b"GET /metrics HTTP/1.1\r\nX: ");
    }
    // One that sends far too much, one that sends rubbish, and one that asks and leaves.
    let mut huge = connect();
    let _ = huge.write_all(&[b'x'; 4096]);
    let mut answer = Vec::new();
    huge.read_to_end(&mut answer).unwrap();
    assert_eq!(parse_answer(&answer).status, 431);
    let _ = connect().write_all(&vec![b'x'; 10_000_000]);
    let mut rubbish = connect();
    rubbish.write_all(b"\x16\x03\x01\x00\xff\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    rubbish.read_to_end(&mut answer).unwrap();
    assert_eq!(parse_answer(&answer).status, 400);
    for _ in 0..100 {
        connect()
            .write_all(b"GET /metrics HTTP/1.1\r\n\r\n")
            .unwrap();
    }

    // An honest one still has its answer at once, and what the others hold is bounded: 16 connections.
    assert_eq!(get(address, "/healthz").status, 200);
    let _ = scrape(address);
    let held = descriptors(listening.id());
    assert!(held < 50, "{held} files are open");
    // Who came first and said nothing was put out for those who came later.
    assert_eq!(silent[0].read(&mut [0; 16]).unwrap(), 0);

    // Slow ones go on while the events come in.
    for _ in 0..100 {
        for socket in &mut slow {
            let _ = socket.write_all(b"y");
        }
    }
    broker
        .wait_until(PATIENCE, |totals| totals.acked >= 3000)
        .unwrap();
    let report = broker.stop();
    assert_eq!(report.accepted, 1, "the connection lives: {report}");
    assert_eq!(report.totals.client_errors, 0);
}

#[test]
fn a_scraper_that_stops_in_the_middle_is_put_out_in_time() {
    let broker = broker(Source::bodies([]), &[]);
    let listening = listener(&broker).start();
    let mut socket = TcpStream::connect(metrics_address(&listening)).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let start = Instant::now();
    socket.write_all(b"GET /metrics").unwrap();
    // Unlike `read`, this goes on after a signal.
    match socket.read_to_end(&mut Vec::new()) {
        Ok(n) => assert_eq!(n, 0),
        Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset),
    }
    assert!(start.elapsed() > Duration::from_secs(4));
}

#[test]
fn an_address_that_is_open_to_others_must_be_written_out_and_is_warned_about() {
    let broker = broker(Source::bodies([]), &[]);
    let start = |address: &str| {
        Listener::new(broker.address(), broker.ca_pem())
            .args(&["--metrics", address])
            .start()
    };
    let listening = start("0.0.0.0:0");
    let _ = listening.says("other machines can read the metrics");
    for local in ["0", ":0", "localhost:0"] {
        let listening = start(local);
        assert!(metrics_address(&listening).ip().is_loopback());
        let _ = listening.says("logged in");
        listening.signal("TERM");
        let finished = listening.finish();
        assert!(
            !finished.stderr.contains("other machines"),
            "{}",
            finished.stderr
        );
    }
    let taken = metrics_address(&start("0")).to_string();
    let taken = TcpListener::bind(taken).unwrap();
    for (address, expected) in [
        (
            taken.local_addr().unwrap().to_string(),
            "choose another address or port with --metrics",
        ),
        ("0.0.0.0".to_owned(), "write a port such as 9464"),
    ] {
        let finished = start(&address).finish();
        assert_eq!(finished.code(), Some(2), "{}", finished.stderr);
        assert!(finished.stderr.contains(expected), "{}", finished.stderr);
    }
}
