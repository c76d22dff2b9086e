//! The core never allocates: a million events through its framing, session, typed views and acks, and the allocator is not
//! called once. A million is for optimised builds (`cargo test --release`); others take a tenth.

use std::hint::black_box;
use std::sync::LazyLock;

use noti_proto::{
    AckToken, Config, Delivery, Event, EventType, Inline, Instant, LineBuf, Login, Payload,
    Session, State,
};

const EVENTS: usize = if cfg!(debug_assertions) {
    100_000
} else {
    1_000_000
};
const LINE_BUFFER: usize = 512;

/// What the server sends, over and over: every kind of event, one longer than the buffer, one broken, pongs and garbage.
/// Five of them are to be acked, as many as the window holds.
static ROUNDS: LazyLock<[Vec<u8>; 2]> = LazyLock::new(|| {
    let event = |id: &str, rest: &str| {
        format!(
            "{{\"cmd\":\"enterprise_event_push\",\"delivery_id\":{id},\"created_at\":1.49984374779399991035e+09,{rest}\r\n"
        )
    };
    let long = format!(
        r#""event_type":"device_status_kv","data":{{"a":"{}"}}}}"#,
        "x".repeat(600)
    );
    let lines = [
        event("1", r#""event_type":"device_online","did":"d","mac":"virtual:site","group_id":null,"ip":"203.0.113.106"}"#),
        event("\"two\"", r#""event_type":"attr_fault","event_id":"e","data":{"attr_name":"\u4f20\u611f","value":1}}"#),
        event("18446744073709551615", r#""event_type":"device_status_raw","data":{"raw":"AAAAAwcAAJEEAQID"}}"#),
        event("4", r#""event_type":"device_status_kv","data":{"speed":3,"mode":"\u7761\u7720","优":[null,1.5]}}"#),
        event("5", r#""event_type":"device_offline""#),
        "{\"cmd\":\"enterprise_pong\"}\n\nNo Heartbeat!\n{\"cmd\":\"invalid_msg\",\"msg\":\"why\"}\n{\"cmd\":\"new\"}\n".into(),
    ];
    [lines.concat().into_bytes(), event("6", &long).into_bytes()]
});

/// Every view that the event's kind has.
fn look_at(delivery: &Delivery<'_>) {
    let mut buffer = [0; 64];
    black_box((delivery.line(), delivery.delivery_id(), delivery.layout()));
    black_box((
        delivery.did().ok(),
        delivery.mac().ok(),
        delivery.group_id().ok(),
        delivery.event_id().ok(),
    ));
    let at = delivery.created_at().expect("a time");
    assert_eq!(
        (at.seconds(), at.subsec_nanos()),
        (1_499_843_747, 793_999_910)
    );
    assert!(!matches!(
        delivery.event_type(),
        Ok(EventType::Other(_)) | Err(_)
    ));
    match delivery.payload() {
        Payload::DeviceOnline(online) => {
            assert!(online.ip().expect("an address") == "203.0.113.106")
        }
        Payload::AttrFault(fault) => {
            let name = fault.attr_name().expect("a name");
            assert_eq!(name.decode_into(&mut buffer), Ok("传感"));
            assert_eq!(fault.raised(), Ok(true));
        }
        Payload::DeviceStatusRaw(raw) => {
            assert_eq!(raw.decode_into(&mut buffer).map(<[u8]>::len), Ok(12));
        }
        Payload::DeviceStatusKv(status) => {
            assert_eq!(status.entries().map(Iterator::count), Ok(3));
            let number = status.get("speed").ok().and_then(|speed| speed.as_number());
            assert_eq!(number.and_then(|speed| speed.to_f64().ok()), Some(3.0));
            let mode = status.get("mode").ok().and_then(|mode| mode.as_str());
            assert!(
                mode.and_then(|mode| mode.to_heapless::<16>().ok())
                    .is_some_and(|mode| mode == "睡眠")
            );
            let typed = status
                .get("优")
                .ok()
                .map(|value| value.deserialize(&mut buffer));
            assert_eq!(typed, Some(Ok((None::<u8>, 1.5))));
        }
        _ => {}
    }
}

/// One connection: the login, then rounds of events until there were enough, in reads of many sizes.
fn serve(
    session: &mut Session<Inline<256, 5>>,
    lines: &mut LineBuf<[u8; LINE_BUFFER]>,
    rounds: &[Vec<u8>; 2],
    events: usize,
) -> usize {
    let mut millis = 0;
    let mut now = Instant::from_millis(millis);
    let login = Login {
        enterprise_id: "id",
        enterprise_secret: "\"secret\"",
    };
    lines.reset();
    session.connected(now, &login).expect("it fits");
    let accepted =
        b"{\"cmd\":\"enterprise_login_res\",\"data\":{\"result\":true,\"msg\":\"ok\"}}\n";
    let mut acked = 0;
    let mut held: [Option<AckToken>; 5] = [None; 5];
    let mut round = 0_usize;
    while acked < events {
        let bytes: &[u8] = match round {
            0 => accepted,
            _ => &rounds[usize::from(round.is_multiple_of(8))],
        };
        round += 1;
        let mut rest = bytes;
        while !rest.is_empty() {
            let spare = lines.spare();
            let read = spare.len().min(rest.len()).min(1 + round * 37 % 700);
            let (now_read, later) = rest.split_at(read);
            spare[..read].copy_from_slice(now_read);
            rest = later;
            lines.commit(read);
            while let Some(line) = lines.next_line() {
                let token = match session.handle_line(now, line) {
                    Some(Event::Delivery(delivery)) => {
                        look_at(&delivery);
                        Some(delivery.token())
                    }
                    Some(Event::Malformed { token, .. } | Event::OversizeEnd { token, .. }) => {
                        token
                    }
                    _ => None,
                };
                if let (Some(token), Some(place)) =
                    (token, held.iter_mut().find(|place| place.is_none()))
                {
                    *place = Some(token);
                }
            }
        }
        for token in held.iter_mut().rev().filter_map(Option::take) {
            session.ack(token).expect("its first ack");
            acked += 1;
        }
        millis += 100;
        now = Instant::from_millis(millis);
        session.handle_timeout(now);
        while let bytes @ [_, ..] = session.poll_transmit(now) {
            let sent = bytes.len().div_ceil(2);
            session.transmitted(now, sent);
        }
        assert_eq!((session.state(), session.unsent()), (State::LoggedIn, 0));
    }
    session.disconnected(now);
    acked
}

/// A6, F5: no allocation, however many events, connections and reads there are.
#[test]
fn a_million_events_allocate_nothing() {
    let rounds = &*ROUNDS;
    let mut acked = 0;
    let allocations = allocation_counter::measure(|| {
        let mut session =
            Session::new(Config::default(), Inline::<256, 5>::new()).expect("it fits");
        let mut lines = LineBuf::new([0; LINE_BUFFER]);
        for _ in 0..10 {
            acked += serve(&mut session, &mut lines, rounds, EVENTS / 10);
        }
    });
    assert!(acked >= EVENTS);
    assert_eq!((allocations.count_total, allocations.bytes_total), (0, 0));
}

/// The counter counts: a proof that cannot fail would be none.
#[test]
fn an_allocation_would_be_seen() {
    let allocations = allocation_counter::measure(|| {
        black_box(Vec::<u8>::with_capacity(100));
    });
    assert_eq!((allocations.count_total, allocations.bytes_total), (1, 100));
}
