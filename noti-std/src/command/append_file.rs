use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// How much of a file's end is looked at in one step for its last newline.
const STEP: u64 = 64 * 1024;

/// A file of lines that only grows, and that a crash leaves whole: what follows its last newline was not finished, and
/// so not acked, and is cut off when the file is opened again.
#[derive(Debug)]
pub(crate) struct AppendFile {
    path: PathBuf,
    file: File,
    /// A file on a disk; not a pipe, a terminal or a device.
    regular: bool,
}

impl AppendFile {
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let existed = path.exists();
        let mut file = OpenOptions::new()
            .create(true)
            .append(true)
            .read(existed && path.is_file())
            .open(path)?;
        let regular = file.metadata()?.is_file();
        if regular && existed {
            cut_torn_line(&mut file, path)?;
        } else if regular {
            sync_folder(path)?;
        }
        Ok(Self {
            path: path.to_owned(),
            file,
            regular,
        })
    }

    /// Opens the file's path anew, after it was renamed to rotate it.
    pub(crate) fn reopen(&mut self) -> io::Result<()> {
        *self = Self::open(&self.path)?;
        Ok(())
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Puts what was written on the disk. An error is final: what the system has dropped, it may report as written the next time.
    pub(crate) fn sync(&self) -> io::Result<()> {
        if self.regular {
            self.file.sync_data()?;
        }
        Ok(())
    }

    /// How long the file is.
    pub(crate) fn length(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    /// Takes back what was written after the file had this length.
    pub(crate) fn truncate(&self, length: u64) -> io::Result<()> {
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

/// A new file is only there after a power cut if its folder says so.
fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    File::open(folder)?.sync_all()
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
}
