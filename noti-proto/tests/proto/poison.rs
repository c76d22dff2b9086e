//! Poison messages: lines that are too long or no JSON, which must neither be lost nor block the window for ever.
//!
//! One table of lines and the ids that may be acked for them is read in three ways: as whole lines, as lines longer than
//! a buffer of every size, and through [`crate::recovery`], changed at random.

use noti_proto::{CloseReason, Event, Inline, Instant, LineBuf, Session, State};

use crate::story::{ACCEPTED, Client, ack, push, samples};

/// A push up to its id.
macro_rules! push {
    ($rest:expr) => {
        concat!(r#"{"cmd":"enterprise_event_push","delivery_id":"#, $rest).as_bytes()
    };
}

/// Forty bytes, the longest id.
const LONGEST: &str = "1234567890123456789012345678901234567890";

/// Lines, and the id that is beyond doubt in each.
pub(crate) const LINES: &[(&[u8], Option<&str>)] = &[
    // Sound events.
    (push!("1}"), Some("1")),
    (push!("1,\"data\":{\"delivery_id\":2,\"cmd\":\"x\"}}"), Some("1")),
    (br#"{"delivery_id":"a","x":[{"delivery_id":2}],"cmd":"enterprise_event_push"}"#, Some("\"a\"")),
    (br#" { "delivery_id" : 12 , "cmd" : "enterprise_event_push" } "#, Some("12")),
    (br#"{"delivery\u005fid":null,"c\u006D\u0064":"enterprise_event\u005Fpush"}"#, Some("null")),
    (br#"{"cmd":"enterprise_event_push","a":"\"delivery_id\":9,","b\"delivery_id":8,"delivery_id":7}"#, Some("7")),
    (br#"{"\u0063\u006d":"enterprise_pong","cmd":"enterprise_event_push","delivery_id":5}"#, Some("5")),
    (br#"{"a":"\\","cmd":"enterprise_event_push","b":"\\\"","delivery_id":"\\\"","c":"\\"}"#, Some(r#""\\\"""#)),
    (br#"{"delivery_idx":1,"xdelivery_id":2,"Delivery_id":3,"":4,"cmd":"enterprise_event_push","delivery_id":5}"#, Some("5")),
    (br#"{"cmd":"enterprise_event_push","delivery_id":"\ud800"}"#, Some(r#""\ud800""#)),
    (br#"{"cmd":"enterprise_event_push","\ud800":1,"delivery_\ud800id":2,"delivery_id":3,"\udc00":"\udc00\ud800"}"#, Some("3")),
    (br#"{"cmd":"enterprise_event_push","delivery_id":1234567890123456789012345678901234567890}"#, Some(LONGEST)),
    (br#"{"cmd":"enterprise_event_push","delivery_id":"12345678901234567890123456789012345678"}"#, Some(r#""12345678901234567890123456789012345678""#)),
    // Sound messages that are no events.
    (br#"{"cmd":"enterprise_pong","delivery_id":1}"#, None),
    (br#"{"cmd":"enterprise_event_pus","delivery_id":1}"#, None),
    (br#"{"cmd":"enterprise_event_push ","delivery_id":1}"#, None),
    (br#"{"data":{"cmd":"enterprise_event_push"},"cmd":"x","delivery_id":1}"#, None),
    (br#"{"enterprise_event_push":"cmd","delivery_id":1,"x":"enterprise_event_push","cmd":"y"}"#, None),
    // The id is fine, and something elsewhere is not.
    (push!("1,\"data\":{\"x\":}}"), Some("1")),
    (push!("12,\"da"), Some("12")),
    (push!("12 , "), Some("12")),
    (push!("12\t}garbage"), Some("12")),
    (push!("1}{\"delivery_id\":2}"), Some("1")),
    (push!("7,\"created_at\"\u{ff1a}1.5\u{ff0c}\"ip\":\"\"}"), Some("7")),
    (push!("7 \"data\" 1}"), None),
    (push!("\"a\",\"b\":\"\t\\x\0\"}"), Some("\"a\"")),
    (push!("1,\"b\":01,\"c\":tru}"), Some("1")),
    (push!("1,\"a\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]}"), Some("1")),
    (br#"{"a":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]],"cmd":"enterprise_event_push","delivery_id":1}"#, Some("1")),
    (b"{\"cmd\":\"enterprise_event_push\",\"x\":\"\xff\",\"delivery_id\":5}", Some("5")),
    (b"{\"cmd\":\"enterprise_event_push\" \"delivery_id\":5}", Some("5")),
    (br#"{"cmd":"enterprise_event_push",,"delivery_id":5}"#, Some("5")),
    (br#"{cmd:1,"cmd":"enterprise_event_push","delivery_id":5}"#, Some("5")),
    (br#"{"delivery_id":5,"x":"\ud8","cmd":"enterprise_event_push""#, Some("5")),
    // The line breaks off where the id may not be whole, or not the only one.
    (push!(""), None),
    (push!("1"), None),
    (push!("1 "), None),
    (push!("\"1\""), None),
    (push!("\"1"), None),
    (push!("true"), None),
    (br#"{"delivery_id":1,"cmd":"enterprise_event_push"#, None),
    (br#"{"cmd":"enterprise_event_push","x":{"delivery_id":1,"#, None),
    (br#"{"cmd":"enterprise_event_push","x":"delivery_id":1,"#, None),
    // Two ids, or two commands.
    (push!("1,\"delivery_id\":2}"), None),
    (push!("1,\"delivery_id\":1}"), None),
    (push!("1,\"delivery\\u005fid\":"), None),
    (push!("1,\"cmd\":\"enterprise_event_push\"}"), None),
    (push!("1,\"cmd\":1}"), None),
    (push!("1,\"cmd\":"), None),
    (push!("1,\"cmd\":\"enterprise_ev"), None),
    (br#"{"cmd":"x","cmd":"enterprise_event_push","delivery_id":1}"#, None),
    // No id, or one that is none.
    (br#"{"cmd":"enterprise_event_push"}"#, None),
    (br#"{"cmd":"enterprise_event_push","data":{"delivery_id":1},!}"#, None),
    (push!(",\"x\":1}"), None),
    (push!("}"), None),
    (push!("[1]}"), None),
    (push!("{\"a\":1},}"), None),
    (push!("01}"), None),
    (push!("1x}"), None),
    (push!("+1}"), None),
    (push!("-}"), None),
    (push!("1.}"), None),
    (push!("nul}"), None),
    (push!("x}"), None),
    (push!("\"\\x\"}"), None),
    (push!("\"\t\"}"), None),
    (b"{\"cmd\":\"enterprise_event_push\",\"delivery_id\":\"\xff\"}", None),
    (push!("1 2}"), None),
    (push!("\"a\"\"b\"}"), None),
    (push!("\"a\" \"b\",}"), None),
    (push!("1:2}"), None),
    (push!("1]}"), None),
    (push!("1[2]}"), None),
    (push!("1\"2\"}"), None),
    (br#"{"cmd":"enterprise_event_push","delivery_id" 1}"#, None),
    (br#"{"cmd":"enterprise_event_push","delivery_id"}"#, None),
    (br#"{"cmd":"enterprise_event_push","delivery_id":12345678901234567890123456789012345678901}"#, None),
    (br#"{"cmd":"enterprise_event_push","delivery_id":"123456789012345678901234567890123456789"}"#, None),
    (br#"{"cmd":["enterprise_event_push"],"delivery_id":1}"#, None),
    (br#"{"cmd":{"cmd":"enterprise_event_push"},"delivery_id":1}"#, None),
    (br#"{"cmd":"enterprise_event_push\"","delivery_id":1}"#, None),
    (br#"{"cmd":"enterprise_event_pus\u0168","delivery_id":1}"#, None),
    // No message at all.
    (b"", None),
    (b"No Heartbeat!", None),
    (br#"[{"cmd":"enterprise_event_push","delivery_id":1}]"#, None),
    (br#""cmd":"enterprise_event_push","delivery_id":1}"#, None),
    (br#"}{"cmd":"enterprise_event_push","delivery_id":1}"#, None),
    (b"\xef\xbb\xbf{\"cmd\":\"enterprise_event_push\",\"delivery_id\":1}", None),
    (br#""x"{"cmd":"enterprise_event_push","delivery_id":1}"#, None),
    (br#"x{"cmd":"enterprise_event_push","delivery_id":1}"#, None),
    // A key or a colon that is none.
    (br#"{"cmd" x:"enterprise_event_push","delivery_id":1}"#, None),
    (br#"{"cmd"::"enterprise_event_push","delivery_id":1}"#, None),
    (br#"{"cmd":"enterprise_event_push","delivery_id" x:1}"#, None),
    (br#"{"cmd":"enterprise_event_push","delivery_id"::1}"#, None),
    (br#"{"cmd":"enterprise_event_push","x" "delivery_id":1}"#, Some("1")),
    // Brackets that do not match: from there on, any depth is a guess.
    (br#"{"cmd":"enterprise_event_push","data":{"x":[1}],"delivery_id":5},"delivery_id":6}"#, None),
    (br#"{"cmd":"enterprise_event_push","data":{"x":1],"delivery_id":5}"#, None),
    (br#"{"data":{"x":[1}],"cmd":"enterprise_event_push","delivery_id":5}"#, None),
    (push!("6,\"data\":{\"x\":[1}],\"delivery_id\":5},"), None),
    (push!("6,\"data\":{\"x\":[1}],\"y\":5},"), Some("6")),
    // The message goes on after its end: a bracket too many was closed, so the id may be nested.
    (br#"{"cmd":"enterprise_event_push","data":{"x":{"a":1}},"delivery_id":2},"delivery_id":7}"#, None),
    (br#"{"cmd":"enterprise_event_push","data":{"x":{"a":1}},"delivery_id":2}}"#, None),
    (br#"{"cmd":"enterprise_event_push","data":{"x":[1]],"delivery_id":2} , "y":1}"#, None),
    (br#"{"cmd":"enterprise_event_push","data":[1],"delivery_id":2}]"#, None),
    (br#"{"cmd":"enterprise_event_push","data":{"x":1},"delivery_id":2}:3}"#, None),
    (br#"{"cmd":"enterprise_event_push","data":,"x":1,"delivery_id":2},"delivery_id":7}"#, None),
    (br#"{"cmd":"enterprise_event_push","data":! "x":1,"delivery_id":2},"delivery_id":7}"#, None),
    (br#"{"cmd":"enterprise_event_push","data":{"x":1},"delivery_id":2} garbage"#, Some("2")),
    (push!("2},\"x\":1}"), Some("2")),
    // A colon after a value: the brace before it is missing, so what follows may be nested.
    (br#"{"cmd":"enterprise_event_push","data":"a":1,"delivery_id":5},"delivery_id":6}"#, None),
    (br#"{"cmd":"enterprise_event_push","data":"a" : 1,"delivery_id":5},"delivery_id":6}"#, None),
    (br#"{"cmd":"enterprise_event_push":"x","delivery_id":1}"#, None),
    (br#"{"x":"cmd":"enterprise_event_push","delivery_id":5},"cmd":"enterprise_pong"}"#, None),
    (br#"{"cmd":"enterprise_event_push","a":1 2:3,"delivery_id":5}"#, None),
    (br#"{"cmd":"enterprise_event_push","a":{}:3,"delivery_id":5}"#, None),
    (br#"{"cmd":"enterprise_event_push","a":[1,2]:3,"delivery_id":5}"#, None),
    (push!("6,\"data\":\"a\":1,\"delivery_id\":5},"), None),
    (push!("6,\"data\":\"a\":1,\"b\":5},"), Some("6")),
];

/// What the id is that the token stands for: it is acked, and the ack's bytes tell.
pub(crate) fn acked<S: noti_proto::Storage>(
    session: &mut Session<S>,
    token: Option<noti_proto::AckToken>,
) -> Option<String> {
    session.ack(token?).unwrap();
    let sent = session.poll_transmit(Instant::ZERO).to_vec();
    session.transmitted(Instant::ZERO, sent.len());
    let sent = String::from_utf8(sent).unwrap();
    let id = sent
        .strip_prefix(r#"{"cmd":"enterprise_event_ack","delivery_id":"#)
        .unwrap();
    Some(id.strip_suffix("}\n").unwrap().to_owned())
}

/// Feeds a line through a buffer of `size` bytes; gives back its bytes put together, and the id that can be acked.
pub(crate) fn read_through(
    session: &mut Session<Inline<256, 5>>,
    size: usize,
    line: &[u8],
    end: &[u8],
) -> (Vec<u8>, Option<String>) {
    let mut buffer = LineBuf::new(vec![0; size]);
    let mut joined = Vec::new();
    let mut ended = None;
    for byte in line.iter().chain(end) {
        buffer.spare()[0] = *byte;
        buffer.commit(1);
        while let Some(next) = buffer.next_line() {
            assert!(ended.is_none(), "one line");
            match session.handle_line(Instant::ZERO, next) {
                Some(Event::OversizePart { bytes }) => joined.extend_from_slice(bytes),
                Some(Event::OversizeEnd {
                    bytes,
                    length,
                    token,
                    ..
                }) => {
                    joined.extend_from_slice(bytes);
                    assert_eq!(length, u64::try_from(joined.len()).unwrap());
                    ended = Some(token);
                }
                Some(Event::Malformed { line, token, .. }) => {
                    joined.extend_from_slice(line);
                    ended = Some(token);
                }
                Some(Event::Delivery(delivery)) => {
                    joined.extend_from_slice(delivery.line());
                    ended = Some(Some(delivery.token()));
                }
                Some(Event::Unknown { line }) => {
                    joined.extend_from_slice(line);
                    ended = Some(None);
                }
                None | Some(Event::Pong) => {
                    joined.extend_from_slice(line);
                    ended = Some(None);
                }
                other => panic!("{other:?}"),
            }
        }
    }
    let id = acked(session, ended.expect("the line has ended"));
    assert_eq!(session.in_flight(), 0, "no place of the window is lost");
    (joined, id)
}

/// A5, A3, J4: a line that is no sound event has a token just when its id is beyond doubt.
#[test]
fn a_malformed_line_can_be_acked_when_its_id_is_beyond_doubt() {
    for (line, expected) in LINES {
        let mut client = Client::logged_in();
        let id = match client.reads(*line) {
            Some(Event::Malformed {
                line: kept, token, ..
            }) => {
                assert_eq!(kept, *line);
                acked(&mut client.session, token)
            }
            Some(Event::Delivery(delivery)) => acked(&mut client.session, Some(delivery.token())),
            Some(Event::Pong | Event::Unknown { .. }) | None => None,
            other => panic!("{other:?}"),
        };
        assert_eq!(
            id.as_deref(),
            *expected,
            "{}",
            String::from_utf8_lossy(line)
        );
        assert_eq!(
            (client.state(), client.session.in_flight()),
            (State::LoggedIn, 0)
        );
    }
}

/// A5: one byte more, fewer or other, anywhere but in the id, never makes another id of it, though the event's data holds
/// a nested id and command.
#[test]
fn no_single_byte_makes_another_id() {
    const EVENTS: [(&str, &str); 5] = [
        (
            r#"{"cmd":"enterprise_event_push","data":{"x":{"delivery_id":2,"cmd":"enterprise_event_push"},"delivery_id":3},"delivery_id":"#,
            r#","y":{"delivery_id":4}}"#,
        ),
        (
            r#"{"delivery_id":"#,
            r#","data":[{"delivery_id":2,"cmd":"x"},{"delivery_id":3}],"cmd":"enterprise_event_push"}"#,
        ),
        (
            r#"{"data":{"a":[1,{"cmd":"enterprise_event_push","delivery_id":2}],"delivery_id":"3"},"delivery_id":"#,
            r#","cmd":"enterprise_event_push"}"#,
        ),
        (
            r#"{ "data" : { "cmd" : "enterprise_event_push" , "delivery_id" : 2 , "t" : "a\"b" } , "cmd" : "enterprise_event_push", "delivery_id":"#,
            r#", "did" : "d" }"#,
        ),
        (
            r#"{"cmd":"enterprise_event_push","delivery_id":"#,
            r#","data":{"x":{"a":1},"delivery_id":2,"cmd":"enterprise_event_push"}}"#,
        ),
    ];
    let mut client = Client::logged_in();
    let mut check = |line: &[u8]| {
        let token = client.reads(line).and_then(|event| match event {
            Event::Delivery(delivery) => Some(delivery.token()),
            Event::Malformed { token, .. } => token,
            _ => None,
        });
        let Some(token) = token else { return };
        let id = acked(&mut client.session, Some(token));
        assert_eq!(id.as_deref(), Some("71"), "{}", line.escape_ascii());
    };
    for (before, after) in EVENTS {
        let line = [before.as_bytes(), b"71", after.as_bytes()].concat();
        let id = before.len()..before.len() + 2;
        check(&line);
        for at in (0..line.len()).filter(|at| !id.contains(at)) {
            let mut edited = line.clone();
            edited.remove(at);
            check(&edited);
            for byte in (0..=u8::MAX).filter(|byte| *byte != b'\n') {
                edited.clone_from(&line);
                edited[at] = byte;
                check(&edited);
                // What stands right before or after the id belongs to it.
                if at != id.end {
                    edited.clone_from(&line);
                    edited.insert(at, byte);
                    check(&edited);
                }
            }
        }
    }
}

/// F5, A5: a line that is longer than the buffer comes whole, in parts, and has its token just when its id is beyond
/// doubt, wherever the parts are cut.
#[test]
fn an_oversize_line_can_be_acked_when_its_id_is_beyond_doubt() {
    let mut client = Client::logged_in();
    for (line, expected) in LINES {
        for size in 2..line.len() + 3 {
            for end in [&b"\n"[..], b"\r\n"] {
                let (joined, id) = read_through(&mut client.session, size, line, end);
                assert_eq!(joined, *line);
                let text = String::from_utf8_lossy(line);
                assert_eq!(id.as_deref(), *expected, "{text} in {size} bytes");
            }
        }
    }
}

/// F5, A5: every captured event can be acked though the buffer is too small for it.
#[test]
fn every_sample_can_be_acked_in_any_buffer() {
    let mut client = Client::logged_in();
    for line in samples().filter(|line| line.contains("delivery_id")) {
        let (_, whole) = read_through(&mut client.session, 1024, line.as_bytes(), b"\n");
        for size in 2..line.len() {
            let (joined, id) = read_through(&mut client.session, size, line.as_bytes(), b"\n");
            assert!(joined == line.as_bytes() && id == whole && id.is_some());
        }
    }
}

/// A5: cut off anywhere, a line is acked with its whole id or not at all.
#[test]
fn an_id_that_is_cut_off_is_never_acked() {
    let line = r#"{"cmd":"enterprise_event_push","delivery_id":1234,"did":"x"}"#;
    let whole_from = line.find("1234,").unwrap() + 5;
    for cut in 1..line.len() {
        let mut client = Client::logged_in();
        let expected = (cut >= whole_from).then_some("1234");
        match client.reads(&line[..cut]) {
            Some(Event::Malformed { token, .. }) => {
                assert_eq!(
                    acked(&mut client.session, token).as_deref(),
                    expected,
                    "{cut}"
                );
            }
            other => panic!("{other:?}"),
        }
    }
}

/// A5, A1: a malformed event is held like any other: not acked by itself, in order when it is, stale after its connection.
#[test]
fn a_malformed_event_is_held_like_any_other() {
    let broken = |id: &str| push(id).replace("device_offline\"", "device_offline");
    let mut client = Client::logged_in();
    fn token_of(event: Option<Event<'_>>) -> noti_proto::AckToken {
        match event {
            Some(Event::Malformed {
                token: Some(token), ..
            }) => token,
            other => panic!("{other:?}"),
        }
    }
    let first = client.gets("1");
    let second = token_of(client.reads(&broken("2")));
    let third = client.gets("3");
    assert_eq!(
        (client.session.in_flight(), client.sends().as_str()),
        (3, "")
    );
    for token in [third, second] {
        client.acks(token);
    }
    assert_eq!(client.sends(), ack("3") + &ack("2"));
    let fourth = token_of(client.reads(&broken("4")));
    client.disconnects();
    for token in [first, fourth] {
        assert_eq!(client.session.ack(token), Err(noti_proto::AckError::Stale));
    }
}

/// A3: whoever counts what fills the server's window is told which lines are events, also those that cannot be acked.
#[test]
fn an_event_without_a_usable_id_is_told_from_noise() {
    for (line, push) in [
        (br#"{"cmd":"enterprise_event_push"}"#.as_slice(), true),
        (push!("[1]}"), true),
        (push!("1,\"delivery_id\":2}"), true),
        (push!("12345678901234567890123456789012345678901}"), true),
        (push!("1"), true),
        (br#"{"cmd":"enterprise_login_res"}"#, false),
        (br#"{"cmd":"enterprise_pong","#, false),
        (b"No Heartbeat!", false),
        (br#"{"delivery_id":1}"#, false),
    ] {
        let text = String::from_utf8_lossy(line);
        match Client::logged_in().reads(line) {
            Some(Event::Malformed {
                push: told,
                token: None,
                ..
            }) => assert_eq!(told, push, "{text}"),
            other => panic!("{text}: {other:?}"),
        }
        let mut client = Client::logged_in();
        let mut buffer = LineBuf::new([0; 16]);
        let mut ends = Vec::new();
        for byte in line.iter().chain(b"\n") {
            buffer.spare()[0] = *byte;
            buffer.commit(1);
            while let Some(line) = buffer.next_line() {
                if let Some(Event::OversizeEnd { push, token, .. }) =
                    client.session.handle_line(Instant::ZERO, line)
                {
                    ends.push((push, token.is_some()));
                }
            }
        }
        let expected = if line.len() > 16 {
            vec![(push, false)]
        } else {
            Vec::new()
        };
        assert_eq!(ends, expected, "{text}");
    }
}

/// A6, A5: malformed and oversize events count against the window like any other; those without a token do not.
#[test]
fn poison_counts_against_the_window() {
    let broken = push("1").replace("device_offline\"", "device_offline");
    let mut client = Client::logged_in();
    for _ in 0..5 {
        assert!(matches!(
            client.reads(&broken),
            Some(Event::Malformed { token: Some(_), .. })
        ));
    }
    for _ in 0..50 {
        assert!(matches!(
            client.reads("garbage"),
            Some(Event::Malformed { token: None, .. })
        ));
    }
    assert!(client.reads(&broken).is_none());
    assert_eq!(client.state(), State::Closed(CloseReason::WindowExceeded));
}

fn feed<'b>(buffer: &'b mut LineBuf<Vec<u8>>, bytes: &[u8]) -> Option<noti_proto::Line<'b>> {
    buffer.spare()[..bytes.len()].copy_from_slice(bytes);
    buffer.commit(bytes.len());
    buffer.next_line()
}

/// A6, F5: an oversize event that finds the window full ends the session at its end; an oversize line that is none, or
/// whose id is in doubt, harms nobody.
#[test]
fn an_oversize_event_beyond_the_window_ends_the_session() {
    for (line, ends) in [
        (push("6"), true),
        (push("6").replace("push", "pish"), false),
    ] {
        let mut client = Client::logged_in();
        let tokens = ["1", "2", "3", "4", "5"].map(|id| client.gets(id));
        client.acks(tokens[0]);
        let mut buffer = LineBuf::new(vec![0; 16]);
        for bytes in line.as_bytes().chunks(16) {
            let part = feed(&mut buffer, bytes);
            let event = part.and_then(|part| client.session.handle_line(Instant::ZERO, part));
            assert!(event.is_none() || matches!(event, Some(Event::OversizePart { .. })));
        }
        let event = feed(&mut buffer, b"\n")
            .and_then(|part| client.session.handle_line(Instant::ZERO, part));
        if ends {
            assert!(event.is_none());
            assert_eq!(client.state(), State::Closing(CloseReason::WindowExceeded));
            assert_eq!(client.sends(), ack("1"));
        } else {
            assert!(matches!(
                event,
                Some(Event::OversizeEnd { token: None, .. })
            ));
            assert_eq!(client.state(), State::LoggedIn);
        }
    }
}

/// F5, F4: a connection that ends in the middle of an oversize line leaves nothing of it behind: no place of the window,
/// no half of an id.
#[test]
fn an_oversize_line_that_breaks_off_leaves_nothing() {
    let mut client = Client::logged_in();
    let mut buffer = LineBuf::new(vec![0; 16]);
    for _ in 0..20 {
        for bytes in push("123456").as_bytes()[..48].chunks(16) {
            let part = feed(&mut buffer, bytes).unwrap();
            let event = client.session.handle_line(Instant::ZERO, part);
            assert!(matches!(event, Some(Event::OversizePart { .. })));
        }
        assert_eq!(client.session.in_flight(), 0);
        client.disconnects();
        buffer.reset();
        client.is_let_in();
    }
    let tokens = ["1", "2", "3", "4", "5"].map(|id| client.gets(id));
    tokens.into_iter().for_each(|token| client.acks(token));
    client.sends();
    let (_, id) = read_through(&mut client.session, 16, push("\"next\"").as_bytes(), b"\n");
    assert_eq!(id.as_deref(), Some("\"next\""));
}

/// F5: a buffer that is reset in the middle of an oversize line, though the connection goes on, costs no place of the window.
#[test]
fn a_reset_in_an_oversize_line_costs_no_place() {
    let mut client = Client::logged_in();
    let mut buffer = LineBuf::new(vec![0; 16]);
    for _ in 0..20 {
        let part = feed(&mut buffer, &push("1").as_bytes()[..16]).unwrap();
        assert!(client.session.handle_line(Instant::ZERO, part).is_some());
        buffer.reset();
    }
    // The line that was broken off keeps its place until the next one of its kind.
    let (_, id) = read_through(&mut client.session, 16, push("2").as_bytes(), b"\n");
    assert_eq!(id.as_deref(), Some("2"));
    for id in ["3", "4", "5", "6", "7"] {
        let _ = client.gets(id);
    }
}

/// F5, L7: an oversize event may begin before the login is answered, but the answer itself must fit the buffer.
#[test]
fn an_oversize_event_before_the_login_is_held_too() {
    let mut client = Client::logging_in();
    let mut buffer = LineBuf::new(vec![0; 70]);
    let event = push("1");
    let mut token = None;
    for bytes in [&event.as_bytes()[..70], &event.as_bytes()[70..], b"\n"] {
        let Some(part) = feed(&mut buffer, bytes) else {
            continue;
        };
        if let Some(Event::OversizeEnd { token: found, .. }) =
            client.session.handle_line(Instant::ZERO, part)
        {
            token = found;
        }
    }
    client.acks(token.unwrap());
    assert_eq!(client.sends(), "");
    assert!(client.reads(ACCEPTED).is_some());
    assert_eq!(client.sends(), ack("1"));
}

/// A5: brackets are counted up to 65,535 deep. Beyond that any depth is a guess, so nothing after them is believed.
#[test]
fn an_id_behind_more_brackets_than_can_be_counted_is_in_doubt() {
    // The message's own brace is the first.
    for (brackets, expected) in [(65_534, Some("5")), (65_535, None)] {
        let (open, close) = ("[".repeat(brackets), "]".repeat(brackets));
        let behind =
            format!(r#"{{"cmd":"enterprise_event_push","data":{open}{close},"delivery_id":5}}"#);
        let mut client = Client::logged_in();
        let (joined, id) = read_through(&mut client.session, 4096, behind.as_bytes(), b"\n");
        assert!(joined == behind.as_bytes());
        assert_eq!(id.as_deref(), expected, "{brackets}");
    }
}

/// F5: memory stays the buffer's, whatever the length: 2 MiB go through 4 KiB, and the id after them is found.
#[test]
fn a_line_of_any_length_goes_through() {
    let mut client = Client::logged_in();
    let mut buffer = LineBuf::new(vec![0; 4096]);
    let mut total = 0;
    let filler = [b'x'; 4096];
    let start = [
        br#"{"cmd":"enterprise_event_push","data":""#,
        &filler[..4096 - 39],
    ]
    .concat();
    let end = br#"","delivery_id":7}"#;
    for round in 0..512 {
        let bytes = if round == 0 { &start[..] } else { &filler };
        let part = feed(&mut buffer, bytes).unwrap();
        match client.session.handle_line(Instant::ZERO, part) {
            Some(Event::OversizePart { bytes }) => total += bytes.len(),
            other => panic!("{other:?}"),
        }
    }
    assert!(feed(&mut buffer, end).is_none());
    match client
        .session
        .handle_line(Instant::ZERO, feed(&mut buffer, b"\n").unwrap())
    {
        Some(Event::OversizeEnd {
            bytes,
            length,
            push,
            token,
        }) => {
            assert!(push);
            assert_eq!(bytes, end);
            assert_eq!(length, u64::try_from(total + end.len()).unwrap());
            assert_eq!(acked(&mut client.session, token).as_deref(), Some("7"));
        }
        other => panic!("{other:?}"),
    }
}
