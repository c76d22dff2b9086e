//! Which lines are JSON, what is wrong with the others, and where.

use noti_proto::json::JsonErrorKind::{
    ControlCharacter, InvalidEscape, InvalidNumber, InvalidUtf8, TooDeep, TrailingBytes,
    UnexpectedByte, UnexpectedEnd,
};
use noti_proto::json::{JsonErrorKind, JsonValue, MAX_DEPTH};
use noti_proto::{Event, LineError};

use crate::story::{Client, PONG};

fn error_of(line: &[u8]) -> LineError {
    match Client::logged_in().reads(line) {
        Some(Event::Malformed {
            line: kept,
            error,
            token: None,
            ..
        }) => {
            assert_eq!(kept, line.strip_suffix(b"\r").unwrap_or(line));
            error
        }
        other => panic!("{:?} gives {other:?}", String::from_utf8_lossy(line)),
    }
}

/// J1: every value of RFC 8259 is one, with white space of any amount around its tokens.
#[test]
fn sound_texts_are_accepted() {
    let sound = [
        "null",
        "true",
        "false",
        "0",
        "-0",
        "10",
        "-1.5",
        "1e5",
        "1E+5",
        "1.0e-05",
        "1.49984374779399991035e+09",
        r#""""#,
        r#""text""#,
        r#""\"\\\/\b\f\n\r\t\u00e9\uD83D\uDE00""#,
        "\"传感器 \u{10ffff} \u{7f}\"",
        "[]",
        "{}",
        "[ ]",
        "{ }",
        "[1]",
        "[1,[2,{}],\"\"]",
        r#"{"":0}"#,
        r#"{"a":1,"a":2}"#,
        r#" { "a" : [ 1 , 2 ] , "b" : { } } "#,
        "\t[\r1\t]\r",
        "[[[[[[]]]]]]",
        "18446744073709551616",
        "1e999999",
    ];
    for text in sound {
        assert_eq!(
            JsonValue::parse(text.as_bytes()).unwrap().raw(),
            text.trim(),
            "{text}"
        );
    }
}

/// J1: what is wrong is said, and where: the offset of the first byte that cannot be accepted.
#[test]
fn a_fault_is_named_and_located() {
    let cases: &[(&[u8], JsonErrorKind, usize)] = &[
        (b"{", UnexpectedEnd, 1),
        (b"{\"cmd\"", UnexpectedEnd, 6),
        (b"{\"cmd\":", UnexpectedEnd, 7),
        (b"{\"cmd\":\"x\"", UnexpectedEnd, 10),
        (b"{\"cmd\":\"x\",", UnexpectedEnd, 11),
        (b"{\"cmd\":\"x", UnexpectedEnd, 9),
        (b"{\"cmd\":\"x\\", InvalidEscape, 9),
        (b"{\"cmd\":\"x\",}", UnexpectedByte, 11),
        (b"{,}", UnexpectedByte, 1),
        (b"{\"cmd\" \"x\"}", UnexpectedByte, 7),
        (b"{cmd:1}", UnexpectedByte, 1),
        (b"{'cmd':1}", UnexpectedByte, 1),
        (b"{\"cmd\":\"x\"]", UnexpectedByte, 10),
        (b"{\"cmd\":[1,]}", UnexpectedByte, 10),
        (b"{\"cmd\":[1 2]}", UnexpectedByte, 10),
        (b"{\"cmd\":{\"a\"}}", UnexpectedByte, 11),
        (b"{\"cmd\":{1:2}}", UnexpectedByte, 8),
        (b"{\"cmd\":\"x\"}}", TrailingBytes, 11),
        (b"{\"cmd\":\"x\"} {}", TrailingBytes, 12),
        (b"{\"cmd\":\"a\tb\"}", ControlCharacter, 9),
        (b"{\"cmd\":\"\0\"}", ControlCharacter, 8),
        (
            b"{\"a long key of many bytes\x1f\":1}",
            ControlCharacter,
            26,
        ),
        (b"{\"cmd\":\"\\x\"}", InvalidEscape, 8),
        (b"{\"cmd\":\"\\u12g4\"}", InvalidEscape, 8),
        (b"{\"cmd\":\"\\U1234\"}", InvalidEscape, 8),
        (b"{\"cmd\":01}", UnexpectedByte, 8),
        (b"{\"cmd\":-}", InvalidNumber, 8),
        (b"{\"cmd\":+1}", UnexpectedByte, 7),
        (b"{\"cmd\":.5}", UnexpectedByte, 7),
        (b"{\"cmd\":1.}", InvalidNumber, 9),
        (b"{\"cmd\":1.e5}", InvalidNumber, 9),
        (b"{\"cmd\":1e}", InvalidNumber, 9),
        (b"{\"cmd\":1e+}", InvalidNumber, 10),
        (b"{\"cmd\":0x10}", UnexpectedByte, 8),
        (b"{\"cmd\":nul}", UnexpectedByte, 7),
        (b"{\"cmd\":True}", UnexpectedByte, 7),
        (b"{\"cmd\":NaN}", UnexpectedByte, 7),
        (b"{\"cmd\":tru", UnexpectedByte, 7),
        (b"{\"cmd\":\xe4\xbc\xa0}", UnexpectedByte, 7),
        (b"{\"cmd\":\"\xff\"}", InvalidUtf8, 8),
        (b"{\"cmd\":\"ab\xe4\xbc\"}", InvalidUtf8, 10),
        (b"{\"cmd\":\"\xc0\xaf\"}", InvalidUtf8, 8),
        (b"{\"cmd\":\"\xed\xa0\x80\"}", InvalidUtf8, 8),
        (b"{\"cmd\":\"\xf4\x90\x80\x80\"}", InvalidUtf8, 8),
        (b"{\"k\xff\":1}", InvalidUtf8, 3),
        (b"{/* */}", UnexpectedByte, 1),
        (b"{\"cmd\"\x0c:1}", UnexpectedByte, 6),
        (b"{\"cmd\"\xef\xbc\x9a1}", UnexpectedByte, 6),
        (b"No Heartbeat!", UnexpectedByte, 0),
        (b"\xff\xfe", UnexpectedByte, 0),
    ];
    for (line, kind, offset) in cases {
        let text = String::from_utf8_lossy(line);
        match error_of(line) {
            LineError::Json(error) => {
                assert_eq!((error.kind(), error.offset()), (*kind, *offset), "{text}");
                let says = error.to_string();
                assert!(says.ends_with(&format!("at byte {offset}")), "{says}");
            }
            error => panic!("{text}: {error:?}"),
        }
    }
}

/// J1, F1: a text that is no line breaks off where its bytes end, and where a line would.
#[test]
fn a_text_breaks_off_where_it_ends() {
    for broken in ["", " ", "{", "[1,", "{\"a\"", "{\"a\":", "\"abc", "[\"优"] {
        for end in ["", "\n", "\n]"] {
            let text = [broken, end].concat();
            let error = JsonValue::parse(text.as_bytes()).unwrap_err();
            assert_eq!(
                (error.kind(), error.offset()),
                (UnexpectedEnd, broken.len()),
                "{text:?}"
            );
        }
    }
}

/// J1: a byte order mark is no part of a message.
#[test]
fn a_byte_order_mark_is_refused() {
    let line = format!("\u{feff}{PONG}");
    let error = error_of(line.as_bytes());
    assert!(
        matches!(error, LineError::Json(error) if (error.kind(), error.offset()) == (UnexpectedByte, 0))
    );
}

/// J1: every fault is an event, and the session goes on after each.
#[test]
fn the_session_goes_on_after_any_line() {
    let mut client = Client::logged_in();
    for line in [
        &b"garbage"[..],
        b"{",
        b"\xff",
        b"[]",
        b"{}",
        b"\"\\ud800\"",
        b"{\"cmd\":null}",
    ] {
        assert!(matches!(client.reads(line), Some(Event::Malformed { .. })));
        assert!(matches!(client.reads(PONG), Some(Event::Pong)));
    }
    assert_eq!(client.session.in_flight(), 0);
}

/// F1, J1: a raw `\n` would end the line, so it is no white space inside a text.
#[test]
fn a_newline_is_no_white_space() {
    assert!(JsonValue::parse(b"[1,\r\t 2]").is_ok());
    for text in [&b"[1,\n2]"[..], b"\n1", b"1\n", b"\"a\nb\"", b"[\n]"] {
        assert!(JsonValue::parse(text).is_err(), "{text:?}");
    }
}

fn nested(open: &str, close: &str, depth: usize) -> String {
    format!("{}1{}", open.repeat(depth), close.repeat(depth))
}

/// J2: 64 levels, the message itself included, are read; one more is malformed, in arrays and objects alike.
#[test]
fn nesting_is_bounded() {
    let max = usize::try_from(MAX_DEPTH).unwrap();
    assert_eq!(max, 64);
    for (open, close) in [
        ("[", "]"),
        ("{\"a\":", "}"),
        ("[{\"a\":", "}]"),
        ("{\"a\":[", "]}"),
    ] {
        let each = open.matches(['[', '{']).count();
        let deep = nested(open, close, max / each);
        JsonValue::parse(deep.as_bytes()).unwrap();
        let error = JsonValue::parse(format!("[{deep}]").as_bytes()).unwrap_err();
        assert_eq!(error.kind(), TooDeep);

        let message = |data: &str| format!(r#"{{"data":{data},"cmd":"x"}}"#);
        let one_less = nested(open, close, (max - each) / each);
        assert!(matches!(
            Client::logged_in().reads(&message(&one_less)),
            Some(Event::Unknown { .. })
        ));
        let error = error_of(message(&deep).as_bytes());
        assert!(matches!(error, LineError::Json(error) if error.kind() == TooDeep));
    }
    // The input's nesting costs no stack.
    assert!(JsonValue::parse("[".repeat(1 << 20).as_bytes()).is_err());
}

/// J3: a message is an object with a string `cmd`.
#[test]
fn a_message_has_a_string_cmd() {
    for line in [
        "[]",
        "1",
        "\"cmd\"",
        "null",
        "[{\"cmd\":\"enterprise_pong\"}]",
        " 1 ",
    ] {
        assert_eq!(error_of(line.as_bytes()), LineError::NotAnObject, "{line}");
    }
    for line in [
        "{}",
        "{ }",
        "{\"Cmd\":\"enterprise_pong\"}",
        "{\"cmd\":null}",
        "{\"cmd\":1}",
        "{\"cmd\":[\"enterprise_pong\"]}",
        "{\"cmd \":\"enterprise_pong\"}",
        "{\"data\":{\"cmd\":\"enterprise_pong\"}}",
    ] {
        assert_eq!(error_of(line.as_bytes()), LineError::NoCommand, "{line}");
    }
}

/// J3: order, white space, escapes and unknown members change nothing.
#[test]
fn a_message_may_be_written_in_any_way() {
    let pongs = [
        r#"{"cmd":"enterprise_pong"}"#,
        r#"{"cmd": "enterprise_pong"}"#,
        " {\t\"cmd\"\r:  \"enterprise_pong\" } ",
        r#"{"a":[{"cmd":"x"}],"cmd":"enterprise_pong","b":null}"#,
        r#"{"c\u006dd":"enterprise\u005fpong"}"#,
        r#"{"\u0063\u006D\u0064":"\u0065nterprise_pon\u0067"}"#,
        r#"{"":"","cmd":"enterprise_pong","\ud800":1,"cmdcmdcmdcmdcmdcmdcmdcm\u0064":2}"#,
    ];
    for line in pongs {
        assert!(
            matches!(Client::logged_in().reads(line), Some(Event::Pong)),
            "{line}"
        );
    }
    let id =
        r#"{"delivery\u005fid":"a\u0062","c\u006dd":"enterprise_event_push","d\u0069d":"x\u0079"}"#;
    let mut client = Client::logged_in();
    let delivery = client.reads_delivery(id);
    assert_eq!(delivery.delivery_id(), br#""a\u0062""#);
    assert!(delivery.did().unwrap() == "xy");
}

/// J4: two `cmd` or two `delivery_id` are malformed, however they are written; without a token, for it is not clear what
/// to ack.
#[test]
fn a_repeated_cmd_or_id_is_malformed() {
    let lines = [
        r#"{"cmd":"enterprise_pong","cmd":"enterprise_pong"}"#,
        r#"{"cmd":"enterprise_event_push","delivery_id":1,"c\u006dd":"enterprise_pong"}"#,
        r#"{"cmd":"enterprise_event_push","delivery_id":1,"delivery_id":1}"#,
        r#"{"cmd":"enterprise_event_push","delivery_id":1,"delivery\u005fid":2}"#,
        r#"{"delivery\u005fid":null,"delivery_id":1,"cmd":"enterprise_event_push"}"#,
        r#"{"cmd":null,"cmd":"enterprise_event_push","delivery_id":1}"#,
    ];
    for line in lines {
        assert_eq!(
            error_of(line.as_bytes()),
            LineError::RepeatedMember,
            "{line}"
        );
    }
}

/// J4: of any other repeated member the last counts; deeper down nothing is repeated that matters.
#[test]
fn of_other_repeated_members_the_last_counts() {
    let line = concat!(
        r#"{"cmd":"enterprise_event_push","did":"first","did":1,"d\u0069d":"last","delivery_id":1,"#,
        r#""data":{"cmd":1,"cmd":2,"delivery_id":1,"delivery_id":2,"a":1,"a":2},"x":1,"x":2}"#
    );
    let mut client = Client::logged_in();
    let delivery = client.reads_delivery(line);
    assert!(delivery.did().unwrap() == "last");
    assert_eq!(delivery.member("x").unwrap().raw(), "2");
    assert_eq!(delivery.data().unwrap().member("a").unwrap().raw(), "2");
}

/// J4, L3, P4: so it is inside `data`.
#[test]
fn inside_data_too_the_last_counts() {
    let line = r#"{"cmd":"enterprise_login_res","data":{"result":false,"resul\u0074":true}}"#;
    assert!(matches!(
        Client::logging_in().reads(line),
        Some(Event::LoggedIn)
    ));
    let line = concat!(
        r#"{"cmd":"enterprise_event_push","delivery_id":1,"event_type":"attr_fault","#,
        r#""data":{"value":0,"v\u0061lue":1}}"#
    );
    match Client::logged_in().reads_delivery(line).payload() {
        noti_proto::Payload::AttrFault(fault) => assert_eq!(fault.raised(), Ok(true)),
        other => panic!("{other:?}"),
    }
}

/// J5: the grammar allows half of a surrogate pair; only decoding it fails.
#[test]
fn a_lone_surrogate_is_accepted() {
    let line = r#"{"cmd":"enterprise_event_push","delivery_id":"\udc00","did":"a\ud800b"}"#;
    let mut client = Client::logged_in();
    let delivery = client.reads_delivery(line);
    assert_eq!(delivery.did().unwrap().raw(), r"a\ud800b");
    assert!(
        delivery
            .did()
            .unwrap()
            .chars()
            .any(|character| character.is_err())
    );
    client.acks(delivery.token());
    assert_eq!(client.sends(), crate::story::ack(r#""\udc00""#));
}
