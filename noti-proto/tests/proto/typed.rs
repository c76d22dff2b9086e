//! Data points into the application's own types.

use noti_proto::{FieldError, KvStatus, Payload, TypedError};
use serde::Deserialize;

use crate::story::{Client, samples};

fn status<R>(line: &str, with: impl FnOnce(KvStatus<'_>) -> R) -> R {
    match Client::logged_in().reads_delivery(line).payload() {
        Payload::DeviceStatusKv(status) => with(status),
        other => panic!("{other:?}"),
    }
}

fn with_data(data: &str) -> String {
    format!(
        r#"{{"cmd":"enterprise_event_push","delivery_id":1,"event_type":"device_status_kv","data":{data}}}"#
    )
}

#[derive(Debug, PartialEq, Deserialize)]
struct Fan {
    speed: u8,
    on: bool,
    level: Option<f32>,
    mode: heapless::String<16>,
}

/// P6: data points become a type of the application's, escaped strings too.
#[test]
fn data_points_become_a_type() {
    let expected = Fan {
        speed: 3,
        on: true,
        level: Some(0.5),
        mode: heapless::String::try_from("睡眠\n").unwrap(),
    };
    for data in [
        r#"{"speed":3,"on":true,"level":0.5,"mode":"睡眠\n"}"#,
        r#"{ "mode" : "\u7761\u7720\n" , "level":5e-1, "speed" : 3 , "on" : true, "other":[1,{"a":"\"b\""}] }"#,
    ] {
        let fan: Fan = status(&with_data(data), |status| {
            status.deserialize(&mut [0; 64]).unwrap()
        });
        assert_eq!(fan, expected);
    }
}

/// P6: the captured statuses become types, Chinese texts and all.
#[test]
fn the_samples_become_types() {
    #[derive(Deserialize)]
    struct Purifier<'a> {
        #[serde(rename = "Air_Quality")]
        air_quality: &'a str,
        #[serde(rename = "Wind_Velocity")]
        wind_velocity: heapless::String<8>,
        #[serde(rename = "Fault_Motor")]
        fault_motor: u8,
    }
    #[derive(Deserialize)]
    struct Other<'a> {
        str: &'a str,
        number: f64,
        integer: i64,
        boolean: bool,
        null: Option<u8>,
    }
    status(samples().nth(8).unwrap(), |status| {
        let mut scratch = [0; 64];
        let purifier: Purifier<'_> = status.deserialize(&mut scratch).unwrap();
        assert_eq!(
            (
                purifier.air_quality,
                purifier.wind_velocity.as_str(),
                purifier.fault_motor
            ),
            ("优", "睡眠", 0)
        );
    });
    status(samples().nth(9).unwrap(), |status| {
        let mut scratch = [0; 64];
        let other: Other<'_> = status.deserialize(&mut scratch).unwrap();
        let found = (
            other.str,
            other.number,
            other.integer,
            other.boolean,
            other.null,
        );
        assert_eq!(found, ("johnson", 12.5, 23, true, None));
    });
}

/// P6, J5: what serde-json-core cannot do is an error, and its documentation says so: escapes in a `&str`, surrogate pairs,
/// a scratch that is too short.
#[test]
fn what_cannot_be_typed_is_an_error() {
    #[derive(Debug, Deserialize)]
    struct Borrowing<'a> {
        #[allow(dead_code)]
        text: &'a str,
    }
    #[derive(Debug, Deserialize)]
    struct Owning {
        text: heapless::String<16>,
    }
    let owned = |data: &str, scratch: usize| {
        status(&with_data(data), |status| {
            status
                .deserialize::<Owning>(&mut vec![0; scratch])
                .map(|owning| owning.text)
        })
    };
    status(&with_data(r#"{"text":"a\n"}"#), |status| {
        assert!(matches!(
            status.deserialize::<Borrowing<'_>>(&mut [0; 64]),
            Err(TypedError::Type(_))
        ));
    });
    assert_eq!(owned(r#"{"text":"a\nb"}"#, 64).unwrap(), "a\nb");
    assert_eq!(owned(r#"{"text":"😀"}"#, 0).unwrap(), "😀");
    assert!(matches!(
        owned(r#"{"text":"\ud83d\ude00"}"#, 64),
        Err(TypedError::Type(_))
    ));
    assert!(matches!(
        owned(r#"{"text":"\ud83d"}"#, 64),
        Err(TypedError::Type(_))
    ));
    assert!(matches!(
        owned(r#"{"text":"a\nb"}"#, 1),
        Err(TypedError::Type(_))
    ));
    assert!(matches!(
        owned(r#"{"text":"01234567890123456"}"#, 64),
        Err(TypedError::Type(_))
    ));
    assert!(matches!(
        owned(r#"{"text":1}"#, 64),
        Err(TypedError::Type(_))
    ));
    assert!(matches!(owned("{}", 64), Err(TypedError::Type(_))));
}

/// P6: `data` that is no object is told apart from data points that do not fit.
#[test]
fn data_that_is_no_object_says_so() {
    for (data, error) in [
        ("null", FieldError::Null),
        ("[1]", FieldError::WrongType),
        ("\"\"", FieldError::WrongType),
    ] {
        let found = status(&with_data(data), |status| {
            status.deserialize::<Fan>(&mut [0; 64])
        });
        assert_eq!(found, Err(TypedError::Field(error)));
        assert_eq!(TypedError::Field(error).to_string(), error.to_string());
    }
    let error = status(&with_data("{}"), |status| {
        status.deserialize::<Fan>(&mut [0; 64])
    })
    .unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("the value does not fit the type (")
    );
}

/// P1: any value can be read so, not just data points.
#[test]
fn any_value_can_be_read_into_a_type() {
    let mut client = Client::logged_in();
    let line = r#"{"cmd":"enterprise_event_push","delivery_id":1,"extra":[1,2,3]}"#;
    let extra = client.reads_delivery(line).member("extra").unwrap();
    assert_eq!(extra.deserialize::<[u8; 3]>(&mut []), Ok([1, 2, 3]));
    assert!(extra.deserialize::<u8>(&mut []).is_err());
}
