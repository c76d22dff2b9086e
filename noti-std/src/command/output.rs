use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};

use clap::ValueEnum;
use noti_std::Delivery;

use super::append_file::AppendFile;
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
    Stdout,
    File(Arc<Rotated>, Sync),
}

/// A file that is opened anew on request.
#[derive(Debug)]
pub(crate) struct Rotated {
    file: Mutex<AppendFile>,
    is_due: AtomicBool,
}

impl Rotated {
    /// Opens the file anew, or has it done by whoever is writing: that may take long, and this must not wait.
    fn request(&self) {
        self.is_due.store(true, Ordering::SeqCst);
        self.reopen_if_due();
    }

    fn reopen_if_due(&self) {
        while self.is_due.load(Ordering::SeqCst) {
            let mut file = match self.file.try_lock() {
                Ok(file) => file,
                Err(TryLockError::Poisoned(error)) => error.into_inner(),
                // Whoever is writing looks again afterwards.
                Err(TryLockError::WouldBlock) => return,
            };
            self.is_due.store(false, Ordering::SeqCst);
            let path = file.path().display().to_string();
            match file.reopen() {
                Ok(()) => tracing::info!(file = path, "output opened anew"),
                Err(error) => {
                    tracing::error!(file = path, %error, "output cannot be opened anew; going on with the old file");
                }
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, AppendFile> {
        self.file.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Output {
    pub(crate) fn file(path: &Path, sync: Sync) -> io::Result<Self> {
        let file = AppendFile::open(path)?;
        let rotated = Rotated {
            file: Mutex::new(file),
            is_due: AtomicBool::new(false),
        };
        Ok(Self::File(Arc::new(rotated), sync))
    }

    /// Whether people look on.
    pub(crate) fn is_terminal(&self) -> bool {
        match self {
            Self::Stdout => io::stdout().is_terminal(),
            Self::File(..) => false,
        }
    }

    /// Opens the file anew, as after a rotation.
    pub(crate) fn reopener(&self) -> Option<Action> {
        let Self::File(file, _) = self else {
            return None;
        };
        let file = file.clone();
        Some(Box::new(move || file.request()))
    }

    /// Writes all of them, and flushes: afterwards whoever reads the output has them, and, if asked for, so has the
    /// disk.
    pub(crate) fn write<'d>(
        &self,
        deliveries: impl IntoIterator<Item = &'d Delivery>,
        form: &mut Form,
    ) -> io::Result<()> {
        let written = self.write_now(deliveries, form);
        if let Self::File(file, _) = self {
            file.reopen_if_due();
        }
        written
    }

    fn write_now<'d>(
        &self,
        deliveries: impl IntoIterator<Item = &'d Delivery>,
        form: &mut Form,
    ) -> io::Result<()> {
        let mut lines = Vec::new();
        match self {
            Self::Stdout => {
                let lines = form.append_all(&mut lines, deliveries);
                let mut stdout = io::stdout().lock();
                let mut write = || stdout.write_all(lines).and_then(|()| stdout.flush());
                // A pipe that is full must not hold up the diagnostics, which wait for the status line.
                if self.is_terminal() {
                    above(write)
                } else {
                    write()
                }
            }
            Self::File(file, Sync::Always) => {
                let mut file = file.lock();
                for delivery in deliveries {
                    lines.clear();
                    file.write_all(form.append_all(&mut lines, [delivery]))?;
                    file.sync()?;
                }
                Ok(())
            }
            Self::File(file, sync) => {
                let mut file = file.lock();
                file.write_all(form.append_all(&mut lines, deliveries))?;
                match sync {
                    Sync::Batch => file.sync(),
                    _ => Ok(()),
                }
            }
        }
    }
}
