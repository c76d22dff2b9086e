//! The kinds of events and their fields.

use core::hint::black_box;

use noti_proto::{Delivery, Event, Line, Payload};

use crate::wire::{at, check, logged_in};

const EVENTS: [&[u8]; 6] = [
    br#"{"cmd":"enterprise_event_push","delivery_id":1,"event_type":"device_online","did":"d","ip":"203.0.113.106","created_at":1.49984374779399991035e+09}"#,
    br#"{"cmd":"enterprise_event_push","delivery_id":2,"event_type":"device_offline","did":"d","created_at":1499843747.79399991035}"#,
    br#"{"cmd":"enterprise_event_push","delivery_id":3,"event_type":"attr_fault","did":"d","created_at":1499843747793999910.35e-9,"data":{"attr_name":"\u4f20\ud83d\ude00","value":1}}"#,
    br#"{"cmd":"enterprise_event_push","delivery_id":4,"event_type":"device_status_raw","did":"d","created_at":1499843747.79399991,"data":{"raw":"AAAAAwcAAJEEAQID"}}"#,
    br#"{"cmd":"enterprise_event_push","delivery_id":5,"event_type":"device_status_kv","did":"d","created_at":0.149984374779399991035e10,"data":{"speed":3,"on":true,"name":"\n"}}"#,
    br#"{"cmd":"enterprise_event_push","delivery_id":6,"event_type":"unheard of","did":"\u0064","created_at":14998437477939999103.5E-10}"#,
];

pub(crate) fn every_kind_has_its_fields() -> Option<()> {
    let mut session = logged_in(at(0))?;
    for line in EVENTS {
        match session.handle_line(at(0), Line::whole(black_box(line))) {
            Some(Event::Delivery(delivery)) => {
                session.ack(delivery.token()).ok()?;
                while let bytes @ [_, ..] = session.poll_transmit(at(0)) {
                    let length = bytes.len();
                    session.transmitted(at(0), length);
                }
                fields(&delivery)?;
            }
            _ => return None,
        }
    }
    Some(())
}

fn fields(delivery: &Delivery<'_>) -> Option<()> {
    let created_at = delivery.created_at().ok()?;
    check((created_at.seconds(), created_at.subsec_nanos()) == (1_499_843_747, 793_999_910))?;
    check(delivery.did().ok()? == "d" && delivery.mac().is_err())?;
    check(delivery.member("did")?.as_str()? == "d")?;
    let mut buffer = [0; 64];
    match delivery.payload() {
        Payload::DeviceOnline(online) => check(online.ip().ok()? == "203.0.113.106"),
        Payload::DeviceOffline => check(delivery.delivery_id() == b"2"),
        Payload::AttrFault(fault) => {
            check(fault.raised() == Ok(true))?;
            let name = fault.attr_name().ok()?;
            check(name.decode_into(&mut buffer) == Ok("传😀"))?;
            check(
                name.to_heapless::<8>().ok()?.as_str() == "传😀"
                    && name.to_heapless::<6>().is_err(),
            )
        }
        Payload::DeviceStatusRaw(raw) => {
            let frame = raw.decode_into(&mut buffer).ok()?;
            check(frame == [0, 0, 0, 3, 7, 0, 0, 0x91, 4, 1, 2, 3])
        }
        Payload::DeviceStatusKv(status) => {
            check(status.entries().ok()?.count() == 3)?;
            check(status.get("speed").ok()?.as_number()?.to_u32() == Ok(3))?;
            check(status.get("speed").ok()?.as_number()?.to_i64() == Ok(3))?;
            check(status.get("on").ok()?.as_bool()? && status.get("name").ok()?.as_str()? == "\n")
        }
        _ => check(delivery.layout().of(delivery.line()).delivery_id() == b"6"),
    }
}
