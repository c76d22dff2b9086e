//! `step` and `step_split`, polled by hand.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use embedded_io::ErrorKind;
use noti_proto::driver::{Driver, DriverError};
use noti_proto::{AckError, CloseReason, Instant, LineBuf, State};

use crate::peer::*;

type Async<'c, C> = Driver<'c, noti_proto::Inline<256, 5>, [u8; 256], C>;
type StepResult = Result<(), DriverError<ErrorKind>>;

#[derive(Clone, Copy, Debug)]
enum Way {
    Whole,
    Split,
}

const WAYS: [Way; 2] = [Way::Whole, Way::Split];

/// One step, polled `polls` times at most. `None` when it was dropped before it was done.
fn step<C: FnMut() -> Instant>(
    way: Way,
    driver: &mut Async<'_, C>,
    peer: &Peer,
    clock: &Clock,
    seen: &mut Seen,
    polls: usize,
) -> Option<StepResult> {
    let sleep_until = |deadline| {
        poll_fn(move |_| {
            if clock.now() < deadline {
                return Poll::Pending;
            }
            Poll::Ready(())
        })
    };
    let (mut reader, mut writer) = (peer.clone(), peer.clone());
    let handler = |event: noti_proto::Event<'_>, session: &mut TestSession| {
        seen.note_and_ack(&event, session);
    };
    match way {
        Way::Whole => poll_up_to(polls, driver.step(&mut reader, sleep_until, handler)),
        Way::Split => poll_up_to(
            polls,
            driver.step_split(&mut reader, &mut writer, sleep_until, handler),
        ),
    }
}

fn poll_up_to<T>(polls: usize, future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    (0..polls).find_map(|_| match future.as_mut().poll(&mut context) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    })
}

/// Steps until a step waits for something that this poll does not bring.
fn settle<C: FnMut() -> Instant>(
    way: Way,
    driver: &mut Async<'_, C>,
    peer: &Peer,
    clock: &Clock,
    seen: &mut Seen,
) -> StepResult {
    while let Some(result) = step(way, driver, peer, clock, seen, 1) {
        result?;
    }
    Ok(())
}

/// A whole connection over a transport that makes each call wait once and takes and gives few bytes at a time.
/// `polls(n)` is how often the step number `n` may be polled before it is dropped.
fn story(way: Way, polls: impl Fn(usize) -> usize) {
    let (clock, mut session, mut lines, mut seen) =
        (Clock::default(), session(), lines(), Seen::default());
    let peer = Peer::new(&clock);
    let input = format!("{ACCEPTED}{}{}{PONG}{}", push(1), push(2), push(3));
    for few in input.as_bytes().chunks(7) {
        peer.then(Input::Nothing);
        peer.then(Input::Nothing);
        peer.then(Input::Bytes(few.to_vec()));
    }
    for _ in 0..100 {
        peer.on_write(Output::Full);
        peer.on_write(Output::Take(11));
        peer.on_flush(Output::Full);
        peer.on_flush(Output::Take(0));
    }
    let mut driver = Driver::login(&mut session, &mut lines, clock.reader(), &CREDENTIALS).unwrap();
    for number in 0..2000 {
        let result = step(way, &mut driver, &peer, &clock, &mut seen, polls(number));
        assert!(matches!(result, None | Some(Ok(()))));
        if seen.tokens.len() == 3 && driver.session().unsent() == 0 {
            break;
        }
    }
    assert_eq!(
        seen.events,
        [
            "logged in",
            "delivery 1",
            "delivery 2",
            "pong",
            "delivery 3"
        ]
    );
    let expected = format!("{LOGIN}{}{}{}", ack(1), ack(2), ack(3));
    assert_eq!(peer.received(), expected);
    assert!(peer.nothing_left());
}

#[test]
fn every_byte_arrives_once_over_a_transport_that_waits_at_each_call() {
    for way in WAYS {
        story(way, |_| 100);
    }
}

#[test]
fn a_step_can_be_dropped_at_every_await() {
    for way in WAYS {
        // One step is dropped, at its first, second, … wait; then every step is.
        for dropped in 0..200 {
            for polls in 1..=4 {
                story(way, |number| if number == dropped { polls } else { 100 });
            }
        }
        for polls in 1..=4 {
            story(way, |_| polls);
        }
    }
}

/// A driver that is logged in at 0 ms, with nothing to do.
macro_rules! logged_in {
    ($way:expr, $driver:ident, $peer:ident, $clock:ident, $seen:ident) => {
        let ($clock, mut session, mut lines, mut $seen) =
            (Clock::default(), session(), lines(), Seen::default());
        let $peer = Peer::new(&$clock);
        let mut $driver =
            Driver::login(&mut session, &mut lines, $clock.reader(), &CREDENTIALS).unwrap();
        settle($way, &mut $driver, &$peer, &$clock, &mut $seen).unwrap();
        $peer.sends(ACCEPTED);
        settle($way, &mut $driver, &$peer, &$clock, &mut $seen).unwrap();
    };
}

#[test]
fn a_step_sleeps_until_the_deadline_and_no_longer() {
    for way in WAYS {
        logged_in!(way, driver, peer, clock, seen);
        clock.set(59_999);
        assert_eq!(step(way, &mut driver, &peer, &clock, &mut seen, 5), None);
        clock.set(60_000);
        settle(way, &mut driver, &peer, &clock, &mut seen).unwrap();
        assert_eq!(peer.received(), format!("{LOGIN}{PING}"));
        clock.set(69_999);
        assert_eq!(step(way, &mut driver, &peer, &clock, &mut seen, 5), None);
        clock.set(70_000);
        let end = settle(way, &mut driver, &peer, &clock, &mut seen);
        assert_eq!(end, Err(DriverError::Closed(CloseReason::PongTimeout)));
    }
}

#[test]
fn a_step_that_waits_wakes_up_at_a_deadline_it_has_set_itself() {
    for way in WAYS {
        let (clock, mut session, mut lines) = (Clock::default(), session(), lines());
        let peer = Peer::new(&clock);
        peer.on_write(Output::Stuck);
        let mut driver =
            Driver::login(&mut session, &mut lines, clock.reader(), &CREDENTIALS).unwrap();
        let asked = Cell::new(None);
        let sleep_until = |deadline| {
            asked.set(Some(deadline));
            std::future::pending()
        };
        let (mut reader, mut writer) = (peer.clone(), peer.clone());
        match way {
            Way::Whole => poll_up_to(1, driver.step(&mut reader, sleep_until, |_, _| ())),
            Way::Split => poll_up_to(
                1,
                driver.step_split(&mut reader, &mut writer, sleep_until, |_, _| ()),
            ),
        };
        // The login waits for room: the stall timeout runs.
        assert_eq!(asked.get(), Some(Instant::from_millis(30_000)), "{way:?}");
    }
}

#[test]
fn what_has_arrived_counts_before_a_deadline() {
    for way in WAYS {
        logged_in!(way, driver, peer, clock, seen);
        clock.set(60_000);
        settle(way, &mut driver, &peer, &clock, &mut seen).unwrap();
        // The executor was busy with something else.
        peer.sends(PONG);
        clock.set(500_000);
        settle(way, &mut driver, &peer, &clock, &mut seen).unwrap();
        assert_eq!(seen.events, ["logged in", "pong"]);
    }
}

#[test]
fn an_ack_from_elsewhere_is_given_between_two_steps() {
    for way in WAYS {
        logged_in!(way, driver, peer, clock, seen);
        let mut tokens = Vec::new();
        peer.sends(&push(5));
        let (mut reader, mut writer) = (peer.clone(), peer.clone());
        let sleep_until = |_| std::future::pending();
        let handler = |event: noti_proto::Event<'_>, _: &mut TestSession| {
            if let noti_proto::Event::Delivery(delivery) = event {
                tokens.push(delivery.token());
            }
        };
        let waited = match way {
            Way::Whole => poll_up_to(3, driver.step(&mut reader, sleep_until, handler)),
            Way::Split => poll_up_to(
                3,
                driver.step_split(&mut reader, &mut writer, sleep_until, handler),
            ),
        };
        assert_eq!(waited, None, "{way:?}");
        assert_eq!(driver.session().ack(tokens[0]), Ok(()));
        settle(way, &mut driver, &peer, &clock, &mut seen).unwrap();
        assert_eq!(peer.received(), format!("{LOGIN}{}", ack(5)));
    }
}

#[test]
fn a_stuck_writer_does_not_keep_a_split_step_from_reading() {
    logged_in!(Way::Split, driver, peer, clock, seen);
    peer.on_write(Output::Stuck);
    for id in 1..=3 {
        peer.then(Input::Nothing);
        peer.then(Input::Nothing);
        peer.sends(&push(id));
    }
    let mut steps = 0;
    while step(Way::Split, &mut driver, &peer, &clock, &mut seen, 10).is_some() {
        steps += 1;
    }
    assert!(steps >= 3);
    assert_eq!(seen.tokens.len(), 3);

    clock.set(30_000);
    let end = settle(Way::Split, &mut driver, &peer, &clock, &mut seen);
    assert_eq!(end, Err(DriverError::Closed(CloseReason::TransmitStalled)));
}

#[test]
fn a_stuck_transport_is_read_at_the_beginning_of_each_step() {
    logged_in!(Way::Whole, driver, peer, clock, seen);
    peer.on_write(Output::Stuck);
    for id in 1..=3 {
        peer.sends(&push(id));
        assert_eq!(
            step(Way::Whole, &mut driver, &peer, &clock, &mut seen, 10),
            None
        );
    }
    assert_eq!(seen.tokens.len(), 3);
}

/// H3: a line that takes longer than the pong deadline to arrive does not end its own connection.
#[test]
fn a_slow_line_survives() {
    for way in WAYS {
        // A byte is there when a step begins, or arrives while it waits.
        for waits in [false, true] {
            logged_in!(way, driver, peer, clock, seen);
            for (number, byte) in push(5).chars().enumerate() {
                if waits {
                    peer.then(Input::Nothing);
                }
                peer.sends(&byte.to_string());
                clock.set(60_000 + 9_000 * number as u64);
                settle(way, &mut driver, &peer, &clock, &mut seen).unwrap();
                settle(way, &mut driver, &peer, &clock, &mut seen).unwrap();
            }
            assert_eq!(seen.tokens.len(), 1, "{way:?} {waits}");
        }
    }
}

#[test]
fn nothing_is_read_after_the_end_of_the_stream() {
    for way in WAYS {
        logged_in!(way, driver, peer, clock, seen);
        // The end comes while the step waits; a read after it would fail.
        peer.then(Input::Nothing);
        peer.then(Input::EndOnce);
        peer.then(Input::Fail(ErrorKind::NotConnected));
        let mut end = None;
        while !matches!(end, Some(Err(_))) {
            end = step(way, &mut driver, &peer, &clock, &mut seen, 3);
        }
        let closed = Err(DriverError::Closed(CloseReason::Disconnected));
        assert_eq!(end, Some(closed), "{way:?}");
    }
}

#[test]
fn a_transport_that_fails_ends_the_session() {
    let cases: [Failure; 5] = [
        (
            |peer| peer.then(Input::Fail(ErrorKind::ConnectionReset)),
            DriverError::Read(ErrorKind::ConnectionReset),
        ),
        (
            |peer| {
                peer.then(Input::Nothing);
                peer.then(Input::Fail(ErrorKind::ConnectionReset));
            },
            DriverError::Read(ErrorKind::ConnectionReset),
        ),
        (
            |peer| peer.on_write(Output::Fail(ErrorKind::BrokenPipe)),
            DriverError::Write(ErrorKind::BrokenPipe),
        ),
        (
            |peer| peer.on_flush(Output::Fail(ErrorKind::BrokenPipe)),
            DriverError::Write(ErrorKind::BrokenPipe),
        ),
        (
            |peer| peer.on_write(Output::Take(0)),
            DriverError::WriteZero,
        ),
    ];
    for way in WAYS {
        for (script, error) in cases {
            let (clock, mut session, mut lines, mut seen) =
                (Clock::default(), session(), lines(), Seen::default());
            let peer = Peer::new(&clock);
            script(&peer);
            let mut driver =
                Driver::login(&mut session, &mut lines, clock.reader(), &CREDENTIALS).unwrap();
            let end = settle(way, &mut driver, &peer, &clock, &mut seen);
            assert_eq!(end, Err(error));
            assert_eq!(session.state(), State::Closed(CloseReason::Disconnected));
        }
    }
}

#[test]
fn a_read_that_times_out_is_no_failure() {
    for way in WAYS {
        logged_in!(way, driver, peer, clock, seen);
        peer.then(Input::Fail(ErrorKind::TimedOut));
        peer.then(Input::Fail(ErrorKind::Interrupted));
        peer.sends(&push(1));
        peer.on_write(Output::Fail(ErrorKind::TimedOut));
        peer.on_flush(Output::Fail(ErrorKind::TimedOut));
        settle(way, &mut driver, &peer, &clock, &mut seen).unwrap();
        assert_eq!(peer.received(), format!("{LOGIN}{}", ack(1)));
    }
}

#[test]
fn the_end_of_the_stream_comes_after_what_came_before_it() {
    for way in WAYS {
        logged_in!(way, driver, peer, clock, seen);
        peer.sends(&format!("{}{{", push(1)));
        peer.then(Input::End);
        let end = settle(way, &mut driver, &peer, &clock, &mut seen);
        assert_eq!(end, Err(DriverError::Closed(CloseReason::Disconnected)));
        assert_eq!(seen.events, ["logged in", "delivery 1"]);
        assert_eq!(driver.session().ack(seen.tokens[0]), Err(AckError::Stale));
    }
}

#[test]
fn a_refusal_ends_the_step_that_reads_it() {
    for way in WAYS {
        let (clock, mut session, mut lines, mut seen) =
            (Clock::default(), session(), lines(), Seen::default());
        let peer = Peer::new(&clock);
        let mut driver =
            Driver::login(&mut session, &mut lines, clock.reader(), &CREDENTIALS).unwrap();
        settle(way, &mut driver, &peer, &clock, &mut seen).unwrap();
        peer.then(Input::Nothing);
        peer.sends(REFUSED);
        let end = step(way, &mut driver, &peer, &clock, &mut seen, 10);
        let refused = DriverError::Closed(CloseReason::LoginRefused);
        assert_eq!(end, Some(Err(refused)));
        assert_eq!(seen.events, ["refused"]);
    }
}

#[test]
fn a_receive_buffer_without_room_is_an_error_not_an_end_of_stream() {
    let (clock, mut session, mut lines) = (Clock::default(), session(), LineBuf::new([]));
    let mut peer = Peer::new(&clock);
    let mut driver = Driver::login(&mut session, &mut lines, clock.reader(), &CREDENTIALS).unwrap();
    let end = poll_up_to(1, driver.step(&mut peer, |_| async {}, |_, _| ()));
    assert_eq!(end, Some(Err(DriverError::NoReceiveBuffer)));
}
