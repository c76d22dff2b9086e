//! Pipes that nobody empties.

use std::io::{ErrorKind, PipeReader, PipeWriter, Write as _};

use rustix::fs::{OFlags, fcntl_setfl};

/// A pipe into which not one more byte goes, and how many are in it.
#[must_use]
pub fn full() -> (PipeReader, PipeWriter, usize) {
    let (reader, mut writer) = std::io::pipe().expect("a pipe");
    set_blocking(&writer, false);
    let mut held = 0;
    loop {
        match writer.write(&[b'\n'; 4096]) {
            Ok(n) => held += n,
            Err(error) if error.kind() == ErrorKind::WouldBlock => break,
            Err(error) => panic!("{error}"),
        }
    }
    set_blocking(&writer, true);
    (reader, writer, held)
}

/// Whether a write to a full pipe waits. All who have this end share that.
///
/// # Panics
/// The system does not want it.
pub fn set_blocking(writer: &PipeWriter, blocking: bool) {
    let flags = if blocking {
        OFlags::empty()
    } else {
        OFlags::NONBLOCK
    };
    fcntl_setfl(writer, flags).expect("flags of a pipe");
}
