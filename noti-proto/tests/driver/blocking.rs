//! `poll` and `block`.

use embedded_io::ErrorKind;
use noti_proto::driver::{Driver, DriverError};
use noti_proto::{AckError, CloseReason, Instant, LineBuf, State};

use crate::peer::*;

type Blocking<'c, C> = Driver<'c, noti_proto::Inline<256, 5>, [u8; 256], C>;

/// Polls until nothing moves.
fn settle<C: FnMut() -> Instant>(
    driver: &mut Blocking<'_, C>,
    peer: &mut Peer,
    seen: &mut Seen,
) -> Result<(), DriverError<ErrorKind>> {
    while driver.poll(peer, |event, session| seen.note_and_ack(&event, session))? {}
    Ok(())
}

#[test]
fn poll_logs_in_hands_over_and_acks() {
    let (clock, mut session, mut lines, mut seen) =
        (Clock::default(), session(), lines(), Seen::default());
    let mut peer = Peer::new(&clock);
    let mut driver = Driver::login(&mut session, &mut lines, clock.reader(), &CREDENTIALS).unwrap();

    settle(&mut driver, &mut peer, &mut seen).unwrap();
    assert_eq!(peer.received(), LOGIN);

    peer.sends(&format!("{ACCEPTED}{}{}", push(7), push(8)));
    settle(&mut driver, &mut peer, &mut seen).unwrap();
    assert_eq!(seen.events, ["logged in", "delivery 7", "delivery 8"]);
    assert_eq!(peer.received(), format!("{LOGIN}{}{}", ack(7), ack(8)));
    assert_eq!(driver.session().unsent(), 0);
}

#[test]
fn single_bytes_in_and_out_are_the_same_bytes() {
    let (clock, mut session, mut lines, mut seen) =
        (Clock::default(), session(), lines(), Seen::default());
    let mut peer = Peer::new(&clock);
    for byte in format!("{ACCEPTED}{}{}", push(1), push(2)).chars() {
        peer.sends(&byte.to_string());
        peer.then(Input::Nothing);
    }
    for _ in 0..1000 {
        peer.on_write(Output::Full);
        peer.on_write(Output::Take(1));
        peer.on_flush(Output::Full);
        peer.on_flush(Output::Take(0));
    }
    let mut driver = Driver::login(&mut session, &mut lines, clock.reader(), &CREDENTIALS).unwrap();
    for _ in 0..3000 {
        settle(&mut driver, &mut peer, &mut seen).unwrap();
    }
    assert_eq!(seen.events, ["logged in", "delivery 1", "delivery 2"]);
    assert_eq!(peer.received(), format!("{LOGIN}{}{}", ack(1), ack(2)));
}

#[test]
fn bytes_count_as_transmitted_when_they_are_flushed() {
    let (clock, mut session, mut lines, mut seen) =
        (Clock::default(), session(), lines(), Seen::default());
    let mut peer = Peer::new(&clock);
    let mut driver = Driver::login(&mut session, &mut lines, clock.reader(), &CREDENTIALS).unwrap();
    peer.sends(&format!("{ACCEPTED}{}", push(1)));
    peer.on_flush(Output::Take(0));
    peer.on_flush(Output::Full);
    settle(&mut driver, &mut peer, &mut seen).unwrap();
    assert_eq!(driver.session().unsent(), 1);

    clock.set(500);
    settle(&mut driver, &mut peer, &mut seen).unwrap();
    assert_eq!(driver.session().unsent(), 0);
    assert_eq!(peer.received(), format!("{LOGIN}{}", ack(1)));
    // The ping is due an interval after the flush, not after the write.
    assert_eq!(driver.poll_timeout(), Some(Instant::from_millis(60_500)));
}

/// A driver that is logged in at 0 ms, and has sent its ping at 60,000 ms.
macro_rules! pinged {
    ($driver:ident, $peer:ident, $clock:ident, $seen:ident) => {
        let ($clock, mut session, mut lines, mut $seen) =
            (Clock::default(), session(), lines(), Seen::default());
        let mut $peer = Peer::new(&$clock);
        let mut $driver =
            Driver::login(&mut session, &mut lines, $clock.reader(), &CREDENTIALS).unwrap();
        settle(&mut $driver, &mut $peer, &mut $seen).unwrap();
        $peer.sends(ACCEPTED);
        settle(&mut $driver, &mut $peer, &mut $seen).unwrap();
        $clock.set(59_999);
        settle(&mut $driver, &mut $peer, &mut $seen).unwrap();
        assert_eq!($peer.received(), LOGIN);
        $clock.set(60_000);
        settle(&mut $driver, &mut $peer, &mut $seen).unwrap();
        assert_eq!($peer.received(), format!("{LOGIN}{PING}"));
        assert_eq!($driver.poll_timeout(), Some(Instant::from_millis(70_000)));
    };
}

#[test]
fn a_ping_leaves_on_time_and_its_answer_is_awaited_exactly() {
    pinged!(driver, peer, clock, seen);
    clock.set(69_999);
    settle(&mut driver, &mut peer, &mut seen).unwrap();
    clock.set(70_000);
    let end = settle(&mut driver, &mut peer, &mut seen);
    assert_eq!(end, Err(DriverError::Closed(CloseReason::PongTimeout)));
}

#[test]
fn what_has_arrived_counts_before_a_deadline() {
    pinged!(driver, peer, clock, seen);
    let (one, other) = PONG.split_at(9);
    peer.sends(one);
    peer.sends(other);
    clock.set(500_000);
    settle(&mut driver, &mut peer, &mut seen).unwrap();
    assert_eq!(seen.events, ["logged in", "pong"]);
}

/// H3: a line that takes longer than the pong deadline to arrive does not end its own connection.
#[test]
fn a_slow_line_survives() {
    pinged!(driver, peer, clock, seen);
    for (number, byte) in push(1).chars().enumerate() {
        peer.sends(&byte.to_string());
        clock.set(69_999 + 9_000 * number as u64);
        settle(&mut driver, &mut peer, &mut seen).unwrap();
    }
    assert_eq!(seen.events, ["logged in", "delivery 1"]);
}

#[test]
fn a_full_transport_does_not_keep_the_driver_from_reading() {
    let (clock, mut session, mut lines, mut seen) =
        (Clock::default(), session(), lines(), Seen::default());
    let mut peer = Peer::new(&clock);
    let mut driver = Driver::login(&mut session, &mut lines, clock.reader(), &CREDENTIALS).unwrap();
    settle(&mut driver, &mut peer, &mut seen).unwrap();
    peer.on_write(Output::Stuck);
    peer.sends(&format!("{ACCEPTED}{}", push(1)));
    settle(&mut driver, &mut peer, &mut seen).unwrap();
    peer.sends(&push(2));
    clock.set(29_999);
    settle(&mut driver, &mut peer, &mut seen).unwrap();
    assert_eq!(seen.events, ["logged in", "delivery 1", "delivery 2"]);

    let mut other = peer.clone();
    peer.drains();
    settle(&mut driver, &mut other, &mut seen).unwrap();
    assert_eq!(peer.received(), format!("{LOGIN}{}{}", ack(1), ack(2)));
}

#[test]
fn a_transport_that_stays_full_ends_the_connection_on_time() {
    let (clock, mut session, mut lines, mut seen) =
        (Clock::default(), session(), lines(), Seen::default());
    let mut peer = Peer::new(&clock);
    let mut driver = Driver::login(&mut session, &mut lines, clock.reader(), &CREDENTIALS).unwrap();
    peer.on_write(Output::Stuck);
    clock.set(29_999);
    settle(&mut driver, &mut peer, &mut seen).unwrap();
    clock.set(30_000);
    let end = settle(&mut driver, &mut peer, &mut seen);
    assert_eq!(end, Err(DriverError::Closed(CloseReason::TransmitStalled)));
}

#[test]
fn a_flood_keeps_neither_pings_nor_deadlines_from_their_time() {
    let (clock, mut session, mut lines, mut seen) =
        (Clock::default(), session(), lines(), Seen::default());
    let mut peer = Peer::new(&clock);
    let mut driver = Driver::login(&mut session, &mut lines, clock.reader(), &CREDENTIALS).unwrap();
    peer.sends(ACCEPTED);
    settle(&mut driver, &mut peer, &mut seen).unwrap();
    for second in 0..=60 {
        clock.set(second * 1000);
        peer.sends(&"x".repeat(400));
        assert_eq!(driver.poll(&mut peer, |_, _| ()), Ok(true));
    }
    assert_eq!(peer.received(), format!("{LOGIN}{PING}"));
}

#[test]
fn a_refusal_is_heard_although_the_connection_is_reset_after_it() {
    let (clock, mut session, mut lines, mut seen) =
        (Clock::default(), session(), lines(), Seen::default());
    let mut peer = Peer::new(&clock);
    let mut driver = Driver::login(&mut session, &mut lines, clock.reader(), &CREDENTIALS).unwrap();
    settle(&mut driver, &mut peer, &mut seen).unwrap();
    peer.sends(REFUSED);
    peer.then(Input::Fail(ErrorKind::ConnectionReset));
    let end = settle(&mut driver, &mut peer, &mut seen);
    assert_eq!(end, Err(DriverError::Closed(CloseReason::LoginRefused)));
    assert_eq!(seen.events, ["refused"]);
}

#[test]
fn the_end_of_the_stream_comes_after_what_came_before_it() {
    let ends = [
        (Input::End, DriverError::Closed(CloseReason::Disconnected)),
        // An overrun: a transport that has lost bytes.
        (
            Input::Fail(ErrorKind::Other),
            DriverError::Read(ErrorKind::Other),
        ),
    ];
    for (end, error) in ends {
        let (clock, mut session, mut lines, mut seen) =
            (Clock::default(), session(), lines(), Seen::default());
        let mut peer = Peer::new(&clock);
        let mut driver =
            Driver::login(&mut session, &mut lines, clock.reader(), &CREDENTIALS).unwrap();
        peer.sends(&format!("{ACCEPTED}{}{{", push(1)));
        peer.then(end);
        let end = driver.poll(&mut peer, |event, _| seen.note(&event));
        assert_eq!(end, Err(error));
        assert_eq!(seen.events, ["logged in", "delivery 1"]);
        assert_eq!(session.ack(seen.tokens[0]), Err(AckError::Stale));
    }
}

/// E3: a server that has reported an error inside often resets the connection: the reason to wait is kept.
#[test]
fn a_closing_session_says_more_than_the_transport() {
    let (clock, mut session, mut lines, mut seen) =
        (Clock::default(), session(), lines(), Seen::default());
    let mut peer = Peer::new(&clock);
    let mut driver = Driver::login(&mut session, &mut lines, clock.reader(), &CREDENTIALS).unwrap();
    settle(&mut driver, &mut peer, &mut seen).unwrap();
    peer.sends(ACCEPTED);
    peer.sends(&push(1));
    peer.sends("{\"cmd\":\"invalid_msg\",\"error_code\":4000}\n");
    peer.on_write(Output::Fail(ErrorKind::ConnectionReset));
    let end = settle(&mut driver, &mut peer, &mut seen);
    assert_eq!(end, Err(DriverError::Closed(CloseReason::ServerError)));
}

#[test]
fn a_transport_that_fails_ends_the_session() {
    let cases: [Failure; 4] = [
        (
            |peer| peer.then(Input::Fail(ErrorKind::ConnectionReset)),
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
    for (script, error) in cases {
        for blocking in [false, true] {
            let (clock, mut session, mut lines) = (Clock::default(), session(), lines());
            let mut peer = Peer::new(&clock);
            script(&peer);
            let mut driver =
                Driver::login(&mut session, &mut lines, clock.reader(), &CREDENTIALS).unwrap();
            let mut end = Ok(());
            while end.is_ok() {
                end = if blocking {
                    driver.block(&mut peer, |_, _| ())
                } else {
                    driver.poll(&mut peer, |_, _| ()).map(drop)
                };
            }
            assert_eq!(end, Err(error));
            assert_eq!(session.state(), State::Closed(CloseReason::Disconnected));
        }
    }
}

#[test]
fn a_receive_buffer_without_room_is_an_error_not_an_end_of_stream() {
    let (clock, mut session, mut lines) = (Clock::default(), session(), LineBuf::new([]));
    let mut peer = Peer::new(&clock);
    peer.sends(ACCEPTED);
    let mut driver = Driver::login(&mut session, &mut lines, clock.reader(), &CREDENTIALS).unwrap();
    let end = driver.poll(&mut peer, |_, _| ());
    assert_eq!(end, Err(DriverError::NoReceiveBuffer));
}

#[test]
fn a_line_longer_than_the_buffer_goes_by_in_parts() {
    let (clock, mut session, mut lines, mut seen) =
        (Clock::default(), session(), lines(), Seen::default());
    let mut peer = Peer::new(&clock);
    let mut driver = Driver::login(&mut session, &mut lines, clock.reader(), &CREDENTIALS).unwrap();
    peer.sends(&format!("{ACCEPTED}{}\n{}", "x".repeat(600), push(1)));
    settle(&mut driver, &mut peer, &mut seen).unwrap();
    assert_eq!(seen.events[..3], ["logged in", "part", "part"]);
    assert_eq!(seen.events.last().unwrap(), "delivery 1");
}

#[test]
fn block_writes_before_it_waits_for_bytes() {
    let (clock, mut session, mut lines, mut seen) =
        (Clock::default(), session(), lines(), Seen::default());
    let mut peer = Peer::new(&clock);
    let mut driver = Driver::login(&mut session, &mut lines, clock.reader(), &CREDENTIALS).unwrap();
    let mut block = |peer: &mut Peer| {
        driver
            .block(peer, |event, session| seen.note_and_ack(&event, session))
            .unwrap();
    };
    peer.on_write(Output::Take(10));
    block(&mut peer);
    assert_eq!(peer.received(), LOGIN[..10]);
    block(&mut peer);
    assert_eq!(peer.received(), LOGIN);

    peer.sends(&format!("{ACCEPTED}{}", push(1)));
    block(&mut peer);
    block(&mut peer);
    assert_eq!(peer.received(), format!("{LOGIN}{}", ack(1)));
    assert_eq!(seen.events, ["logged in", "delivery 1"]);
}

#[test]
fn block_meets_its_deadlines_when_the_read_times_out_on_them() {
    let (clock, mut session, mut lines) = (Clock::default(), session(), lines());
    let mut peer = Peer::new(&clock);
    let mut driver = Driver::login(&mut session, &mut lines, clock.reader(), &CREDENTIALS).unwrap();
    driver.block(&mut peer, |_, _| ()).unwrap();
    peer.sends(ACCEPTED);
    driver.block(&mut peer, |_, _| ()).unwrap();

    assert_eq!(driver.poll_timeout(), Some(Instant::from_millis(60_000)));
    peer.then(Input::NothingUntil(60_000));
    driver.block(&mut peer, |_, _| ()).unwrap();
    driver.block(&mut peer, |_, _| ()).unwrap();
    assert_eq!(peer.received(), format!("{LOGIN}{PING}"));

    assert_eq!(driver.poll_timeout(), Some(Instant::from_millis(70_000)));
    peer.then(Input::NothingUntil(70_000));
    let end = driver.block(&mut peer, |_, _| ());
    assert_eq!(end, Err(DriverError::Closed(CloseReason::PongTimeout)));
}

#[test]
fn block_does_not_judge_a_deadline_between_two_reads() {
    let (clock, mut session, mut lines, mut seen) =
        (Clock::default(), session(), lines(), Seen::default());
    let mut peer = Peer::new(&clock);
    let mut driver = Driver::login(&mut session, &mut lines, clock.reader(), &CREDENTIALS).unwrap();
    driver.block(&mut peer, |_, _| ()).unwrap();
    peer.sends(&format!("{ACCEPTED}{}", push(1)));
    driver
        .block(&mut peer, |event, _| seen.note(&event))
        .unwrap();
    peer.then(Input::NothingUntil(60_000));
    driver.block(&mut peer, |_, _| ()).unwrap();
    driver.block(&mut peer, |_, _| ()).unwrap();

    // The application is away while the pong arrives, and has an ack to send when it is back.
    clock.set(500_000);
    peer.sends(PONG);
    driver.session().ack(seen.tokens[0]).unwrap();
    driver.block(&mut peer, |_, _| ()).unwrap();
    driver
        .block(&mut peer, |event, _| seen.note(&event))
        .unwrap();
    assert_eq!(seen.events, ["logged in", "delivery 1", "pong"]);
    assert_eq!(peer.received(), format!("{LOGIN}{PING}{}", ack(1)));
}
