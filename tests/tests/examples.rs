//! The examples of noti-std, run against the broker.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use noti_broker::{Account, Body, Broker, Generator, GeneratorConfig, Source};
use noti_std::{Client, ClientBuilder, Trust};
use noti_tests::scripted::wait_until;

#[allow(dead_code, reason = "main is for those who run it")]
#[path = "../../noti-std/examples/own_loop.rs"]
pub mod own_loop;
#[allow(dead_code, reason = "main is for those who run it")]
#[path = "../../noti-std/examples/print.rs"]
pub mod print;
#[allow(dead_code, reason = "main is for those who run it")]
#[path = "../../noti-std/examples/workers.rs"]
pub mod workers;

const COUNT: usize = 200;

fn events() -> Vec<Body> {
    let generator = Generator::new(GeneratorConfig::default()).unwrap();
    generator.take(COUNT).collect()
}

fn broker() -> (Broker, ClientBuilder) {
    let broker = Broker::builder()
        .account(Account::new("enterprise", "secret").source(Source::bodies(events())))
        .record_acked(COUNT)
        .start()
        .unwrap();
    let client = Client::builder("127.0.0.1", broker.address().port())
        .credentials("enterprise", "secret")
        .trust(Trust::platform().with_ca_pem(broker.ca_pem()).unwrap());
    (broker, client)
}

fn texts(bodies: impl IntoIterator<Item = Body>) -> Vec<String> {
    let bodies = bodies.into_iter();
    bodies.map(|body| body.as_str().to_owned()).collect()
}

fn acked(broker: Broker) -> Vec<String> {
    let acked = broker.acked();
    assert_eq!(broker.stop().totals.client_errors, 0);
    texts(acked.iter().map(|body| (**body).clone()))
}

#[test]
fn print_prints_every_event_and_acks_it() {
    let (broker, client) = broker();
    let mut printed = Vec::new();
    print::print(client, &mut printed, COUNT).unwrap();
    let printed = std::str::from_utf8(&printed).unwrap().lines();
    let printed = texts(printed.map(|line| Body::parse(line).unwrap()));
    assert_eq!(printed, texts(events()));
    assert_eq!(acked(broker), printed);
}

#[test]
fn workers_handle_every_event_once_in_any_order() {
    let (broker, client) = broker();
    let handled = Mutex::new(Vec::new());
    workers::work(client, 4, COUNT, |delivery| {
        let line = std::str::from_utf8(delivery.line()).unwrap();
        let body = Body::parse(line).unwrap();
        handled.lock().unwrap().push(body.as_str().to_owned());
    })
    .unwrap();
    let handled = handled.into_inner().unwrap();
    assert_eq!(handled.len(), COUNT);
    let sent: BTreeSet<_> = texts(events()).into_iter().collect();
    assert_eq!(handled.into_iter().collect::<BTreeSet<_>>(), sent);
    assert_eq!(acked(broker).into_iter().collect::<BTreeSet<_>>(), sent);
}

#[test]
fn workers_that_have_all_failed_end_the_program() {
    let (broker, client) = broker();
    let work = move || workers::work(client, 4, COUNT, |_| panic!("stdout is closed")).is_ok();
    let working = thread::spawn(work);
    wait_until("the end of the workers", || working.is_finished());
    assert!(working.join().is_err());
    assert!(acked(broker).is_empty());
}

#[test]
fn a_loop_of_ones_own_gets_every_event_between_its_other_work() {
    let (broker, client) = broker();
    let (sender, wakes) = mpsc::channel();
    let ticker = sender.clone();
    let ticking = thread::spawn(move || {
        while ticker.send(own_loop::Wake::Tick).is_ok() {
            thread::sleep(Duration::from_millis(1));
        }
    });
    let ticks = own_loop::run(client, &sender, &wakes, COUNT as u64).unwrap();
    drop(wakes);
    ticking.join().unwrap();
    assert!(ticks > 0);
    assert_eq!(acked(broker), texts(events()));
}
