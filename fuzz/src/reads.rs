//! How a stream of bytes falls into reads.

use noti_proto::{Line, LineBuf};

/// The sizes of one read after another, out of one byte.
#[derive(Clone, Copy, Debug)]
pub struct Reads {
    longest: usize,
    random: u32,
}

impl Reads {
    /// Reads as long as there is room for 0, byte by byte for 1, else irregular ones of up to `pattern` bytes.
    pub fn new(pattern: u8) -> Self {
        Self {
            longest: usize::from(pattern),
            random: u32::from(pattern),
        }
    }

    fn next(&mut self) -> usize {
        if self.longest < 2 {
            return if self.longest == 0 { usize::MAX } else { 1 };
        }
        self.random = self
            .random
            .wrapping_mul(1_664_525)
            .wrapping_add(1_013_904_223);
        1 + (self.random >> 16) as usize % self.longest
    }

    /// Feeds all of `stream`, and hands out the lines as they come.
    pub fn feed(
        mut self,
        lines: &mut LineBuf<Vec<u8>>,
        mut stream: &[u8],
        mut each: impl FnMut(Line<'_>),
    ) {
        loop {
            while let Some(line) = lines.next_line() {
                each(line);
            }
            if stream.is_empty() {
                return;
            }
            let spare = lines.spare();
            assert!(!spare.is_empty(), "no room for the next read");
            let read = self.next().min(spare.len()).min(stream.len());
            let (now, later) = stream.split_at(read);
            spare[..read].copy_from_slice(now);
            lines.commit(read);
            stream = later;
        }
    }
}
