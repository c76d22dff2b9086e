//! Events for tests, without a broker.

use noti_std::proto::{Config, Delivery, Event, Inline, Instant, Line, Login, Session};

/// An event with these members, beside its command and its delivery id, 7.
pub(crate) fn event(members: &str, look: impl FnOnce(&Delivery<'_>)) {
    let mut session = Session::new(Config::default(), Inline::<256, 5>::new()).unwrap();
    let login = Login {
        enterprise_id: "",
        enterprise_secret: "",
    };
    session.connected(Instant::ZERO, &login).unwrap();
    let line = format!(r#"{{"cmd":"enterprise_event_push","delivery_id":7,{members}}}"#);
    match session.handle_line(Instant::ZERO, Line::whole(line.as_bytes())) {
        Some(Event::Delivery(delivery)) => look(&delivery),
        other => panic!("no event: {other:?}"),
    }
}
