//! What the server complains about, and what nobody expects.

use noti_proto::{AckError, CloseReason, Event, State};

use crate::story::{Client, ack, push};

fn invalid(code: &str) -> String {
    format!(r#"{{"cmd":"invalid_msg","error_code":{code},"msg":"why"}}"#)
}

/// E1: a complaint is reported, with its code if it has one, and the session goes on.
#[test]
fn a_complaint_is_reported() {
    let cases = [
        (r#"{"cmd":"invalid_msg","msg":"why"}"#.into(), None),
        (invalid("4009"), Some(4009)),
        (invalid("0"), Some(0)),
        (invalid("4294967295"), Some(u32::MAX)),
        // What is no number of 32 bits in plain digits is no code.
        (invalid("4.009e3"), None),
        (invalid("4294967296"), None),
        (invalid("-1"), None),
        (invalid("4000.5"), None),
        (invalid("\"4000\""), None),
        (invalid("null"), None),
    ];
    for (line, expected) in cases {
        let mut client = Client::logged_in();
        match client.reads(&line) {
            Some(Event::InvalidMsg {
                code,
                msg: Some(msg),
            }) => {
                assert!(code == expected && msg == "why", "{line}");
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(client.state(), State::LoggedIn, "{line}");
    }
    for line in [
        r#"{"cmd":"invalid_msg"}"#,
        r#"{"cmd":"invalid_msg","msg":null}"#,
    ] {
        let event = Client::logged_in()
            .reads(line)
            .map(|event| format!("{event:?}"));
        assert_eq!(
            event.as_deref(),
            Some("InvalidMsg { code: None, msg: None }")
        );
    }
}

/// E1, J1: the document prints it without its comma; such a line is malformed, and the session goes on.
#[test]
fn the_misprinted_complaint_is_malformed() {
    let mut client = Client::logged_in();
    let event = client.reads(r#"{"cmd": "invalid_msg" "msg": "unknown cmd"}"#);
    assert!(matches!(event, Some(Event::Malformed { token: None, .. })));
    assert_eq!(client.state(), State::LoggedIn);
}

/// E1, L4: while the login waits for its answer, any complaint about it is a refusal.
#[test]
fn a_complaint_about_the_login_is_a_refusal() {
    for (line, expected) in [
        (invalid("4009"), Some(4009)),
        (r#"{"cmd":"invalid_msg","msg":"why"}"#.into(), None),
    ] {
        let mut client = Client::logging_in();
        match client.reads(&line) {
            Some(Event::LoginRefused {
                code,
                msg: Some(msg),
            }) => {
                assert!(code == expected && msg == "why");
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(client.state(), State::Closed(CloseReason::LoginRefused));
    }
}

/// E3: an error inside the server says nothing about the login.
#[test]
fn a_server_error_refuses_no_login() {
    let mut client = Client::logging_in();
    assert!(matches!(
        client.reads(&invalid("4000")),
        Some(Event::InvalidMsg {
            code: Some(4000),
            ..
        })
    ));
    assert_eq!(client.state(), State::Closed(CloseReason::ServerError));
    assert_eq!((client.sends().as_str(), client.deadline()), ("", None));
}

/// E2: a login that the server no longer knows ends the session at once: no ack would be taken.
#[test]
fn a_lost_login_ends_the_session() {
    for code in ["4001", "4003"] {
        let mut client = Client::logged_in();
        let tokens = ["1", "2"].map(|id| client.gets(id));
        client.acks(tokens[0]);
        assert!(matches!(
            client.reads(&invalid(code)),
            Some(Event::InvalidMsg { code: Some(_), .. })
        ));
        assert_eq!(client.state(), State::Closed(CloseReason::LoginLost));
        assert_eq!((client.sends().as_str(), client.deadline()), ("", None));
        assert!(client.session.ack(tokens[1]).is_err());
    }
}

/// E3: an error inside the server ends the session after the acks given so far are out.
#[test]
fn a_server_error_ends_the_session_after_the_acks() {
    let mut client = Client::logged_in();
    let token = client.gets("1");
    client.acks(token);
    assert!(matches!(
        client.reads(&invalid("4000")),
        Some(Event::InvalidMsg {
            code: Some(4000),
            ..
        })
    ));
    assert_eq!(client.state(), State::Closing(CloseReason::ServerError));
    assert_eq!(client.sends(), ack("1"));
    assert_eq!(client.state(), State::Closed(CloseReason::ServerError));

    let mut client = Client::logged_in();
    assert!(client.reads(&invalid("4000")).is_some());
    assert_eq!(client.state(), State::Closed(CloseReason::ServerError));
}

/// E3, A6, H5: a closing session keeps its reason when its transport ends or stalls before the acks are out.
#[test]
fn a_closing_session_keeps_its_reason() {
    for (last, reason) in [
        (invalid("4000"), CloseReason::ServerError),
        (push("6"), CloseReason::WindowExceeded),
    ] {
        for stalls in [false, true] {
            let mut client = Client::logged_in();
            let tokens = ["1", "2", "3", "4", "5"].map(|id| client.gets(id));
            client.acks(tokens[0]);
            let _ = client.reads(&last);
            client.sends_at_most(1);
            assert_eq!(client.state(), State::Closing(reason));
            if stalls {
                client.at(30_000).times_out();
            } else {
                client.disconnects();
            }
            assert_eq!(client.state(), State::Closed(reason));
            assert_eq!(client.session.ack(tokens[1]), Err(AckError::Stale));
            client.is_let_in();
            client.disconnects();
            assert_eq!(client.state(), State::Closed(CloseReason::Disconnected));
        }
    }
}

/// E3: a ping that is half sent is finished, one that is only due is not.
#[test]
fn a_closing_session_finishes_its_message() {
    let mut client = Client::logged_in();
    client.at(60_000).times_out();
    client.sends_at_most(3);
    assert!(client.reads(&invalid("4000")).is_some());
    assert_eq!(client.state(), State::Closing(CloseReason::ServerError));
    assert_eq!(client.sends(), crate::story::PING[3..]);
    assert_eq!(client.state(), State::Closed(CloseReason::ServerError));

    let mut client = Client::logged_in();
    client.at(60_000).times_out();
    assert!(client.reads(&invalid("4000")).is_some());
    assert_eq!(
        (client.sends().as_str(), client.state()),
        ("", State::Closed(CloseReason::ServerError))
    );
}

/// E4: a command that a client does not know, or that only a client sends, is reported, and the session goes on.
#[test]
fn an_unknown_command_is_reported() {
    let mut client = Client::logged_in();
    for cmd in [
        "",
        "enterprise_ping",
        "enterprise_event_ack",
        "enterprise_login_req",
        "enterprise_event_push ",
        "优",
    ] {
        let line = format!(r#"{{"cmd":"{cmd}","delivery_id":1}}"#);
        assert!(
            matches!(client.reads(&line), Some(Event::Unknown { line: kept }) if kept == line.as_bytes())
        );
    }
    assert_eq!(
        (client.session.in_flight(), client.state()),
        (0, State::LoggedIn)
    );
    assert!(matches!(
        Client::logging_in().reads(r#"{"cmd":"new"}"#),
        Some(Event::Unknown { .. })
    ));
}

/// E1: every error and reason is a sentence for people, one line of it.
#[test]
fn errors_are_sentences() {
    use noti_proto::json::{DecodeError, JsonErrorKind, NumberError};
    use noti_proto::{AckError, Base64Error, ConfigError, FieldError, LineError};
    let sentences: Vec<String> = [
        Base64Error::InvalidByte { position: 1 }.to_string(),
        Base64Error::InvalidLength { length: 3 }.to_string(),
        Base64Error::TrailingBits { position: 2 }.to_string(),
        Base64Error::BufferTooSmall { needed: 12 }.to_string(),
        JsonErrorKind::UnexpectedByte.to_string(),
        JsonErrorKind::UnexpectedEnd.to_string(),
        JsonErrorKind::TrailingBytes.to_string(),
        JsonErrorKind::ControlCharacter.to_string(),
        JsonErrorKind::InvalidEscape.to_string(),
        JsonErrorKind::InvalidUtf8.to_string(),
        JsonErrorKind::InvalidNumber.to_string(),
        JsonErrorKind::TooDeep.to_string(),
        JsonErrorKind::TooLong.to_string(),
        AckError::Stale.to_string(),
        AckError::AlreadyAcked.to_string(),
        AckError::OtherSession.to_string(),
        ConfigError::Prefetch.to_string(),
        ConfigError::Slots.to_string(),
        ConfigError::TransmitBuffer.to_string(),
        ConfigError::PingInterval.to_string(),
        ConfigError::Timeout.to_string(),
        DecodeError::BufferTooSmall.to_string(),
        DecodeError::LoneSurrogate.to_string(),
        FieldError::Missing.to_string(),
        FieldError::Null.to_string(),
        FieldError::WrongType.to_string(),
        FieldError::OutOfRange.to_string(),
        LineError::NotAnObject.to_string(),
        LineError::NoCommand.to_string(),
        LineError::RepeatedMember.to_string(),
        LineError::NoDeliveryId.to_string(),
        LineError::DeliveryIdNotScalar.to_string(),
        LineError::DeliveryIdTooLong.to_string(),
        LineError::NoLoginResult.to_string(),
        NumberError::NotInteger.to_string(),
        NumberError::OutOfRange.to_string(),
        CloseReason::Disconnected.to_string(),
        CloseReason::LoginRefused.to_string(),
        CloseReason::LoginTimeout.to_string(),
        CloseReason::PongTimeout.to_string(),
        CloseReason::TransmitStalled.to_string(),
        CloseReason::WindowExceeded.to_string(),
        CloseReason::LoginLost.to_string(),
        CloseReason::ServerError.to_string(),
    ]
    .into();
    for (number, sentence) in sentences.iter().enumerate() {
        assert!(
            sentence.len() > 12 && !sentence.contains('\n') && !sentence.ends_with('.'),
            "{sentence}"
        );
        assert!(!sentences[..number].contains(sentence), "{sentence} twice");
    }
}

/// P5, J1: an error that wraps another says what that says, and where in the text it is.
#[test]
fn a_wrapping_error_says_what_is_in_it() {
    use core::error::Error;
    use noti_proto::json::JsonErrorKind;
    use noti_proto::{Base64Error, FieldError, LineError, RawError};
    let base64 = Base64Error::InvalidByte { position: 17 };
    assert!(base64.to_string().contains("at character 17:"));
    let causes: [(RawError, String); 2] = [
        (
            RawError::Field(FieldError::Null),
            FieldError::Null.to_string(),
        ),
        (RawError::Base64(base64), base64.to_string()),
    ];
    for (error, cause) in causes {
        assert_eq!(error.to_string(), cause);
        assert_eq!(error.source().map(ToString::to_string), Some(cause));
    }
    let Some(Event::Malformed {
        error: error @ LineError::Json(json),
        ..
    }) = Client::logged_in().reads(r#"{"cmd":1]"#)
    else {
        panic!("a malformed line");
    };
    assert_eq!(
        error.to_string(),
        format!("{} at byte 8", JsonErrorKind::UnexpectedByte)
    );
    assert_eq!(error.to_string(), json.to_string());
}
