//! Data points into a type.

use core::hint::black_box;

use noti_proto::{Event, Line, Payload};

use crate::wire::{at, check, logged_in};

#[derive(serde::Deserialize)]
struct Fan<'a> {
    speed: u8,
    on: bool,
    name: &'a str,
    mode: heapless::String<16>,
}

pub(crate) fn data_becomes_a_type() -> Option<()> {
    const LINE: &[u8] = br#"{"cmd":"enterprise_event_push","delivery_id":1,"event_type":"device_status_kv","data":{"speed":3,"on":true,"name":"fan","mode":"\u7761\n"}}"#;
    let mut session = logged_in(at(0))?;
    let Some(Event::Delivery(delivery)) = session.handle_line(at(0), Line::whole(black_box(LINE)))
    else {
        return None;
    };
    let Payload::DeviceStatusKv(status) = delivery.payload() else {
        return None;
    };
    let mut scratch = [0; 32];
    let fan: Fan<'_> = status.deserialize(&mut scratch).ok()?;
    check(fan.speed == 3 && fan.on && fan.name == "fan" && fan.mode == "睡\n")
}
