//! Diagnostics on their way to stderr. A thread of their own writes them: whoever has something to say never waits for who
//! reads it.
//!
//! ```text
//! any thread ── push ──> lines, bounded ──> noti-log ── above the status line ──> stderr
//! ```

use std::cell::Cell;
use std::io;
use std::mem;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use noti_forward::write_all;

use super::super::pretty::{above, hide};

/// How many bytes wait at the most; as many may be on their way.
const CAPACITY: usize = 256 * 1024;

/// How long the end of the process waits for the last lines to be written.
const PATIENCE: Duration = Duration::from_secs(1);

static QUEUE: Queue = Queue {
    state: Mutex::new(State {
        stage: Stage::Direct,
        lines: Vec::new(),
        dropped: 0,
    }),
    changed: Condvar::new(),
};

thread_local! {
    /// What this thread says goes past the queue, for it is the one that empties it.
    static WRITES: Cell<bool> = const { Cell::new(false) };
}

struct Queue {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    stage: Stage,
    lines: Vec<u8>,
    /// Lines that had no room. From the first of them on all are dropped until the thread comes round, so that it is
    /// clear where they are missing.
    dropped: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// There is no thread: who says something writes it.
    Direct,
    Running,
    /// The thread writes what there is, and ends.
    Ending,
    Ended,
}

/// Starts the thread. Without one, lines are written by who says them.
pub(super) fn start() {
    QUEUE.lock().stage = Stage::Running;
    let thread = std::thread::Builder::new().name("noti-log".into());
    if let Err(error) = thread.spawn(|| QUEUE.run()) {
        QUEUE.lock().stage = Stage::Direct;
        tracing::warn!(%error, "no thread for diagnostics: whoever does not read them holds noti up");
    }
}

/// Says a whole line, with its end.
pub(super) fn push(line: &[u8]) {
    if WRITES.get() {
        return write(line);
    }
    let mut state = QUEUE.lock();
    if state.stage == Stage::Direct {
        drop(state);
        return write(line);
    }
    if state.dropped > 0 || state.lines.len() + line.len() > CAPACITY {
        state.dropped += 1;
    } else {
        state.lines.extend_from_slice(line);
    }
    QUEUE.changed.notify_all();
}

/// Waits until all that was said is written and the status line is gone, but not for ever. Afterwards the process is to end.
pub(super) fn finish() {
    let mut state = QUEUE.lock();
    if state.stage == Stage::Direct {
        return;
    }
    if state.stage == Stage::Running {
        state.stage = Stage::Ending;
        QUEUE.changed.notify_all();
    }
    let ending = |state: &mut State| state.stage != Stage::Ended;
    let waited = QUEUE.changed.wait_timeout_while(state, PATIENCE, ending);
    drop(waited.unwrap_or_else(PoisonError::into_inner));
}

impl Queue {
    fn run(&self) {
        WRITES.set(true);
        let mut lines = Vec::new();
        loop {
            let mut state = self.lock();
            while state.lines.is_empty() && state.dropped == 0 {
                if state.stage == Stage::Ending {
                    drop(state);
                    hide();
                    self.lock().stage = Stage::Ended;
                    return self.changed.notify_all();
                }
                let waited = self.changed.wait(state);
                state = waited.unwrap_or_else(PoisonError::into_inner);
            }
            mem::swap(&mut state.lines, &mut lines);
            let dropped = mem::take(&mut state.dropped);
            drop(state);
            write(&lines);
            lines.clear();
            if dropped > 0 {
                tracing::error!(
                    lines = dropped,
                    "diagnostics are missing here: they were not read in time"
                );
            }
        }
    }

    /// Nothing that holds this lock can panic half-way.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Nobody can be told that stderr is gone.
fn write(lines: &[u8]) {
    let _ = above(|| write_all(io::stderr(), lines));
}
