//! However the bytes are cut into reads, the events are the same; and lines are what a plain split says.

use noti_proto::{Config, Event, Inline, Instant, LineBuf, Session, State};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::inputs::faulty_line;
use crate::story::{ACCEPTED, LOGIN};

/// Reads `bytes`, cut as `reads` says; gives back every event, and every line with whether it came in one piece.
fn read(bytes: &[u8], reads: &[usize], size: usize) -> (Vec<String>, Vec<(Vec<u8>, bool)>) {
    let now = Instant::ZERO;
    let mut buffer = LineBuf::new(vec![0; size]);
    let mut session = Session::new(Config::default(), Inline::<256, 5>::new()).unwrap();
    let (mut events, mut lines, mut parts) = (Vec::new(), Vec::new(), Vec::new());
    let mut rest = bytes;
    let mut reads = reads.iter().copied().cycle();
    while !rest.is_empty() {
        let spare = buffer.spare();
        assert!(!spare.is_empty());
        let read = reads.next().unwrap().clamp(1, spare.len().min(rest.len()));
        spare[..read].copy_from_slice(&rest[..read]);
        buffer.commit(read);
        rest = &rest[read..];
        while let Some(line) = buffer.next_line() {
            let (part, last) = (line.is_part(), line.is_last());
            parts.extend_from_slice(line.bytes());
            if last {
                lines.push((core::mem::take(&mut parts), !part));
            }
            if matches!(session.state(), State::Idle | State::Closed(_)) && (!part || last) {
                session.connected(now, &LOGIN).unwrap();
                let accepted = noti_proto::Line::whole(ACCEPTED.as_bytes());
                assert!(matches!(
                    session.handle_line(now, accepted),
                    Some(Event::LoggedIn)
                ));
            }
            events.push(format!("{:?}", session.handle_line(now, line)));
        }
        assert!(!buffer.spare().is_empty());
    }
    (events, lines)
}

proptest! {
    /// F1, F2, F3, F5: for every buffer from two bytes up, and every way to cut the bytes.
    #[test]
    fn the_cut_of_the_reads_changes_nothing(
        lines in vec((faulty_line(), any::<bool>()), 1..6),
        reads in vec(prop_oneof![1..4_usize, 1..100_usize, Just(usize::MAX)], 1..10),
        size in prop_oneof![2..20_usize, 2..700_usize],
        tail in vec(any::<u8>(), 0..5),
    ) {
        let mut bytes = Vec::new();
        for (line, carriage_return) in lines {
            bytes.extend(line);
            bytes.extend_from_slice(if carriage_return { b"\r\n" } else { b"\n" });
        }
        bytes.extend(tail);

        let (events, lines) = read(&bytes, &reads, size);
        let (byte_by_byte, _) = read(&bytes, &[1], size);
        let (at_once, _) = read(&bytes, &[usize::MAX], size);
        prop_assert_eq!(&events, &byte_by_byte);
        prop_assert_eq!(&events, &at_once);

        let ends = bytes.iter().rposition(|byte| *byte == b'\n');
        let complete = ends.map_or(&[][..], |last| &bytes[..last]);
        let expected: Vec<_> = match ends {
            None => Vec::new(),
            Some(_) => complete
                .split(|byte| *byte == b'\n')
                .map(|line| (line.strip_suffix(b"\r").unwrap_or(line).to_vec(), line.len() < size))
                .collect(),
        };
        prop_assert_eq!(lines, expected);
    }
}
