//! Any line through a session: what it means, its fields, and the ack that it gets.

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use noti_proto::json::{JsonStr, JsonValue};
use noti_proto::{
    Delivery, Event, EventType, FieldError, Instant, Line, LineBuf, LineError, MAX_ID, Payload,
    RawError, State,
};

use crate::client::{ACCEPTED, Client, Seen};
use crate::json_scan::{string_equals_the_model, value_equals_the_model};
use crate::model::number::Decimal;
use crate::model::recovery::{self, Found};
use crate::model::{json, lines};
use crate::reads::Reads;

/// The first byte says whether the login has been answered, and how the line ends; the rest is the line.
pub fn event_line(data: &[u8]) {
    let [setting, line @ ..] = data else {
        return;
    };
    let line = line.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let logged_in = setting & 1 == 0;
    let end = ["", "\n", "\r\n", "\n{\"cmd\":"][usize::from(setting >> 1) % 4];
    let new_client = if logged_in {
        Client::logged_in
    } else {
        Client::logging_in
    };
    let bytes = [line, end.as_bytes()].concat();

    let mut client = new_client();
    let seen = client.reads(&bytes);
    let line = bytes
        .split(|byte| *byte == b'\n')
        .next()
        .unwrap_or_default();
    let line = lines::without_carriage_return(line);
    let expected = meaning(line, logged_in);
    match (&seen, expected) {
        (
            Some(Seen::Malformed {
                line,
                error,
                push,
                acked,
            }),
            Some(Seen::Malformed {
                line: model_line,
                error: model_error,
                push: model_push,
                acked: model_acked,
            }),
        ) => {
            assert_eq!((line, *push), (&model_line, model_push));
            // Of a line that is no JSON and repeats a member, either may be seen first.
            let json = |error: &LineError| matches!(error, LineError::Json(_));
            if json(&model_error) {
                assert!(
                    json(error) || *error == LineError::RepeatedMember,
                    "{error:?}"
                );
            } else {
                assert_eq!(*error, model_error);
            }
            assert_eq!(acked.is_some(), model_acked.is_some());
            if logged_in {
                assert_eq!(*acked, model_acked);
            }
        }
        (
            Some(Seen::Delivery { line, acked }),
            Some(Seen::Delivery {
                line: model,
                acked: id,
            }),
        ) => {
            assert_eq!(*line, model);
            if logged_in {
                assert_eq!(*acked, id);
            }
        }
        (seen, expected) => assert_eq!(*seen, expected),
    }
    acks_wait_for_the_login(client, &seen, line);
    a_buffer_with_more_in_it_changes_nothing(new_client(), line, &seen);

    let mut client = new_client();
    let event = client
        .session()
        .handle_line(Instant::ZERO, Line::whole(&bytes));
    if let Some(Event::Delivery(delivery)) = event {
        let text = std::str::from_utf8(line).expect("a sound line");
        let members = json::members(text.trim_ascii()).expect("an object");
        delivery_equals_the_model(&delivery, &members);
        let kept = delivery.layout().of(line);
        assert_eq!((kept.line(), kept.token()), (line, delivery.token()));
    }
}

/// What the line says, by serde_json. `acked` is the id where there is a token.
fn meaning(line: &[u8], logged_in: bool) -> Option<Seen> {
    let malformed = |error, found: Found<'_>| {
        Some(Seen::Malformed {
            line: line.to_vec(),
            error,
            push: found.push,
            acked: found.id.map(<[u8]>::to_vec),
        })
    };
    let nothing = Found::default();
    let event = Found {
        push: true,
        id: None,
    };
    if lines::is_blank(line) {
        return None;
    }
    let Some(text) = json::value(line) else {
        let fault = JsonValue::parse(line).expect_err("json_scan sees to this");
        return malformed(LineError::Json(fault), recovery::find(line));
    };
    let Some(members) = json::members(text) else {
        return malformed(LineError::NotAnObject, nothing);
    };
    if json::count(&members, "cmd") > 1 || json::count(&members, "delivery_id") > 1 {
        return malformed(LineError::RepeatedMember, recovery::find(line));
    }
    let command = json::member(&members, "cmd").filter(|cmd| cmd.starts_with('"'));
    let Some(command) = command else {
        return malformed(LineError::NoCommand, nothing);
    };
    let raw_string = |value: &str| {
        let inside = value.strip_prefix('"')?.strip_suffix('"')?;
        Some(inside.to_owned())
    };
    let msg = json::member(&members, "msg").and_then(raw_string);
    match json::string(command).unwrap_or_default().as_str() {
        "enterprise_event_push" => match json::member(&members, "delivery_id") {
            None => malformed(LineError::NoDeliveryId, event),
            Some(id) if id.starts_with(['[', '{']) => {
                malformed(LineError::DeliveryIdNotScalar, event)
            }
            Some(id) if id.len() > MAX_ID => malformed(LineError::DeliveryIdTooLong, event),
            Some(id) => Some(Seen::Delivery {
                line: line.to_vec(),
                acked: id.as_bytes().to_vec(),
            }),
        },
        "enterprise_pong" => Some(Seen::Pong),
        "enterprise_login_res" => {
            let data = json::member(&members, "data").and_then(json::members);
            let data = data.unwrap_or_default();
            match json::member(&data, "result") {
                Some("true") if logged_in => Some(Seen::Unknown {
                    line: line.to_vec(),
                }),
                Some("true") => Some(Seen::LoggedIn),
                Some("false") => Some(Seen::LoginRefused {
                    code: None,
                    msg: json::member(&data, "msg").and_then(raw_string),
                }),
                _ => malformed(LineError::NoLoginResult, nothing),
            }
        }
        "invalid_msg" => {
            let code = json::member(&members, "error_code");
            let code = code.and_then(|code| code.parse().ok());
            // An error inside the server says nothing about the login.
            Some(if logged_in || code == Some(4000) {
                Seen::InvalidMsg { code, msg }
            } else {
                Seen::LoginRefused { code, msg }
            })
        }
        _ => Some(Seen::Unknown {
            line: line.to_vec(),
        }),
    }
}

/// Clause L7: what was acked while the login was under way leaves once it is accepted, and not otherwise.
fn acks_wait_for_the_login(mut client: Client, seen: &Option<Seen>, line: &[u8]) {
    let waits = match seen {
        Some(Seen::Delivery { acked, .. }) => acked.is_empty(),
        Some(Seen::Malformed { acked, .. }) => acked.as_ref().is_some_and(Vec::is_empty),
        _ => false,
    };
    if !waits {
        return;
    }
    assert_eq!(client.session().unsent(), 1);
    assert_eq!(client.reads(ACCEPTED), Some(Seen::LoggedIn));
    let sent = client.session().poll_transmit(Instant::ZERO).to_vec();
    let mut logged_in = Client::logged_in();
    let acked = match logged_in.reads(line) {
        Some(Seen::Delivery { acked, .. }) => acked,
        Some(Seen::Malformed { acked, .. }) => acked.expect("a token as before"),
        other => panic!("not as before: {other:?}"),
    };
    let start: &[u8] = br#"{"cmd":"enterprise_event_ack","delivery_id":"#;
    assert_eq!(sent, [start, &acked, b"}\n"].concat());
}

fn a_buffer_with_more_in_it_changes_nothing(mut client: Client, line: &[u8], alone: &Option<Seen>) {
    let stream = [b" \n", line, b"\r\n{\"cmd\":\"enterprise_pong\"}\n"].concat();
    let mut seen = Vec::new();
    let mut lines = LineBuf::new(vec![0; stream.len()]);
    Reads::new(0).feed(&mut lines, &stream, |line| seen.push(client.handles(line)));
    let pong = matches!(client.session().state(), State::LoggingIn | State::LoggedIn);
    assert_eq!(seen, [None, alone.clone(), pong.then_some(Seen::Pong)]);
    assert_eq!(lines.buffered(), 0);
}

fn delivery_equals_the_model(delivery: &Delivery<'_>, members: &[(&str, &str)]) {
    let model = |name| json::member(members, name);
    let id = model("delivery_id").expect("a delivery has one");
    assert_eq!(delivery.delivery_id(), id.as_bytes());
    for (field, name) in [
        (delivery.product_key(), "product_key"),
        (delivery.did(), "did"),
        (delivery.mac(), "mac"),
        (delivery.group_id(), "group_id"),
        (delivery.event_id(), "event_id"),
    ] {
        string_field(field, model(name));
    }
    let created_at = delivery.created_at();
    let created_at = created_at.map(|moment| (moment.seconds(), moment.subsec_nanos()));
    let expected = number(model("created_at"));
    let expected = expected.and_then(|number| number.timestamp().ok_or(FieldError::OutOfRange));
    assert_eq!(created_at, expected);
    let data = delivery.data();
    assert_eq!(data.map(|data| data.raw()), model("data"));
    if let (Some(data), Some(model)) = (data, model("data")) {
        value_equals_the_model(data, model);
    }
    for (key, _) in members {
        if let Some(name) = json::string(key) {
            let member = delivery.member(&name).map(|value| value.raw());
            assert_eq!(member, json::member(members, &name));
        }
    }
    payload_equals_the_model(delivery, members);
}

fn payload_equals_the_model(delivery: &Delivery<'_>, members: &[(&str, &str)]) {
    let model = |name| json::member(members, name);
    let named = model("event_type").filter(|text| text.starts_with('"'));
    let name = named.and_then(json::string);
    let event_type = delivery.event_type();
    match (delivery.payload(), name.as_deref()) {
        (Payload::DeviceOnline(online), Some("device_online")) => {
            assert!(matches!(event_type, Ok(EventType::DeviceOnline)));
            for (field, name) in [
                (online.ip(), "ip"),
                (online.country(), "country"),
                (online.region(), "region"),
                (online.city(), "city"),
            ] {
                string_field(field, model(name));
            }
        }
        (Payload::DeviceOffline, Some("device_offline")) => {
            assert!(matches!(event_type, Ok(EventType::DeviceOffline)));
        }
        (Payload::AttrFault(change), Some("attr_fault"))
        | (Payload::AttrAlert(change), Some("attr_alert")) => {
            let fault = name.as_deref() == Some("attr_fault");
            assert!(match event_type {
                Ok(EventType::AttrFault) => fault,
                Ok(EventType::AttrAlert) => !fault,
                _ => false,
            });
            let data = object(model("data"));
            let member = |name| data.as_ref().map(|data| json::member(data, name));
            nested_string_field(change.attr_name(), member("attr_name"));
            nested_string_field(change.attr_displayname(), member("attr_displayname"));
            let raised = member("value").map_err(|error| *error).and_then(number);
            let raised = raised.and_then(|number| match number.integer() {
                Ok(0) => Ok(false),
                Ok(1) => Ok(true),
                _ => Err(FieldError::OutOfRange),
            });
            assert_eq!(change.raised(), raised);
        }
        (Payload::DeviceStatusRaw(status), Some("device_status_raw")) => {
            assert!(matches!(event_type, Ok(EventType::DeviceStatusRaw)));
            let data = model("data");
            let text = match object(data) {
                Ok(data) => json::member(&data, "raw"),
                Err(_) => data,
            };
            string_field(status.base64(), text);
            frame_equals_the_model(text, |buffer| status.decode_into(buffer).map(<[u8]>::len));
        }
        (Payload::DeviceStatusKv(status), Some("device_status_kv")) => {
            assert!(matches!(event_type, Ok(EventType::DeviceStatusKv)));
            let data = object(model("data"));
            let entries = status.entries().map(Iterator::count);
            assert_eq!(entries, data.as_ref().map(Vec::len).map_err(|error| *error));
            let power =
                data.and_then(|data| json::member(&data, "power").ok_or(FieldError::Missing));
            assert_eq!(status.get("power").map(|value| value.raw()), power);
            typed_data_equals_its_members(&status);
        }
        (Payload::Other, name) => match (event_type, name) {
            (Ok(EventType::Other(text)), Some(name)) => assert!(text == name),
            (Ok(EventType::Other(text)), None) => assert!(text.chars().any(|next| next.is_err())),
            (Err(error), None) => assert_eq!(Some(error), string_error(model("event_type"))),
            other => panic!("the event type is {other:?}"),
        },
        (payload, name) => panic!("{name:?} is read as {payload:?}"),
    }
}

/// serde-json-core may refuse what it cannot do. What it gives must be what stands there.
fn typed_data_equals_its_members(status: &noti_proto::KvStatus<'_>) {
    #[derive(serde::Deserialize)]
    struct Fan {
        #[serde(default)]
        power: Option<u32>,
        #[serde(default)]
        mode: Option<heapless::String<8>>,
    }
    let Ok(fan) = status.deserialize::<Fan>(&mut [0; 32]) else {
        return;
    };
    if let Some(power) = fan.power {
        let value = status.get("power").expect("it was read");
        assert_eq!(
            value.as_number().and_then(|number| number.to_u32().ok()),
            Some(power)
        );
    }
    if let Some(mode) = fan.mode {
        let value = status.get("mode").expect("it was read");
        assert!(value.as_str().is_some_and(|text| text == *mode));
    }
}

fn frame_equals_the_model(
    text: Option<&str>,
    decode: impl Fn(&mut [u8]) -> Result<usize, RawError>,
) {
    let Some(text) = text.filter(|text| text.starts_with('"')) else {
        assert!(matches!(decode(&mut []), Err(RawError::Field(_))));
        return;
    };
    let padding = |mode| {
        let config = GeneralPurposeConfig::new().with_decode_padding_mode(mode);
        GeneralPurpose::new(&STANDARD, config)
    };
    let frame = json::string(text).and_then(|text| {
        let padded = padding(DecodePaddingMode::RequireCanonical).decode(&text);
        padded
            .or_else(|_| padding(DecodePaddingMode::RequireNone).decode(&text))
            .ok()
    });
    let Some(frame) = frame else {
        assert!(matches!(
            decode(&mut vec![0; text.len()]),
            Err(RawError::Base64(_))
        ));
        return;
    };
    let mut buffer = vec![0; frame.len()];
    assert_eq!(decode(&mut buffer), Ok(frame.len()));
    assert_eq!(buffer, frame);
    if let Some(one_less) = frame.len().checked_sub(1) {
        let short = decode(&mut buffer[..one_less]);
        let needed = frame.len();
        assert_eq!(
            short,
            Err(RawError::Base64(noti_proto::Base64Error::BufferTooSmall {
                needed
            }))
        );
    }
}

fn string_error(model: Option<&str>) -> Option<FieldError> {
    match model {
        None => Some(FieldError::Missing),
        Some("null") => Some(FieldError::Null),
        Some(text) if text.starts_with('"') => None,
        Some(_) => Some(FieldError::WrongType),
    }
}

fn string_field(field: Result<JsonStr<'_>, FieldError>, model: Option<&str>) {
    assert_eq!(field.err(), string_error(model));
    if let (Ok(text), Some(model)) = (field, model) {
        string_equals_the_model(text, model);
    }
}

fn nested_string_field(
    field: Result<JsonStr<'_>, FieldError>,
    model: Result<Option<&str>, &FieldError>,
) {
    match model {
        Ok(model) => string_field(field, model),
        Err(error) => assert_eq!(field.err(), Some(*error)),
    }
}

fn number(model: Option<&str>) -> Result<Decimal, FieldError> {
    match model {
        None => Err(FieldError::Missing),
        Some("null") => Err(FieldError::Null),
        Some(text) if text.starts_with(|first: char| first == '-' || first.is_ascii_digit()) => {
            Ok(Decimal::of(text))
        }
        Some(_) => Err(FieldError::WrongType),
    }
}

fn object(model: Option<&str>) -> Result<Vec<(&str, &str)>, FieldError> {
    match model {
        None => Err(FieldError::Missing),
        Some("null") => Err(FieldError::Null),
        Some(text) => json::members(text).ok_or(FieldError::WrongType),
    }
}
