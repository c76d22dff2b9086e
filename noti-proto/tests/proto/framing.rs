//! Bytes into lines.

use noti_proto::{Event, Inline, Instant, LineBuf, Session, Storage};

use crate::story::{Client, PONG, push};

/// Feeds `bytes`, as much at a time as fits, and gives back the lines and parts: `(bytes, is a part, is the last)`.
fn lines<B: AsRef<[u8]> + AsMut<[u8]>>(
    buffer: &mut LineBuf<B>,
    mut bytes: &[u8],
) -> Vec<(Vec<u8>, bool, bool)> {
    let mut lines = Vec::new();
    loop {
        while let Some(line) = buffer.next_line() {
            lines.push((line.bytes().to_vec(), line.is_part(), line.is_last()));
        }
        if bytes.is_empty() {
            return lines;
        }
        let spare = buffer.spare();
        assert!(!spare.is_empty(), "no room for the next read");
        let read = spare.len().min(bytes.len());
        spare[..read].copy_from_slice(&bytes[..read]);
        buffer.commit(read);
        bytes = &bytes[read..];
    }
}

fn whole_lines(size: usize, bytes: &[u8]) -> Vec<String> {
    let lines = lines(&mut LineBuf::new(vec![0; size]), bytes);
    let whole = lines.into_iter().map(|(line, part, last)| {
        assert!(!part && last);
        String::from_utf8(line).unwrap()
    });
    whole.collect()
}

/// F1: a line is a message once its `\n` is there.
#[test]
fn a_message_waits_for_its_newline() {
    let mut buffer = LineBuf::new([0; 64]);
    for (read, complete) in [
        ("{\"a\"", 0),
        (":1}", 0),
        ("\n", 1),
        ("{}\n{}\n{", 2),
        ("}\n", 1),
    ] {
        assert_eq!(
            lines(&mut buffer, read.as_bytes()).len(),
            complete,
            "{read}"
        );
    }
    assert_eq!(buffer.buffered(), 0);
}

/// F1: a raw `\n` ends a message wherever it stands, so a message over two lines is two malformed ones.
#[test]
fn a_newline_inside_a_message_cuts_it_in_two() {
    let mut client = Client::logged_in();
    let mut buffer = LineBuf::new([0; 64]);
    buffer.spare()[..27].copy_from_slice(b"{\"cmd\":\n\"enterprise_pong\"}\n");
    buffer.commit(27);
    for cut in ["{\"cmd\":", "\"enterprise_pong\"}"] {
        let event = client
            .session
            .handle_line(Instant::ZERO, buffer.next_line().unwrap());
        assert!(matches!(event, Some(Event::Malformed { line, .. }) if line == cut.as_bytes()));
    }
}

/// F1, F2: lines come in order with exactly their bytes, however many a read holds; one `\r` belongs to the end, the
/// second does not, and other white space is the line's own.
#[test]
fn lines_have_exactly_their_bytes() {
    let bytes = b"one\ntwo\r\n three \t\nfour\r\r\nfi\rve\n\n";
    let expected = ["one", "two", " three \t", "four\r", "fi\rve", ""];
    for size in 16..64 {
        assert_eq!(whole_lines(size, bytes), expected, "{size}");
    }
}

/// F2: `\r\n` ends an event like `\n`, and neither is part of its bytes.
#[test]
fn an_event_has_its_bytes_without_the_line_end() {
    let event = push("1");
    for end in ["", "\n", "\r\n", "\r"] {
        let line = format!("{event}{end}");
        assert_eq!(
            Client::logged_in().reads_delivery(&line).line(),
            event.as_bytes()
        );
    }
    let spaced = format!(" {event} \r\n");
    let line = Client::logged_in().reads_delivery(&spaced).line();
    assert_eq!(line, format!(" {event} ").as_bytes());
}

/// F3: a blank line is no event.
#[test]
fn blank_lines_mean_nothing() {
    let mut client = Client::logged_in();
    for blank in ["", "\n", "\r\n", " ", "\t \r\r\n", "   \n{"] {
        assert!(client.reads(blank).is_none(), "{blank:?}");
    }
    for other in ["\u{b}", "\u{a0}", "\0"] {
        assert!(
            matches!(client.reads(other), Some(Event::Malformed { .. })),
            "{other:?}"
        );
    }
}

/// F1: the beginning of a line stays where it is while there is room behind it, and moves to the front when there is none.
#[test]
fn an_unfinished_line_moves_once_the_room_is_used_up() {
    let mut buffer = LineBuf::new([0; 8]);
    assert_eq!(lines(&mut buffer, b"ab\ncd").len(), 1);
    assert_eq!((buffer.buffered(), buffer.spare().len()), (2, 3));
    assert!(lines(&mut buffer, b"efg").is_empty());
    assert_eq!((buffer.buffered(), buffer.spare().len()), (5, 3));
    assert_eq!(
        lines(&mut buffer, b"\n"),
        [(b"cdefg".to_vec(), false, true)]
    );
    assert_eq!((buffer.buffered(), buffer.spare().len()), (0, 8));
}

/// F4: the half of a line that the last connection left is no part of the next one's first line.
#[test]
fn a_new_connection_starts_without_old_bytes() {
    for old in [
        &b"{\"cmd\":\"enter"[..],
        b"0123456789abcdef",
        b"one\ntwo\nthr",
        b"fifteen bytes..\r",
    ] {
        let mut buffer = LineBuf::new([0; 16]);
        lines(&mut buffer, old);
        buffer.reset();
        assert_eq!(buffer.buffered(), 0);
        assert_eq!(
            lines(&mut buffer, b"new\n"),
            [(b"new".to_vec(), false, true)]
        );
    }
}

/// F4: a line that was lent as the connection ended is forgotten too.
#[test]
fn a_reset_forgets_the_line_that_was_lent() {
    let mut buffer = LineBuf::new([0; 16]);
    buffer.spare()[..8].copy_from_slice(b"one\ntwo\n");
    buffer.commit(8);
    assert_eq!(buffer.next_line().unwrap().bytes(), b"one");
    buffer.reset();
    assert!(buffer.next_line().is_none());
    assert_eq!(lines(&mut buffer, b"new\n").len(), 1);
}

/// F5: what fits with its `\n` comes whole; one byte more, and it comes in parts: each as long as the storage, the last
/// one marked, every byte once and in order.
#[test]
fn a_line_longer_than_the_buffer_comes_in_parts() {
    fn part(bytes: &[u8], last: bool) -> (Vec<u8>, bool, bool) {
        (bytes.to_vec(), true, last)
    }
    let whole = |bytes: &[u8]| (bytes.to_vec(), false, true);
    let cases: [(&[u8], Vec<_>); 9] = [
        (b"1234567\n", vec![whole(b"1234567")]),
        (
            b"12345678\n",
            vec![part(b"12345678", false), part(b"", true)],
        ),
        (
            b"123456789\n",
            vec![part(b"12345678", false), part(b"9", true)],
        ),
        (b"123456\r\n", vec![whole(b"123456")]),
        // The carriage return may belong to the line's end, so it waits for what follows it.
        (
            b"1234567\r\n",
            vec![part(b"1234567", false), part(b"", true)],
        ),
        (
            b"1234567\r8\n",
            vec![part(b"1234567", false), part(b"\r8", true)],
        ),
        (
            b"1234567\r2345678\r\r\n",
            vec![
                part(b"1234567", false),
                part(b"\r2345678", false),
                part(b"\r", true),
            ],
        ),
        (
            b"0123456789abcdef\nx\n",
            vec![
                part(b"01234567", false),
                part(b"89abcdef", false),
                part(b"", true),
                whole(b"x"),
            ],
        ),
        (
            b"x\n0123456789abcde\n",
            vec![
                whole(b"x"),
                part(b"01234567", false),
                part(b"89abcde", true),
            ],
        ),
    ];
    for (bytes, expected) in cases {
        let text = String::from_utf8_lossy(bytes);
        assert_eq!(
            lines(&mut LineBuf::new([0; 8]), bytes),
            expected,
            "{text:?}"
        );
        let mut buffer = LineBuf::new([0; 8]);
        let singly: Vec<_> = bytes
            .iter()
            .flat_map(|byte| lines(&mut buffer, &[*byte]))
            .collect();
        assert_eq!(singly, expected, "{text:?} byte by byte");
    }
}

/// F5: two bytes are the least that can hold a line; less loses no byte and hangs nobody.
#[test]
fn the_smallest_buffers_work() {
    assert_eq!(
        whole_lines(2, b"a\n\nb\r\nc\n".strip_suffix(b"b\r\nc\n").unwrap()),
        ["a", ""]
    );
    let parts = lines(&mut LineBuf::new([0; 2]), b"abc\r\n\r\n");
    let joined: Vec<u8> = parts.iter().flat_map(|(bytes, ..)| bytes.clone()).collect();
    assert_eq!(joined, b"abc");
    assert_eq!(parts.iter().filter(|(.., last)| *last).count(), 2);
    let one = lines(&mut LineBuf::new([0; 1]), b"ab\n");
    assert_eq!(
        one.iter()
            .flat_map(|(bytes, ..)| bytes.clone())
            .collect::<Vec<_>>(),
        b"ab"
    );

    let mut none = LineBuf::new([0; 0]);
    assert!(none.spare().is_empty() && none.next_line().is_none());
    none.commit(5);
    assert!(none.next_line().is_none());
}

/// F1: to say that more was read than there was room for is an error of the caller's that harms nobody.
#[test]
fn more_than_was_spare_counts_as_all_of_it() {
    let mut buffer = LineBuf::new(*b"abc\nefg\n");
    buffer.commit(usize::MAX);
    assert_eq!(buffer.buffered(), 8);
    assert_eq!(buffer.next_line().unwrap().bytes(), b"abc");
    assert_eq!(buffer.next_line().unwrap().bytes(), b"efg");
    assert!(buffer.next_line().is_none());
}

/// F1: a line that nobody looked at is passed over; one that was looked at twice is the same twice.
#[test]
fn a_line_may_be_looked_at_never_or_often() {
    let mut buffer = LineBuf::new([0; 32]);
    buffer.spare()[..12].copy_from_slice(b"one\ntwo\nsix\n");
    buffer.commit(12);
    let _ = buffer.next_line();
    let line = buffer.next_line().unwrap();
    assert_eq!((line.bytes(), line.bytes()), (&b"two"[..], &b"two"[..]));
    assert_eq!(buffer.next_line().unwrap().bytes(), b"six");
}

/// F1: after a line the session has read, framing goes on where its own scan has found the end, for every kind of line.
#[test]
fn the_session_and_the_search_agree_on_where_a_line_ends() {
    let lines = [
        PONG,
        "",
        " \r",
        "{",
        "{\"cmd\":1}",
        "[]",
        "{}",
        "\"\\",
        "{\"a\":\"\\u12",
        "{\"a\":1}x",
        "\u{fffd}",
        "{\"cmd\":\"a\",\"cmd\":\"b\",\"c\":[",
        "{\"cmd\":\"x\"}  \t",
        "No Heartbeat!",
        "tru",
        "-",
        "1.",
        "1e",
        "{\"a\"",
    ];
    let mut client = Client::logged_in();
    let mut buffer = LineBuf::new(vec![0; 1024]);
    for bad in lines {
        let bytes = format!("{bad}\n{PONG}\r\n{bad}\r\n{PONG}\n");
        buffer.spare()[..bytes.len()].copy_from_slice(bytes.as_bytes());
        buffer.commit(bytes.len());
        for expected in [bad, PONG, bad, PONG] {
            let before = buffer.buffered();
            let event = client
                .session
                .handle_line(Instant::ZERO, buffer.next_line().unwrap());
            if expected == PONG {
                assert!(matches!(event, Some(Event::Pong)), "{bad:?}: {event:?}");
            }
            let _ = buffer.spare();
            let taken = before - buffer.buffered();
            assert!(
                taken == expected.len() + 1 || taken == expected.len() + 2,
                "{bad:?}"
            );
        }
        assert_eq!(buffer.buffered(), 0, "{bad:?}");
    }
}

/// F1: reads of a steady size find room while lines go by: none is cut short by lines that were handed out already.
#[test]
fn finished_lines_give_their_room_to_the_next_read() {
    let line = [[b'x'; 399].as_slice(), b"\n"].concat();
    let stream = line.repeat(300);
    let mut buffer = LineBuf::new([0; 1024]);
    let mut taken = 0;
    for read in stream.chunks(300) {
        let spare = buffer.spare();
        assert!(spare.len() >= read.len(), "room for {}", spare.len());
        spare[..read.len()].copy_from_slice(read);
        buffer.commit(read.len());
        while let Some(next) = buffer.next_line() {
            assert_eq!(next.bytes(), &line[..399]);
            taken += 1;
        }
    }
    assert_eq!(taken, 300);
}

/// F1: a line of 1 MiB that comes byte by byte. Were it searched anew with every read, this would search 512 GiB.
#[test]
fn each_byte_is_searched_once() {
    const LENGTH: usize = 1 << 20;
    let mut buffer = LineBuf::new(vec![0; LENGTH]);
    for _ in 1..LENGTH {
        buffer.spare()[0] = b'x';
        buffer.commit(1);
        assert!(buffer.next_line().is_none());
    }
    buffer.spare()[0] = b'\n';
    buffer.commit(1);
    assert_eq!(buffer.next_line().unwrap().bytes().len(), LENGTH - 1);
}

/// F5: the slice of a caller, an array and a vector serve alike.
#[test]
fn any_bytes_serve_as_a_buffer() {
    let expected = vec![(b"abc".to_vec(), false, true)];
    assert_eq!(lines(&mut LineBuf::new([0; 8]), b"abc\n"), expected);
    assert_eq!(
        lines(&mut LineBuf::new(&mut [0; 8][..]), b"abc\n"),
        expected
    );
    assert_eq!(lines(&mut LineBuf::new(vec![0; 8]), b"abc\n"), expected);
    assert_eq!(
        lines(&mut LineBuf::new(vec![0; 8].into_boxed_slice()), b"abc\n"),
        expected
    );
}

/// F1: a session reads from any buffer, and storage may be lent.
#[test]
fn the_storage_of_a_session_may_be_a_reference() {
    fn works(storage: impl Storage) {
        let mut client = Client::new(noti_proto::Config::default(), storage);
        client.is_let_in();
        let token = client.gets("1");
        client.acks(token);
        assert_eq!(client.sends(), crate::story::ack("1"));
    }
    works(Inline::<256, 5>::new());
    works(&mut Inline::<256, 5>::new());
    works(&mut &mut Inline::<256, 5>::new());
    works(noti_proto::Borrowed::new(
        &mut [0; 256],
        &mut [noti_proto::Slot::EMPTY; 5],
    ));
    let _: fn(Session<Inline<96, 1>>) -> Inline<96, 1> = Session::into_storage;
}
