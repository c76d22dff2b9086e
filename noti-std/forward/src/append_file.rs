use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

/// How much of a file's end is looked at in one step for its last newline.
const STEP: u64 = 64 * 1024;

/// A file of lines that only grows, and that a crash leaves whole: what follows its last newline was not finished, and
/// so not acked, and is cut off when the file is opened again. Nobody else can open it so meanwhile.
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

impl AppendFile {
    /// Opens or creates the file, locks it against every other writer, and cuts off an unfinished last line.
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
            cut_torn_line(&mut self.file, path)?;
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
        let metadata = self.file.metadata()?;
        Ok(Identity {
            device: metadata.dev(),
            inode: metadata.ino(),
        })
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

fn cut_torn_line(file: &mut File, path: &Path) -> io::Result<()> {
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
    if kept < length {
        let torn = length - kept;
        tracing::warn!(file = %path.display(), bytes = torn, "cutting off a line that an earlier crash left unfinished");
        file.set_len(kept)?;
        file.sync_data()?;
    }
    Ok(())
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
    fn a_torn_line_is_cut_off_and_whole_lines_stay() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events");
        let long = "x".repeat(200_000);
        for (left, kept) in [
            ("one\ntwo\n".to_owned(), "one\ntwo\n"),
            ("one\ntw".to_owned(), "one\n"),
            (format!("one\n{long}"), "one\n"),
            ("tw".to_owned(), ""),
            (String::new(), ""),
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
