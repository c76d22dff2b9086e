//! Framing: received bytes in, lines out (clauses F1 to F5).

use core::cell::Cell;
use core::fmt;

use crate::json::find::{memchr, memrchr};

/// Owns the received bytes of one connection and cuts them into lines.
///
/// `B` is the storage: `[u8; N]`, `&mut [u8]`, `Vec<u8>`. It holds one whole line with its `\n` or `\r\n`, so the
/// longest line that arrives in one piece is one or two bytes shorter than the storage. A longer line is not refused: it streams through
/// in parts, each as long as the storage, and memory stays what it is. Storage of fewer than two bytes cannot hold
/// any line, and the answer to the login must fit: give 128 bytes at least.
///
/// Each byte is searched for the newline once, however small the reads are, and moved at most once if
/// [`next_line`](Self::next_line) is called until `None` before each read.
///
/// ```
/// use noti_proto::LineBuf;
///
/// let mut lines = LineBuf::new([0; 64]);
/// for read in [&b"{\"cmd\":"[..], b"\"enterprise_pong\"}\r\nNo Hea"] {
///     lines.spare()[..read.len()].copy_from_slice(read);
///     lines.commit(read.len());
/// }
/// let line = lines.next_line().unwrap();
/// assert_eq!(line.bytes(), b"{\"cmd\":\"enterprise_pong\"}");
/// assert!(lines.next_line().is_none());
/// ```
///
/// A line borrows the buffer, so nothing can be read over it while it is in use:
///
/// ```compile_fail,E0499
/// # let mut lines = noti_proto::LineBuf::new([0; 64]);
/// let line = lines.next_line();
/// lines.spare();
/// drop(line);
/// ```
pub struct LineBuf<B> {
    storage: B,
    /// First byte that no line has taken yet.
    start: usize,
    /// End of the last whole line that has arrived: `start..complete` is whole lines.
    complete: usize,
    /// End of the received bytes.
    end: usize,
    /// Where the line that was lent last ends, its `\n` included; zero until somebody has found out. The scanner finds
    /// it on its way, which saves a search of its own.
    lent_end: Cell<usize>,
    lent: bool,
    /// The bytes from `start` on continue a line whose first part has been lent already.
    oversize: bool,
}

/// A line, or a part of one that is longer than the buffer. Made by [`LineBuf::next_line`], used up by
/// `Session::handle_line`.
pub struct Line<'a> {
    pub(crate) content: Content<'a>,
}

pub(crate) enum Content<'a> {
    Whole(Batch<'a>),
    Part {
        bytes: &'a [u8],
        first: bool,
        last: bool,
    },
}

/// Bytes that start with a line; more whole lines may follow it.
pub(crate) struct Batch<'a> {
    pub(crate) bytes: &'a [u8],
    offset: usize,
    end: Option<&'a Cell<usize>>,
}

impl<'a> Batch<'a> {
    /// Records that the line takes `length` bytes of the batch, its `\n` included.
    pub(crate) fn ends_after(&self, length: usize) {
        if let Some(end) = self.end {
            end.set(self.offset.saturating_add(length));
        }
    }

    /// The line without its `\n` or `\r\n`, found by a search.
    pub(crate) fn line(&self) -> &'a [u8] {
        let length = memchr(b'\n', self.bytes);
        self.ends_after(length.map_or(self.bytes.len(), |at| at.saturating_add(1)));
        let line = length.and_then(|at| self.bytes.get(..at));
        without_carriage_return(line.unwrap_or(self.bytes))
    }
}

impl<'a> Line<'a> {
    /// A line from elsewhere than a [`LineBuf`]: a test vector, a datagram. Bytes after the first `\n` are ignored.
    #[must_use]
    pub fn whole(bytes: &'a [u8]) -> Self {
        Self {
            content: Content::Whole(Batch {
                bytes,
                offset: 0,
                end: None,
            }),
        }
    }

    /// The exact bytes, without the `\n` or `\r\n` that ended them (clause F2).
    #[must_use]
    pub fn bytes(&self) -> &'a [u8] {
        match &self.content {
            Content::Whole(batch) => batch.line(),
            Content::Part { bytes, .. } => bytes,
        }
    }

    /// Whether this is a part of a line that is longer than the buffer (clause F5).
    #[must_use]
    pub fn is_part(&self) -> bool {
        matches!(self.content, Content::Part { .. })
    }

    /// Whether the line ends here: true for a whole line, and for the last part of a long one.
    #[must_use]
    pub fn is_last(&self) -> bool {
        !matches!(self.content, Content::Part { last: false, .. })
    }
}

/// Says what it is, not what it holds: at the broker's end that may be a login.
impl fmt::Debug for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Line")
            .field("is_part", &self.is_part())
            .field("is_last", &self.is_last())
            .finish_non_exhaustive()
    }
}

/// Says how much there is, not what: at the broker's end it may be a login.
impl<B> fmt::Debug for LineBuf<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LineBuf")
            .field("buffered", &self.buffered())
            .finish_non_exhaustive()
    }
}

impl<B> LineBuf<B> {
    /// A buffer over `storage`; what the storage holds does not matter.
    #[must_use]
    pub const fn new(storage: B) -> Self {
        Self {
            storage,
            start: 0,
            complete: 0,
            end: 0,
            lent_end: Cell::new(0),
            lent: false,
            oversize: false,
        }
    }

    /// Forgets everything that was received: a new connection starts clean (clause F4).
    pub const fn reset(&mut self) {
        self.start = 0;
        self.complete = 0;
        self.end = 0;
        self.lent = false;
        self.oversize = false;
    }

    /// How many received bytes wait, in whole lines or in the beginning of one.
    ///
    /// A line that was lent counts until the next call of any other method.
    #[must_use]
    pub const fn buffered(&self) -> usize {
        self.end.saturating_sub(self.start)
    }
}

impl<B: AsRef<[u8]> + AsMut<[u8]>> LineBuf<B> {
    /// The room for the next read. Never empty once [`next_line`](Self::next_line) has given `None`, unless the storage
    /// itself is empty.
    #[must_use]
    pub fn spare(&mut self) -> &mut [u8] {
        self.take_lent();
        self.make_room();
        self.storage
            .as_mut()
            .get_mut(self.end..)
            .unwrap_or_default()
    }

    /// Says that `n` bytes were read into [`spare`](Self::spare). More than was spare counts as all of it.
    pub fn commit(&mut self, n: usize) {
        let storage = self.storage.as_ref();
        let end = self.end.saturating_add(n).min(storage.len());
        let fresh = storage.get(self.end..end).unwrap_or_default();
        if let Some(last) = memrchr(b'\n', fresh) {
            self.complete = self.end.saturating_add(last).saturating_add(1);
        }
        self.end = end;
    }

    /// The next line, in the order of arrival, or `None` until more bytes have been committed.
    #[must_use]
    pub fn next_line(&mut self) -> Option<Line<'_>> {
        self.take_lent();
        if self.oversize {
            return self.next_part(false);
        }
        if self.start < self.complete {
            self.lent = true;
            self.lent_end.set(0);
            let bytes = self.storage.as_ref().get(self.start..self.complete)?;
            return Some(Line {
                content: Content::Whole(Batch {
                    bytes,
                    offset: self.start,
                    end: Some(&self.lent_end),
                }),
            });
        }
        // Room is made when it is asked for, unless a line waits for more than there is.
        if self.end < self.storage.as_ref().len() {
            return None;
        }
        self.make_room();
        if self.is_full() {
            self.oversize = true;
            return self.next_part(true);
        }
        None
    }

    /// Parts are as long as the storage, but for the last, whatever the reads were: the same line gives the same parts.
    fn next_part(&mut self, first: bool) -> Option<Line<'_>> {
        self.make_room();
        let (from, waiting) = (self.start, self.start..self.end);
        if self.start < self.complete {
            let bytes = self.storage.as_ref().get(waiting)?;
            let length = memchr(b'\n', bytes)?;
            self.start = from.saturating_add(length).saturating_add(1);
            self.oversize = false;
            return Some(Line {
                content: Content::Part {
                    bytes: without_carriage_return(bytes.get(..length)?),
                    first,
                    last: true,
                },
            });
        }
        if !self.is_full() {
            return None;
        }
        let bytes = self.storage.as_ref().get(waiting)?;
        // A carriage return at the very end may belong to the line's end: it waits for the byte after it.
        let bytes = match bytes {
            [kept @ .., b'\r'] if !kept.is_empty() => kept,
            _ => bytes,
        };
        self.start = from.saturating_add(bytes.len());
        Some(Line {
            content: Content::Part {
                bytes,
                first,
                last: false,
            },
        })
    }

    /// Whether one unfinished line fills the storage.
    fn is_full(&self) -> bool {
        self.start == 0 && self.end > 0 && self.end == self.storage.as_ref().len()
    }

    /// Moves past the line that was lent last.
    fn take_lent(&mut self) {
        if !self.lent {
            return;
        }
        self.lent = false;
        let known = self.lent_end.get();
        self.start = if known > self.start {
            known.min(self.complete)
        } else {
            let batch = self.storage.as_ref().get(self.start..self.complete);
            let newline = batch.and_then(|bytes| memchr(b'\n', bytes));
            newline.map_or(self.complete, |at| {
                self.start.saturating_add(at).saturating_add(1)
            })
        };
    }

    /// Reclaims the bytes of finished lines: at once when nothing else is there, otherwise when the storage is
    /// exhausted, or when they are more than half of it and less than a quarter is left to read into. The unfinished line
    /// moves to the front and does not move again.
    fn make_room(&mut self) {
        let size = self.storage.as_ref().len();
        if self.start == self.end {
            self.start = 0;
            self.complete = 0;
            self.end = 0;
        } else if self.start > 0
            && (self.end == size
                || self.start > size / 2 && size.saturating_sub(self.end) < size / 4)
        {
            move_to_front(self.storage.as_mut(), self.start);
            self.end = self.end.saturating_sub(self.start);
            self.complete = self.complete.saturating_sub(self.start);
            self.start = 0;
        }
    }
}

/// Moves `bytes[from..]` to the front. `copy_within` would bring a panic into the linked program.
fn move_to_front(bytes: &mut [u8], from: usize) {
    let mut rest = bytes;
    // Each round copies `from` bytes over those before them, and goes on where it read.
    while let Some((front, back)) = rest.split_at_mut_checked(from) {
        if front.is_empty() || back.is_empty() {
            return;
        }
        for (to, byte) in front.iter_mut().zip(back.iter()) {
            *to = *byte;
        }
        rest = rest.get_mut(from..).unwrap_or_default();
    }
}

pub(crate) fn without_carriage_return(line: &[u8]) -> &[u8] {
    match line {
        [kept @ .., b'\r'] => kept,
        _ => line,
    }
}
