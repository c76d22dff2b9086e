//! Strings, numbers, arrays and objects, read where they stand.

use noti_proto::json::{DecodeError, JsonKind, JsonNumber, JsonStr, JsonValue, NumberError};

fn value(text: &str) -> JsonValue<'_> {
    JsonValue::parse(text.as_bytes()).unwrap()
}

fn string(text: &str) -> JsonStr<'_> {
    JsonStr::parse(text.as_bytes()).unwrap()
}

fn decoded(text: &str) -> Result<String, DecodeError> {
    let mut buffer = vec![0; text.len()];
    string(text).decode_into(&mut buffer).map(str::to_owned)
}

/// J1: a string means what its escapes say, and compares so without a buffer.
#[test]
fn strings_mean_what_their_escapes_say() {
    let cases = [
        (r#""""#, ""),
        (r#""plain""#, "plain"),
        (r#""优""#, "优"),
        (r#""\u4f20\u611f\u5668\u6545\u969c""#, "传感器故障"),
        (r#""over\"heat\"""#, "over\"heat\""),
        (r#""\\\/\b\f\n\r\t""#, "\\/\u{8}\u{c}\n\r\t"),
        (r#""\u0000\u001f\u007F\u0080""#, "\0\u{1f}\u{7f}\u{80}"),
        (r#""\u07ff\u0800\uFFFF""#, "\u{7ff}\u{800}\u{ffff}"),
        (r#""\ud83d\ude00!""#, "😀!"),
        (r#""\uDBFF\uDFFF\ud800\udc00""#, "\u{10ffff}\u{10000}"),
        (r#""a优\u0062😀\ud83d\uDE00""#, "a优b😀😀"),
        (r#""\\u0041""#, "\\u0041"),
    ];
    for (text, meaning) in cases {
        let string = string(text);
        assert!(string == meaning && string == *meaning, "{text}");
        assert!(
            string != "other" && string != format!("{meaning}x").as_str(),
            "{text}"
        );
        assert_eq!(decoded(text).as_deref(), Ok(meaning), "{text}");
        assert_eq!(
            string.to_heapless::<64>().unwrap().as_str(),
            meaning,
            "{text}"
        );
        assert_eq!(string.to_string(), meaning, "{text}");
        assert_eq!(
            string.chars().collect::<Result<String, _>>().unwrap(),
            meaning,
            "{text}"
        );
        let plain = (!text.contains('\\')).then_some(meaning);
        assert_eq!(string.as_plain(), plain, "{text}");
        assert_eq!(format!("{string:?}"), text);
        assert_eq!(format!("\"{}\"", string.raw()), text);
    }
    assert_eq!(format!("[{:>4}]", string(r#""ab""#)), "[  ab]");
}

/// J5: half of a surrogate pair is an error in its place, and what stands around it is not.
#[test]
fn a_lone_surrogate_fails_in_decoding() {
    let cases = [
        (r#""\ud800""#, "\u{fffd}"),
        (r#""\udfff""#, "\u{fffd}"),
        (r#""a\ud83dz""#, "a\u{fffd}z"),
        (r#""\ud83d\u0041""#, "\u{fffd}A"),
        (r#""\ud83d\ud83d\ude00""#, "\u{fffd}😀"),
        (r#""\ude00\ud83d""#, "\u{fffd}\u{fffd}"),
        (r#""\ud83d\n""#, "\u{fffd}\n"),
        (r#""\ud83d\udbff""#, "\u{fffd}\u{fffd}"),
        (r#""\ud83d\ue000""#, "\u{fffd}\u{e000}"),
        (r#""\ude00\ude00""#, "\u{fffd}\u{fffd}"),
        (r#""\ud83d\\ude00""#, "\u{fffd}\\ude00"),
        (r#""\ud83d😀""#, "\u{fffd}😀"),
    ];
    for (text, shown) in cases {
        let string = string(text);
        assert_eq!(decoded(text), Err(DecodeError::LoneSurrogate), "{text}");
        assert_eq!(
            string.to_heapless::<64>(),
            Err(DecodeError::LoneSurrogate),
            "{text}"
        );
        assert_eq!(string.to_string(), shown, "{text}");
        assert!(string != shown, "{text}");
        let errors = string.chars().filter(Result::is_err).count();
        assert_eq!(errors, shown.matches('\u{fffd}').count(), "{text}");
    }
}

/// J1: a buffer that is too short gives an error, never half a text; the raw text's length is always enough.
#[test]
fn a_short_buffer_is_an_error() {
    for text in [
        r#""plain""#,
        r#""\u4f20\u611f""#,
        r#""\ud83d\ude00""#,
        r#""a\n""#,
    ] {
        let length = decoded(text).unwrap().len();
        let string = string(text);
        for short in 0..length {
            assert_eq!(
                string.decode_into(&mut vec![0; short]),
                Err(DecodeError::BufferTooSmall)
            );
        }
        assert!(string.decode_into(&mut vec![0; length]).is_ok());
    }
    assert_eq!(
        string(r#""plain""#).to_heapless::<4>(),
        Err(DecodeError::BufferTooSmall)
    );
    assert_eq!(
        string(r#""\u4f20""#).to_heapless::<2>(),
        Err(DecodeError::BufferTooSmall)
    );
}

/// J1: what is no string is none.
#[test]
fn only_a_string_is_a_string() {
    for text in [
        "",
        "\"",
        "a",
        "1",
        "null",
        "\"a\" x",
        "\"a",
        "[\"a\"]",
        "\"\t\"",
        "\"a\"b\"",
        " \"a\"",
        "\"a\" ",
        "\t\"a\"\r",
    ] {
        assert!(JsonStr::parse(text.as_bytes()).is_none(), "{text}");
    }
    assert!(JsonStr::parse(b"\"\"").is_some_and(|text| text == ""));
}

/// J1: numbers keep their text and read exactly, whatever their form.
#[test]
fn numbers_keep_their_text_and_read_exactly() {
    let number = |text| value(text).as_number().unwrap();
    for text in [
        "0",
        "-0",
        "18446744073709551616",
        "1.49984374779399991035e+09",
        "1E400",
    ] {
        assert_eq!(number(text).text(), text);
        assert_eq!(format!("{:?}", number(text)), text);
    }
    let integers = [
        ("0", Ok(0)),
        ("-0", Ok(0)),
        ("1e3", Ok(1000)),
        ("1.50e1", Ok(15)),
        ("18446744073709551615", Ok(u64::MAX)),
        ("18446744073709551616", Err(NumberError::OutOfRange)),
        ("-1", Err(NumberError::OutOfRange)),
        ("0.5", Err(NumberError::NotInteger)),
    ];
    for (text, integer) in integers {
        assert_eq!(number(text).to_u64(), integer, "{text}");
        assert_eq!(JsonNumber::parse(text).unwrap().to_u64(), integer, "{text}");
    }
}

/// J1: each value says what it is, and is nothing else.
#[test]
fn a_value_is_of_one_kind() {
    let cases = [
        ("null", JsonKind::Null),
        ("true", JsonKind::Bool),
        ("false", JsonKind::Bool),
        ("-1.5", JsonKind::Number),
        ("0", JsonKind::Number),
        ("\"1\"", JsonKind::String),
        ("[1]", JsonKind::Array),
        ("{\"a\":1}", JsonKind::Object),
    ];
    for (text, kind) in cases {
        let value = value(text);
        assert_eq!(value.kind(), kind);
        assert_eq!(value.is_null(), kind == JsonKind::Null);
        assert_eq!(value.as_bool(), text.parse().ok());
        assert_eq!(value.as_str().is_some(), kind == JsonKind::String);
        assert_eq!(value.as_number().is_some(), kind == JsonKind::Number);
        assert_eq!(value.as_array().is_some(), kind == JsonKind::Array);
        assert_eq!(value.as_object().is_some(), kind == JsonKind::Object);
        assert_eq!((value.raw(), value.as_bytes()), (text, text.as_bytes()));
        assert_eq!(
            (value.to_string(), format!("{value:?}")),
            (text.to_owned(), text.to_owned())
        );
    }
}

/// J3, J4: members and elements come in their order, exactly as they stand, repeated keys each time.
#[test]
fn containers_give_their_values_in_order() {
    let object = value(r#"{ "a" : 1 ,"b":[ 2 , {"c":3} ],"\u0061":{ "d" : null } }"#);
    let members: Vec<_> = object
        .as_object()
        .unwrap()
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    assert_eq!(
        members,
        ["a=1", r#"b=[ 2 , {"c":3} ]"#, r#"a={ "d" : null }"#]
    );
    assert_eq!(object.member("a").unwrap().raw(), r#"{ "d" : null }"#);
    assert!(object.member("c").is_none());

    let elements: Vec<_> = object
        .member("b")
        .unwrap()
        .as_array()
        .unwrap()
        .map(|element| element.raw())
        .collect();
    assert_eq!(elements, ["2", r#"{"c":3}"#]);

    for empty in ["[]", "[ ]", "{}", "{ \r}"] {
        let value = value(empty);
        assert_eq!(value.as_array().map_or(0, Iterator::count), 0);
        assert_eq!(value.as_object().map_or(0, Iterator::count), 0);
        assert!(value.member("a").is_none());
    }
}
