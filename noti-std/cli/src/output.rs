use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use clap::ValueEnum;
use noti_forward::{AppendFile, Stdout};
use noti_std::Delivery;

use super::form::Form;
use super::pretty::above;
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

/// Where events go, a line each.
#[derive(Debug)]
pub(crate) enum Output {
    Stdout(Stdout),
    File {
        file: Arc<Mutex<AppendFile>>,
        path: PathBuf,
        sync: Sync,
    },
}

impl Output {
    pub(crate) fn stdout() -> io::Result<Self> {
        Stdout::open().map(Self::Stdout)
    }

    pub(crate) fn file(path: &Path, sync: Sync) -> io::Result<Self> {
        let file = AppendFile::open(path)?;
        Ok(Self::File {
            file: Arc::new(Mutex::new(file)),
            path: path.to_owned(),
            sync,
        })
    }

    /// Whether people look on.
    pub(crate) fn is_terminal(&self) -> bool {
        match self {
            Self::Stdout(stdout) => stdout.is_terminal(),
            Self::File { .. } => false,
        }
    }

    /// Has the file opened anew, as after a rotation. A thread of its own does it, for it may take for ever; meanwhile events
    /// go to the old file.
    pub(crate) fn reopener(&self) -> io::Result<Option<Action>> {
        let Self::File { file, path, .. } = self else {
            return Ok(None);
        };
        let (file, path) = (file.clone(), path.clone());
        let (ask, asked) = mpsc::sync_channel(1);
        let reopening = move || asked.iter().for_each(|()| reopen(&file, &path));
        std::thread::Builder::new()
            .name("noti-reopen".into())
            .spawn(reopening)?;
        // A request that waits already is as good as this one.
        Ok(Some(Box::new(move || {
            let _ = ask.try_send(());
        })))
    }

    /// Writes all of them, and flushes: afterwards whoever reads the output has them, and, if asked for, so has the
    /// disk.
    pub(crate) fn write<'d>(
        &mut self,
        deliveries: impl IntoIterator<Item = &'d Delivery>,
        form: &mut Form,
    ) -> io::Result<()> {
        let mut lines = Vec::new();
        match self {
            Self::Stdout(stdout) => {
                let lines = form.append_all(&mut lines, deliveries);
                // A pipe that is full must not hold up the diagnostics, which wait for the status line.
                if stdout.is_terminal() {
                    above(|| stdout.write_all(lines))
                } else {
                    stdout.write_all(lines)
                }
            }
            Self::File {
                file,
                sync: Sync::Always,
                ..
            } => {
                let mut file = lock(file);
                for delivery in deliveries {
                    lines.clear();
                    file.write_all(form.append_all(&mut lines, [delivery]))?;
                    file.sync()?;
                }
                Ok(())
            }
            Self::File { file, sync, .. } => {
                let mut file = lock(file);
                file.write_all(form.append_all(&mut lines, deliveries))?;
                match sync {
                    Sync::Batch => file.sync(),
                    _ => Ok(()),
                }
            }
        }
    }
}

fn reopen(file: &Mutex<AppendFile>, path: &Path) {
    let shown = path.display();
    match open_next(file, path) {
        Ok(()) => tracing::info!(file = %shown, "output opened anew"),
        Err(error) => {
            tracing::error!(file = %shown, %error, "output cannot be opened anew; going on with the old file");
        }
    }
}

fn open_next(file: &Mutex<AppendFile>, path: &Path) -> io::Result<()> {
    let current = lock(file).identity()?;
    if let Some(next) = AppendFile::open_next(path, current)? {
        *lock(file) = next;
    }
    Ok(())
}

fn lock(file: &Mutex<AppendFile>) -> MutexGuard<'_, AppendFile> {
    file.lock().unwrap_or_else(PoisonError::into_inner)
}
