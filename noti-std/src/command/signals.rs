use std::io;
use std::process;

use signal_hook::consts::{SIGINT, SIGTERM, SIGXFSZ};
use signal_hook::iterator::Signals;

use super::pretty::hide;

/// Something to do at a signal, again and again.
pub(crate) type Action = Box<dyn Fn() + Send>;

/// Calls `stop` at the first SIGINT or SIGTERM, and ends the process at the second, whatever hangs. `action` names one
/// more signal and what to do each time it comes.
pub(crate) fn handle_signals(
    stop: impl FnOnce() + Send + 'static,
    action: Option<(i32, Action)>,
) -> io::Result<()> {
    // A file that may not grow is an error of its write, and nothing to die of.
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGXFSZ])?;
    if let Some((signal, _)) = action {
        signals.add_signal(signal)?;
    }
    let mut stop = Some(stop);
    std::thread::Builder::new()
        .name("noti-signals".into())
        .spawn(move || {
            for signal in signals.forever() {
                if let Some((at, act)) = &action
                    && signal == *at
                {
                    act();
                } else if signal == SIGXFSZ {
                    // The write that hit the limit says so itself.
                } else if let Some(stop) = stop.take() {
                    stop();
                } else {
                    hide();
                    // As the shell counts a process that died of a signal.
                    process::exit(128 + signal);
                }
            }
        })?;
    Ok(())
}
