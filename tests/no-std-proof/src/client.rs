//! A client's connections, from the login to the end.

use core::hint::black_box;
use core::time::Duration;

use noti_proto::{
    AckError, Backoff, Borrowed, CloseReason, Config, Event, Line, LineBuf, Login, Session, Slot,
    State,
};

use crate::wire::{LOGIN, PING, PONG, at, check, logged_in, receive, sends};

pub(crate) fn logs_in_acks_and_pings() -> Option<()> {
    let mut session = logged_in(at(0))?;
    let mut lines = LineBuf::new([0; 256]);
    let rest = receive(
        &mut lines,
        b"{\"cmd\":\"enterprise_event_push\",\"delivery_id\":1,\"did\":\"a\"}\n{\"delivery_id\":\"two\",\"c\\u006dd\":\"enterprise_event_push\"}\r\n{\"cmd\":",
    );
    check(rest.is_empty())?;
    let mut tokens = [None; 2];
    for token in &mut tokens {
        match session.handle_line(at(10), lines.next_line()?) {
            Some(Event::Delivery(delivery)) => *token = Some(delivery.token()),
            _ => return None,
        }
    }
    check(lines.next_line().is_none() && session.in_flight() == 2)?;
    let [first, second] = tokens;
    session.ack(second?).ok()?;
    session.ack(first?).ok()?;
    check(session.ack(first?) == Err(AckError::AlreadyAcked) && session.unsent() == 2)?;
    sends(
        &mut session,
        at(20),
        b"{\"cmd\":\"enterprise_event_ack\",\"delivery_id\":\"two\"}\n{\"cmd\":\"enterprise_event_ack\",\"delivery_id\":1}\n",
    )?;

    check(session.poll_timeout() == Some(at(60_020)))?;
    session.handle_timeout(at(60_020));
    sends(&mut session, at(60_020), PING)?;
    check(matches!(
        session.handle_line(at(60_030), Line::whole(black_box(PONG))),
        Some(Event::Pong)
    ))?;
    session.handle_timeout(at(120_020));
    sends(&mut session, at(120_020), PING)?;
    session.handle_timeout(at(130_020));
    check(session.state() == State::Closed(CloseReason::PongTimeout))?;
    check(session.ack(first?) == Err(AckError::Stale))
}

pub(crate) fn serves_connection_after_connection() -> Option<()> {
    let (mut tx, mut slots) = ([0; 128], [Slot::EMPTY; 5]);
    let mut session = Session::new(Config::default(), Borrowed::new(&mut tx, &mut slots)).ok()?;
    for ending in 0..4 {
        session.connected(at(0), black_box(&LOGIN)).ok()?;
        let line: &[u8] = match ending {
            0 => b"{\"cmd\":\"enterprise_login_res\",\"data\":{\"result\":false,\"msg\":\"no\"}}\n",
            1 => b"{\"cmd\":\"invalid_msg\",\"error_code\":4009,\"msg\":\"no\"}\n",
            2 => b"No Heartbeat!\n",
            _ => b"\xff\n",
        };
        let event = session.handle_line(at(1), Line::whole(black_box(line)));
        let refused = match event {
            Some(Event::LoginRefused { msg: Some(msg), .. }) => msg == "no",
            Some(Event::Malformed { .. }) => false,
            _ => return None,
        };
        check(refused == matches!(session.state(), State::Closed(CloseReason::LoginRefused)))?;
        session.pause_reading();
        session.resume_reading(at(2));
        session.disconnected(at(3));
        check(session.poll_timeout().is_none() && session.poll_transmit(at(4)).is_empty())?;
    }
    let long = Login {
        enterprise_id: "0123456789012345678901234567890123456789",
        ..LOGIN
    };
    check(session.connected(at(0), &long).is_err() && session.state() == State::Idle)
}

pub(crate) fn waits_between_attempts() -> Option<()> {
    let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(60));
    for longest in [2, 4, 8, 16, 32, 60, 60] {
        check(backoff.next_delay(black_box(u64::MAX)) == Duration::from_secs(longest))?;
    }
    Some(())
}
