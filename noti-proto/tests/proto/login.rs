//! The login: what is sent, what the answers mean, how long they may take.

use core::time::Duration;

use noti_proto::{
    CloseReason, Config, ConfigError, ConnectError, Event, Inline, Instant, LineError, Login,
    Session, State,
};

use crate::story::{ACCEPTED, Client, LOGIN, LOGIN_LINE, PING, PONG, REFUSED, ack};

/// L1: the login is the first thing that is sent, exactly so.
#[test]
fn a_connection_begins_with_the_login() {
    let mut client = Client::idle();
    assert_eq!(client.state(), State::Idle);
    assert_eq!(client.sends(), "");
    client.connects();
    assert_eq!(client.state(), State::LoggingIn);
    assert_eq!(client.sends(), LOGIN_LINE);
    assert_eq!(client.sends(), "");
}

/// L1: the transport may take it in pieces; what it has not taken comes again.
#[test]
fn the_login_may_leave_in_pieces() {
    let mut client = Client::idle();
    client.connects();
    let now = Instant::ZERO;
    let mut sent = String::new();
    for piece in [0, 1, 40, 3].into_iter().cycle() {
        let before = client.session.poll_transmit(now).to_vec();
        assert_eq!(
            client.session.poll_transmit(now),
            before,
            "the same until it is taken"
        );
        match client.sends_at_most(piece) {
            Some(bytes) => sent += &bytes,
            None if piece > 0 => break,
            None => {}
        }
    }
    assert_eq!(sent, LOGIN_LINE);
}

/// L1: any text serves as id and secret; what JSON cannot hold as it is, is escaped.
#[test]
fn credentials_of_any_content_are_escaped() {
    let mut session = Session::new(Config::default(), Inline::<256, 5>::new()).unwrap();
    let login = Login {
        enterprise_id: "企业\"\\/",
        enterprise_secret: "\0\u{1}\n\r\t\u{1f}\u{7f}😀",
    };
    session.connected(Instant::ZERO, &login).unwrap();
    let sent = session.poll_transmit(Instant::ZERO);
    let expected = concat!(
        r#"{"cmd":"enterprise_login_req","data":{"enterprise_id":"企业\"\\/","#,
        r#""enterprise_secret":"\u0000\u0001\n\r\t\u001f"#,
        "\u{7f}😀\",\"prefetch_count\":5}}\n"
    );
    assert_eq!(str::from_utf8(sent), Ok(expected));
}

/// L1: a login that does not fit says how long it is; what fits to the byte is sent.
#[test]
fn a_login_that_does_not_fit_says_how_long_it_is() {
    let available = 96;
    let fixed = LOGIN_LINE.len() - "id".len() - "secret".len();
    let secret = "s".repeat(60);
    let needed = fixed + 1 + secret.len();
    let mut session = Session::new(Config::default(), Inline::<96, 5>::new()).unwrap();
    let login = Login {
        enterprise_id: "i",
        enterprise_secret: &secret,
    };
    let error = session.connected(Instant::ZERO, &login).unwrap_err();
    assert_eq!(error, ConnectError::LoginTooLong { needed, available });
    assert_eq!(
        error.to_string(),
        format!("the login takes {needed} bytes and the transmit buffer has 96; give a longer one")
    );
    assert_eq!(session.state(), State::Idle);
    assert_eq!(session.poll_transmit(Instant::ZERO), b"");
    assert_eq!(session.poll_timeout(), None);

    let login = Login {
        enterprise_secret: &secret[..96 - fixed.min(96)],
        ..login
    };
    let fits = fixed + 1 + login.enterprise_secret.len() <= available;
    assert_eq!(session.connected(Instant::ZERO, &login).is_ok(), fits);

    let mut session = Session::new(Config::default(), Inline::<128, 5>::new()).unwrap();
    for length in 0..60 {
        let secret = "s".repeat(length);
        let login = Login {
            enterprise_id: "",
            enterprise_secret: &secret,
        };
        let fits = fixed + length <= 128;
        assert_eq!(
            session.connected(Instant::ZERO, &login).is_ok(),
            fits,
            "{length}"
        );
        assert_eq!(
            session.poll_transmit(Instant::ZERO).len(),
            if fits { fixed + length } else { 0 }
        );
    }
}

/// L2: the prefetch goes into the login; it is 5 by default, and from 1 to 32767.
#[test]
fn the_prefetch_has_its_bounds() {
    let session = |prefetch, slots| {
        let mut config = Config::default();
        config.prefetch = prefetch;
        let (mut tx, mut slots) = ([0; 256], vec![noti_proto::Slot::EMPTY; slots]);
        let mut session = Session::new(config, noti_proto::Borrowed::new(&mut tx, &mut slots))?;
        session.connected(Instant::ZERO, &LOGIN).unwrap();
        let sent = String::from_utf8(session.poll_transmit(Instant::ZERO).to_vec()).unwrap();
        let count = sent.split("\"prefetch_count\":").nth(1).unwrap();
        Ok(count
            .trim_end()
            .trim_end_matches('}')
            .parse::<u32>()
            .unwrap())
    };
    assert_eq!(Config::default().prefetch, 5);
    let cases = [
        (0, 5, Err(ConfigError::Prefetch)),
        (1, 1, Ok(1)),
        (5, 5, Ok(5)),
        (5, 4, Err(ConfigError::Slots)),
        (5, 65_534, Ok(5)),
        (5, 65_535, Err(ConfigError::Slots)),
        (32_767, 32_767, Ok(32_767)),
        (32_768, 40_000, Err(ConfigError::Prefetch)),
        (u16::MAX, 65_534, Err(ConfigError::Prefetch)),
    ];
    for (prefetch, slots, expected) in cases {
        assert_eq!(session(prefetch, slots), expected, "{prefetch} in {slots}");
    }
}

/// L2, L5, H1, H3, H5: settings out of range are refused, and say what would be in range.
#[test]
fn settings_out_of_range_are_refused() {
    type Change = fn(&mut Config, Duration);
    let timeouts: [Change; 3] = [
        |config, span| config.pong_timeout = span,
        |config, span| config.login_timeout = span,
        |config, span| config.stall_timeout = span,
    ];
    let ping: Change = |config, span| config.ping_interval = span;
    let made = |change: Change, span| {
        let mut config = Config::default();
        change(&mut config, span);
        Session::new(config, Inline::<256, 5>::new()).err()
    };
    const DAY: Duration = Duration::from_secs(24 * 60 * 60);
    const MILLISECOND: Duration = Duration::from_millis(1);
    for timeout in timeouts {
        assert_eq!(made(timeout, MILLISECOND), None);
        assert_eq!(made(timeout, DAY), None);
        for span in [
            Duration::ZERO,
            Duration::from_micros(999),
            DAY + MILLISECOND,
            Duration::MAX,
        ] {
            assert_eq!(made(timeout, span), Some(ConfigError::Timeout), "{span:?}");
        }
    }
    assert_eq!(made(ping, MILLISECOND), None);
    assert_eq!(made(ping, Duration::from_secs(270)), None);
    for span in [
        Duration::ZERO,
        Duration::from_millis(270_001),
        Duration::MAX,
    ] {
        assert_eq!(
            made(ping, span),
            Some(ConfigError::PingInterval),
            "{span:?}"
        );
    }
    let short = Session::new(Config::default(), Inline::<95, 5>::new());
    assert_eq!(short.err(), Some(ConfigError::TransmitBuffer));
}

/// L3: a positive answer lets the client in.
#[test]
fn an_accepted_login_is_told() {
    let mut client = Client::logging_in();
    assert!(matches!(client.reads(ACCEPTED), Some(Event::LoggedIn)));
    assert_eq!(client.state(), State::LoggedIn);
    let mut client = Client::logging_in();
    let other = r#"{"data":{"x":[1],"result":true},"cmd":"enterprise_login_res"}"#;
    assert!(matches!(client.reads(other), Some(Event::LoggedIn)));
}

/// L3: an answer without a boolean result is malformed; the client waits on, as long as it would have.
#[test]
fn an_answer_without_a_result_leaves_the_client_waiting() {
    let mut client = Client::logging_in();
    for data in [
        "",
        r#","data":null"#,
        r#","data":{}"#,
        r#","data":{"result":null}"#,
        r#","data":{"result":1}"#,
        r#","data":{"result":"true"}"#,
        r#","data":[true]"#,
        r#","result":true"#,
    ] {
        let line = format!(r#"{{"cmd":"enterprise_login_res"{data}}}"#);
        assert!(matches!(
            client.at(9_000).reads(&line),
            Some(Event::Malformed {
                error: LineError::NoLoginResult,
                token: None,
                ..
            })
        ));
        assert_eq!(
            (client.state(), client.deadline()),
            (State::LoggingIn, Some(10_000))
        );
    }
}

/// L4: a refusal ends the session and gives the server's words.
#[test]
fn a_refused_login_ends_the_session() {
    let mut client = Client::logging_in();
    let event = client.reads(REFUSED);
    assert!(
        matches!(event, Some(Event::LoginRefused { code: None, msg: Some(msg) }) if msg == "bad auth")
    );
    assert_eq!(client.state(), State::Closed(CloseReason::LoginRefused));
    assert_eq!((client.deadline(), client.sends().as_str()), (None, ""));
    assert!(client.reads(ACCEPTED).is_none());
    client.disconnects();
    assert_eq!(client.state(), State::Closed(CloseReason::LoginRefused));
}

/// L4: a refusal without words, or with words that are none, is one all the same.
#[test]
fn a_refusal_needs_no_words() {
    for data in [
        r#"{"result":false}"#,
        r#"{"result":false,"msg":7}"#,
        r#"{"result":false,"msg":null}"#,
    ] {
        let line = format!(r#"{{"cmd":"enterprise_login_res","data":{data}}}"#);
        let mut client = Client::logging_in();
        assert!(matches!(
            client.reads(&line),
            Some(Event::LoginRefused {
                code: None,
                msg: None
            })
        ));
    }
}

/// L5: the answer's time counts from when the login has left, to the millisecond.
#[test]
fn the_login_must_be_answered_in_time() {
    let mut client = Client::idle();
    client.at(1_000).connects();
    client.at(5_000).sends_at_most(10);
    client.at(7_000).sends();
    assert_eq!(client.deadline(), Some(17_000));
    client.at(16_999).times_out();
    assert_eq!(client.state(), State::LoggingIn);
    client.at(17_000).times_out();
    assert_eq!(client.state(), State::Closed(CloseReason::LoginTimeout));
    assert_eq!(client.deadline(), None);
}

/// L5: an answer in time stops the clock; other lines do not.
#[test]
fn only_the_answer_stops_the_login_timeout() {
    let mut client = Client::logging_in();
    for line in [PONG, "garbage", "", r#"{"cmd":"other"}"#] {
        let _ = client.at(9_999).reads(line);
        assert_eq!(client.deadline(), Some(10_000), "{line}");
    }
    assert!(client.reads(ACCEPTED).is_some());
    assert_eq!(client.deadline(), Some(60_000));
    client.at(10_000).times_out();
    assert_eq!(client.state(), State::LoggedIn);
}

/// L5: an answer that overtakes the end of the login is an answer.
#[test]
fn an_early_answer_counts() {
    let mut client = Client::idle();
    client.connects();
    client.sends_at_most(20);
    assert!(matches!(client.reads(ACCEPTED), Some(Event::LoggedIn)));
    assert_eq!(client.sends(), LOGIN_LINE[20..]);
    assert_eq!(client.deadline(), Some(60_000));
}

/// L5, H1: a login timeout longer than the ping interval does not send a ping before the login is answered.
#[test]
fn no_ping_goes_out_before_the_login_is_answered() {
    let mut config = Config::default();
    config.login_timeout = Duration::from_secs(100);
    let mut client = Client::new(config, Inline::<256, 5>::new());
    client.logs_in();
    assert_eq!(client.deadline(), Some(60_000));
    client.at(60_000).times_out();
    assert_eq!(
        (client.sends().as_str(), client.deadline()),
        ("", Some(100_000))
    );
    assert!(client.at(70_000).reads(ACCEPTED).is_some());
    assert_eq!(client.sends(), PING);
}

/// L6: a second positive answer means nothing; a negative one ends the session like a refusal.
#[test]
fn a_second_answer_is_reported_or_ends_the_session() {
    let mut client = Client::logged_in();
    assert!(
        matches!(client.reads(ACCEPTED), Some(Event::Unknown { line }) if line == ACCEPTED.as_bytes())
    );
    assert_eq!(client.state(), State::LoggedIn);
    let token = client.gets("1");
    assert!(matches!(
        client.reads(REFUSED),
        Some(Event::LoginRefused { .. })
    ));
    assert_eq!(client.state(), State::Closed(CloseReason::LoginRefused));
    assert_eq!(client.session.ack(token), Err(noti_proto::AckError::Stale));
}

/// L6: the client itself never logs in twice on one connection.
#[test]
fn one_connection_sees_one_login() {
    let mut client = Client::logged_in();
    let token = client.gets("1");
    client.acks(token);
    client.at(60_000).times_out();
    for _ in 0..3 {
        assert!(!client.sends().contains("login"));
    }
}

/// L7: an event that comes before the answer is delivered, and its ack waits for the answer.
#[test]
fn an_early_event_is_acked_after_the_login() {
    let mut client = Client::logging_in();
    let token = client.gets("1");
    client.acks(token);
    assert_eq!((client.sends().as_str(), client.session.unsent()), ("", 1));
    assert!(client.reads(ACCEPTED).is_some());
    assert_eq!(client.sends(), ack("1"));
    assert_eq!(client.session.unsent(), 0);
}

/// L7, L4: if the login is refused, the early event's ack never leaves.
#[test]
fn an_early_event_dies_with_a_refused_login() {
    let mut client = Client::logging_in();
    let early = client.gets("1");
    let held = client.gets("2");
    client.acks(early);
    assert!(client.reads(REFUSED).is_some());
    assert_eq!((client.sends().as_str(), client.session.unsent()), ("", 0));
    assert_eq!(client.session.ack(held), Err(noti_proto::AckError::Stale));
}

/// L1, F4: a session serves connection after connection, and each begins with the login.
#[test]
fn a_session_serves_many_connections() {
    let mut client = Client::logged_in();
    for round in 1..10 {
        client.at(round * 1000).disconnects();
        assert_eq!(client.state(), State::Closed(CloseReason::Disconnected));
        assert_eq!(client.deadline(), None);
        client.connects();
        assert_eq!(client.sends(), LOGIN_LINE);
        assert_eq!(client.deadline(), Some(round * 1000 + 10_000));
        assert!(client.reads(ACCEPTED).is_some());
    }
}
