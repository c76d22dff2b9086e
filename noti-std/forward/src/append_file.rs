use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

/// A longer tail is not taken for an unfinished record.
const LONGEST_RECORD: u64 = 64 * 1024 * 1024;

/// How much of a file's end is looked at in one step for its last newline.
const STEP: u64 = 64 * 1024;

/// A file of lines that only grows. When it is opened, an unfinished record after its last newline, which a crash left and
/// which so was never acknowledged, is cut off; anything else there stays and is ended with a newline. No other writer can
/// open the file meanwhile.
#[derive(Debug)]
pub struct AppendFile {
    file: File,
    /// A file on a disk; not a pipe, a terminal or a device.
    regular: bool,
}

/// Which file it is, whatever its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    device: u64,
    inode: u64,
}

impl Identity {
    fn of(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
        }
    }
}

impl AppendFile {
    /// Opens or creates the file, locks it against every other writer, and cuts off an unfinished record at its end.
    ///
    /// # Errors
    ///
    /// What the system said; [`ResourceBusy`](ErrorKind::ResourceBusy) if the file has a writer already.
    pub fn open(path: &Path) -> io::Result<Self> {
        let existed = path.exists();
        Self::open_as_it_is(path)?.prepare(path, existed)
    }

    /// The file that the path leads to by now; `None` if that is still the one it led to `before`.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    pub fn open_next(path: &Path, before: Identity) -> io::Result<Option<Self>> {
        let existed = path.exists();
        let next = Self::open_as_it_is(path)?;
        if next.identity()? == before {
            return Ok(None);
        }
        next.prepare(path, existed).map(Some)
    }

    fn open_as_it_is(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new()
            .create(true)
            .append(true)
            // A pipe that is read here, too, would never lose its last reader.
            .read(path.is_file() || !path.exists())
            .open(path)?;
        let regular = file.metadata()?.is_file();
        Ok(Self { file, regular })
    }

    /// Makes a file ready for the next line. Nothing is looked at before it is certain that nobody else writes it.
    fn prepare(mut self, path: &Path, existed: bool) -> io::Result<Self> {
        if self.regular {
            lock(&self.file)?;
            mend_end(&mut self.file, path)?;
            sync_folder(path, existed)?;
        }
        Ok(self)
    }

    /// Which file this is.
    ///
    /// # Errors
    ///
    /// What the system said.
    pub fn identity(&self) -> io::Result<Identity> {
        Ok(Identity::of(&self.file.metadata()?))
    }

    /// Whether `path` leads to another file by now, or to none. Always `false` for a pipe, a terminal or a device.
    ///
    /// # Errors
    ///
    /// What the system said.
    pub fn was_replaced(&self, path: &Path) -> io::Result<bool> {
        if !self.regular {
            return Ok(false);
        }
        match std::fs::metadata(path) {
            Ok(there) => Ok(Identity::of(&there) != self.identity()?),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(true),
            Err(error) => Err(error),
        }
    }

    /// Puts what was written on the disk. An error is final: what the system has dropped, it may report as written the next time.
    ///
    /// # Errors
    ///
    /// What the system said.
    pub fn sync(&self) -> io::Result<()> {
        if self.regular {
            self.file.sync_data()?;
        }
        Ok(())
    }

    /// The length of the file in bytes.
    ///
    /// # Errors
    ///
    /// What the system said.
    pub fn length(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    /// Takes back what was written after the file had this length. Does nothing to a pipe, a terminal or a device.
    ///
    /// # Errors
    ///
    /// What the system said.
    pub fn truncate(&self, length: u64) -> io::Result<()> {
        if self.regular {
            self.file.set_len(length)?;
        }
        Ok(())
    }
}

impl Write for AppendFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Keeps every other writer out for as long as the file is open: to whoever starts meanwhile, a line that is being written
/// looks torn. An error of the kind [`ResourceBusy`](ErrorKind::ResourceBusy): there is one.
pub(crate) fn lock(file: &File) -> io::Result<()> {
    match flock(file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(()),
        Err(Errno::WOULDBLOCK) => Err(io::Error::new(
            ErrorKind::ResourceBusy,
            "it is being written already, by another process or as another output of this one; give each a file of its own",
        )),
        Err(error) => {
            tracing::warn!(%error, "the file cannot be locked; let no other process write it");
            Ok(())
        }
    }
}

/// Makes the end of the file the end of a line.
fn mend_end(file: &mut File, path: &Path) -> io::Result<()> {
    let length = file.metadata()?.len();
    let mut end = length;
    let mut kept = 0;
    while end > 0 {
        let start = end.saturating_sub(STEP);
        let mut bytes = Vec::new();
        file.seek(SeekFrom::Start(start))?;
        Read::by_ref(file)
            .take(end - start)
            .read_to_end(&mut bytes)?;
        if let Some(newline) = bytes.iter().rposition(|byte| *byte == b'\n') {
            kept = start + newline as u64 + 1;
            break;
        }
        end = start;
    }
    let torn = length - kept;
    if torn == 0 {
        return Ok(());
    }
    if is_torn_record(file, kept, torn)? {
        tracing::warn!(file = %path.display(), bytes = torn, "cutting off a record that an earlier crash left unfinished");
        file.set_len(kept)?;
    } else {
        tracing::warn!(file = %path.display(), "the last line has no newline and is not an unfinished record: adding a newline");
        file.write_all(b"\n")?;
    }
    file.sync_data()
}

/// Whether the bytes from `start` on are the beginning of a JSON object that breaks off: what noti itself leaves.
fn is_torn_record(file: &mut File, start: u64, length: u64) -> io::Result<bool> {
    if length > LONGEST_RECORD {
        return Ok(false);
    }
    let mut tail = Vec::new();
    file.seek(SeekFrom::Start(start))?;
    Read::by_ref(file).take(length).read_to_end(&mut tail)?;
    // It may break off within a word, a number, an escape or a character, too.
    let parsed = serde_json::from_slice::<serde_json::Value>(&tail);
    Ok(tail.starts_with(b"{\"") && parsed.is_err_and(|error| error.is_eof()))
}

/// A file is only there after a power cut if its folder says so. Whoever made it may have crashed before that.
fn sync_folder(path: &Path, existed: bool) -> io::Result<()> {
    let path = path.canonicalize()?;
    match File::open(path.parent().unwrap_or(&path)) {
        // Whoever may not look into the folder did not make the file.
        Err(error) if existed && error.kind() == ErrorKind::PermissionDenied => Ok(()),
        folder => folder?.sync_all(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_torn_record_is_cut_off_and_all_else_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events");
        let long = "x".repeat(200_000);
        for (left, kept) in [
            ("one\ntwo\n".to_owned(), "one\ntwo\n".to_owned()),
            ("one\n{\"cmd\":\"ent".to_owned(), "one\n".to_owned()),
            ("one\n{\"cmd\":1,".to_owned(), "one\n".to_owned()),
            (format!("one\n{{\"a\":\"{long}"), "one\n".to_owned()),
            ("{\"".to_owned(), String::new()),
            // Whole, but for the newline: written twice rather than lost.
            ("{\"a\":1}".to_owned(), "{\"a\":1}\n".to_owned()),
            // Not noti's.
            ("one\ntw".to_owned(), "one\ntw\n".to_owned()),
            (long.clone(), format!("{long}\n")),
            ("{a: 1".to_owned(), "{a: 1\n".to_owned()),
            (String::new(), String::new()),
        ] {
            std::fs::write(&path, left).unwrap();
            let mut file = AppendFile::open(&path).unwrap();
            file.write_all(b"three\n").unwrap();
            assert_eq!(
                std::fs::read_to_string(&path).unwrap(),
                format!("{kept}three\n")
            );
        }
    }

    #[test]
    fn a_record_that_breaks_off_anywhere_is_cut_off() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events");
        let record = r#"{"city":"广州","t":"\u4f20\n","a":[true,false,null,-1.5e+09,0],"x":{}}"#;
        for length in 2..record.len() {
            let torn = &record.as_bytes()[..length];
            std::fs::write(&path, [b"one\n", torn].concat()).unwrap();
            AppendFile::open(&path).unwrap();
            let kept = std::fs::read(&path).unwrap();
            assert_eq!(kept, b"one\n", "{}", torn.escape_ascii());
        }
    }

    #[test]
    fn a_second_writer_is_refused_and_cuts_nothing_off() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events");
        let mut first = AppendFile::open(&path).unwrap();
        first.write_all(b"half of a li").unwrap();
        let error = AppendFile::open(&path).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ResourceBusy);
        first.write_all(b"ne\n").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"half of a line\n");
        drop(first);
        AppendFile::open(&path).unwrap();
    }

    #[test]
    fn the_next_file_is_another_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events");
        let first = AppendFile::open(&path).unwrap();
        let before = first.identity().unwrap();
        assert!(AppendFile::open_next(&path, before).unwrap().is_none());
        std::fs::rename(&path, folder.path().join("aside")).unwrap();
        let next = AppendFile::open_next(&path, before).unwrap().unwrap();
        assert_ne!(next.identity().unwrap(), before);
    }
}
