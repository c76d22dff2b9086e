//! Pings, their answers, and transports that stand still: every deadline to the millisecond.

use core::time::Duration;

use noti_proto::{CloseReason, Config, Event, Inline, LineBuf, State};

use crate::story::{Client, PING, PONG, ack};

const DEAD: State = State::Closed(CloseReason::PongTimeout);

/// H1: a ping goes out 60 s after the last thing that was sent, and not a millisecond before.
#[test]
fn a_silent_client_pings() {
    let mut client = Client::logged_in();
    assert_eq!(client.deadline(), Some(60_000));
    client.at(59_999).times_out();
    assert_eq!(
        (client.sends().as_str(), client.deadline()),
        ("", Some(60_000))
    );
    client.at(60_000).times_out();
    assert_eq!(client.sends(), PING);
    assert_eq!(client.deadline(), Some(70_000));
}

/// H1, H2: answered pings go on, 60 s apart, for ever.
#[test]
fn pings_go_on() {
    let mut client = Client::logged_in();
    for round in 1..100 {
        client.at(round * 60_000).times_out();
        assert_eq!(client.sends(), PING);
        assert_eq!(client.deadline(), Some(round * 60_000 + 10_000));
        assert!(matches!(
            client.at(round * 60_000 + 50).reads(PONG),
            Some(Event::Pong)
        ));
        assert_eq!(client.deadline(), Some(round * 60_000 + 60_000));
    }
}

/// H3: an answer is awaited from when the ping's last byte has left until anything at all arrives.
#[test]
fn a_session_says_whether_it_awaits_an_answer() {
    for arrives in [PONG, " "] {
        let mut client = Client::logged_in();
        client.at(60_000).times_out();
        assert!(!client.session.is_awaiting_pong(), "it is only due");
        client.sends_at_most(PING.len() - 1);
        assert!(!client.session.is_awaiting_pong(), "half of it has left");
        client.sends();
        assert!(client.session.is_awaiting_pong());
        let _ = client.reads(arrives);
        assert!(!client.session.is_awaiting_pong(), "the link is alive");
        client.at(120_000).times_out();
        client.sends();
        client.disconnects();
        assert!(!client.session.is_awaiting_pong(), "nothing will come");
    }
}

/// H1: the protocol's 300 s are never reached: 270 s is the largest interval, and it counts from the last byte sent.
#[test]
fn the_interval_is_the_callers() {
    let mut config = Config::default();
    config.ping_interval = Duration::from_secs(270);
    let mut client = Client::new(config, Inline::<256, 5>::new());
    client.is_let_in();
    assert_eq!(client.deadline(), Some(270_000));
}

/// H1: an ack does for a ping. What is received does not.
#[test]
fn an_ack_does_for_a_ping() {
    let mut client = Client::logged_in();
    let token = client.at(30_000).gets("1");
    assert_eq!(client.deadline(), Some(60_000));
    client.at(40_000).acks(token);
    assert_eq!(client.sends(), ack("1"));
    assert_eq!(client.deadline(), Some(100_000));
    client.at(60_000).times_out();
    assert_eq!(client.sends(), "");
}

/// H1: when a ping is due and an ack waits, the ack goes out and the ping need not.
#[test]
fn a_ping_is_left_out_when_an_ack_waits() {
    let mut client = Client::logged_in();
    let token = client.gets("1");
    client.at(60_000).times_out();
    client.acks(token);
    assert_eq!(client.sends(), ack("1"));
    assert_eq!(client.deadline(), Some(120_000));
}

/// H1: a ping that already stands in the buffer goes out whole, and the acks after it.
#[test]
fn a_ping_under_way_is_finished() {
    let mut client = Client::logged_in();
    let token = client.gets("1");
    client.at(60_000).times_out();
    assert_eq!(client.sends_at_most(5).as_deref(), Some(&PING[..5]));
    client.acks(token);
    assert_eq!(
        client.at(61_000).sends(),
        format!("{}{}", &PING[5..], ack("1"))
    );
    assert_eq!(client.deadline(), Some(71_000));
}

/// H1: a driver can tell a ping from what else it sends, to its last byte; so it can count those that nothing answers.
#[test]
fn a_ping_is_told_from_an_ack() {
    let mut client = Client::logged_in();
    let token = client.gets("1");
    client.acks(token);
    client.sends_at_most(1);
    assert!(!client.session.is_pinging());
    client.sends();
    for round in 1..3 {
        client.at(round * 60_000).times_out();
        assert!(!client.session.is_pinging(), "it is due, and not written");
        client.session.pause_reading();
        client.sends_at_most(PING.len() - 1);
        assert!(client.session.is_pinging());
        assert_eq!(client.sends(), PING[PING.len() - 1..]);
        assert!(!client.session.is_pinging());
    }
}

/// H3: the answer has 10 s from when the ping has left, not from when it was due.
#[test]
fn the_answer_has_its_time_from_when_the_ping_left() {
    let mut client = Client::logged_in();
    client.at(60_000).times_out();
    client.sends_at_most(10);
    assert_eq!(
        client.deadline(),
        Some(90_000),
        "a stalled transport, no missing answer"
    );
    client.at(65_000).sends();
    assert_eq!(client.deadline(), Some(75_000));
    client.at(74_999).times_out();
    assert_eq!(client.state(), State::LoggedIn);
    client.at(75_000).times_out();
    assert_eq!((client.state(), client.deadline()), (DEAD, None));
    assert!(client.reads(PONG).is_none());
}

/// H3: any line proves that the link lives, and so does a part of a long one.
#[test]
fn any_line_proves_life() {
    for line in [
        PONG,
        "No Heartbeat!",
        "",
        "{\"cmd\":\"x\"}",
        &crate::story::push("1"),
    ] {
        let mut client = Client::logged_in();
        client.at(60_000).times_out();
        client.sends();
        let _ = client.at(69_999).reads(line);
        assert_eq!(client.deadline(), Some(120_000), "{line}");
    }
    let mut client = Client::logged_in();
    client.at(60_000).times_out();
    client.sends();
    let mut buffer = LineBuf::new([b'x'; 8]);
    buffer.commit(8);
    let now = noti_proto::Instant::from_millis(69_999);
    let part = client.session.handle_line(now, buffer.next_line().unwrap());
    assert!(matches!(part, Some(Event::OversizePart { .. })));
    assert_eq!(client.deadline(), Some(120_000));
}

/// H3: any byte proves life, so a line that takes longer than the deadline to arrive does not end its own connection.
#[test]
fn a_slow_line_survives() {
    let mut client = Client::logged_in();
    let mut buffer = LineBuf::new([0; 128]);
    let line = crate::story::push("1") + "\n";
    // One byte every 9 s: the line takes more than ten pings and as many deadlines.
    let mut token = None;
    for (byte, at) in line.bytes().zip((51_000..).step_by(9_000)) {
        for deadline in (at - 9_000..=at).step_by(1_000) {
            client.at(deadline).times_out();
            client.sends();
        }
        buffer.spare()[0] = byte;
        buffer.commit(1);
        let now = noti_proto::Instant::from_millis(at);
        client.session.note_received(now);
        assert!(!client.session.is_awaiting_pong());
        while let Some(line) = buffer.next_line() {
            if let Some(Event::Delivery(delivery)) = client.session.handle_line(now, line) {
                token = Some(delivery.token());
            }
        }
        client.times_out();
        assert_eq!(client.state(), State::LoggedIn, "at {at}");
    }
    client.acks(token.expect("the line has arrived"));
    assert_eq!(client.sends(), ack("1"));
}

/// H3: bytes that have arrived answer the pings before them, not the next one.
#[test]
fn a_line_that_stops_coming_does_not_keep_a_dead_link() {
    let mut client = Client::logged_in();
    client.at(60_000).times_out();
    client.sends();
    client
        .session
        .note_received(noti_proto::Instant::from_millis(69_999));
    assert_eq!(client.deadline(), Some(120_000));
    client.at(120_000).times_out();
    client.sends();
    client.at(130_000).times_out();
    assert_eq!(client.state(), DEAD);
}

/// H3: what has arrived counts before the deadline does, even when both are handled late: lines are fed first.
#[test]
fn a_late_loop_does_not_miss_an_answer_that_is_there() {
    let mut client = Client::logged_in();
    client.at(60_000).times_out();
    client.sends();
    assert!(client.at(500_000).reads(PONG).is_some());
    client.times_out();
    assert_eq!(client.state(), State::LoggedIn);
    assert_eq!(client.sends(), PING);
}

/// H3: another ping, sent before the first was answered, does not give the answer more time.
#[test]
fn the_first_ping_counts() {
    let mut config = Config::default();
    config.ping_interval = Duration::from_secs(4);
    let mut client = Client::new(config, Inline::<256, 5>::new());
    client.is_let_in();
    for at in [4_000, 8_000, 12_000] {
        client.at(at).times_out();
        assert_eq!(client.sends(), PING);
    }
    assert_eq!(client.deadline(), Some(14_000));
    client.at(14_000).times_out();
    assert_eq!(client.state(), DEAD);
}

/// H3: an ack that is sent does not answer a ping.
#[test]
fn what_is_sent_does_not_prove_life() {
    let mut client = Client::logged_in();
    let token = client.gets("1");
    client.at(60_000).times_out();
    client.sends();
    client.at(65_000).acks(token);
    client.sends();
    assert_eq!(client.deadline(), Some(70_000));
}

/// H4: while the client does not read, the answer cannot be missed; its full time begins when reading goes on.
#[test]
fn a_paused_reader_misses_no_answer() {
    let mut client = Client::logged_in();
    client.at(60_000).times_out();
    client.sends();
    client.session.pause_reading();
    assert_eq!(client.deadline(), Some(120_000));
    client.at(119_000).times_out();
    assert_eq!(client.state(), State::LoggedIn);
    client
        .session
        .resume_reading(noti_proto::Instant::from_millis(119_000));
    assert_eq!(client.deadline(), Some(120_000));
    client.at(120_000).times_out();
    client.sends();
    assert_eq!(client.deadline(), Some(129_000));
    client.at(129_000).times_out();
    assert_eq!(client.state(), DEAD);
}

/// H4, L5: the login's answer cannot be missed either, whether the pause began before the login had left or after.
#[test]
fn a_paused_reader_misses_no_answer_to_the_login() {
    for early in [true, false] {
        let mut client = Client::idle();
        client.connects();
        if early {
            client.session.pause_reading();
        }
        client.sends();
        client.session.pause_reading();
        client.at(50_000).times_out();
        assert_eq!(client.state(), State::LoggingIn);
        client
            .session
            .resume_reading(noti_proto::Instant::from_millis(50_000));
        assert_eq!(client.deadline(), Some(60_000));
        client.at(60_000).times_out();
        assert_eq!(client.state(), State::Closed(CloseReason::LoginTimeout));
    }
}

/// H4, L5: a login that has not left waits for no answer, however often the client pauses.
#[test]
fn a_login_under_way_is_not_awaited() {
    let mut client = Client::idle();
    client.connects();
    client.session.pause_reading();
    client
        .session
        .resume_reading(noti_proto::Instant::from_millis(1_000));
    assert_eq!(client.deadline(), Some(30_000), "it stalls");
    client.at(2_000).sends();
    assert_eq!(client.deadline(), Some(12_000));
}

/// H4: pings go on while the client does not read, and none of them is awaited.
#[test]
fn a_paused_reader_pings_on() {
    let mut client = Client::logged_in();
    client.session.pause_reading();
    client.session.pause_reading();
    for round in 1..10 {
        client.at(round * 60_000).times_out();
        assert_eq!(client.sends(), PING);
        assert_eq!(client.deadline(), Some(round * 60_000 + 60_000));
    }
    client
        .session
        .resume_reading(noti_proto::Instant::from_millis(550_000));
    assert_eq!(client.deadline(), Some(560_000));
    client
        .session
        .resume_reading(noti_proto::Instant::from_millis(555_000));
    assert_eq!(
        client.deadline(),
        Some(560_000),
        "to go on twice gives no more time"
    );
    assert!(client.at(559_999).reads(PONG).is_some());
    assert_eq!(client.deadline(), Some(600_000));
}

/// H4: a pause without a ping changes nothing, and a new connection begins unpaused.
#[test]
fn a_pause_without_a_ping_changes_nothing() {
    let mut client = Client::logged_in();
    client.session.pause_reading();
    client
        .session
        .resume_reading(noti_proto::Instant::from_millis(5_000));
    assert_eq!(client.deadline(), Some(60_000));
    client.session.pause_reading();
    client.at(10_000).is_let_in();
    client.at(70_000).times_out();
    client.sends();
    assert_eq!(client.deadline(), Some(80_000));
}

/// H5: a transport that takes no byte for 30 s is dead; each byte that it takes gives it 30 s more.
#[test]
fn a_stalled_transport_is_dead() {
    let mut client = Client::idle();
    client.at(1_000).connects();
    assert_eq!(client.deadline(), Some(31_000));
    client.at(30_999).sends_at_most(1);
    assert_eq!(client.deadline(), Some(60_999));
    client.at(40_000).sends_at_most(0);
    assert_eq!(client.deadline(), Some(60_999), "no byte, no progress");
    client.at(60_998).times_out();
    assert_eq!(client.state(), State::LoggingIn);
    client.at(60_999).times_out();
    assert_eq!(client.state(), State::Closed(CloseReason::TransmitStalled));
    assert_eq!((client.deadline(), client.sends().as_str()), (None, ""));
}

/// H5: the same for acks: their time begins when they are offered.
#[test]
fn acks_that_do_not_leave_show_a_dead_transport() {
    let mut client = Client::logged_in();
    let tokens = [client.gets("1"), client.gets("2")];
    client.at(5_000).acks(tokens[0]);
    assert_eq!(client.deadline(), Some(60_000));
    client.at(6_000).sends_at_most(0);
    assert_eq!(client.deadline(), Some(36_000));
    client.at(7_000).acks(tokens[1]);
    client.at(8_000).sends_at_most(0);
    assert_eq!(
        client.deadline(),
        Some(36_000),
        "another ack gives no more time"
    );
    assert_eq!(
        client.at(9_000).sends(),
        format!("{}{}", ack("1"), ack("2"))
    );
    assert_eq!(client.deadline(), Some(69_000));
}

/// H5: incoming lines do not help a transport that takes nothing.
#[test]
fn reading_does_not_help_a_stalled_transport() {
    let mut client = Client::logged_in();
    client.at(60_000).times_out();
    client.sends_at_most(1);
    assert!(client.at(80_000).reads(PONG).is_some());
    client.at(90_000).times_out();
    assert_eq!(client.state(), State::Closed(CloseReason::TransmitStalled));
}

/// H6: the server's parting words are a malformed line; the end of the connection is told by the transport.
#[test]
fn the_servers_parting_words_are_reported() {
    let mut client = Client::logged_in();
    let event = client.reads("No Heartbeat!");
    assert!(matches!(
        event,
        Some(Event::Malformed {
            line: b"No Heartbeat!",
            token: None,
            ..
        })
    ));
    assert_eq!(client.state(), State::LoggedIn);
    client.disconnects();
    assert_eq!(client.state(), State::Closed(CloseReason::Disconnected));
}

/// H1: calls that come early or twice change nothing.
#[test]
fn early_and_repeated_calls_change_nothing() {
    let mut client = Client::logged_in();
    for at in [0, 0, 1, 59_999, 59_999, 30_000] {
        client.at(at).times_out();
        assert_eq!(
            (client.sends().as_str(), client.deadline()),
            ("", Some(60_000))
        );
    }
    for _ in 0..3 {
        client.at(60_000).times_out();
    }
    assert_eq!(client.sends(), PING);
    client.at(60_000).times_out();
    assert_eq!(client.sends(), "");
}

/// H1, H3: time may jump to its very end.
#[test]
fn time_may_jump() {
    let mut client = Client::logged_in();
    client.at(u64::MAX - 1).times_out();
    assert_eq!(client.sends(), PING);
    client.at(u64::MAX).times_out();
    assert_eq!(client.deadline(), None);
    assert_eq!(
        client.state(),
        State::LoggedIn,
        "beyond the end of time there is no deadline"
    );
}

/// H1: a clock that jumps back only delays.
#[test]
fn a_clock_that_jumps_back_only_delays() {
    let mut client = Client::logged_in();
    client.at(60_000).times_out();
    client.at(10_000);
    assert_eq!(client.sends(), PING);
    assert_eq!(client.deadline(), Some(20_000));
    assert!(client.at(5_000).reads(PONG).is_some());
    assert_eq!(client.deadline(), Some(70_000));
}

/// H1, H3, H5, L5: a loop that only sleeps until the deadline and handles it comes to an end: no deadline is handled twice.
/// Whatever the transport does, the link is dead within the sum of the timeouts.
#[test]
fn a_loop_over_deadlines_cannot_spin() {
    for taken in [0, 1, usize::MAX] {
        for mut client in [Client::logging_in(), Client::logged_in()] {
            let mut steps = 0;
            let mut last = 0;
            while let Some(at) = client.deadline() {
                assert!(at > last || steps == 0, "{at} again");
                last = at;
                client.at(at).times_out();
                client.sends_at_most(taken);
                steps += 1;
                assert!(steps < 100);
            }
            assert!(matches!(client.state(), State::Closed(_)));
        }
    }
}

/// H2, H3: a driver may learn only after the answer has come that the ping had left; there will be no second answer.
#[test]
fn a_pong_before_the_report_is_the_answer() {
    let mut client = Client::logged_in();
    client.at(60_000).times_out();
    client.sends_at_most(PING.len() - 1);
    assert!(matches!(client.reads(PONG), Some(Event::Pong)));
    assert_eq!(client.sends(), PING[PING.len() - 1..]);
    assert_eq!(client.deadline(), Some(120_000));
}
