use jiff::tz::Offset;
use unicode_width::UnicodeWidthStr;

use super::*;
use crate::events::event;

const STATUS: &str =
    r#""event_type":"device_status_kv","did":"gSFMEh75kSQ46ecqAYiJ4h","created_at":1499843747.79"#;

/// Lines as in Guangzhou, on a terminal of so many columns.
fn pretty(columns: Option<usize>) -> Pretty {
    let mut pretty = Pretty::new(false, false);
    pretty.zone = TimeZone::fixed(Offset::from_hours(8).unwrap());
    pretty.columns = columns;
    pretty
}

fn line(pretty: &mut Pretty, members: &str) -> String {
    let mut text = String::new();
    event(members, |event| pretty.append(event, &mut text));
    text
}

fn status(pretty: &mut Pretty, data: &str) -> String {
    let line = line(pretty, &format!("{STATUS},\"data\":{data}"));
    let details = line
        .split_once("4h  ")
        .map_or(&*line, |(_, details)| details);
    details.trim_end().to_owned()
}

#[test]
fn each_kind_is_one_line_for_people() {
    let head = |kind: &str| {
        format!(
            r#""event_type":"{kind}","did":"gSFMEh75kSQ46ecqAYiJ4h","created_at":1499843747.79,"mac":"5ccf7f0fdac8""#
        )
    };
    for (kind, rest, expected) in [
        (
            "device_online",
            r#","ip":"203.0.113.106","country":"中国","region":"广东","city":"广州""#,
            "online   gSFMEh75kSQ46ecqAYiJ4h  203.0.113.106  广州, 广东, 中国  5ccf7f0fdac8",
        ),
        (
            "device_online",
            "",
            "online   gSFMEh75kSQ46ecqAYiJ4h  -  5ccf7f0fdac8",
        ),
        (
            "device_offline",
            "",
            "offline  gSFMEh75kSQ46ecqAYiJ4h  5ccf7f0fdac8",
        ),
        (
            "attr_fault",
            r#","data":{"attr_name":"fault_sensor","attr_displayname":"传感器故障","value":1}"#,
            "fault    gSFMEh75kSQ46ecqAYiJ4h  raised 传感器故障 (fault_sensor)",
        ),
        (
            "attr_alert",
            r#","data":{"attr_name":"overheat","attr_displayname":"over\"heat\"","value":0}"#,
            "alert    gSFMEh75kSQ46ecqAYiJ4h  cleared over\"heat\" (overheat)",
        ),
        (
            "attr_alert",
            r#","data":{"attr_name":"overheat","value":2}"#,
            "alert    gSFMEh75kSQ46ecqAYiJ4h  2 overheat",
        ),
        ("attr_fault", "", "fault    gSFMEh75kSQ46ecqAYiJ4h   -"),
        (
            "device_status_raw",
            r#","data":{"raw":"AAAAAwcAAJEEAQID"}"#,
            "raw      gSFMEh75kSQ46ecqAYiJ4h  12 bytes  00 00 00 03 07 00 00 91 04 01 02 03",
        ),
        (
            "device_status_raw",
            r#","data":"AA==""#,
            "raw      gSFMEh75kSQ46ecqAYiJ4h  1 byte   00",
        ),
        (
            "device_status_raw",
            "",
            "raw      gSFMEh75kSQ46ecqAYiJ4h  -",
        ),
        (
            "device_status_kv",
            r#","data":{"空气质量":"优","PM25":12,"on":true,"x":null,"s":""}"#,
            "status   gSFMEh75kSQ46ecqAYiJ4h  空气质量 优  PM25 12  on true  x null  s \"\"",
        ),
        (
            "device_status_kv",
            r#","data":7"#,
            "status   gSFMEh75kSQ46ecqAYiJ4h  7",
        ),
        (
            "新事件",
            r#","data":[1,2]"#,
            "新事件   gSFMEh75kSQ46ecqAYiJ4h  [1,2]",
        ),
    ] {
        let line = line(&mut pretty(None), &format!("{}{rest}", head(kind)));
        assert_eq!(line, format!("07-12 15:15:47  {expected}\n"));
    }
    let line = line(&mut pretty(None), r#""mac":"m""#);
    assert_eq!(line, "-               -        -\n");
}

#[test]
fn only_what_changed_is_told() {
    let mut pretty = pretty(None);
    for (data, expected) in [
        (r#"{"空气质量":"优","PM25":12}"#, "空气质量 优  PM25 12"),
        (r#"{"空气质量":"优","PM25":12}"#, "no change in 2"),
        (r#"{"PM25":35,"\u7a7a气质量":"\u4f18"}"#, "PM25 12→35"),
        (r#"{"空气质量":"差","PM25":35}"#, "空气质量 优→差"),
        (r#"{"PM25":"35","CO2":400}"#, "PM25 35→35  CO2 400"),
        (r#"{"PM25":"","CO2":400}"#, "PM25 35→\"\""),
        ("{}", "no change in 0"),
    ] {
        assert_eq!(status(&mut pretty, data), expected, "{data}");
    }
}

#[test]
fn what_does_not_fit_is_counted_and_long_values_are_cut() {
    let mut narrow = pretty(Some(80));
    let data = r#"{"空气质量":"优","PM25":12,"温度":21.5,"湿度":40,"模式":"制冷","亮度":7}"#;
    let line = line(&mut narrow, &format!("{STATUS},\"data\":{data}"));
    assert_eq!(
        line,
        "07-12 15:15:47  status   gSFMEh75k…  空气质量 优  PM25 12  温度 21.5  +3\n"
    );

    let long = format!(r#"{{"a":"{}","b":1}}"#, "长".repeat(1000));
    assert_eq!(
        status(&mut pretty(Some(104)), &long),
        "a 长长长长长长长长长长长…  b 1"
    );
}

#[test]
fn no_line_is_wider_than_the_terminal() {
    let values = "\"空气质量\":\"优\",\"PM25\":12,\"🔒\":\"已上锁🔒\",\"长长长长长长长长长长长长长长\":\"x\"";
    for columns in 0..=140 {
        let mut pretty = pretty(Some(columns));
        for data in [
            format!(r#"{STATUS},"data":{{{values}}}"#),
            format!(r#"{STATUS},"data":"{}""#, "优".repeat(200)),
            r#""event_type":"attr_fault","did":"设备设备设备设备设备设备设备设备","data":{"attr_displayname":"传感器故障传感器故障","attr_name":"x","value":1}"#.to_owned(),
            format!(r#""event_type":"device_status_raw","data":"{}""#, "AAAA".repeat(100)),
            format!(r#""event_type":"device_online","ip":"{}","city":"广州""#, "1".repeat(200)),
        ] {
            let line = line(&mut pretty, &data);
            let text = line.strip_suffix('\n').unwrap();
            assert!(!text.contains('\n'));
            assert!(text.width() <= columns, "{columns}: {text}");
        }
    }
}

#[test]
fn what_a_device_says_cannot_move_the_cursor_or_add_a_line() {
    let evil = r"\u001b[2J\n\u009b\u202ex";
    let mut pretty = pretty(None);
    for members in [
        format!(r#"{STATUS},"data":{{"{evil}":"{evil}"}}"#),
        format!(r#"{STATUS},"data":{{"k":{{"{evil}":"\u007f"}}}}"#),
        format!(r#""event_type":"{evil}","did":"{evil}","data":"{evil}""#),
        format!(
            r#""event_type":"attr_fault","data":{{"attr_displayname":"{evil}","attr_name":"{evil}","value":1}}"#
        ),
        format!(r#""event_type":"device_online","ip":"{evil}","city":"{evil}","mac":"{evil}""#),
        format!(r#""event_type":"device_offline","mac":"{evil}""#),
    ] {
        let line = line(&mut pretty, &members);
        let text = line.strip_suffix('\n').unwrap();
        assert!(!text.contains(char::is_control), "{text:?}");
        assert!(!text.contains('\u{202e}'), "{text:?}");
    }
}

#[test]
fn colors_change_nothing_but_the_color() {
    let data = format!(r#"{STATUS},"data":{{"空气质量":"优"}}"#);
    let plain = line(&mut pretty(Some(80)), &data);
    let mut colored = pretty(Some(80));
    colored.color = true;
    let colored = line(&mut colored, &data);
    assert!(colored.contains("\u{1b}[36mstatus\u{1b}[0m"), "{colored:?}");
    let mut bare = String::new();
    for part in colored.split('\u{1b}') {
        bare.push_str(part.strip_prefix('[').map_or(part, |part| {
            part.split_once('m').map_or(part, |(_, text)| text)
        }));
    }
    assert_eq!(bare, plain);
}
