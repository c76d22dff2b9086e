//! A thousand events of all kinds, and what the image must make of them.

use std::ops::AddAssign;

/// How many there are; the last tells the image that the test is over.
pub(crate) const COUNT: u32 = 1000;
/// Longer than the image's receive buffer of 1 KiB.
const OVERSIZE: u32 = 500;

/// What the image adds up over the events that it decodes.
#[derive(Clone, Copy, Default)]
pub(crate) struct Sums {
    pub(crate) speeds: usize,
    pub(crate) frame_bytes: usize,
}

impl AddAssign for Sums {
    fn add_assign(&mut self, other: Self) {
        self.speeds += other.speeds;
        self.frame_bytes += other.frame_bytes;
    }
}

/// The event as it is given to the broker.
pub(crate) fn body(event: u32) -> String {
    let kind = match event {
        OVERSIZE => format!(r#""filler":"{}""#, "x".repeat(3000)),
        event if event == COUNT - 1 => r#""event_type":"site_note","over":true"#.into(),
        event => kind(event),
    };
    format!(
        r#"{{{kind},"product_key":"c2f5e8","did":"device-{event}","mac":"virtual:site","group_id":null,"created_at":1.4998437477939999e+09}}"#
    )
}

fn kind(event: u32) -> String {
    match event % 7 {
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

fn speed(event: u32) -> usize {
    event as usize % 100
}

/// What the image must find in the event that is on this line; nothing in one of the broker's own.
pub(crate) fn sums(line: &[u8]) -> Sums {
    let line = String::from_utf8_lossy(line);
    let number = line.split_once("device-").and_then(|(_, rest)| {
        let (number, _) = rest.split_once('"')?;
        number.parse().ok()
    });
    match number {
        None | Some(OVERSIZE) => Sums::default(),
        Some(event) if event == COUNT - 1 => Sums::default(),
        Some(event) if event % 7 == 0 => Sums {
            speeds: speed(event),
            ..Sums::default()
        },
        Some(event) if event % 7 == 1 => Sums {
            frame_bytes: [0, 0, 0, 3, 7, 0, 0, 0x91, 4, 1, 2, 3].iter().sum(),
            ..Sums::default()
        },
        Some(_) => Sums::default(),
    }
}

/// Whether the broker pushes an event with this line.
pub(crate) fn is_event(line: &[u8]) -> bool {
    contains(line, b"\"enterprise_event_push\"")
}

/// Whether the image logs in with this line.
pub(crate) fn is_login(line: &[u8]) -> bool {
    contains(line, b"\"enterprise_login_req\"")
}

fn contains(line: &[u8], word: &[u8]) -> bool {
    line.windows(word.len()).any(|part| part == word)
}
