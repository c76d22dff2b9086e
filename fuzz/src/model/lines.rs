//! Framing without a buffer: split at each `\n` (clauses F1, F2, F5).

/// A line, or a part of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// The bytes, without the line's end.
    pub bytes: &'a [u8],
    /// Whether the line is longer than the buffer.
    pub part: bool,
    /// Whether the line ends here.
    pub last: bool,
}

/// The frames that a buffer of `size` bytes makes of `stream`, however it arrives.
pub fn frames(stream: &[u8], size: usize) -> Vec<Frame<'_>> {
    let mut frames = Vec::new();
    for line in stream.split_inclusive(|byte| *byte == b'\n') {
        let (mut rest, ended) = match line {
            [line @ .., b'\n'] => (line, true),
            _ => (line, false),
        };
        let part = rest.len() >= size;
        while rest.len() >= size {
            // A `\r` at the end of a full buffer may belong to the line's end, so it waits for the byte after it.
            let waits = size > 1 && rest[size - 1] == b'\r';
            let (bytes, tail) = rest.split_at(if waits { size - 1 } else { size });
            frames.push(Frame {
                bytes,
                part,
                last: false,
            });
            rest = tail;
        }
        if ended {
            frames.push(Frame {
                bytes: without_carriage_return(rest),
                part,
                last: true,
            });
        }
    }
    frames
}

/// The line without the `\r` before its `\n`.
pub fn without_carriage_return(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// Nothing but what may stand around a message.
pub fn is_blank(line: &[u8]) -> bool {
    line.iter().all(|byte| matches!(byte, b' ' | b'\t' | b'\r'))
}
