use std::fs::File;
use std::io::{self, ErrorKind, IsTerminal, Seek, SeekFrom, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{FileExt as _, MetadataExt as _};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{OFlags, fcntl_getfl};
use rustix::io::retry_on_intr;

use super::append_file::lock;

/// Stdout as a place for events. Where it leads to a file, that is a file of lines as any other.
#[derive(Debug)]
pub struct Stdout {
    file: File,
    regular: bool,
    appends: bool,
}

impl Stdout {
    /// Takes the process's stdout. A file is locked against other writers, and an unfinished last line is ended.
    ///
    /// # Errors
    ///
    /// What the system said; [`ResourceBusy`](ErrorKind::ResourceBusy) if the file has a writer already.
    pub fn open() -> io::Result<Self> {
        let file = File::from(io::stdout().as_fd().try_clone_to_owned()?);
        let appends = fcntl_getfl(&file)?.contains(OFlags::APPEND);
        let regular = file.metadata()?.is_file();
        let mut stdout = Self {
            file,
            regular,
            appends,
        };
        if stdout.leads_nowhere() {
            tracing::warn!(
                "stdout is closed or /dev/null: events are acked and gone; give --output to keep them"
            );
        }
        if regular {
            lock(&stdout.file)?;
            stdout.end_torn_line()?;
        }
        Ok(stdout)
    }

    /// Whether stdout is a terminal.
    #[must_use]
    pub fn is_terminal(&self) -> bool {
        self.file.is_terminal()
    }

    /// Writes all of it. What could not be written as a whole is taken back from a file, so that the next event begins a
    /// line of its own.
    ///
    /// # Errors
    ///
    /// What the system said of the write.
    pub fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        let end = self.end()?;
        let written = write_all(&self.file, bytes);
        if written.is_err()
            && let Some(end) = end
        {
            // If this fails too, the next start ends the line.
            let _ = self.file.set_len(end);
            let _ = self.file.seek(SeekFrom::Start(end));
        }
        written
    }

    /// Where a file ends, if that is where the next bytes go.
    fn end(&mut self) -> io::Result<Option<u64>> {
        if !self.regular {
            return Ok(None);
        }
        let length = self.file.metadata()?.len();
        let at_end = self.appends || self.file.stream_position()? == length;
        Ok(at_end.then_some(length))
    }

    /// Lets the first event begin a line of its own, whatever a crash has left. What stands there may be of others, and is
    /// not cut off.
    fn end_torn_line(&mut self) -> io::Result<()> {
        let Some(last) = self.end()?.and_then(|end| end.checked_sub(1)) else {
            return Ok(());
        };
        let mut byte = [0];
        // A shell opens it for writing alone.
        let read = File::open("/dev/fd/1").and_then(|file| file.read_exact_at(&mut byte, last));
        match read {
            Ok(()) if byte == *b"\n" => Ok(()),
            Ok(()) => {
                tracing::warn!(
                    "stdout ends with an unfinished line: it stays as it is, and events begin on the next"
                );
                self.write_all(b"\n")
            }
            Err(error) => {
                tracing::warn!(%error, "stdout cannot be read: if its last line is unfinished, the first event is added to it; --output mends such lines");
                Ok(())
            }
        }
    }

    /// A stdout that was closed is `/dev/null` by now.
    fn leads_nowhere(&self) -> bool {
        let device =
            |metadata: io::Result<std::fs::Metadata>| metadata.ok().map(|file| file.rdev());
        !self.regular
            && !self.is_terminal()
            && device(self.file.metadata()) == device(std::fs::metadata("/dev/null"))
    }
}

/// Writes all of it, and waits where whoever opened the output wants nobody to wait.
///
/// # Errors
///
/// What the system said of the write.
pub fn write_all(mut to: impl Write + AsFd, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match to.write(bytes) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(n) => bytes = bytes.get(n..).unwrap_or_default(),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                let fd = to.as_fd();
                retry_on_intr(|| poll(&mut [PollFd::new(&fd, PollFlags::OUT)], None))?;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
