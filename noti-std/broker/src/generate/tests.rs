//! The stream as a whole.
use std::collections::{HashMap, HashSet};

use serde_json::Value;

use super::*;
use crate::style::{Composer, Style};

fn generator(change: impl FnOnce(&mut GeneratorConfig)) -> Generator {
    let mut config = GeneratorConfig::default();
    change(&mut config);
    Generator::new(config).unwrap()
}

fn event(body: &Body) -> Value {
    assert!(!body.as_str().contains(['\n', '\r']), "{body:?}");
    let event: Value = serde_json::from_str(body.as_str()).unwrap();
    assert!(event.get("cmd").is_none() && event.get("delivery_id").is_none());
    event
}

fn is_hex(text: &str, digits: usize) -> bool {
    text.len() == digits
        && text
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[test]
fn the_same_seed_gives_the_same_bytes() {
    let hash = |seed| {
        let bodies = generator(|config| config.seed = seed).take(2_000);
        // FNV-1a.
        bodies.fold(0xcbf2_9ce4_8422_2325_u64, |hash, body| {
            body.as_str().bytes().fold(hash, |hash, byte| {
                (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
            })
        })
    };
    assert_eq!(hash(1), hash(1));
    assert_ne!(hash(1), hash(2));
    // Changes with the catalogue, and with `fastrand`'s algorithm.
    assert_eq!(hash(7), 6_446_921_012_022_507_097);
}

#[test]
fn the_first_six_events_show_all_kinds() {
    for devices in [1, 2, 16, 1_000] {
        for seed in 0..50 {
            let stream = generator(|config| (config.seed, config.devices) = (seed, devices));
            let events: Vec<_> = stream.take(6).map(|body| event(&body)).collect();
            let kinds: Vec<_> = events
                .iter()
                .map(|event| event["event_type"].as_str().unwrap())
                .collect();
            assert_eq!(kinds, Kind::ALL.map(Kind::event_type));
            assert!(events.iter().all(|event| event["did"] == events[0]["did"]));
        }
    }
}

#[test]
fn the_life_of_every_device_is_coherent() {
    for devices in [1, 3, 100] {
        let mut online = HashSet::new();
        let mut raised = HashMap::new();
        let mut cleared = 0;
        for body in generator(|config| config.devices = devices).take(20_000) {
            let event = event(&body);
            let text = |name: &str| event[name].as_str().unwrap().to_owned();
            let did = text("did");
            match event["event_type"].as_str().unwrap() {
                "device_online" => assert!(online.insert(did), "twice online"),
                "device_offline" => assert!(online.remove(&did), "never came online"),
                "attr_fault" | "attr_alert" => {
                    assert!(online.contains(&did));
                    let mut same = event.clone();
                    same["created_at"] = Value::Null;
                    same["data"]["value"] = Value::Null;
                    match event["data"]["value"].as_u64() {
                        Some(1) => assert_eq!(raised.insert(text("event_id"), same), None),
                        Some(0) => {
                            assert_eq!(raised.remove(&text("event_id")), Some(same));
                            cleared += 1;
                        }
                        _ => panic!("{event}"),
                    }
                    let attributes: HashSet<_> = raised
                        .values()
                        .map(|event| (event["did"].as_str(), event["data"]["attr_name"].as_str()))
                        .collect();
                    assert_eq!(attributes.len(), raised.len(), "raised twice");
                }
                _ => assert!(online.contains(&did)),
            }
            assert!(online.len() <= devices as usize && raised.len() <= 2 * MAX_RAISED);
        }
        assert!(cleared > 500, "{cleared}");
    }
}

#[test]
fn fields_have_their_shapes() {
    let mut groups = HashSet::new();
    let mut macs = HashSet::new();
    let mut raw = HashSet::new();
    for body in generator(|config| config.devices = 200).take(5_000) {
        let event = event(&body);
        let text = |name: &str| event[name].as_str().unwrap();
        assert!(is_hex(text("product_key"), 32));
        assert!(
            text("did").len() == 22 && text("did").bytes().all(|byte| byte.is_ascii_alphanumeric())
        );
        assert!(text("mac") == "virtual:site" || is_hex(text("mac"), 12));
        macs.insert(text("mac") == "virtual:site");
        groups.insert(
            event
                .get("group_id")
                .map(|group| group.as_str().map(str::is_empty)),
        );
        match text("event_type") {
            "device_online" => {
                let (network, host) = text("ip").rsplit_once('.').unwrap();
                assert!(
                    ["192.0.2", "198.51.100", "203.0.113"].contains(&network)
                        && host.parse::<u8>().is_ok()
                );
                assert!(
                    ["country", "region", "city"]
                        .into_iter()
                        .all(|name| !text(name).is_empty())
                );
            }
            "device_status_raw" => {
                raw.insert(event["data"].is_string());
                assert!(
                    event["data"]
                        .get("raw")
                        .unwrap_or(&event["data"])
                        .as_str()
                        .unwrap()
                        .starts_with("AAAAA")
                );
            }
            "device_status_kv" => assert!(!event["data"].as_object().unwrap().is_empty()),
            "attr_fault" | "attr_alert" => {
                let parts: Vec<_> = text("event_id").split('-').collect();
                assert!(
                    [8, 4, 4, 4, 12]
                        .iter()
                        .zip(&parts)
                        .all(|(&digits, part)| is_hex(part, digits)),
                    "{parts:?}"
                );
                assert!(
                    parts[2].starts_with('4') && parts[3].starts_with(['8', '9', 'a', 'b']),
                    "{parts:?}"
                );
                assert!(
                    event["data"]["attr_name"].is_string()
                        && event["data"]["attr_displayname"].is_string()
                );
            }
            kind => assert_eq!(kind, "device_offline"),
        }
    }
    assert_eq!((groups.len(), macs.len(), raw.len()), (4, 2, 2));
}

#[test]
fn a_line_is_384_bytes_long_on_average() {
    for seed in 0..5 {
        let mut out = Vec::new();
        for (body, number) in generator(|config| config.seed = seed).take(20_000).zip(1..) {
            let terminator = Composer::new(Style::PLAIN, 0).compose(&body, number, &mut out);
            out.extend_from_slice(terminator.as_bytes());
        }
        let average = out.len() as f64 / 20_000.0;
        assert!((376.0..392.0).contains(&average), "{average}");
    }
}

#[test]
fn time_advances_by_the_step() {
    let created = |step| {
        let stream = generator(|config| {
            (config.start, config.step) = (Duration::from_millis(999_500), step)
        });
        let times = stream.take(3).map(|body| {
            let (_, rest) = body.as_str().split_once("\"created_at\":").unwrap();
            rest.split([',', '}']).next().unwrap().to_owned()
        });
        times.collect::<Vec<_>>()
    };
    assert_eq!(
        created(Duration::from_millis(250)),
        ["999.500", "999.750", "1000.000"]
    );
    assert_eq!(
        created(Duration::from_micros(1)),
        ["999.500", "999.500001", "999.500002"]
    );
    assert_eq!(created(Duration::MAX)[1..], ["18446744073709.551615"; 2]);
}

#[test]
fn the_mix_is_kept() {
    let count = |mix: Mix| {
        let mut counts = HashMap::new();
        for body in generator(|config| config.mix = mix).take(10_000) {
            *counts
                .entry(event(&body)["event_type"].as_str().unwrap().to_owned())
                .or_insert(0) += 1;
        }
        Kind::ALL.map(|kind| counts.get(kind.event_type()).copied().unwrap_or(0))
    };
    let [online, kv, raw, fault, alert, offline] = count(Mix::default());
    assert!(
        (6_200..6_800).contains(&kv) && (1_350..1_650).contains(&raw),
        "{kv} {raw}"
    );
    assert!(
        (500..700).contains(&fault) && (500..700).contains(&alert),
        "{fault} {alert}"
    );
    assert!(
        (350..550).contains(&online) && online - offline <= 16,
        "{online} {offline}"
    );

    let none = Mix {
        online: 0,
        offline: 0,
        fault: 0,
        alert: 0,
        raw: 0,
        kv: 0,
    };
    assert_eq!(
        count(Mix {
            kv: 1,
            ..none.clone()
        }),
        [0, 10_000, 0, 0, 0, 0]
    );
    assert_eq!(
        count(Mix {
            fault: u32::MAX,
            ..none.clone()
        }),
        [0, 0, 0, 10_000, 0, 0]
    );
    let [online, .., offline] = count(Mix {
        online: 9,
        offline: 1,
        ..none
    });
    assert!(
        online + offline == 10_000 && online - offline <= 16,
        "{online} {offline}"
    );
}

#[test]
fn sizes_and_shares_are_as_asked() {
    let exact = generator(|config| config.payload = 70_000..=70_000);
    for body in exact.take(40) {
        if event(&body)["event_type"] == "device_status_kv" {
            let (_, data) = body.as_str().split_once("\"data\":").unwrap();
            assert_eq!(data.len() - 1, 70_000);
        }
    }
    let shares = |chinese, escaped| {
        let stream = generator(|config| (config.chinese, config.escaped) = (chinese, escaped));
        stream
            .take(1_000)
            .map(|body| (body.as_str().is_ascii(), body.as_str().contains("\\u")))
            .collect::<Vec<_>>()
    };
    assert!(shares(0.0, 0.0).iter().all(|&shape| shape == (true, false)));
    assert!(shares(1.0, 1.0).iter().all(|&(ascii, _)| ascii));
    assert!(shares(1.0, 0.0).iter().all(|&(_, escaped)| !escaped));
    for chinese in [0.0, 1.0] {
        assert!(
            shares(chinese, 1.0)
                .iter()
                .filter(|&&(_, escaped)| escaped)
                .count()
                > 700
        );
    }
    assert!(
        shares(1.0, 0.0)
            .iter()
            .filter(|&&(ascii, _)| !ascii)
            .count()
            > 700
    );
}
