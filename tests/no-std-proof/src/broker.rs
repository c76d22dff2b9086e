//! Both ends of the protocol over a wire that takes a few bytes at a time.

use core::hint::black_box;

use noti_proto::server::{BrokerConfig, BrokerEvent, BrokerSession, BrokerState};
use noti_proto::{Config, Event, Inline, LineBuf, Session};

use crate::wire::{LOGIN, at, check, receive};

pub(crate) fn serves_a_client() -> Option<()> {
    let mut broker = BrokerSession::new(BrokerConfig::default(), Inline::<256, 3>::new()).ok()?;
    let mut session = Session::new(Config::default(), Inline::<256, 5>::new()).ok()?;
    let mut broker_lines = LineBuf::new([0; 256]);
    let mut lines = LineBuf::new([0; 70]);
    broker.connected(at(0));
    session.connected(at(0), black_box(&LOGIN)).ok()?;
    let (mut pushed, mut delivered, mut acked) = (0, 0, 0);
    for _ in 0..2000 {
        while pushed < 10
            && broker
                .push(pushed, br#"{"event_type":"device_offline"}"#)
                .is_ok()
        {
            pushed += 1;
        }
        let bytes = broker.poll_transmit(at(0));
        let offered = bytes.get(..bytes.len().min(5))?;
        let moved = offered
            .len()
            .checked_sub(receive(&mut lines, offered).len())?;
        broker.transmitted(at(0), moved);
        while let Some(line) = lines.next_line() {
            match session.handle_line(at(0), line) {
                Some(Event::Delivery(delivery)) => {
                    delivered += 1;
                    session.ack(delivery.token()).ok()?;
                }
                Some(Event::OversizeEnd { token, .. }) => {
                    delivered += 1;
                    session.ack(token?).ok()?;
                }
                Some(Event::LoggedIn | Event::OversizePart { .. }) | None => {}
                _ => return None,
            }
        }
        let bytes = session.poll_transmit(at(0));
        let offered = bytes.get(..bytes.len().min(9))?;
        let moved = offered
            .len()
            .checked_sub(receive(&mut broker_lines, offered).len())?;
        session.transmitted(at(0), moved);
        while let Some(line) = broker_lines.next_line() {
            match broker.handle_line(at(0), line) {
                Some(BrokerEvent::LoginRequest(request)) => {
                    check(request.enterprise_id == LOGIN.enterprise_id)?;
                    broker.accept_login();
                }
                Some(BrokerEvent::Acked { .. }) => acked += 1,
                _ => return None,
            }
        }
    }
    check(pushed == 10 && delivered == 10 && acked == 10 && broker.in_flight() == 0)?;
    broker.handle_timeout(at(330_000));
    check(matches!(broker.state(), BrokerState::Closing(_)))?;
    check(broker.poll_transmit(at(330_000)) == b"No Heartbeat!\n")?;
    broker.disconnected(at(330_000));
    check(broker.take_unacked().is_none())
}
