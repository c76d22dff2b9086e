use std::io::{self, Write};

use noti_std::Delivery;

/// Where events go: their exact bytes, a line each.
#[derive(Debug)]
pub(crate) struct Output<W> {
    writer: W,
    lines: Vec<u8>,
}

impl<W: Write> Output<W> {
    pub(crate) const fn new(writer: W) -> Self {
        Self {
            writer,
            lines: Vec::new(),
        }
    }

    /// Writes all of them, and flushes: afterwards whoever reads the output has them.
    pub(crate) fn write<'d>(
        &mut self,
        deliveries: impl IntoIterator<Item = &'d Delivery>,
    ) -> io::Result<()> {
        self.lines.clear();
        for delivery in deliveries {
            self.lines.extend_from_slice(delivery.line());
            self.lines.push(b'\n');
        }
        self.writer.write_all(&self.lines)?;
        self.writer.flush()
    }
}
