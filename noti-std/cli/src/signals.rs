use std::io;
use std::process;

use signal_hook::consts::{SIGINT, SIGTERM, SIGXFSZ};
use signal_hook::iterator::Signals;

use super::exit::Exit;
use super::log;

/// Something to do at a signal, again and again.
pub(crate) type Action = Box<dyn Fn() + Send>;

/// The signals that the process does not die of any more. They wait until [`handle`](Self::handle).
#[derive(Debug)]
pub(crate) struct Caught {
    signals: Signals,
    more: Option<i32>,
}

/// Catches SIGINT and SIGTERM, and one `more`. To be called before there is anything that a signal could interrupt.
pub(crate) fn catch_signals(more: Option<i32>) -> Result<Caught, Exit> {
    // A file that may not grow is an error of its write, and nothing to die of.
    let signals = Signals::new([SIGINT, SIGTERM, SIGXFSZ].into_iter().chain(more));
    let signals = signals.map_err(unhandled)?;
    Ok(Caught { signals, more })
}

impl Caught {
    /// Calls `stop` at the first SIGINT or SIGTERM, and ends the process at the second, whatever hangs. `act` is for the one
    /// more signal, each time it comes. Neither may wait for anything.
    pub(crate) fn handle(
        mut self,
        stop: impl FnOnce() + Send + 'static,
        act: Option<Action>,
    ) -> Result<(), Exit> {
        let mut stop = Some(stop);
        let thread = std::thread::Builder::new().name("noti-signals".into());
        let spawned = thread.spawn(move || {
            for signal in self.signals.forever() {
                if self.more == Some(signal) {
                    act.iter().for_each(|act| act());
                } else if signal == SIGXFSZ {
                    // The write that hit the limit says so itself.
                } else if let Some(stop) = stop.take() {
                    stop();
                } else {
                    log::finish();
                    // As the shell counts a process that died of a signal.
                    process::exit(128 + signal);
                }
            }
        });
        spawned.map(drop).map_err(unhandled)
    }
}

fn unhandled(error: io::Error) -> Exit {
    Exit::unavailable(format!("signals cannot be handled: {error}"))
}
