use std::io::{self, Write};
use std::path::Path;
use std::time::SystemTime;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use noti_std::Poison;
use serde_json::Value;

use super::append_file::AppendFile;

/// Keeps lines that cannot be delivered, each as one line of JSON:
///
/// ```text
/// {"time":"2026-11-23T02:16:00Z","parts":[{"text":"…"},{"base64":"…"}],"reason":"oversize","length":70000}
/// ```
///
/// The parts, put together, are the exact bytes: as text, or in base64 where they are no UTF-8. A long line is
/// written as it comes in, so it costs no memory.
#[derive(Debug)]
pub(crate) struct DeadLetter {
    file: AppendFile,
    /// The line under way: where it began, and the beginning of a character that its last part broke off in.
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    start: u64,
    broken: Vec<u8>,
    parts: usize,
}

impl DeadLetter {
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        Ok(Self {
            file: AppendFile::open(path)?,
            open: None,
        })
    }

    /// Writes the next bytes of a long line.
    pub(crate) fn part(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut open = self.begin()?;
        let mut text = std::mem::take(&mut open.broken);
        text.extend_from_slice(bytes);
        let whole = match std::str::from_utf8(&text) {
            // The rest of the last character is yet to come.
            Err(error) if error.error_len().is_none() => error.valid_up_to(),
            _ => text.len(),
        };
        open.broken = text.split_off(whole);
        self.write_part(&mut open, &text)?;
        self.open = Some(open);
        Ok(())
    }

    /// Writes the last bytes of a line and puts it on the disk: now it may be acked.
    pub(crate) fn finish(&mut self, poison: &Poison) -> io::Result<()> {
        let mut open = self.begin()?;
        let mut rest = std::mem::take(&mut open.broken);
        rest.extend_from_slice(poison.bytes());
        self.write_part(&mut open, &rest)?;
        let reason = Value::String(poison.reason().to_string());
        let length = poison.length();
        writeln!(self.file, "],\"reason\":{reason},\"length\":{length}}}")?;
        self.file.sync()
    }

    /// The connection has ended: the line under way will come again.
    pub(crate) fn abandon(&mut self) -> io::Result<()> {
        match self.open.take() {
            Some(open) => self.file.truncate(open.start),
            None => Ok(()),
        }
    }

    fn begin(&mut self) -> io::Result<Open> {
        if let Some(open) = self.open.take() {
            return Ok(open);
        }
        let start = self.file.length()?;
        let time = humantime::format_rfc3339_millis(SystemTime::now());
        write!(self.file, "{{\"time\":\"{time}\",\"parts\":[")?;
        Ok(Open {
            start,
            broken: Vec::new(),
            parts: 0,
        })
    }

    fn write_part(&mut self, open: &mut Open, bytes: &[u8]) -> io::Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        let (name, value) = match std::str::from_utf8(bytes) {
            Ok(text) => ("text", text.to_owned()),
            Err(_) => ("base64", BASE64_STANDARD.encode(bytes)),
        };
        let comma = if open.parts == 0 { "" } else { "," };
        let value = Value::String(value);
        open.parts += 1;
        write!(self.file, "{comma}{{\"{name}\":{value}}}")
    }
}
