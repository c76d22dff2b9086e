//! What both ends say, and how it gets into a buffer.

use core::hint::black_box;

use noti_proto::{Config, Event, Inline, Instant, Line, LineBuf, Login, Session, Storage};

pub(crate) const ACCEPTED: &[u8] =
    b"{\"cmd\":\"enterprise_login_res\",\"data\":{\"result\":true,\"msg\":\"ok\"}}\n";
pub(crate) const PING: &[u8] = b"{\"cmd\":\"enterprise_ping\"}\n";
pub(crate) const PONG: &[u8] = b"{\"cmd\":\"enterprise_pong\"}\r\n";

pub(crate) const LOGIN: Login<'static> = Login {
    enterprise_id: "id\n",
    enterprise_secret: "se\"cret",
};
pub(crate) const LOGIN_LINE: &[u8] = b"{\"cmd\":\"enterprise_login_req\",\"data\":{\"enterprise_id\":\"id\\n\",\"enterprise_secret\":\"se\\\"cret\",\"prefetch_count\":5}}\n";

pub(crate) type Client = Session<Inline<256, 5>>;

/// Fails the step that it stands in.
pub(crate) fn check(holds: bool) -> Option<()> {
    holds.then_some(())
}

pub(crate) const fn at(millis: u64) -> Instant {
    Instant::from_millis(millis)
}

/// Reads as much of `bytes` as there is room for, and gives back the rest.
pub(crate) fn receive<'b, const N: usize>(
    lines: &mut LineBuf<[u8; N]>,
    bytes: &'b [u8],
) -> &'b [u8] {
    let bytes = black_box(bytes);
    let spare = lines.spare();
    let read = spare.len().min(bytes.len());
    for (to, byte) in spare.iter_mut().zip(bytes) {
        *to = *byte;
    }
    lines.commit(read);
    bytes.get(read..).unwrap_or_default()
}

/// Sends what there is, in pieces, and says whether it was `expected`.
pub(crate) fn sends<S: Storage>(
    session: &mut Session<S>,
    now: Instant,
    mut expected: &[u8],
) -> Option<()> {
    loop {
        let bytes = session.poll_transmit(now);
        if bytes.is_empty() {
            return check(expected.is_empty());
        }
        let piece = bytes.get(..bytes.len().min(7))?;
        expected = expected.strip_prefix(piece)?;
        let length = piece.len();
        session.transmitted(now, length);
    }
}

/// A client that is let in at `now`.
pub(crate) fn logged_in(now: Instant) -> Option<Client> {
    let mut session = Session::new(Config::default(), Inline::new()).ok()?;
    session.connected(now, black_box(&LOGIN)).ok()?;
    sends(&mut session, now, LOGIN_LINE)?;
    match session.handle_line(now, Line::whole(black_box(ACCEPTED))) {
        Some(Event::LoggedIn) => Some(session),
        _ => None,
    }
}
