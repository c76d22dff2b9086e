//! Any stream into lines: how it falls into reads changes nothing.

use noti_proto::LineBuf;

use crate::client::{Client, Seen};
use crate::model::lines::{self, Frame};
use crate::reads::Reads;

/// The first byte is the buffer's size, the second and the third are patterns of reads, the rest is the stream.
pub fn line_framing(data: &[u8]) {
    let [size, one, other, stream @ ..] = data else {
        return;
    };
    let size = usize::from(*size).max(1);
    let frames = lines::frames(stream, size);
    lines_equal_the_model(&frames, size, Reads::new(*one), stream);
    let seen = events(&frames, size, Reads::new(*one), stream);
    let again = events(&frames, size, Reads::new(*other), stream);
    assert_eq!(seen, again, "the reads change the events");
}

/// Some lines are looked at, some are passed over: each ends where it ends.
fn lines_equal_the_model(frames: &[Frame<'_>], size: usize, reads: Reads, stream: &[u8]) {
    let mut lines = LineBuf::new(vec![0; size]);
    let mut expected = frames.iter();
    let mut looks = true;
    reads.feed(&mut lines, stream, |line| {
        let frame = expected.next().expect("a line more than there is");
        looks = !looks || line.is_part();
        if looks {
            assert_eq!(line.bytes(), frame.bytes);
        }
        assert_eq!((line.is_part(), line.is_last()), (frame.part, frame.last));
    });
    assert_eq!(expected.next(), None, "a line less than there is");
    assert!(lines.buffered() < size);
}

/// The session finds the ends of lines by itself, and reads the same lines.
fn events(frames: &[Frame<'_>], size: usize, reads: Reads, stream: &[u8]) -> Vec<Option<Seen>> {
    let mut lines = LineBuf::new(vec![0; size]);
    let mut client = Client::logged_in();
    let mut expected = frames.iter();
    let mut seen = Vec::new();
    let mut length = 0;
    reads.feed(&mut lines, stream, |line| {
        let frame = expected.next().expect("a line more than there is");
        let open = client.is_open();
        let event = client.handles(line);
        match &event {
            Some(Seen::Part { bytes }) => {
                length += bytes.len() as u64;
                assert_eq!(
                    (&bytes[..], frame.part, frame.last),
                    (frame.bytes, true, false)
                );
            }
            Some(Seen::End {
                bytes,
                length: whole,
                ..
            }) => {
                length += bytes.len() as u64;
                assert_eq!(
                    (&bytes[..], frame.part, frame.last),
                    (frame.bytes, true, true)
                );
                assert_eq!(*whole, length);
                length = 0;
            }
            Some(
                Seen::Delivery { line, .. } | Seen::Malformed { line, .. } | Seen::Unknown { line },
            ) => assert_eq!((&line[..], frame.part), (frame.bytes, false)),
            Some(_) => assert!(!frame.part),
            None => assert!(!open || !frame.part && lines::is_blank(frame.bytes)),
        }
        seen.push(event);
    });
    assert_eq!(expected.next(), None, "a line less than there is");
    seen
}
