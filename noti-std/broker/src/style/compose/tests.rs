//! The lines that the styles make.
use serde_json::Value;

use super::*;
use crate::generate::{Generator, GeneratorConfig};
use crate::style::{Composer, Terminator};

fn composed(style: Style, body: &Body, number: u64) -> (String, Terminator) {
    let mut line = Vec::new();
    let terminator = Composer::new(style, 5).compose(body, number, &mut line);
    (String::from_utf8(line).unwrap(), terminator)
}

fn bodies() -> Generator {
    Generator::new(GeneratorConfig::default()).unwrap()
}

/// What a line says, with raw data in its short form, and apart from it what styles change on
/// purpose.
struct Meaning {
    event: Value,
    group: Option<Value>,
    created_at: f64,
    id: String,
}

fn meaning(line: &str) -> Meaning {
    let members = members(line).unwrap();
    let token = |name: &str| {
        members
            .iter()
            .find(|member| member.name == name)
            .unwrap()
            .value
    };
    let mut event: Value = serde_json::from_str(line).unwrap();
    let object = event.as_object_mut().unwrap();
    assert_eq!(object.len(), members.len(), "{line}");
    let group = object.remove("group_id");
    object.remove("delivery_id");
    object.remove("created_at");
    if let Some(raw) = object.get("data").and_then(|data| data.get("raw")).cloned() {
        object.insert("data".into(), raw);
    }
    // Text by text: serde_json reads a number of twenty digits one unit off at times.
    Meaning {
        event,
        group,
        created_at: token("created_at").parse().unwrap(),
        id: token("delivery_id").into(),
    }
}

#[test]
fn plain_is_a_splice() {
    let cases = [
        (
            "{}",
            "{\"cmd\":\"enterprise_event_push\",\"delivery_id\":7}",
        ),
        (
            "{\"delivery_id\":3, \"a\": [1 ]}",
            "{\"cmd\":\"enterprise_event_push\",\"delivery_id\":7,\"a\":[1 ]}",
        ),
    ];
    for (body, line) in cases {
        let body = Body::parse(body).unwrap();
        assert_eq!(
            composed(Style::PLAIN, &body, 7),
            (line.to_owned(), Terminator::Lf)
        );
        let (crlf, terminator) = composed(Style::PLAIN.with(Oddity::Crlf), &body, 7);
        assert_eq!((crlf.as_str(), terminator.as_bytes()), (line, &b"\r\n"[..]));
    }
}

#[test]
fn every_style_keeps_the_meaning() {
    let alone = Oddity::ALL.map(|oddity| Style::PLAIN.with(oddity));
    let pairs = Oddity::ALL
        .iter()
        .flat_map(|&one| Oddity::ALL.map(|two| Style::PLAIN.with(one).with(two)));
    for style in alone
        .into_iter()
        .chain(pairs)
        .chain([Style::PLAIN, Style::ALL])
    {
        for (body, number) in bodies().take(60).zip(1..) {
            let plain = meaning(&composed(Style::PLAIN, &body, number).0);
            let (line, _) = composed(style, &body, number);
            let odd = meaning(&line);
            assert_eq!(odd.event, plain.event, "{style}: {line}");
            assert_eq!(odd.created_at, plain.created_at, "{style}: {line}");
            assert_eq!(odd.id, style.id_token(number), "{style}: {line}");
            assert_eq!(
                style.number_of(odd.id.as_bytes()),
                Some(number),
                "{style}: {line}"
            );
            assert!(
                !line.contains('\n') && !line.ends_with('\r'),
                "{style}: {line}"
            );
            match (style.has(Oddity::NullGroup), style.has(Oddity::NoGroup)) {
                (false, false) => assert_eq!(odd.group, plain.group),
                (null, no) => {
                    assert!(
                        (null && odd.group == Some(Value::Null)) || (no && odd.group.is_none()),
                        "{line}"
                    );
                }
            }
        }
    }
}

#[test]
fn everything_at_once_is_json_ten_thousand_times() {
    for (body, number) in bodies().take(10_000).zip(1..) {
        let (line, terminator) = composed(Style::ALL, &body, number);
        let Ok(Value::Object(event)) = serde_json::from_str(&line) else {
            panic!("{line}")
        };
        assert_eq!(event["cmd"], "enterprise_event_push");
        assert_eq!(terminator, Terminator::Crlf);
    }
}

#[test]
fn each_oddity_shows() {
    let line = |oddity, number| {
        let body = bodies().nth(number as usize - 1).unwrap();
        composed(Style::PLAIN.with(oddity), &body, number).0
    };
    let any = |oddity, sign: &str| (1..200).any(|number| line(oddity, number).contains(sign));
    let all = |oddity, sign: &str| (1..200).all(|number| line(oddity, number).contains(sign));

    assert!(!all(
        Oddity::Shuffle,
        "{\"cmd\":\"enterprise_event_push\",\"delivery_id\""
    ));
    for sign in ["\t\"", "\r\"", " }", "{ ", " :", ", "] {
        assert!(any(Oddity::Spaces, sign), "{sign:?}");
    }
    for sign in ["\"c\\u006dd\"", "\\ud83d\\udd12", "\\/", "\\u0065nterprise"] {
        assert!(any(Oddity::Escapes, sign), "{sign:?}");
    }
    assert!(all(Oddity::Exponent, "e+09"));
    assert!(all(Oddity::StringIds, "\"delivery_id\":\"5c1b7e0a-00"));
    assert!(all(Oddity::HugeIds, "\"delivery_id\":184467440737095"));
    assert!(all(Oddity::NullGroup, "\"group_id\":null"));
    assert!(!any(Oddity::NoGroup, "group_id"));
    // The third event of every stream is a raw one.
    let body = |data: &str| {
        Body::parse(&format!(
            "{{\"event_type\":\"device_status_raw\",\"data\":{data}}}"
        ))
        .unwrap()
    };
    for data in ["\"AAAA\"", "{\"raw\":\"AAAA\"}"] {
        let object = composed(Style::PLAIN.with(Oddity::RawObject), &body(data), 1).0;
        assert!(object.ends_with("\"data\":{\"raw\":\"AAAA\"}}"), "{object}");
        let string = composed(Style::PLAIN.with(Oddity::RawString), &body(data), 1).0;
        assert!(string.ends_with("\"data\":\"AAAA\"}"), "{string}");
    }
}

#[test]
fn what_a_style_does_not_understand_stays() {
    let style = Oddity::ALL[4..]
        .iter()
        .fold(Style::PLAIN, |style, &oddity| style.with(oddity));
    for body in [
        r#"{"created_at":"now","group_id":null,"data":{"raw":1}}"#,
        r#"{"created_at":1e999,"group_id":null,"event_type":"device_status_raw","data":[]}"#,
        r#"{"created_at":null,"group_id":null,"event_type":7,"data":{"raw":"AAAA","b":1}}"#,
        r#"{"event_type":"device_status_kv","group_id":null,"data":{"raw":"AAAA"}}"#,
    ] {
        let inner = &body[1..];
        let lines = (0..20).map(|number| composed(style, &Body::parse(body).unwrap(), number).0);
        let ends = lines.map(|line| {
            line.ends_with(inner) || line.ends_with(&inner.replace(r#""group_id":null,"#, ""))
        });
        assert_eq!(ends.filter(|&kept| kept).count(), 20, "{body}");
    }
}

#[test]
fn escapes_in_the_body_stay_whole() {
    let text =
        r#"{"a":"\ud83d\ude00\\u0041\n\"\/ud83d","b\\":{"\"c":[true,null,-1.5e-7,"\ud800"]}}"#;
    let body = Body::parse(text).unwrap();
    for number in 0..500 {
        let style = Style::PLAIN.with(Oddity::Escapes).with(Oddity::Spaces);
        let (line, _) = composed(style, &body, number);
        let members = members(&line).unwrap();
        assert_eq!(
            serde_json::from_str::<String>(members[2].value).unwrap(),
            "😀\\u0041\n\"/ud83d"
        );
        assert_eq!(members[3].name, "b\\");
        // A lone surrogate is grammar, though no text.
        let (start, end) = (
            members[3].value.find('[').unwrap(),
            members[3].value.find(']').unwrap(),
        );
        let array: Vec<&serde_json::value::RawValue> =
            serde_json::from_str(&members[3].value[start..=end]).unwrap();
        assert_eq!((array[2].get(), array[3].get()), ("-1.5e-7", r#""\ud800""#));
    }
}

#[test]
fn a_line_depends_on_seed_and_number_alone() {
    let body = bodies().next().unwrap();
    let line = |seed, number| {
        let mut line = b"before ".to_vec();
        let _ = Composer::new(Style::ALL, seed).compose(&body, number, &mut line);
        line
    };
    assert_eq!(line(1, 1), line(1, 1));
    assert_ne!(line(1, 1), line(2, 1));
    assert_ne!(line(1, 1), line(1, 3));
    assert!(line(1, 1).starts_with(b"before "));
}

#[test]
fn exponent_form_keeps_the_number() {
    let cases = [
        ("1499843747.79399991035", Some("1.49984374779399991035e+09")),
        ("1.489401746187E9", Some("1.48940174618700003624e+09")),
        ("0", Some("0.00000000000000000000e+00")),
        ("-0.00001", Some("-1.00000000000000008180e-05")),
        ("1e308", Some("1.00000000000000001098e+308")),
        ("1e309", None),
        ("\"1\"", None),
        ("null", None),
        ("[1]", None),
    ];
    for (text, form) in cases {
        assert_eq!(exponent_form(text).as_deref(), form, "{text}");
    }
    for micros in (1_500_000_000_000_000_u64..).step_by(999_983).take(1_000) {
        let text = format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000);
        let value: f64 = exponent_form(&text).unwrap().parse().unwrap();
        assert_eq!((value * 1e6).round() as u64, micros);
    }
}
