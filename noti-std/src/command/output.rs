use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use clap::ValueEnum;
use noti_std::Delivery;

use super::append_file::AppendFile;
use super::signals::Action;

/// When a file's events are put on the disk; they are acked after that.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Sync {
    /// After each event.
    Always,
    /// After each batch of events that arrived together.
    Batch,
    /// When the system sees fit: a crash of the process loses nothing, a power cut may.
    Never,
}

/// Where events go: their exact bytes, a line each.
#[derive(Debug)]
pub(crate) enum Output {
    Stdout,
    File(Arc<Mutex<AppendFile>>, Sync),
}

impl Output {
    pub(crate) fn file(path: &Path, sync: Sync) -> io::Result<Self> {
        let file = AppendFile::open(path)?;
        Ok(Self::File(Arc::new(Mutex::new(file)), sync))
    }

    /// Opens the file anew, as after a rotation.
    pub(crate) fn reopener(&self) -> Option<Action> {
        let Self::File(file, _) = self else {
            return None;
        };
        let file = file.clone();
        Some(Box::new(move || {
            let mut file = lock(&file);
            match file.reopen() {
                Ok(()) => tracing::info!(file = %file.path().display(), "output opened anew"),
                Err(error) => {
                    tracing::error!(file = %file.path().display(), %error, "output cannot be opened anew; going on with the old file");
                }
            }
        }))
    }

    /// Writes all of them, and flushes: afterwards whoever reads the output has them, and, if asked for, so has the
    /// disk.
    pub(crate) fn write<'d>(
        &self,
        deliveries: impl IntoIterator<Item = &'d Delivery>,
    ) -> io::Result<()> {
        let mut lines = Vec::new();
        match self {
            Self::Stdout => {
                let mut stdout = io::stdout().lock();
                stdout.write_all(append_all(&mut lines, deliveries))?;
                stdout.flush()
            }
            Self::File(file, Sync::Always) => {
                let mut file = lock(file);
                for delivery in deliveries {
                    lines.clear();
                    file.write_all(append_all(&mut lines, [delivery]))?;
                    file.sync()?;
                }
                Ok(())
            }
            Self::File(file, sync) => {
                let mut file = lock(file);
                file.write_all(append_all(&mut lines, deliveries))?;
                match sync {
                    Sync::Batch => file.sync(),
                    _ => Ok(()),
                }
            }
        }
    }
}

fn append_all<'l, 'd>(
    lines: &'l mut Vec<u8>,
    deliveries: impl IntoIterator<Item = &'d Delivery>,
) -> &'l [u8] {
    for delivery in deliveries {
        lines.extend_from_slice(delivery.line());
        lines.push(b'\n');
    }
    lines
}

fn lock(file: &Mutex<AppendFile>) -> MutexGuard<'_, AppendFile> {
    file.lock().unwrap_or_else(PoisonError::into_inner)
}
