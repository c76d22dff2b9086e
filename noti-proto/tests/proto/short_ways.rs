//! The scanner's short ways over usual lines against its general walk, and both against `serde_json`: over every line that
//! is one byte away from a usual one.

use noti_proto::json::JsonError;
use noti_proto::{Event, LineError};
use serde_json::value::RawValue;

use crate::story::Client;

/// One line for each form of the events, short enough to try every change.
const LINES: [&str; 5] = [
    r#"{"cmd":"enterprise_event_push","delivery_id":18,"event_type":"attr_fault","event_id":"d1f6b1a0","product_key":"1f937d58f132478a","did":"TR6kXkCg44","mac":"5ccf7f0fdac8","group_id":"","created_at":1.48940174618700000000e+09,"data":{"attr_name":"传感器","value":1}}"#,
    r#"{"cmd":"enterprise_event_push","delivery_id":"5c1b-1","event_type":"device_status_kv","product_key":"k","did":"d","mac":"virtual:site","group_id":null,"created_at":1499843747.125,"data":{"a":1,"Wind":"睡眠","优":-2.5e3,"ok":true,"s":"\u4f20\"","d":1234567890}}"#,
    r#"{"cmd":"enterprise_event_push","delivery_id":0,"event_type":"device_status_kv","product_key":"k","did":"d","mac":"m","group_id":"g","created_at":1,"data":{"a": 1, "b": [0,{"c":false}], "d": "x"}}"#,
    r#"{"cmd":"enterprise_event_push","delivery_id":7,"event_type":"device_status_raw","product_key":"k","did":"d","mac":"m","group_id":"g","created_at":1466000000.123,"data":"AAAAAwcAAJEEAQID"}"#,
    r#"{"cmd":"enterprise_event_push","delivery_id":7,"event_type":"device_online","product_key":"k","did":"d","mac":"m","group_id":"g","created_at":1.5,"ip":"203.0.113.1","city":"广州"}"#,
];

/// What makes a difference to JSON, or to UTF-8.
const BYTES: [u8; 20] = [
    b'"', b'\\', b'{', b'}', b'[', b']', b',', b':', b' ', b'\r', b'0', b'7', b'-', b'.', b'e',
    b'u', 0x1f, 0x80, 0xe0, 0xed,
];

/// Every line that differs from this one in a byte: another one there, one more, one less.
fn neighbours(line: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    (0..line.len()).flat_map(move |at| {
        let (before, after) = line.split_at(at);
        let replaced = BYTES.map(|byte| [before, &[byte], &after[1..]].concat());
        let inserted = BYTES.map(|byte| [before, &[byte], after].concat());
        let removed = [before, &after[1..]].concat();
        replaced.into_iter().chain(inserted).chain([removed])
    })
}

/// Everything that a line tells, in a form that can be compared. Offsets count from `start`.
fn told(line: &[u8], start: usize) -> String {
    let moved = |error: LineError| match error {
        LineError::Json(error) => format!("{:?} at {}", error.kind(), error.offset() - start),
        error => format!("{error:?}"),
    };
    match Client::logged_in().reads(line) {
        Some(Event::Delivery(event)) => {
            let id = String::from_utf8_lossy(event.delivery_id());
            let texts = [
                event.product_key(),
                event.did(),
                event.mac(),
                event.group_id(),
                event.event_id(),
            ];
            let kind = event.event_type();
            let (at, data) = (event.created_at(), event.data());
            format!("{id} {texts:?} {kind:?} {at:?} {data:?}")
        }
        Some(Event::Malformed { error, token, .. }) => {
            format!("{} {}", moved(error), token.is_some())
        }
        Some(Event::Unknown { .. }) => "unknown".into(),
        other => panic!("{other:?}"),
    }
}

/// J1 to J4: a space before the line makes the whole of it go the general way, and changes nothing else.
#[test]
fn a_usual_line_tells_what_the_general_walk_finds() {
    for line in LINES {
        for changed in neighbours(line.as_bytes()) {
            let general = [b" ", &changed[..]].concat();
            let shown = String::from_utf8_lossy(&changed);
            assert_eq!(told(&changed, 0), told(&general, 1), "{shown}");
        }
    }
}

/// J1: what is accepted is what `serde_json` accepts.
#[test]
fn a_usual_line_is_sound_when_serde_json_says_so() {
    for line in LINES {
        for changed in neighbours(line.as_bytes()) {
            let ours = match Client::logged_in().reads(&changed) {
                Some(Event::Malformed {
                    error: LineError::Json(error),
                    ..
                }) => Err(error),
                _ => Ok(()),
            };
            let theirs = serde_json::from_slice::<&RawValue>(&changed);
            let shown = String::from_utf8_lossy(&changed);
            assert_eq!(
                ours.as_ref().map_err(JsonError::kind).is_ok(),
                theirs.is_ok(),
                "{shown}: {ours:?}"
            );
        }
    }
}
