//! A transport for the driver: a socket that does not block, and can tell whether it would.

use std::io::{self, ErrorKind, Read as _, Write as _};

use embedded_io::{ErrorType, Read, ReadReady, Write, WriteReady};
use mio::net::TcpStream;

/// A poller says once that a socket is ready; it stays so until a read or a write finds that it is not.
pub(crate) struct Link {
    pub(crate) stream: TcpStream,
    pub(crate) readable: bool,
    pub(crate) writable: bool,
}

impl Link {
    pub(crate) fn connect(address: &str) -> io::Result<Self> {
        let stream = std::net::TcpStream::connect(address)?;
        stream.set_nonblocking(true)?;
        Ok(Self {
            stream: TcpStream::from_std(stream),
            readable: true,
            writable: true,
        })
    }
}

/// To the driver, "later" is a timeout.
fn unless_it_blocks(result: io::Result<usize>, ready: &mut bool) -> io::Result<usize> {
    match result {
        Err(error) if error.kind() == ErrorKind::WouldBlock => {
            *ready = false;
            Err(ErrorKind::TimedOut.into())
        }
        result => result,
    }
}

impl ErrorType for Link {
    type Error = io::Error;
}

impl ReadReady for Link {
    fn read_ready(&mut self) -> io::Result<bool> {
        Ok(self.readable)
    }
}

impl Read for Link {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        unless_it_blocks(self.stream.read(buffer), &mut self.readable)
    }
}

impl WriteReady for Link {
    fn write_ready(&mut self) -> io::Result<bool> {
        Ok(self.writable)
    }
}

impl Write for Link {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        unless_it_blocks(self.stream.write(bytes), &mut self.writable)
    }

    fn flush(&mut self) -> io::Result<()> {
        // The kernel has it.
        Ok(())
    }
}
