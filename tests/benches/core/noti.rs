//! noti-proto: whole, and the parts of it.

use std::hint::black_box;

use noti_proto::json::JsonValue;
use noti_proto::{
    AckToken, Borrowed, Config, Delivery, Event, EventType, Instant, LineBuf, Login, Session, Slot,
};

use crate::outcome::Outcome;

pub(crate) const NOW: Instant = Instant::from_millis(1);
/// Room for a few reads, and so for the longest line of the benches.
const LINE_BUFFER: usize = 128 * 1024;

/// A client that is logged in.
pub(crate) struct Client<'a> {
    pub(crate) lines: LineBuf<Vec<u8>>,
    pub(crate) session: Session<Borrowed<'a>>,
}

/// The memory of a client with this window.
pub(crate) struct Memory {
    transmit: Vec<u8>,
    slots: Vec<Slot>,
}

impl Memory {
    pub(crate) fn new(window: u16) -> Self {
        Self {
            transmit: vec![0; 4096],
            slots: vec![Slot::EMPTY; usize::from(window)],
        }
    }

    /// A new client that is logged in.
    pub(crate) fn client(&mut self) -> Client<'_> {
        let mut config = Config::default();
        config.prefetch = u16::try_from(self.slots.len()).expect("a window");
        let storage = Borrowed::new(&mut self.transmit, &mut self.slots);
        let mut client = Client {
            lines: LineBuf::new(vec![0; LINE_BUFFER]),
            session: Session::new(config, storage).expect("it fits"),
        };
        let login = Login {
            enterprise_id: "id",
            enterprise_secret: "secret",
        };
        client.session.connected(NOW, &login).expect("it fits");
        let sent = client.session.poll_transmit(NOW).len();
        client.session.transmitted(NOW, sent);
        let answer =
            b"{\"cmd\":\"enterprise_login_res\",\"data\":{\"result\":true,\"msg\":\"ok\"}}\n";
        client.feed(answer, answer.len(), |_| None);
        client
    }
}

impl Client<'_> {
    /// Feeds the stream in reads of this size, and acks what `handle` gives the token of.
    pub(crate) fn feed(
        &mut self,
        stream: &[u8],
        read: usize,
        mut handle: impl FnMut(Delivery<'_>) -> Option<AckToken>,
    ) {
        let mut rest = stream;
        while !rest.is_empty() {
            rest = receive(&mut self.lines, rest, read);
            while let Some(line) = self.lines.next_line() {
                if let Some(Event::Delivery(delivery)) = self.session.handle_line(NOW, line)
                    && let Some(token) = handle(delivery)
                {
                    self.session.ack(token).expect("its first ack");
                }
            }
        }
    }

    /// Sends the acks so far.
    pub(crate) fn transmit(&mut self, outcome: &mut Outcome) {
        while let bytes @ [_, ..] = self.session.poll_transmit(NOW) {
            let sent = bytes.len();
            outcome.acks.extend_from_slice(bytes);
            self.session.transmitted(NOW, sent);
        }
    }

    /// The whole: every event read, handled and acked, the acks sent after each read.
    pub(crate) fn serve(&mut self, stream: &[u8], read: usize, outcome: &mut Outcome) {
        for bytes in stream.chunks(read) {
            self.feed(bytes, read, |delivery| {
                look_at(&delivery, outcome);
                Some(delivery.token())
            });
            self.transmit(outcome);
        }
    }
}

/// One read, of this size at most; gives back what is left of the stream.
fn receive<'s>(lines: &mut LineBuf<Vec<u8>>, stream: &'s [u8], read: usize) -> &'s [u8] {
    let spare = lines.spare();
    let count = read.min(stream.len()).min(spare.len());
    let (now, later) = stream.split_at(count);
    spare[..count].copy_from_slice(now);
    lines.commit(count);
    later
}

/// Reads the fields that every contender reads.
fn look_at(delivery: &Delivery<'_>, outcome: &mut Outcome) {
    let kind = match delivery.event_type() {
        Ok(EventType::DeviceStatusKv) => 0,
        Ok(EventType::DeviceStatusRaw) => 1,
        Ok(EventType::DeviceOnline) => 2,
        Ok(EventType::DeviceOffline) => 3,
        Ok(EventType::AttrFault) => 4,
        Ok(EventType::AttrAlert) => 5,
        _ => 6,
    };
    let device = delivery.did().expect("a device");
    let device = device
        .as_plain()
        .map_or_else(|| device.to_string().into(), std::borrow::Cow::Borrowed);
    let at = delivery.created_at().expect("a time");
    black_box(delivery.delivery_id());
    outcome.event(kind, &device, at.as_millis());
}

/// Framing alone: the lines, found by a search for each.
pub(crate) fn frame(stream: &[u8], read: usize) -> usize {
    let mut lines = LineBuf::new(vec![0; LINE_BUFFER]);
    let mut count = 0;
    let mut rest = stream;
    while !rest.is_empty() {
        rest = receive(&mut lines, rest, read);
        while let Some(line) = lines.next_line() {
            black_box(line.bytes());
            count += 1;
        }
    }
    count
}

/// Validation alone, of lines that are known.
pub(crate) fn validate(lines: &[&[u8]]) -> usize {
    lines
        .iter()
        .filter(|line| JsonValue::parse(line).is_ok())
        .count()
}
