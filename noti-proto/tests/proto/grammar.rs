//! The scanner against `serde_json`: the same texts are accepted, and they mean the same.

use noti_proto::json::{JsonStr, JsonValue, MAX_DEPTH};
use proptest::prelude::*;
use serde_json::value::RawValue;

use crate::inputs::{faulty_line, string, value};

/// How deep a sound text nests.
fn depth(text: &str) -> u32 {
    let (mut depth, mut deepest, mut in_string, mut escaped) = (0, 0, false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' if !in_string => depth -= 1,
            _ => {}
        }
    }
    deepest
}

/// What `serde_json` takes for a value, by our rules: on one line, and not too deep.
fn model(text: &[u8]) -> Option<&str> {
    let raw = serde_json::from_slice::<&RawValue>(text).ok()?.get();
    (!text.contains(&b'\n') && depth(raw) <= MAX_DEPTH).then_some(raw)
}

fn check(text: &[u8]) -> Result<(), TestCaseError> {
    let shown = String::from_utf8_lossy(text);
    let parsed = JsonValue::parse(text);
    prop_assert_eq!(
        parsed.ok().map(|value| value.raw()),
        model(text),
        "{}",
        shown
    );
    if let Err(error) = parsed {
        // Whatever is before the fault could have been the beginning of a sound text; what is at it could not.
        prop_assert!(error.offset() <= text.len(), "{}", shown);
    }
    Ok(())
}

/// Every value inside means what `serde_json` says, with the last of repeated keys.
fn same(ours: JsonValue<'_>, theirs: &serde_json::Value) -> Result<(), TestCaseError> {
    use serde_json::Value;
    match theirs {
        Value::Null => prop_assert!(ours.is_null()),
        Value::Bool(value) => prop_assert_eq!(ours.as_bool(), Some(*value)),
        Value::Number(number) => {
            let ours = ours.as_number().unwrap();
            if let Some(integer) = number.as_u64() {
                prop_assert_eq!(ours.to_u64(), Ok(integer));
            }
            if let Some(integer) = number.as_i64() {
                prop_assert_eq!(ours.to_i64(), Ok(integer));
            }
            prop_assert!(ours.to_f64().is_ok());
        }
        Value::String(text) => prop_assert!(ours.as_str().unwrap() == text.as_str()),
        Value::Array(elements) => {
            prop_assert_eq!(ours.as_array().unwrap().count(), elements.len());
            for (ours, theirs) in ours.as_array().unwrap().zip(elements) {
                same(ours, theirs)?;
            }
        }
        Value::Object(members) => {
            for (key, theirs) in members {
                same(ours.member(key).unwrap(), theirs)?;
            }
            for (key, _) in ours.as_object().unwrap() {
                prop_assert!(members.keys().any(|other| key == other.as_str()));
            }
        }
    }
    Ok(())
}

proptest! {
    /// J1, J2, J5, F1: lines of every kind, with faults and without.
    #[test]
    fn a_faulty_line_is_sound_when_serde_json_says_so(line in faulty_line()) {
        check(&line)?;
    }

    /// J1: any bytes at all.
    #[test]
    fn any_bytes_are_sound_when_serde_json_says_so(bytes in any::<Vec<u8>>(), text in "[\"\\\\{}\\[\\],:0-9a-fu.+ \r\n\t-]{0,12}") {
        check(&bytes)?;
        check(text.as_bytes())?;
    }

    /// J1: a sound text means the same, value by value.
    #[test]
    fn a_sound_text_means_the_same(text in value()) {
        check(text.as_bytes())?;
        let ours = JsonValue::parse(text.as_bytes());
        if let (Ok(ours), Ok(theirs)) = (ours, serde_json::from_str(&text)) {
            same(ours, &theirs)?;
        }
    }

    /// J1, J5: a string decodes to the same text, or fails where `serde_json` fails.
    #[test]
    fn a_string_decodes_to_the_same_text(text in string()) {
        let ours = JsonStr::parse(text.as_bytes()).unwrap();
        let theirs = serde_json::from_str::<String>(&text).ok();
        let mut buffer = vec![0; ours.raw().len()];
        prop_assert_eq!(ours.decode_into(&mut buffer).ok(), theirs.as_deref());
        let owned = ours.to_heapless::<256>().ok();
        prop_assert_eq!(owned.as_deref(), theirs.as_deref());
        prop_assert_eq!(ours.chars().collect::<Result<String, _>>().ok(), theirs.clone());
        if let Some(theirs) = theirs {
            prop_assert!(ours == theirs.as_str());
            prop_assert_eq!(ours.to_string(), theirs);
        }
    }

    /// J2: of any shape, 64 levels are the most.
    #[test]
    fn nesting_is_bounded_in_any_shape(shape in proptest::collection::vec(any::<bool>(), 50..80)) {
        let open: String = shape.iter().map(|object| if *object { "{\"a\":" } else { "[0," }).collect();
        let close: String = shape.iter().rev().map(|object| if *object { '}' } else { ']' }).collect();
        check(format!("{open}null{close}").as_bytes())?;
    }
}
