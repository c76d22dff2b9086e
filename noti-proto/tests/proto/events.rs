//! The kinds of events and their fields, from captured lines.

use noti_proto::{
    AttrChange, Base64Error, Event, EventType, FieldError, Inline, LineBuf, Payload, RawError,
    RawStatus,
};

use crate::story::{ACCEPTED, Client, ack, samples};

/// What a line means, in one line of text.
fn told(event: Option<Event<'_>>) -> String {
    match event {
        None => "nothing".into(),
        Some(Event::LoggedIn) => "logged in".into(),
        Some(Event::LoginRefused { code, msg }) => format!("refused {code:?} {msg:?}"),
        Some(Event::Pong) => "pong".into(),
        Some(Event::InvalidMsg { code, msg }) => format!("invalid {code:?} {msg:?}"),
        Some(Event::Malformed { line, .. }) => {
            format!("malformed {}", String::from_utf8_lossy(line))
        }
        Some(Event::Delivery(delivery)) => {
            let id = String::from_utf8_lossy(delivery.delivery_id());
            let at = delivery.created_at().unwrap();
            let group = delivery.group_id().map(|group| group.to_string());
            format!(
                "{id} {:?} {} {}.{:09} {group:?}",
                delivery.event_type().unwrap(),
                delivery.mac().unwrap(),
                at.seconds(),
                at.subsec_nanos()
            )
        }
        Some(other) => format!("{other:?}"),
    }
}

/// What each line of `spec/samples.jsonl` tells a client that is logging in (the first two) or logged in (the rest).
const TOLD: [&str; 15] = [
    "logged in",
    "refused None Some(\"bad auth\")",
    "pong",
    "pong",
    "1 DeviceOffline 5ccf7f0fdac8 1489401746.187000000 Err(Null)",
    "2 DeviceOnline 5ccf7f0fdac8 1489405134.585000000 Err(Null)",
    "1 DeviceStatusRaw 5ccf7f0fdac8 1482912011.394000000 Err(Null)",
    "3 DeviceStatusRaw virtual:site 1482912011.394000000 Ok(\"\")",
    "1 DeviceStatusKv virtual:site 1499843747.793999910 Err(Missing)",
    "18446744073709551615 DeviceStatusKv accf236c6c42 1458604290.718000000 Err(Null)",
    "\"5c1b7e0a-0001\" AttrFault 999999999999 1499941067.395999908 Err(Null)",
    "0 AttrAlert 999999999999 1499941067.400000000 Ok(\"\")",
    "invalid None Some(\"unknown cmd\")",
    "invalid Some(4009) Some(\"has login\")",
    "malformed No Heartbeat!",
];

fn client_for(sample: usize) -> Client {
    match sample {
        0 | 1 => Client::logging_in(),
        _ => Client::logged_in(),
    }
}

/// P1, L3, L4, H2, H6, E1: every captured line tells what it should, with either line end.
#[test]
fn every_sample_tells_what_it_should() {
    assert_eq!(samples().count(), TOLD.len());
    for (number, (sample, expected)) in samples().zip(TOLD).enumerate() {
        for end in ["", "\n", "\r\n", "\nnext"] {
            let line = format!("{sample}{end}");
            assert_eq!(told(client_for(number).reads(&line)), expected);
        }
    }
}

/// F1, P1: every captured line, cut in two reads at every byte, tells the same.
#[test]
fn a_sample_may_be_cut_anywhere() {
    for (number, (sample, expected)) in samples().zip(TOLD).enumerate() {
        for end in ["\n", "\r\n"] {
            let bytes = format!("{sample}{end}").into_bytes();
            for cut in 0..=bytes.len() {
                let mut client = client_for(number);
                let mut buffer = LineBuf::new([0; 1024]);
                let mut heard = Vec::new();
                for read in [&bytes[..cut], &bytes[cut..]] {
                    buffer.spare()[..read.len()].copy_from_slice(read);
                    buffer.commit(read.len());
                    while let Some(line) = buffer.next_line() {
                        let now = noti_proto::Instant::ZERO;
                        heard.push(told(client.session.handle_line(now, line)));
                    }
                }
                assert_eq!(heard, [expected], "cut at {cut}");
            }
        }
    }
}

/// A1, A2: the ack of every captured event carries its id's own bytes.
#[test]
fn every_sample_is_acked_with_its_own_id() {
    let ids = [
        "1",
        "2",
        "1",
        "3",
        "1",
        "18446744073709551615",
        "\"5c1b7e0a-0001\"",
        "0",
    ];
    let mut client = Client::logged_in();
    let events = samples().filter(|line| line.contains("delivery_id"));
    for (line, id) in events.zip(ids) {
        let token = client.reads_delivery(line).token();
        client.acks(token);
        assert_eq!(client.sends(), ack(id));
    }
}

fn sample(number: usize) -> &'static str {
    samples().nth(number).unwrap()
}

/// P1: the fields that all kinds share.
#[test]
fn an_event_has_its_common_fields() {
    let mut client = Client::logged_in();
    let delivery = client.reads_delivery(sample(5));
    assert!(delivery.product_key().unwrap() == "1f937d58f132478a988aa78aa2be8278");
    assert!(delivery.did().unwrap() == "TR6kXkCg44aCtKowXaGWY3");
    assert!(delivery.mac().unwrap() == "5ccf7f0fdac8");
    assert_eq!(delivery.group_id().err(), Some(FieldError::Null));
    assert_eq!(
        delivery.created_at().unwrap().as_millis(),
        1_489_405_134_585
    );
    assert_eq!(delivery.event_id().err(), Some(FieldError::Missing));
    assert!(delivery.data().is_none());
    assert_eq!(delivery.member("ip").unwrap().raw(), "\"203.0.113.106\"");
    assert_eq!(delivery.line(), sample(5).as_bytes());
    assert!(delivery.member("nothing").is_none());
}

/// P1: a field that is missing or of another type fails when it is read; the event is sound all the same.
#[test]
fn a_wrong_field_fails_when_it_is_read() {
    let fields = [
        "product_key",
        "did",
        "mac",
        "group_id",
        "event_id",
        "created_at",
    ];
    let values = [
        ("null", FieldError::Null),
        ("{\"a\":1}", FieldError::WrongType),
        ("[]", FieldError::WrongType),
        ("true", FieldError::WrongType),
    ];
    for field in fields {
        for (value, error) in values {
            let line =
                format!(r#"{{"cmd":"enterprise_event_push","delivery_id":1,"{field}":{value}}}"#);
            let mut client = Client::logged_in();
            let delivery = client.reads_delivery(&line);
            let errors = [
                delivery.product_key().err(),
                delivery.did().err(),
                delivery.mac().err(),
                delivery.group_id().err(),
                delivery.event_id().err(),
                delivery.created_at().err(),
            ];
            for (name, found) in fields.into_iter().zip(errors) {
                let expected = if name == field {
                    error
                } else {
                    FieldError::Missing
                };
                assert_eq!(found, Some(expected), "{name} of {line}");
            }
            assert_eq!(delivery.event_type().err(), Some(FieldError::Missing));
            assert!(matches!(delivery.payload(), Payload::Other));
            client.acks(delivery.token());
            assert_eq!(client.sends(), ack("1"));
        }
    }
}

/// P1: `created_at` is read exactly from every form of a number; a string is none, and a time before 1970 is out of range.
#[test]
fn the_time_of_an_event_is_exact() {
    let cases = [
        (
            "1.49984374779399991035e+09",
            Ok((1_499_843_747, 793_999_910)),
        ),
        ("1466000000.123", Ok((1_466_000_000, 123_000_000))),
        ("1.489401746187E9", Ok((1_489_401_746, 187_000_000))),
        ("1466000000", Ok((1_466_000_000, 0))),
        ("0", Ok((0, 0))),
        ("-1", Err(FieldError::OutOfRange)),
        ("1e20", Err(FieldError::OutOfRange)),
        ("\"1466000000\"", Err(FieldError::WrongType)),
        ("null", Err(FieldError::Null)),
    ];
    for (text, expected) in cases {
        let line =
            format!(r#"{{"cmd":"enterprise_event_push","delivery_id":1,"created_at":{text}}}"#);
        let mut client = Client::logged_in();
        let at = client.reads_delivery(&line).created_at();
        assert_eq!(
            at.map(|at| (at.seconds(), at.subsec_nanos())),
            expected,
            "{text}"
        );
    }
}

/// P2: where an online device is.
#[test]
fn device_online_says_where() {
    let mut client = Client::logged_in();
    let Payload::DeviceOnline(online) = client.reads_delivery(sample(5)).payload() else {
        panic!("online");
    };
    assert!(online.ip().unwrap() == "203.0.113.106");
    assert!(online.country().unwrap() == "China");
    assert!(online.region().unwrap() == "Guangdong");
    assert!(online.city().unwrap() == "Guangzhou");
    let bare =
        r#"{"cmd":"enterprise_event_push","delivery_id":1,"event_type":"device_online","ip":7}"#;
    let Payload::DeviceOnline(online) = client.reads_delivery(bare).payload() else {
        panic!("online");
    };
    assert_eq!(online.ip().err(), Some(FieldError::WrongType));
    assert_eq!(online.city().err(), Some(FieldError::Missing));
}

/// P3: a device that went offline says nothing more.
#[test]
fn device_offline_is_just_that() {
    let mut client = Client::logged_in();
    assert!(matches!(
        client.reads_delivery(sample(4)).payload(),
        Payload::DeviceOffline
    ));
}

fn change(line: &str, with: impl FnOnce(AttrChange<'_>)) {
    match Client::logged_in().reads_delivery(line).payload() {
        Payload::AttrFault(change) | Payload::AttrAlert(change) => with(change),
        other => panic!("{other:?}"),
    }
}

/// P4: faults and alerts are raised and cleared, and name their data point.
#[test]
fn faults_and_alerts_are_raised_and_cleared() {
    let mut client = Client::logged_in();
    let delivery = client.reads_delivery(sample(10));
    assert!(matches!(delivery.payload(), Payload::AttrFault(_)));
    assert!(delivery.event_id().unwrap() == "d1f6b1a0-0000-4000-8000-000000000001");
    assert!(matches!(
        client.reads_delivery(sample(11)).payload(),
        Payload::AttrAlert(_)
    ));
    change(sample(10), |fault| {
        assert!(fault.attr_name().unwrap() == "fault_sensor");
        assert!(fault.attr_displayname().unwrap() == "传感器故障");
        assert_eq!(fault.raised(), Ok(true));
    });
    change(sample(11), |alert| {
        assert!(alert.attr_name().unwrap() == "overheat");
        assert!(alert.attr_displayname().unwrap() == "over\"heat\"");
        assert_eq!(alert.raised(), Ok(false));
    });
}

/// P4, P1: what is wrong with a fault's `data` is said when it is read.
#[test]
fn a_fault_with_other_data_fails_when_it_is_read() {
    let cases = [
        ("", FieldError::Missing),
        (r#","data":null"#, FieldError::Null),
        (r#","data":1"#, FieldError::WrongType),
        (r#","data":{}"#, FieldError::Missing),
        (r#","data":{"value":"1"}"#, FieldError::WrongType),
        (r#","data":{"value":null}"#, FieldError::Null),
        (r#","data":{"value":2}"#, FieldError::OutOfRange),
        (r#","data":{"value":-1}"#, FieldError::OutOfRange),
        (r#","data":{"value":0.5}"#, FieldError::OutOfRange),
    ];
    for (data, error) in cases {
        let line = format!(
            r#"{{"cmd":"enterprise_event_push","delivery_id":1,"event_type":"attr_fault"{data}}}"#
        );
        change(&line, |fault| {
            assert_eq!(fault.raised(), Err(error), "{data}")
        });
    }
}

fn raw(line: &str, with: impl FnOnce(RawStatus<'_>)) {
    match Client::logged_in().reads_delivery(line).payload() {
        Payload::DeviceStatusRaw(raw) => with(raw),
        other => panic!("{other:?}"),
    }
}

/// P5: the frame is the same in both forms of `data`, escaped or not.
#[test]
fn a_raw_status_is_bytes_in_both_forms() {
    const FRAME: [u8; 12] = [0, 0, 0, 3, 7, 0, 0, 0x91, 4, 1, 2, 3];
    let escaped = sample(7).replace("AAAAAwcA", r"A\u0041AAAwcA");
    for line in [sample(6), sample(7), &escaped] {
        raw(line, |status| {
            assert_eq!(status.decode_into(&mut [0; 12]), Ok(&FRAME[..]));
            let small = RawError::Base64(Base64Error::BufferTooSmall { needed: 12 });
            assert_eq!(status.decode_into(&mut [0; 11]), Err(small));
        });
    }
}

/// P5: the padding may be left out.
#[test]
fn a_frame_may_come_without_its_padding() {
    for (data, expected) in [("AAE=", &[0, 1][..]), ("AAE", &[0, 1]), ("AQ", &[1])] {
        let line = format!(
            r#"{{"cmd":"enterprise_event_push","delivery_id":1,"event_type":"device_status_raw","data":"{data}"}}"#
        );
        raw(&line, |status| {
            assert_eq!(status.decode_into(&mut [0; 2]), Ok(expected));
        });
    }
}

/// P5, J5: what is no base64, and what is no string, is said.
#[test]
fn a_raw_status_that_is_none_says_so() {
    let field = RawError::Field;
    let cases = [
        (
            r#""AAAAA""#,
            RawError::Base64(Base64Error::InvalidLength { length: 5 }),
        ),
        (
            r#""AA=""#,
            RawError::Base64(Base64Error::InvalidLength { length: 3 }),
        ),
        (
            r#""A*==""#,
            RawError::Base64(Base64Error::InvalidByte { position: 1 }),
        ),
        (
            r#""A\ud800==""#,
            RawError::Base64(Base64Error::InvalidByte { position: 1 }),
        ),
        (
            r#"{"raw":"AAB="}"#,
            RawError::Base64(Base64Error::TrailingBits { position: 2 }),
        ),
        ("null", field(FieldError::Null)),
        ("1", field(FieldError::WrongType)),
        ("[]", field(FieldError::WrongType)),
        ("{}", field(FieldError::Missing)),
        (r#"{"raw":1}"#, field(FieldError::WrongType)),
        (r#"{"raw":null}"#, field(FieldError::Null)),
    ];
    for (data, error) in cases {
        let line = format!(
            r#"{{"cmd":"enterprise_event_push","delivery_id":1,"event_type":"device_status_raw","data":{data}}}"#
        );
        raw(&line, |status| {
            assert_eq!(status.decode_into(&mut [0; 64]), Err(error), "{data}");
        });
    }
}

/// P6: data points come by name or in order, their values of any type.
#[test]
fn a_status_has_data_points_of_any_type() {
    let mut client = Client::logged_in();
    let Payload::DeviceStatusKv(status) = client.reads_delivery(sample(8)).payload() else {
        panic!("kv");
    };
    assert_eq!(status.entries().unwrap().count(), 14);
    assert!(status.get("Air_Quality").unwrap().as_str().unwrap() == "优");
    assert!(status.get("Wind_Velocity").unwrap().as_str().unwrap() == "睡眠");
    assert_eq!(status.get("nothing").err(), Some(FieldError::Missing));

    let Payload::DeviceStatusKv(status) = client.reads_delivery(sample(9)).payload() else {
        panic!("kv");
    };
    let entries: Vec<_> = status
        .entries()
        .unwrap()
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    let expected = [
        "str=\"johnson\"",
        "number=12.5",
        "integer=23",
        "boolean=true",
        "null=null",
    ];
    assert_eq!(entries, expected);
    assert!(status.get("null").unwrap().is_null());
    assert_eq!(status.data().unwrap().as_object().unwrap().count(), 5);
}

/// P6, P1: a status whose `data` is no object says so.
#[test]
fn a_status_without_data_points_says_so() {
    for (data, error) in [
        ("", FieldError::Missing),
        (r#","data":null"#, FieldError::Null),
        (r#","data":"text""#, FieldError::WrongType),
        (r#","data":[1]"#, FieldError::WrongType),
    ] {
        let line = format!(
            r#"{{"cmd":"enterprise_event_push","delivery_id":1,"event_type":"device_status_kv"{data}}}"#
        );
        match Client::logged_in().reads_delivery(&line).payload() {
            Payload::DeviceStatusKv(status) => {
                assert_eq!(status.entries().err(), Some(error));
                assert_eq!(status.get("a").err(), Some(error));
            }
            other => panic!("{other:?}"),
        }
    }
}

/// P7: an event of another type, or without one, is delivered like any other, and its type told.
#[test]
fn an_unknown_type_is_delivered() {
    let mut client = Client::logged_in();
    let line =
        r#"{"cmd":"enterprise_event_push","delivery_id":1,"event_type":"device_\u0062ind","x":1}"#;
    let delivery = client.reads_delivery(line);
    assert!(matches!(delivery.event_type(), Ok(EventType::Other(name)) if name == "device_bind"));
    assert!(matches!(delivery.payload(), Payload::Other));
    for event_type in ["7", "null", "\"\"", "\"DEVICE_ONLINE\""] {
        let line = format!(
            r#"{{"cmd":"enterprise_event_push","delivery_id":1,"event_type":{event_type}}}"#
        );
        assert!(
            matches!(client.reads_delivery(&line).payload(), Payload::Other),
            "{event_type}"
        );
    }
    // An escaped name is the same name.
    let line =
        r#"{"cmd":"enterprise_event_push","delivery_id":1,"event_type":"devic\u0065_offline"}"#;
    let mut client = Client::logged_in();
    assert!(matches!(
        client.reads_delivery(line).payload(),
        Payload::DeviceOffline
    ));
}

/// P1, A2: the layout of a delivery, kept apart, gives it back over a copy of its line, and harms nobody over another.
#[test]
fn a_layout_gives_the_delivery_back() {
    let mut client = Client::new(noti_proto::Config::default(), Inline::<256, 8>::new());
    client.is_let_in();
    for line in samples().filter(|line| line.contains("delivery_id")) {
        let delivery = client.reads_delivery(line);
        let layout = delivery.layout();
        let copy = line.as_bytes().to_vec();
        let again = layout.of(&copy);
        assert_eq!(format!("{again:?}"), format!("{delivery:?}"));
        assert_eq!(again.delivery_id(), delivery.delivery_id());
        assert_eq!(layout.token(), delivery.token());

        for other in samples().chain(["", "{", "\"\\u", "\u{fffd}\u{fffd}"]) {
            let nonsense = layout.of(other.as_bytes());
            let _ = format!("{:?} {:?}", nonsense.payload(), nonsense.created_at());
            let _ = (
                nonsense.event_type(),
                nonsense.member("did"),
                nonsense.delivery_id().len(),
            );
            if let Payload::DeviceStatusKv(status) = nonsense.payload() {
                let _ = status.entries().map(Iterator::count);
            }
        }
    }
    assert!(client.reads(ACCEPTED).is_some());
}
