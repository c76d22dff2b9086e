use std::io;
use std::process;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

/// Calls `stop` at the first SIGINT or SIGTERM, and ends the process at the second, whatever hangs.
pub(crate) fn stop_on_signal(stop: impl FnOnce() + Send + 'static) -> io::Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM])?;
    std::thread::Builder::new()
        .name("noti-signals".into())
        .spawn(move || {
            let mut signals = signals.forever();
            if signals.next().is_some() {
                stop();
            }
            if let Some(signal) = signals.next() {
                // As the shell counts a process that died of a signal.
                process::exit(128 + signal);
            }
        })?;
    Ok(())
}
