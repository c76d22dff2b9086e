//! Any text as JSON: accepted, cut and decoded as serde_json does it.

use noti_proto::Timestamp;
use noti_proto::json::{DecodeError, JsonKind, JsonNumber, JsonStr, JsonValue, NumberError};

use crate::model::json;
use crate::model::number::Decimal;

/// The whole input is the text.
pub fn json_scan(data: &[u8]) {
    match (JsonValue::parse(data), json::value(data)) {
        (Ok(value), Some(model)) => {
            assert_eq!(value.raw(), model);
            value_equals_the_model(value, model);
        }
        (Err(error), None) => assert!(error.offset() <= data.len()),
        (Ok(_), None) => panic!("accepted, but no JSON"),
        (Err(error), Some(_)) => panic!("JSON, but refused: {error}"),
    }
}

/// The value and all that stands in it.
pub fn value_equals_the_model(value: JsonValue<'_>, model: &str) {
    assert_eq!(value.raw(), model);
    let kind = match model.as_bytes()[0] {
        b'{' => JsonKind::Object,
        b'[' => JsonKind::Array,
        b'"' => JsonKind::String,
        b't' | b'f' => JsonKind::Bool,
        b'n' => JsonKind::Null,
        _ => JsonKind::Number,
    };
    assert_eq!(value.kind(), kind);
    assert_eq!(value.is_null(), model == "null");
    assert_eq!(value.as_bool(), model.parse().ok());
    assert_eq!(value.as_str().is_some(), kind == JsonKind::String);
    assert_eq!(value.as_number().is_some(), kind == JsonKind::Number);
    assert_eq!(value.as_object().is_some(), kind == JsonKind::Object);
    assert_eq!(value.as_array().is_some(), kind == JsonKind::Array);
    if let Some(text) = value.as_str() {
        string_equals_the_model(text, model);
    }
    if let Some(number) = value.as_number() {
        number_equals_the_model(number, model);
    }
    if let Some(members) = value.as_object() {
        let model = json::members(model).expect("an object");
        assert_eq!(members.clone().count(), model.len());
        for ((key, value), (model_key, model_value)) in members.zip(&model) {
            string_equals_the_model(key, model_key);
            value_equals_the_model(value, model_value);
        }
        // By name: the last one counts.
        for (key, _) in &model {
            if let Some(name) = json::string(key) {
                let found = value.member(&name).map(|value| value.raw());
                assert_eq!(found, json::member(&model, &name));
            }
        }
    }
    if let Some(elements) = value.as_array() {
        let model = json::elements(model).expect("an array");
        assert_eq!(elements.clone().count(), model.len());
        for (element, model) in elements.zip(model) {
            value_equals_the_model(element, model);
        }
    }
}

/// `model` has the quotes.
pub fn string_equals_the_model(text: JsonStr<'_>, model: &str) {
    assert_eq!(text.raw(), &model[1..model.len() - 1]);
    assert_eq!(text.as_plain().is_some(), !model.contains('\\'));
    let decoded: Result<String, DecodeError> = text.chars().collect();
    let model = json::string(model).ok_or(DecodeError::LoneSurrogate);
    assert_eq!(decoded, model);
    let mut buffer = vec![0; text.raw().len()];
    assert_eq!(
        text.decode_into(&mut buffer),
        model.as_deref().map_err(|error| *error)
    );
    let Ok(model) = model else {
        return;
    };
    assert!(text == *model);
    assert!(text != *format!("{model}x"));
    assert_eq!(text.to_string(), model);
    if let Some(one_less) = model.len().checked_sub(1) {
        let exact = text.decode_into(&mut buffer[..model.len()]);
        assert_eq!(exact, Ok(&*model));
        let short = text.decode_into(&mut buffer[..one_less]);
        assert_eq!(short, Err(DecodeError::BufferTooSmall));
    }
    let fits = text.to_heapless::<16>();
    assert_eq!(fits.is_ok(), model.len() <= 16);
    assert!(fits.is_ok_and(|text| *text == *model) || model.len() > 16);
}

/// Every reader by value, whatever the form.
pub fn number_equals_the_model(number: JsonNumber<'_>, model: &str) {
    assert_eq!(number.text(), model);
    let decimal = Decimal::of(model);
    let integer = decimal.integer();
    assert_eq!(
        number.to_u64().map(i128::from),
        within(integer, 0, u64::MAX.into())
    );
    assert_eq!(
        number.to_u32().map(i128::from),
        within(integer, 0, u32::MAX.into())
    );
    assert_eq!(
        number.to_i64().map(i128::from),
        within(integer, i64::MIN.into(), i64::MAX.into())
    );
    let moment = Timestamp::from_number(number);
    let moment = moment.map(|moment| (moment.seconds(), moment.subsec_nanos()));
    assert_eq!(moment.ok(), decimal.timestamp());
    let float: Option<f64> = model.parse().ok();
    assert_eq!(
        number.to_f64().ok(),
        float.filter(|float| float.is_finite())
    );
}

fn within(integer: Result<i128, NumberError>, min: i128, max: i128) -> Result<i128, NumberError> {
    match integer? {
        integer if (min..=max).contains(&integer) => Ok(integer),
        _ => Err(NumberError::OutOfRange),
    }
}
