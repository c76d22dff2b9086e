//! A thousand events of all kinds, and what the image must make of them.

/// How many there are; the last tells the image that the test is over.
pub(crate) const COUNT: u32 = 1000;
/// Longer than the image's receive buffer of 1 KiB.
const OVERSIZE: u32 = 500;
/// No sound JSON, but with an id beyond doubt (clause A5).
const MALFORMED: u32 = 600;
/// Its id is a string, with white space before it and `\r\n` after the line.
const ODD: u32 = 650;

/// What the image adds up for each event that it decodes.
#[derive(Clone, Copy, Default)]
pub(crate) struct Sums {
    pub(crate) speeds: usize,
    pub(crate) frame_bytes: usize,
}

/// The delivery id of the event, in the form in which it is sent.
pub(crate) fn id(event: u32, next: u64) -> String {
    match event {
        ODD => format!("\"odd-{next}\""),
        _ => next.to_string(),
    }
}

/// The whole line, without `\n`.
pub(crate) fn line(event: u32, id: &str) -> String {
    let start = format!(r#"{{"cmd":"enterprise_event_push","delivery_id":{id},"#);
    let device = format!(
        r#""product_key":"c2f5e8","did":"device-{event}","mac":"virtual:site","group_id":null,"created_at":1.4998437477939999e+09"#
    );
    match event {
        OVERSIZE => format!(
            r#"{{"cmd":"enterprise_event_push","filler":"{}","delivery_id":{id},{device}}}"#,
            "x".repeat(3000)
        ),
        MALFORMED => format!("{start}{device},\"data\":}}"),
        ODD => format!(
            "{{\"cmd\" : \"enterprise\\u005fevent_push\",\t\"delivery_id\" : {id} , \"event_type\":\"device_offline\",{device}}}\r"
        ),
        _ => format!("{start}{device},{}}}", kind(event)),
    }
}

fn kind(event: u32) -> String {
    match event % 7 {
        _ if event == COUNT - 1 => r#""event_type":"site_note","over":true"#.into(),
        0 => {
            let mode = ["睡眠", r"\u7761\u7720"][usize::from(event.is_multiple_of(2))];
            let speed = speed(event);
            format!(
                r#""event_type":"device_status_kv","data":{{"power":true,"unknown":[{{}},"\n"],"speed":{speed},"mode":"{mode}"}}"#
            )
        }
        1 if event.is_multiple_of(2) => r#""event_type":"device_status_raw","data":"AAAAAwcAAJEEAQID""#.into(),
        1 => r#""event_type":"device_status_raw","data":{"raw":"AAAAAwcAAJEEAQID"}"#.into(),
        2 => format!(
            r#""event_type":"attr_fault","event_id":"f{event}","data":{{"attr_name":"heat","attr_displayname":"过热","value":1}}"#
        ),
        3 => format!(
            r#""event_type":"attr_alert","event_id":"a{event}","data":{{"attr_name":"door","attr_displayname":"门","value":0}}"#
        ),
        4 => r#""event_type":"device_online","ip":"192.0.2.7","country":"CN","region":"","city":"Guangzhou""#.into(),
        5 => r#""event_type":"device_offline""#.into(),
        _ => r#""event_type":"site_note","over":false"#.into(),
    }
}

/// What the image must find in it.
pub(crate) fn sums(event: u32) -> Sums {
    match (event, event % 7) {
        (OVERSIZE | MALFORMED | ODD, _) => Sums::default(),
        (event, _) if event == COUNT - 1 => Sums::default(),
        (_, 0) => Sums {
            speeds: speed(event),
            ..Sums::default()
        },
        (_, 1) => Sums {
            frame_bytes: [0, 0, 0, 3, 7, 0, 0, 0x91, 4, 1, 2, 3].iter().sum(),
            ..Sums::default()
        },
        _ => Sums::default(),
    }
}

fn speed(event: u32) -> usize {
    event as usize % 100
}
