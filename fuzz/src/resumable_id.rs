//! The scanner for lines that are longer than the buffer finds what a whole reading of the same line finds.

use noti_proto::LineBuf;

use crate::client::{Client, Seen};
use crate::model::{lines, recovery};
use crate::reads::Reads;

/// The first byte is the short buffer's size, the second a pattern of reads, the rest is the line.
pub fn resumable_id(data: &[u8]) {
    let [size, pattern, line @ ..] = data else {
        return;
    };
    let line = line.split(|byte| *byte == b'\n').next().unwrap_or_default();
    // Shorter than the line, so that it comes in parts.
    let size = 1 + usize::from(*size) % line.len().max(1);
    let whole = Client::logged_in().reads(line);
    let stream = [line, b"\n"].concat();
    let (found, bytes) = in_parts(size, Reads::new(*pattern), &stream);

    // A buffer of one byte cannot hold a `\r` back.
    let line = if size > 1 {
        lines::without_carriage_return(line)
    } else {
        line
    };
    assert_eq!(bytes, line, "the parts do not make up the line");
    let expected = match whole {
        Some(Seen::Delivery { acked, .. }) => (true, Some(acked)),
        Some(Seen::Malformed { push, acked, .. }) => (push, acked),
        _ => (false, None),
    };
    assert_eq!(
        found, expected,
        "the parts give another id than the whole line"
    );
    let model = recovery::find(line);
    assert_eq!(
        (found.0, found.1.as_deref()),
        (model.push, model.id),
        "the model gives another id"
    );
}

/// Whether the line is an event and the acked id, if there is one; and all bytes of the parts.
fn in_parts(size: usize, reads: Reads, stream: &[u8]) -> ((bool, Option<Vec<u8>>), Vec<u8>) {
    let mut lines = LineBuf::new(vec![0; size]);
    let mut client = Client::logged_in();
    let mut all = Vec::new();
    let mut found = (false, None);
    let mut ended = 0;
    reads.feed(&mut lines, stream, |line| {
        assert!(line.is_part() || stream == b"\n");
        match client.handles(line) {
            Some(Seen::Part { bytes }) => all.extend(bytes),
            Some(Seen::End {
                bytes,
                length,
                push,
                acked,
            }) => {
                all.extend(bytes);
                assert_eq!(length, all.len() as u64);
                found = (push, acked);
                ended += 1;
            }
            None => ended += 1,
            other => panic!("no part: {other:?}"),
        }
    });
    assert_eq!(ended, 1);
    assert_eq!(client.session().in_flight(), 0);
    (found, all)
}
