//! Lines that are too long or no JSON.

use core::hint::black_box;

use noti_proto::{AckToken, Event, Line, LineBuf};

use crate::wire::{Client, at, check, logged_in, receive, sends};

const ACK: &[u8] = b"{\"cmd\":\"enterprise_event_ack\",\"delivery_id\":12}\n";

fn acks(session: &mut Client, token: Option<AckToken>) -> Option<()> {
    session.ack(token?).ok()?;
    sends(session, at(0), ACK)
}

pub(crate) fn oversize_lines_have_tokens() -> Option<()> {
    const LINE: &[u8] = b"{\"data\":{\"delivery_id\":3,\"x\":\"0123456789012345678901234567890123456789\"},\"delivery\\u005fid\":12,\"cmd\":\"enterprise_event_push\"}\r\n";
    let mut session = logged_in(at(0))?;
    let mut lines = LineBuf::new([0; 16]);
    let mut rest = LINE;
    let mut expected = LINE;
    loop {
        rest = receive(&mut lines, rest);
        while let Some(line) = lines.next_line() {
            match session.handle_line(at(0), line)? {
                Event::OversizePart { bytes } => expected = expected.strip_prefix(bytes)?,
                Event::OversizeEnd {
                    bytes,
                    length,
                    push,
                    token,
                } => {
                    check(push)?;
                    check(expected.strip_prefix(bytes)? == b"\r\n")?;
                    check(usize::try_from(length).ok()?.checked_add(2)? == LINE.len())?;
                    return acks(&mut session, token);
                }
                _ => return None,
            }
        }
        check(!rest.is_empty())?;
    }
}

pub(crate) fn malformed_lines_have_tokens() -> Option<()> {
    const LINES: [(&[u8], bool); 6] = [
        (
            b"{\"cmd\":\"enterprise_event_push\",\"delivery_id\":12,\"data\":{",
            true,
        ),
        (
            b"{\"cmd\":\"enterprise_event_push\",\"delivery_id\":12",
            false,
        ),
        (
            b"{\"cmd\":\"enterprise_event_push\",\"delivery_id\":12,\"delivery_id\":12}",
            false,
        ),
        (
            b"{\"cmd\":\"enterprise_event_push\",\"delivery_id\":[12]}",
            false,
        ),
        (
            b"{\"cmd\":\"enterprise_event_push\",\"x\":\"\xff\",\"delivery_id\":12}",
            true,
        ),
        (
            b"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
            false,
        ),
    ];
    let mut session = logged_in(at(0))?;
    for (line, has_token) in LINES {
        match session.handle_line(at(0), Line::whole(black_box(line)))? {
            Event::Malformed { token, .. } if has_token => acks(&mut session, token)?,
            Event::Malformed { token: None, .. } => {}
            _ => return None,
        }
    }
    check(session.in_flight() == 0)
}
