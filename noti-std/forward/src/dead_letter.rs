use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use noti_std::Poison;

use super::append_file::AppendFile;

/// Keeps lines that cannot be delivered, each as one line of JSON:
///
/// ```text
/// {"time":"2026-11-23T02:16:00Z","parts":[{"text":"…"},{"base64":"…"}],"reason":"oversize","length":70000}
/// ```
///
/// A file that was moved or removed, as a rotation does, is opened again before the next line.
///
/// The parts, put together, are the exact bytes: as text, or in base64 where they are no UTF-8. A long line is
/// written as it comes in, so it costs no memory.
#[derive(Debug)]
pub struct DeadLetter {
    file: AppendFile,
    path: PathBuf,
    /// The line under way: where it began, and the beginning of a character that its last part broke off in.
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    start: u64,
    broken: Vec<u8>,
    parts: usize,
    /// Text that is not written yet: each part is one write.
    text: Vec<u8>,
}

impl DeadLetter {
    /// Opens or creates the file, and locks it as [`AppendFile::open`] does.
    ///
    /// # Errors
    ///
    /// As [`AppendFile::open`].
    pub fn open(path: &Path) -> io::Result<Self> {
        Ok(Self {
            file: AppendFile::open(path)?,
            path: path.to_owned(),
            open: None,
        })
    }

    /// Writes the next bytes of a long line.
    ///
    /// # Errors
    ///
    /// What the system said of the write.
    pub fn part(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut open = self.begin()?;
        let mut bytes = [&std::mem::take(&mut open.broken), bytes].concat();
        let whole = match std::str::from_utf8(&bytes) {
            // The rest of the last character is yet to come.
            Err(error) if error.error_len().is_none() => error.valid_up_to(),
            _ => bytes.len(),
        };
        open.broken = bytes.split_off(whole);
        open.append(&bytes)?;
        self.file.write_all(&open.text)?;
        open.text.clear();
        self.open = Some(open);
        Ok(())
    }

    /// Writes the last bytes of a line and puts it on the disk: now it may be acked.
    ///
    /// # Errors
    ///
    /// What the system said of the write or the sync: the line is not safe, and must not be acked.
    pub fn finish(&mut self, poison: &Poison) -> io::Result<()> {
        let mut open = self.begin()?;
        let rest = [&std::mem::take(&mut open.broken), poison.bytes()].concat();
        open.append(&rest)?;
        open.text.extend_from_slice(b"],\"reason\":");
        serde_json::to_writer(&mut open.text, &poison.reason().to_string())?;
        writeln!(open.text, ",\"length\":{}}}", poison.length())?;
        self.file.write_all(&open.text)?;
        self.file.sync()
    }

    /// The connection has ended: the line under way will come again.
    ///
    /// # Errors
    ///
    /// What the system said; the unfinished line is cut off when the file is opened again.
    pub fn abandon(&mut self) -> io::Result<()> {
        match self.open.take() {
            Some(open) => self.file.truncate(open.start),
            None => Ok(()),
        }
    }

    /// Goes over to the file that the path leads to, if that is another one or gone: nothing is acknowledged into a file
    /// that nobody will look at.
    fn follow_rotation(&mut self) -> io::Result<()> {
        if self.file.was_replaced(&self.path)? {
            self.file = AppendFile::open(&self.path)?;
            tracing::warn!(file = %self.path.display(), "the dead-letter file was moved or removed; opened it again");
        }
        Ok(())
    }

    fn begin(&mut self) -> io::Result<Open> {
        if let Some(open) = self.open.take() {
            return Ok(open);
        }
        self.follow_rotation()?;
        let time = humantime::format_rfc3339_millis(SystemTime::now());
        Ok(Open {
            start: self.file.length()?,
            broken: Vec::new(),
            parts: 0,
            text: format!("{{\"time\":\"{time}\",\"parts\":[").into_bytes(),
        })
    }
}

impl Open {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        if self.parts > 0 {
            self.text.push(b',');
        }
        self.parts += 1;
        match std::str::from_utf8(bytes) {
            Ok(text) => {
                self.text.extend_from_slice(b"{\"text\":");
                serde_json::to_writer(&mut self.text, text)?;
            }
            Err(_) => {
                let base64 = BASE64_STANDARD.encode(bytes);
                write!(self.text, "{{\"base64\":\"{base64}\"")?;
            }
        }
        self.text.push(b'}');
        Ok(())
    }
}
