//! Tokens, and the acks that they become.

use noti_proto::{AckError, Borrowed, CloseReason, Config, Event, Inline, Slot, State};

use crate::story::{ACCEPTED, Client, ack, push};

/// A1: nothing is acked until the application says so; then once, in the order of its calls.
#[test]
fn acks_leave_in_the_order_of_the_calls() {
    let mut client = Client::logged_in();
    let tokens = ["1", "2", "3", "4"].map(|id| client.gets(id));
    assert_eq!(
        (client.sends().as_str(), client.session.in_flight()),
        ("", 4)
    );
    for (token, in_flight, unsent) in [(tokens[2], 3, 1), (tokens[0], 2, 2), (tokens[3], 1, 3)] {
        client.acks(token);
        assert_eq!(
            (client.session.in_flight(), client.session.unsent()),
            (in_flight, unsent)
        );
    }
    assert_eq!(client.sends(), [ack("3"), ack("1"), ack("4")].concat());
    assert_eq!(
        (client.session.in_flight(), client.session.unsent()),
        (1, 0)
    );
    client.acks(tokens[1]);
    assert_eq!(client.sends(), ack("2"));
    assert_eq!(client.sends(), "");
}

/// A1: as many acks as fit the transmit buffer leave at once.
#[test]
fn many_acks_share_a_transmit() {
    let mut config = Config::default();
    config.prefetch = 50;
    let mut client = Client::new(config, Inline::<256, 50>::new());
    client.is_let_in();
    let tokens: Vec<_> = (10..60).map(|id| client.gets(&id.to_string())).collect();
    tokens.into_iter().for_each(|token| client.acks(token));
    let mut sent = String::new();
    let mut writes = 0;
    while let Some(bytes) = client.sends_at_most(usize::MAX) {
        assert!(bytes.ends_with('\n'), "whole acks");
        sent += &bytes;
        writes += 1;
    }
    assert_eq!(
        sent,
        (10..60).map(|id| ack(&id.to_string())).collect::<String>()
    );
    assert_eq!(writes, 50_usize.div_ceil(256 / ack("10").len()));
}

/// A1: `unsent` counts an ack until its last byte has left.
#[test]
fn an_ack_is_unsent_until_its_last_byte_has_left() {
    let mut client = Client::logged_in();
    let tokens = ["1", "2"].map(|id| client.gets(id));
    tokens.into_iter().for_each(|token| client.acks(token));
    assert_eq!(client.session.unsent(), 2);
    client.sends_at_most(0);
    assert_eq!(client.session.unsent(), 2);
    client.sends_at_most(ack("1").len() - 1);
    assert_eq!(client.session.unsent(), 2);
    client.sends_at_most(1);
    assert_eq!(client.session.unsent(), 1);
    client.sends();
    assert_eq!(client.session.unsent(), 0);
}

/// A2, A3: the id goes back with exactly its bytes, whatever scalar it is, up to 40 bytes.
#[test]
fn an_id_goes_back_byte_for_byte() {
    let longest = "1".repeat(40);
    let longest_text = format!("\"{}\"", "x".repeat(38));
    let ids = [
        "1",
        "0",
        "-0",
        "-1",
        "1.0",
        "1e0",
        "1E+00",
        "18446744073709551615",
        "9007199254740993",
        "1.00000000000000000000000000001",
        "true",
        "false",
        "null",
        "\"\"",
        "\"1\"",
        "\"优\"",
        r#""\u0031""#,
        r#""a\"b\\""#,
        r#""\ud800""#,
        "\" a  b \"",
        &longest,
        &longest_text,
    ];
    for id in ids {
        let mut client = Client::logged_in();
        let line = push(id);
        let delivery = client.reads_delivery(&line);
        assert_eq!(delivery.delivery_id(), id.as_bytes());
        client.acks(delivery.token());
        assert_eq!(client.sends(), ack(id));
    }
}

/// A2: white space around an id is no part of it.
#[test]
fn white_space_around_an_id_is_left_out() {
    let mut client = Client::logged_in();
    let token = client.gets("\t\r 12 \t");
    client.acks(token);
    assert_eq!(client.sends(), ack("12"));
}

/// A3: an id that is too long, no scalar, or not there makes the event malformed, without a token; no slot is lost.
#[test]
fn an_event_without_a_usable_id_is_malformed() {
    use noti_proto::LineError::{DeliveryIdNotScalar, DeliveryIdTooLong, NoDeliveryId};
    let cases = [
        (push(&"1".repeat(41)), DeliveryIdTooLong),
        (push(&format!("\"{}\"", "x".repeat(39))), DeliveryIdTooLong),
        (push("[1]"), DeliveryIdNotScalar),
        (push("{}"), DeliveryIdNotScalar),
        (
            push(&format!("[{}]", "1,".repeat(40) + "1")),
            DeliveryIdNotScalar,
        ),
        (
            r#"{"cmd":"enterprise_event_push","event_type":"device_offline"}"#.into(),
            NoDeliveryId,
        ),
        (
            r#"{"cmd":"enterprise_event_push","data":{"delivery_id":1}}"#.into(),
            NoDeliveryId,
        ),
    ];
    let mut client = Client::logged_in();
    for (line, expected) in cases.iter().cycle().take(50) {
        match client.reads(line) {
            Some(Event::Malformed {
                line: kept,
                error,
                push: true,
                token: None,
            }) => {
                assert_eq!((kept, error), (line.as_bytes(), *expected));
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(
        (client.session.in_flight(), client.state()),
        (0, State::LoggedIn)
    );
}

/// A1: the second ack of a delivery is an error, and nothing is sent for it, even when another delivery has its slot.
#[test]
fn a_delivery_is_acked_once() {
    let mut client = Client::logged_in();
    let first = client.gets("1");
    client.acks(first);
    assert_eq!(
        client.session.ack(first),
        Err(AckError::AlreadyAcked),
        "queued"
    );
    assert_eq!(client.sends(), ack("1"));
    assert_eq!(
        client.session.ack(first),
        Err(AckError::AlreadyAcked),
        "sent"
    );
    let second = client.gets("2");
    assert_eq!(
        client.session.ack(first),
        Err(AckError::AlreadyAcked),
        "its slot taken again"
    );
    assert_eq!(
        (client.sends().as_str(), client.session.in_flight()),
        ("", 1)
    );
    client.acks(second);
    assert_eq!(client.sends(), ack("2"));
}

/// A4: a token dies with its connection, in every way that one can end, and with it the acks that had not left.
#[test]
fn a_token_dies_with_its_connection() {
    type End = fn(&mut Client);
    let ends: [End; 4] = [
        |client| client.disconnects(),
        |client| client.connects(),
        |client| {
            client.at(60_000).times_out();
            client.at(90_000).times_out();
        },
        |client| {
            let _ = client.reads(r#"{"cmd":"invalid_msg","error_code":4001}"#);
        },
    ];
    for end in ends {
        let mut client = Client::logged_in();
        let tokens = ["1", "2", "3"].map(|id| client.gets(id));
        client.acks(tokens[0]);
        client.acks(tokens[1]);
        client.sends_at_most(20);
        end(&mut client);
        if client.state() == State::LoggedIn {
            // The ping that the time called for has not been answered, or the ack has not moved.
            client.at(200_000).times_out();
        }
        assert_eq!(
            (client.session.in_flight(), client.session.unsent()),
            (0, 0)
        );
        for token in tokens {
            assert_eq!(client.session.ack(token), Err(AckError::Stale));
        }
        client.is_let_in();
        assert_eq!(client.sends(), "");
        let token = client.gets("1");
        for old in tokens {
            assert_eq!(
                client.session.ack(old),
                Err(AckError::Stale),
                "though the id is the same"
            );
        }
        client.acks(token);
        assert_eq!(client.sends(), ack("1"));
    }
}

/// A4: the half of an ack that had left before the cut is not finished on the next connection.
#[test]
fn the_rest_of_an_ack_is_not_sent_on_the_next_connection() {
    let mut client = Client::logged_in();
    let token = client.gets("1");
    client.acks(token);
    client.sends_at_most(10);
    client.disconnects();
    assert_eq!(client.sends(), "");
    client.connects();
    assert_eq!(client.sends(), crate::story::LOGIN_LINE);
}

/// A4: before the first connection there is nothing to ack.
#[test]
fn a_token_means_nothing_before_a_connection() {
    let token = Client::logged_in().gets("1");
    assert_eq!(Client::idle().session.ack(token), Err(AckError::Stale));
}

/// A1: with a nonce of its own, a session refuses another's tokens.
#[test]
fn a_token_of_another_session_is_refused() {
    let mut config = Config::default();
    config.nonce = 7;
    let mut one = Client::new(config, Inline::<256, 5>::new());
    let mut other = Client::logged_in();
    one.is_let_in();
    let (ones, others) = (one.gets("1"), other.gets("1"));
    assert_eq!(one.session.ack(others), Err(AckError::OtherSession));
    assert_eq!(other.session.ack(ones), Err(AckError::OtherSession));
    assert_eq!((one.sends() + &other.sends()).as_str(), "");
    one.acks(ones);
    other.acks(others);
}

/// A6: un-acked deliveries hold their places; acks that have left free them.
#[test]
fn the_window_moves_with_the_acks() {
    let mut client = Client::logged_in();
    let mut tokens = std::collections::VecDeque::new();
    for id in 0..1000 {
        if tokens.len() == 5 {
            client.acks(tokens.pop_front().unwrap());
            assert!(!client.sends().is_empty());
        }
        tokens.push_back(client.gets(&id.to_string()));
        assert_eq!(client.session.in_flight(), tokens.len());
    }
}

/// A6: a server that sends more than there is room for ends the session; the acks that were given leave first, those that
/// are given meanwhile too, and nothing that still arrives is handed out.
#[test]
fn a_server_that_overruns_the_window_ends_the_session() {
    let mut client = Client::logged_in();
    let tokens = ["1", "2", "3", "4", "5"].map(|id| client.gets(id));
    client.acks(tokens[1]);
    assert_eq!(client.session.in_flight(), 4);
    assert!(client.reads(&push("6")).is_none());
    assert_eq!(client.state(), State::Closing(CloseReason::WindowExceeded));
    client.acks(tokens[3]);
    assert!(client.reads(&push("7")).is_none());
    assert!(client.reads(crate::story::PONG).is_none());
    assert_eq!(client.sends_at_most(10), Some(ack("2")[..10].into()));
    assert_eq!(client.state(), State::Closing(CloseReason::WindowExceeded));
    assert_eq!(client.sends(), ack("2")[10..].to_owned() + &ack("4"));
    assert_eq!(client.state(), State::Closed(CloseReason::WindowExceeded));
    assert_eq!(client.session.ack(tokens[0]), Err(AckError::Stale));
    assert_eq!(client.deadline(), None);
}

/// A6, H5, H1: while the last acks do not leave, the end comes by the stalled transport; no ping is due on a connection that
/// ends.
#[test]
fn a_closing_session_does_not_wait_for_ever() {
    let mut config = Config::default();
    config.ping_interval = core::time::Duration::from_secs(10);
    let mut client = Client::new(config, Inline::<256, 5>::new());
    client.is_let_in();
    let tokens = ["1", "2", "3", "4", "5"].map(|id| client.gets(id));
    client.acks(tokens[0]);
    assert!(client.at(5_000).reads(&push("6")).is_none());
    client.sends_at_most(0);
    assert_eq!(client.deadline(), Some(35_000));
    client.at(6_000).sends_at_most(3);
    assert_eq!(client.deadline(), Some(36_000));
    client.at(36_000).times_out();
    assert_eq!(client.state(), State::Closed(CloseReason::WindowExceeded));
}

/// A6: without acks to send, an overrun ends the session at once.
#[test]
fn an_overrun_without_acks_ends_at_once() {
    let mut client = Client::logged_in();
    for id in ["1", "2", "3", "4", "5"] {
        let _ = client.gets(id);
    }
    assert!(client.reads(&push("6")).is_none());
    assert_eq!(client.state(), State::Closed(CloseReason::WindowExceeded));
}

/// A6, L7: before the login is answered too, where no ack may leave.
#[test]
fn an_overrun_before_the_login_ends_at_once() {
    let mut client = Client::logging_in();
    for id in ["1", "2", "3", "4", "5"] {
        let token = client.gets(id);
        client.acks(token);
    }
    assert!(client.reads(&push("6")).is_none());
    assert_eq!(client.state(), State::Closed(CloseReason::WindowExceeded));
    assert_eq!(client.sends(), "");
    assert!(client.reads(ACCEPTED).is_none());
}

/// A6: after the connection closed, the events come again with new ids, and are acked with those.
#[test]
fn a_redelivered_event_has_its_new_id() {
    let mut client = Client::logged_in();
    let old = client.gets("7");
    client.disconnects();
    client.is_let_in();
    let new = client.gets("1");
    assert_eq!(client.session.ack(old), Err(AckError::Stale));
    client.acks(new);
    assert_eq!(client.sends(), ack("1"));
}

/// A1, A6: at the largest window every step costs the same: three windows full of acks in an order that jumps about.
/// Were a step to walk over the window, this would take minutes.
#[test]
fn the_largest_window_costs_no_more() {
    const WINDOW: usize = 32_767;
    let mut config = Config::default();
    config.prefetch = 32_767;
    let (mut tx, mut slots) = (vec![0; 4096], vec![Slot::EMPTY; WINDOW]);
    let mut client = Client::new(config, Borrowed::new(&mut tx, &mut slots));
    client.is_let_in();
    for _ in 0..3 {
        let tokens: Vec<_> = (0..WINDOW).map(|id| client.gets(&id.to_string())).collect();
        assert_eq!(client.session.in_flight(), WINDOW);
        // A step that has no common factor with the window reaches every token once.
        for step in 0..WINDOW {
            client.acks(tokens[step * 20_011 % WINDOW]);
        }
        assert_eq!(
            (client.session.in_flight(), client.session.unsent()),
            (0, WINDOW)
        );
        let sent = client.sends();
        let expected = (0..WINDOW).map(|step| ack(&(step * 20_011 % WINDOW).to_string()));
        assert!(expected.eq(sent.split_inclusive('\n')));
        assert_eq!(client.session.unsent(), 0);
    }
}
