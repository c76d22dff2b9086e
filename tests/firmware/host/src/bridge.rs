//! The serial bridge between the image's UART and the broker. It carries whole lines, counts the events on their way to the
//! image, and spoils the line when it is told to.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use crate::events::{self, Sums};

/// What has reached the image.
#[derive(Clone, Copy, Default)]
pub(crate) struct Tally {
    /// Events whose whole line has left, sent again or not.
    pub(crate) events: usize,
    pub(crate) sums: Sums,
}

/// How the line is.
#[derive(Clone, Copy, Default, PartialEq)]
enum Condition {
    #[default]
    Good,
    /// The next event will be cut off in its middle, together with the connection.
    AboutToBreak,
    /// What the image sends is lost, until it gives the connection up and logs in again.
    Deaf,
}

#[derive(Default)]
struct Line {
    condition: Condition,
    tally: Tally,
}

/// A bridge that runs until the process ends.
pub(crate) struct Bridge {
    /// Where the UART goes.
    pub(crate) port: u16,
    line: Arc<Mutex<Line>>,
}

impl Bridge {
    pub(crate) fn start(broker: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let bridge = Self {
            port: listener.local_addr()?.port(),
            line: Arc::default(),
        };
        let line = bridge.line.clone();
        thread::spawn(move || {
            for image in listener.incoming() {
                // When one connection has failed, the image asks for the next.
                if let Err(error) = image.and_then(|image| carry(&image, broker, &line)) {
                    eprintln!("bridge: {error}");
                }
            }
        });
        Ok(bridge)
    }

    /// Cuts the connection in the middle of the next event.
    pub(crate) fn break_at_next_event(&self) {
        locked(&self.line).condition = Condition::AboutToBreak;
    }

    /// Loses what the image sends, until it logs in again.
    pub(crate) fn be_deaf(&self) {
        locked(&self.line).condition = Condition::Deaf;
    }

    pub(crate) fn tally(&self) -> Tally {
        locked(&self.line).tally
    }
}

fn locked(line: &Mutex<Line>) -> MutexGuard<'_, Line> {
    line.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One connection, until both ends have closed it.
fn carry(image: &TcpStream, broker: SocketAddr, line: &Mutex<Line>) -> io::Result<()> {
    let broker = &TcpStream::connect(broker)?;
    image.set_nodelay(true)?;
    broker.set_nodelay(true)?;
    thread::scope(|scope| {
        scope.spawn(|| {
            // The other direction finds out what is wrong, if anything is.
            let _ = to_image(broker, image, line);
            let _ = image.shutdown(Shutdown::Write);
            let _ = broker.shutdown(Shutdown::Both);
        });
        let carried = to_broker(image, broker, line);
        let _ = broker.shutdown(Shutdown::Both);
        carried
    })
}

fn to_image(broker: &TcpStream, mut image: &TcpStream, line: &Mutex<Line>) -> io::Result<()> {
    each_line(broker, |bytes| {
        let mut line = locked(line);
        if events::is_event(bytes) {
            if line.condition == Condition::AboutToBreak {
                line.condition = Condition::Good;
                image.write_all(bytes.get(..bytes.len() / 2).unwrap_or_default())?;
                return Ok(false);
            }
            line.tally.events += 1;
            line.tally.sums += events::sums(bytes);
        }
        image.write_all(bytes)?;
        Ok(true)
    })
}

fn to_broker(image: &TcpStream, mut broker: &TcpStream, line: &Mutex<Line>) -> io::Result<()> {
    each_line(image, |bytes| {
        let mut line = locked(line);
        if line.condition != Condition::Deaf {
            // To a broker that is gone: the image will notice.
            let _ = broker.write_all(bytes);
        } else if events::is_login(bytes) {
            line.condition = Condition::Good;
            // Both ends close, and the image's next connection is a good one.
            broker.shutdown(Shutdown::Both)?;
        }
        Ok(true)
    })
}

/// Until the end of the stream, or until `carry` says that it was the last.
fn each_line(
    stream: &TcpStream,
    mut carry: impl FnMut(&[u8]) -> io::Result<bool>,
) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    let mut line = Vec::new();
    loop {
        line.clear();
        if stream.read_until(b'\n', &mut line)? == 0 || !carry(&line)? {
            return Ok(());
        }
    }
}
