//! The broker's end.

use core::time::Duration;

use noti_proto::server::{
    BrokerCloseReason, BrokerConfig, BrokerEvent, BrokerSession, BrokerState, ClientError,
    PushError,
};
use noti_proto::{ConfigError, Inline, Instant, Line, LineBuf, Storage};

use crate::story::{ACCEPTED, LOGIN_LINE, PING, PONG, ack};

struct Broker<S = Inline<512, 5>> {
    session: BrokerSession<S>,
    now: Instant,
}

impl Broker {
    fn connected() -> Self {
        Self::with(Inline::new())
    }

    fn logged_in() -> Self {
        let mut broker = Self::connected();
        broker.lets_in();
        broker
    }
}

impl<S: Storage> Broker<S> {
    fn with(storage: S) -> Self {
        let mut session = BrokerSession::new(BrokerConfig::default(), storage).unwrap();
        session.connected(Instant::ZERO);
        Self {
            session,
            now: Instant::ZERO,
        }
    }

    fn lets_in(&mut self) {
        assert!(matches!(
            self.reads(LOGIN_LINE),
            Some(BrokerEvent::LoginRequest(_))
        ));
        self.session.accept_login();
        assert_eq!(self.sends(), format!("{ACCEPTED}\n"));
    }

    fn at(&mut self, millis: u64) -> &mut Self {
        self.now = Instant::from_millis(millis);
        self
    }

    fn reads<'l>(&mut self, line: &'l (impl AsRef<[u8]> + ?Sized)) -> Option<BrokerEvent<'l>> {
        self.session
            .handle_line(self.now, Line::whole(line.as_ref()))
    }

    fn sends(&mut self) -> String {
        let mut sent = String::new();
        loop {
            let bytes = self.session.poll_transmit(self.now);
            if bytes.is_empty() {
                return sent;
            }
            sent += str::from_utf8(bytes).unwrap();
            let n = bytes.len();
            self.session.transmitted(self.now, n);
        }
    }

    fn pushes(&mut self, tag: u32) -> Result<(), PushError> {
        self.session
            .push(tag, br#"{"event_type":"device_offline"}"#)
    }

    fn times_out(&mut self) {
        self.session.handle_timeout(self.now);
        assert!(self.deadline().is_none_or(|at| at > self.now.as_millis()));
    }

    fn deadline(&self) -> Option<u64> {
        self.session.poll_timeout().map(Instant::as_millis)
    }
}

fn pushed(id: u64) -> String {
    format!(
        "{{\"cmd\":\"enterprise_event_push\",\"delivery_id\":{id},\"event_type\":\"device_offline\"}}\n"
    )
}

/// L1, L2, L3: a login is handed to the application, which lets the client in.
#[test]
fn a_client_is_let_in() {
    let mut broker = Broker::connected();
    assert_eq!(broker.session.state(), BrokerState::AwaitingLogin);
    let Some(BrokerEvent::LoginRequest(request)) = broker.reads(LOGIN_LINE) else {
        panic!("a login");
    };
    assert!(request.enterprise_id == "id" && request.enterprise_secret == "secret");
    assert_eq!(request.prefetch, 5);
    assert_eq!(
        format!("{request:?}"),
        r#"LoginRequest { enterprise_id: "id", prefetch: 5, .. }"#
    );
    assert_eq!(broker.session.state(), BrokerState::LoginRequested);
    assert_eq!((broker.sends().as_str(), broker.session.window()), ("", 0));
    broker.session.accept_login();
    assert_eq!(broker.sends(), format!("{ACCEPTED}\n"));
    assert_eq!(
        (broker.session.state(), broker.session.window()),
        (BrokerState::LoggedIn, 5)
    );
    broker.session.accept_login();
    assert_eq!(broker.sends(), "");
}

/// L4: a refused client is told why, and the connection ends once that has left.
#[test]
fn a_client_is_turned_away() {
    let mut broker = Broker::connected();
    broker.session.refuse_login("too early");
    assert_eq!(broker.session.state(), BrokerState::AwaitingLogin);
    assert!(broker.reads(LOGIN_LINE).is_some());
    broker.session.refuse_login("bad \"auth\"");
    assert_eq!(
        broker.session.state(),
        BrokerState::Closing(BrokerCloseReason::LoginRefused)
    );
    assert!(broker.reads(PING).is_none());
    let told = r#"{"cmd":"enterprise_login_res","data":{"result":false,"msg":"bad \"auth\""}}"#;
    assert_eq!(broker.sends(), format!("{told}\n"));
    assert_eq!(
        broker.session.state(),
        BrokerState::Closed(BrokerCloseReason::LoginRefused)
    );
    assert_eq!((broker.deadline(), broker.sends().as_str()), (None, ""));
}

/// L4: a text that does not fit gives way to a short one.
#[test]
fn a_refusal_always_fits() {
    let mut broker = Broker::with(Inline::<96, 1>::new());
    assert!(broker.reads(LOGIN_LINE).is_some());
    broker.session.refuse_login(&"x".repeat(1000));
    let told = r#"{"cmd":"enterprise_login_res","data":{"result":false,"msg":"refused"}}"#;
    assert_eq!(broker.sends(), format!("{told}\n"));
    assert_eq!(
        broker.session.state(),
        BrokerState::Closed(BrokerCloseReason::LoginRefused)
    );
}

/// L1, L2: a login whose fields are missing, of a wrong type or out of range is an error, and another may follow.
#[test]
fn a_login_must_be_complete() {
    let mut broker = Broker::connected();
    for data in [
        "",
        r#","data":null"#,
        r#","data":{}"#,
        r#","data":{"enterprise_id":1,"enterprise_secret":"","prefetch_count":1}"#,
        r#","data":{"enterprise_id":"","enterprise_secret":1,"prefetch_count":1}"#,
        r#","data":{"enterprise_id":"","prefetch_count":1}"#,
        r#","data":{"enterprise_id":"","enterprise_secret":""}"#,
        r#","data":{"enterprise_id":"","enterprise_secret":"","prefetch_count":0}"#,
        r#","data":{"enterprise_id":"","enterprise_secret":"","prefetch_count":32768}"#,
        r#","data":{"enterprise_id":"","enterprise_secret":"","prefetch_count":65537}"#,
        r#","data":{"enterprise_id":"","enterprise_secret":"","prefetch_count":"5"}"#,
    ] {
        let line = format!(r#"{{"cmd":"enterprise_login_req"{data}}}"#);
        assert!(matches!(
            broker.reads(&line),
            Some(BrokerEvent::ClientError {
                error: ClientError::InvalidLogin,
                ..
            })
        ));
        assert_eq!(
            broker.sends(),
            "{\"cmd\":\"invalid_msg\",\"msg\":\"invalid login\"}\n"
        );
    }
    assert!(broker.reads(LOGIN_LINE).is_some());
    assert_eq!(broker.session.state(), BrokerState::LoginRequested);
}

/// L6, E2, E1, A4: what a client does wrong is answered, with the code where there is one, and the session goes on.
#[test]
fn what_a_client_does_wrong_is_answered() {
    let second = r#"{"cmd":"enterprise_login_req","data":{}}"#;
    let mut broker = Broker::logged_in();
    let cases = [
        (
            second,
            ClientError::AlreadyLoggedIn,
            r#""error_code":4009,"msg":"has login""#,
        ),
        (
            "{\"cmd\":\"x\"}",
            ClientError::UnknownCommand,
            r#""msg":"unknown cmd""#,
        ),
        (PONG, ClientError::UnknownCommand, r#""msg":"unknown cmd""#),
        (
            &ack("9"),
            ClientError::UnknownDelivery,
            r#""msg":"unknown delivery_id""#,
        ),
        (
            "{\"cmd\":\"enterprise_event_ack\"}",
            ClientError::UnknownDelivery,
            r#""msg":"unknown delivery_id""#,
        ),
    ];
    for (line, expected, told) in cases {
        match broker.reads(line) {
            Some(BrokerEvent::ClientError { error, line: kept }) => {
                assert_eq!((error, kept), (expected, line.trim_end().as_bytes()));
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(
            broker.sends(),
            format!("{{\"cmd\":\"invalid_msg\",{told}}}\n")
        );
    }
    assert!(matches!(
        broker.reads("garbage"),
        Some(BrokerEvent::ClientError {
            error: ClientError::Malformed(_),
            ..
        })
    ));
    assert!(broker.sends().contains("invalid message"));
    assert!(broker.reads(" \r\n").is_none(), "F3");

    let mut broker = Broker::connected();
    for line in [PING, &ack("1")] {
        assert!(matches!(
            broker.reads(line),
            Some(BrokerEvent::ClientError {
                error: ClientError::NotLoggedIn,
                ..
            })
        ));
        assert_eq!(
            broker.sends(),
            "{\"cmd\":\"invalid_msg\",\"error_code\":4001,\"msg\":\"not login\"}\n"
        );
    }
    assert!(broker.reads(LOGIN_LINE).is_some());
    assert!(matches!(
        broker.reads(LOGIN_LINE),
        Some(BrokerEvent::ClientError {
            error: ClientError::AlreadyLoggedIn,
            ..
        })
    ));
}

/// H2: a ping is answered. Answers wait for room, and only their number grows.
#[test]
fn a_ping_is_answered() {
    let mut broker = Broker::with(Inline::<96, 5>::new());
    broker.lets_in();
    for _ in 0..1000 {
        assert!(matches!(broker.reads(PING), Some(BrokerEvent::Ping)));
        let _ = broker.reads("garbage");
    }
    let sent = broker.sends();
    assert_eq!(sent.matches(PONG).count(), 1000);
    assert_eq!(sent.matches("invalid message").count(), 1000);
    assert_eq!(sent.lines().count(), 2000);
}

/// P1, A1, A2: events go out with ids from 1, and an ack tells which one the client is done with.
#[test]
fn events_are_pushed_and_acked() {
    let mut broker = Broker::logged_in();
    broker.pushes(70).unwrap();
    broker.session.push(80, b" { } ").unwrap();
    assert_eq!(broker.session.next_id(), 3);
    let empty = "{\"cmd\":\"enterprise_event_push\",\"delivery_id\":2 }\n";
    assert_eq!(broker.sends(), pushed(1) + empty);
    assert_eq!(
        (broker.session.in_flight(), broker.session.window()),
        (2, 3)
    );
    for (id, tag) in [("2", 80), ("1", 70)] {
        assert!(
            matches!(broker.reads(&ack(id)), Some(BrokerEvent::Acked { tag: found }) if found == tag)
        );
    }
    assert_eq!(broker.session.in_flight(), 0);
    assert!(matches!(
        broker.reads(&ack("1")),
        Some(BrokerEvent::ClientError { .. })
    ));
}

/// A2, A3: an id is told by its exact bytes.
#[test]
fn an_id_of_the_brokers_own_comes_back_byte_for_byte() {
    let longest = "1".repeat(40);
    let mut broker = Broker::logged_in();
    for id in ["\"a\"", "1.0", "18446744073709551615", &longest] {
        let line = format!(r#"{{"delivery_id":{id},"cmd":"enterprise_event_push"}}"#);
        broker
            .session
            .push_line(9, id.as_bytes(), &[line.as_bytes()])
            .unwrap();
        assert_eq!(broker.sends(), line + "\n");
        assert!(matches!(
            broker.reads(&ack("1")),
            Some(BrokerEvent::ClientError { .. })
        ));
        assert!(matches!(
            broker.reads(&ack(id)),
            Some(BrokerEvent::Acked { tag: 9 })
        ));
        broker.sends();
    }
    let long = broker.session.push_line(9, &[b'1'; 41], &[b"{}"]);
    assert_eq!(long, Err(PushError::IdTooLong));
}

/// A6, L2: a client gets no more un-acked than it asked for, or than there are slots.
#[test]
fn the_window_is_kept() {
    for (slots, prefetch, window) in [(5, 3, 3), (2, 5, 2), (5, 32767, 5)] {
        let mut slots = vec![noti_proto::Slot::EMPTY; slots];
        let mut tx = [0; 512];
        let mut broker = Broker::with(noti_proto::Borrowed::new(&mut tx, &mut slots));
        let login = LOGIN_LINE.replace(
            "\"prefetch_count\":5",
            &format!("\"prefetch_count\":{prefetch}"),
        );
        assert!(matches!(
            broker.reads(&login),
            Some(BrokerEvent::LoginRequest(_))
        ));
        broker.session.accept_login();
        for left in (0..window).rev() {
            broker.sends();
            broker.pushes(1).unwrap();
            assert_eq!(broker.session.window(), left);
        }
        assert_eq!(broker.pushes(1), Err(PushError::WindowFull));
        assert!(broker.reads(&ack("1")).is_some());
        broker.sends();
        broker.pushes(1).unwrap();
        assert_eq!(broker.pushes(1), Err(PushError::WindowFull));
    }
}

/// A6: what a client left un-acked comes back, oldest first, whatever was acked in between.
#[test]
fn what_is_left_unacked_comes_back_in_order() {
    let mut broker = Broker::logged_in();
    for tag in 1..=5 {
        broker.pushes(tag).unwrap();
        broker.sends();
    }
    for id in ["3", "1"] {
        assert!(broker.reads(&ack(id)).is_some());
    }
    broker.pushes(6).unwrap();
    broker.session.disconnected(Instant::ZERO);
    assert_eq!(
        broker.session.state(),
        BrokerState::Closed(BrokerCloseReason::Disconnected)
    );
    assert_eq!(broker.sends(), "");
    assert_eq!(broker.session.in_flight(), 4);
    let left: Vec<_> = core::iter::from_fn(|| broker.session.take_unacked()).collect();
    assert_eq!(left, [2, 4, 5, 6]);

    broker.session.connected(Instant::ZERO);
    broker.lets_in();
    broker.pushes(2).unwrap();
    assert_eq!(broker.sends(), pushed(1), "ids begin anew");
}

/// A6: acks in every order keep the list whole.
#[test]
fn acks_in_any_order_keep_the_rest_in_order() {
    fn orders(rest: &[u64]) -> Vec<Vec<u64>> {
        if rest.is_empty() {
            return vec![Vec::new()];
        }
        let with = |id: &u64| {
            let rest: Vec<_> = rest.iter().copied().filter(|other| other != id).collect();
            orders(&rest)
                .into_iter()
                .map(|order| [vec![*id], order].concat())
                .collect::<Vec<_>>()
        };
        rest.iter().flat_map(with).collect()
    }
    for order in orders(&[1, 2, 3, 4]) {
        for acked in 0..=4 {
            let mut broker = Broker::logged_in();
            for tag in 1..=4 {
                broker.pushes(tag).unwrap();
            }
            for id in &order[..acked] {
                let event = broker
                    .reads(&ack(&id.to_string()))
                    .map(|event| format!("{event:?}"));
                assert_eq!(event, Some(format!("Acked {{ tag: {id} }}")));
            }
            broker.pushes(5).unwrap();
            let left: Vec<_> = core::iter::from_fn(|| broker.session.take_unacked()).collect();
            let expected: Vec<_> = (1..=5)
                .filter(|tag| !order[..acked].contains(&u64::from(*tag)))
                .collect();
            assert_eq!(left, expected);
        }
    }
}

/// A6: a push that cannot be sent now says why, and nothing has changed.
#[test]
fn a_push_that_fails_changes_nothing() {
    let mut broker = Broker::connected();
    assert_eq!(broker.pushes(1), Err(PushError::NotLoggedIn));
    assert!(broker.reads(LOGIN_LINE).is_some());
    assert_eq!(broker.pushes(1), Err(PushError::NotLoggedIn));
    broker.session.accept_login();
    for event in ["", "[]", "1", "{", "}", "{\n}", "{\"a\":\n1}"] {
        assert_eq!(
            broker.session.push(1, event.as_bytes()),
            Err(PushError::NotAnObject),
            "{event}"
        );
    }
    let long = format!("{{\"a\":\"{}\"}}", "x".repeat(600));
    assert_eq!(
        broker.session.push(1, long.as_bytes()),
        Err(PushError::NoRoom)
    );
    assert_eq!(
        (broker.session.in_flight(), broker.session.next_id()),
        (0, 1)
    );
    assert_eq!(broker.sends(), format!("{ACCEPTED}\n"));
    while broker.pushes(1).is_ok() {}
    let sent = broker.sends();
    assert_eq!(
        sent,
        (1..broker.session.next_id())
            .map(pushed)
            .collect::<String>()
    );
}

/// L3, A6: the answer to the login goes before the first event, even where there is no room for both.
#[test]
fn the_answer_goes_before_the_first_event() {
    let mut broker = Broker::with(Inline::<96, 5>::new());
    assert!(broker.reads(LOGIN_LINE).is_some());
    let _ = broker.reads(LOGIN_LINE);
    assert_eq!(broker.session.poll_transmit(Instant::ZERO).len(), 58);
    broker.session.accept_login();
    // This one would fit, and must wait all the same.
    assert_eq!(
        broker.session.push_line(1, b"1", &[b"{}"]),
        Err(PushError::NoRoom)
    );
    assert_eq!(broker.pushes(1), Err(PushError::NoRoom));
    assert!(broker.sends().ends_with(&format!("{ACCEPTED}\n")));
    broker.pushes(1).unwrap();
}

/// H6, H1: a client that stays silent is told so and cut; anything that it sends keeps it.
#[test]
fn a_silent_client_is_cut() {
    let mut broker = Broker::logged_in();
    assert_eq!(broker.deadline(), Some(330_000));
    assert!(broker.at(100_000).reads(" ").is_none());
    assert_eq!(broker.deadline(), Some(430_000));
    broker.at(429_999).times_out();
    assert_eq!(broker.session.state(), BrokerState::LoggedIn);
    broker.pushes(1).unwrap();
    broker.at(430_000).times_out();
    assert_eq!(
        broker.session.state(),
        BrokerState::Closing(BrokerCloseReason::Idle)
    );
    assert_eq!(broker.sends(), pushed(1) + "No Heartbeat!\n");
    assert_eq!(
        broker.session.state(),
        BrokerState::Closed(BrokerCloseReason::Idle)
    );
    assert_eq!(broker.session.take_unacked(), Some(1));
}

/// L5: a client that does not log in is cut, also when the application never decides.
#[test]
fn a_client_that_does_not_log_in_is_cut() {
    for asks in [false, true] {
        let mut broker = Broker::connected();
        assert_eq!(broker.deadline(), Some(30_000));
        if asks {
            assert!(broker.at(10_000).reads(LOGIN_LINE).is_some());
        }
        broker.at(29_999).times_out();
        assert_eq!(broker.deadline(), Some(30_000));
        broker.at(30_000).times_out();
        assert_eq!(
            broker.session.state(),
            BrokerState::Closed(BrokerCloseReason::LoginTimeout)
        );
        broker.session.accept_login();
        assert_eq!(
            broker.session.state(),
            BrokerState::Closed(BrokerCloseReason::LoginTimeout)
        );
    }
}

/// H5: a client that takes no byte is cut, and what it has not taken comes back.
#[test]
fn a_client_that_takes_nothing_is_cut() {
    let mut broker = Broker::logged_in();
    broker.pushes(1).unwrap();
    assert_eq!(broker.deadline(), Some(330_000));
    assert!(
        !broker
            .session
            .poll_transmit(Instant::from_millis(1_000))
            .is_empty()
    );
    assert_eq!(broker.deadline(), Some(31_000));
    assert!(
        !broker
            .session
            .poll_transmit(Instant::from_millis(2_000))
            .is_empty()
    );
    assert_eq!(broker.deadline(), Some(31_000));
    broker.session.transmitted(Instant::from_millis(3_000), 1);
    assert_eq!(broker.deadline(), Some(33_000));
    broker.at(33_000).times_out();
    assert_eq!(
        broker.session.state(),
        BrokerState::Closed(BrokerCloseReason::TransmitStalled)
    );
    assert_eq!(
        (broker.sends().as_str(), broker.session.take_unacked()),
        ("", Some(1))
    );
}

/// F5: a client's line that is longer than the buffer is an error when it ends.
#[test]
fn a_line_longer_than_the_buffer_is_an_error() {
    let mut broker = Broker::logged_in();
    let mut buffer = LineBuf::new([b'x'; 8]);
    buffer.commit(8);
    assert!(
        broker
            .session
            .handle_line(Instant::ZERO, buffer.next_line().unwrap())
            .is_none()
    );
    buffer.spare()[..2].copy_from_slice(b"y\n");
    buffer.commit(2);
    assert!(matches!(
        broker
            .session
            .handle_line(Instant::ZERO, buffer.next_line().unwrap()),
        Some(BrokerEvent::ClientError {
            error: ClientError::Oversize,
            line: b"y"
        })
    ));
    assert!(broker.sends().contains("invalid message"));
}

/// A6: a broker's session needs a slot, and a transmit buffer for its answers; its timeouts are free.
#[test]
fn a_broker_needs_a_slot_and_a_buffer() {
    let made = |tx: usize, slots: usize| {
        let (mut tx, mut slots) = (vec![0; tx], vec![noti_proto::Slot::EMPTY; slots]);
        BrokerSession::new(
            BrokerConfig::default(),
            noti_proto::Borrowed::new(&mut tx, &mut slots),
        )
        .err()
    };
    assert_eq!(made(96, 1), None);
    assert_eq!(made(96, 65_534), None);
    assert_eq!(made(96, 0), Some(ConfigError::Slots));
    assert_eq!(made(96, 65_535), Some(ConfigError::Slots));
    assert_eq!(made(95, 1), Some(ConfigError::TransmitBuffer));
    let mut config = BrokerConfig::default();
    config.idle_timeout = Duration::MAX;
    let mut session = BrokerSession::new(config, Inline::<96, 1>::new()).unwrap();
    session.connected(Instant::ZERO);
    assert_eq!(session.poll_timeout().map(Instant::as_millis), Some(30_000));
}

/// L1: a client's broken login is not shown by `Debug`, for it holds the secret.
#[test]
fn debug_shows_no_secret_of_a_client() {
    let mut broker = Broker::connected();
    let secret = "the-enterprise-secret";
    let login = LOGIN_LINE.replace("\"secret\"", &format!("\"{secret}\""));
    let broken = login.replace("}}", "}");
    let numbers = format!("{:?}", secret.as_bytes());
    for line in [&broken, &login, &login] {
        let shown = format!("{:?}", broker.reads(line));
        assert!(
            !shown.contains(secret) && !shown.contains(numbers.trim_matches(['[', ']'])),
            "{shown}"
        );
    }
    assert!(!format!("{:?}", broker.session).contains(secret));
}

/// E1, H2: what it shows in place of the line is what happened.
#[test]
fn debug_of_a_broker_event_says_what_happened() {
    let mut broker = Broker::logged_in();
    broker.pushes(7).unwrap();
    broker.sends();
    for (line, expected) in [
        (ack("1"), "Some(Acked { tag: 7 })"),
        (ack("1"), "Some(ClientError { error: UnknownDelivery, .. })"),
        (crate::story::PING.to_owned(), "Some(Ping)"),
    ] {
        assert_eq!(format!("{:?}", broker.reads(&line)), expected);
    }
}

/// E1: why an event was not pushed is a sentence for people, with what to do.
#[test]
fn push_errors_are_sentences() {
    let sentences = [
        PushError::NotLoggedIn,
        PushError::WindowFull,
        PushError::NoRoom,
        PushError::IdTooLong,
        PushError::NotAnObject,
    ]
    .map(|error| error.to_string());
    for (number, sentence) in sentences.iter().enumerate() {
        assert!(
            sentence.contains("; ") && !sentence.contains('\n'),
            "{sentence}"
        );
        assert!(!sentences[..number].contains(sentence), "{sentence} twice");
    }
}

/// A6: told so, a broker pushes more than the client asked for, until the connection ends.
#[test]
fn a_broker_can_overrun_a_client_on_purpose() {
    let mut broker = Broker::with(Inline::<512, 8>::new());
    broker.lets_in();
    broker.session.exceed_window(2);
    assert_eq!((broker.session.prefetch(), broker.session.window()), (5, 7));
    for _ in 0..7 {
        broker.pushes(1).unwrap();
        broker.sends();
    }
    assert_eq!(broker.pushes(1), Err(PushError::WindowFull));
    broker.session.disconnected(Instant::ZERO);
    broker.session.connected(Instant::ZERO);
    broker.lets_in();
    assert_eq!(broker.session.window(), 5);
}

/// H2, H3: told so, a broker leaves pings unanswered, until the connection ends.
#[test]
fn a_broker_can_withhold_its_pongs() {
    let mut broker = Broker::logged_in();
    broker.session.withhold_pongs();
    for _ in 0..3 {
        assert!(matches!(broker.reads(PING), Some(BrokerEvent::Ping)));
    }
    assert_eq!(broker.sends(), "");
    broker.session.pong();
    assert_eq!(broker.sends(), format!("{PONG}\n"));
    broker.session.connected(Instant::ZERO);
    broker.session.pong();
    assert_eq!(broker.sends(), "", "nobody is logged in");
    broker.lets_in();
    assert!(broker.reads(PING).is_some());
    assert_eq!(broker.sends(), format!("{PONG}\n"));
}

/// J1, H6: told so, a broker sends whatever bytes, in their place among the others, and whole or not at all.
#[test]
fn a_broker_can_send_any_bytes() {
    let mut broker = Broker::connected();
    assert_eq!(
        broker.session.push_bytes(&[b"x"]),
        Err(PushError::NotLoggedIn)
    );
    broker.lets_in();
    broker.pushes(1).unwrap();
    broker
        .session
        .push_bytes(&[b"No ", b"Heartbeat!", b"\n"])
        .unwrap();
    broker.pushes(1).unwrap();
    assert_eq!(
        broker.session.push_bytes(&[&[b'x'; 500]]),
        Err(PushError::NoRoom)
    );
    assert_eq!(broker.sends(), pushed(1) + "No Heartbeat!\n" + &pushed(2));
    assert_eq!(broker.session.in_flight(), 2);
}

/// A6: a broker's memory can be made longer while its client is logged in; what was un-acked stays so.
#[test]
fn a_broker_can_be_given_more_memory() {
    struct Growing {
        tx: Vec<u8>,
        slots: Vec<noti_proto::Slot>,
    }
    impl Storage for Growing {
        fn parts(&mut self) -> noti_proto::Parts<'_> {
            noti_proto::Parts {
                tx: &mut self.tx,
                slots: &mut self.slots,
            }
        }
    }
    let mut broker = Broker::with(Growing {
        tx: vec![0; 96],
        slots: vec![noti_proto::Slot::EMPTY; 1],
    });
    broker.lets_in();
    broker.pushes(1).unwrap();
    assert_eq!(broker.pushes(2), Err(PushError::WindowFull));
    let offered = broker.session.poll_transmit(Instant::ZERO).to_vec();
    broker.session.transmitted(Instant::ZERO, 10);
    let storage = broker.session.storage_mut();
    storage.slots.resize(5, noti_proto::Slot::EMPTY);
    storage.tx.resize(512, 0);
    for tag in 2..=5 {
        broker.pushes(tag).unwrap();
    }
    let sent = broker.sends();
    assert!(sent.as_bytes().starts_with(&offered[10..]));
    for id in ["3", "1"] {
        assert!(matches!(
            broker.reads(&ack(id)),
            Some(BrokerEvent::Acked { .. })
        ));
    }
    broker.pushes(6).unwrap();
    let left: Vec<_> = core::iter::from_fn(|| broker.session.take_unacked()).collect();
    assert_eq!(left, [2, 4, 5, 6]);
}
