//! A terminal whose screen a test can look at.

use std::fs::File;
use std::io::Read;
use std::num::NonZero;
use std::os::fd::OwnedFd;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::fs::{Mode, OFlags};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Action, Winsize, tcflow, tcsetwinsize};

/// How long a test waits for what a screen should show.
const PATIENCE: Duration = Duration::from_secs(60);

/// A pseudo-terminal, and what a screen at its end shows.
pub struct Terminal {
    program: Option<OwnedFd>,
    shown: Arc<Mutex<Shown>>,
    reader: JoinHandle<()>,
}

struct Shown {
    screen: vt100::Parser,
    bytes: Vec<u8>,
}

impl Terminal {
    /// A terminal of this size.
    #[must_use]
    pub fn new(rows: u16, columns: u16) -> Self {
        let controller = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
        grantpt(&controller).expect("a terminal for this user");
        unlockpt(&controller).expect("a terminal to open");
        let size = Winsize {
            ws_row: rows,
            ws_col: columns,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        tcsetwinsize(&controller, size).expect("a size");
        let name = ptsname(&controller, Vec::new()).expect("a name");
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
        let program = rustix::fs::open(name, flags, Mode::empty()).expect("the program's end");
        let size = |size| NonZero::new(size).expect("a size above zero");
        let shown = Arc::new(Mutex::new(Shown {
            screen: vt100::Parser::new(size(rows), size(columns), 0),
            bytes: Vec::new(),
        }));
        let reader = read(File::from(controller), shown.clone());
        Self {
            program: Some(program),
            shown,
            reader,
        }
    }

    /// The program's end, for one of its outputs. The last one given out is the one that `finish` waits for.
    #[must_use]
    pub fn output(&self) -> Stdio {
        let program = self.program.as_ref().expect("not finished");
        program.try_clone().expect("a descriptor").into()
    }

    /// Takes nothing any more, as after Ctrl-S.
    pub fn hold(&self) {
        let program = self.program.as_ref().expect("not finished");
        tcflow(program, Action::OOff).expect("a terminal");
    }

    /// What the screen shows now: its rows down to the last that is not empty.
    #[must_use]
    pub fn screen(&self) -> Vec<String> {
        rows(&self.shown.lock().expect("the reader lives"))
    }

    /// Waits until the screen shows this somewhere.
    ///
    /// # Panics
    /// After a minute.
    pub fn wait_for(&self, text: &str) {
        let until = Instant::now() + PATIENCE;
        while !self.screen().concat().contains(text) {
            let screen = self.screen().join("\n");
            assert!(
                Instant::now() < until,
                "no {text:?} on the screen:\n{screen}"
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Once the program has ended: what the screen shows, and all that was written to it.
    #[must_use]
    pub fn finish(mut self) -> (Vec<String>, String) {
        // The reader is at its end when nobody has the program's end any more.
        self.program = None;
        self.reader.join().expect("the reader ends");
        let shown = self.shown.lock().expect("the reader has ended well");
        let bytes = String::from_utf8(shown.bytes.clone()).expect("UTF-8");
        (rows(&shown), bytes)
    }
}

fn read(mut controller: File, shown: Arc<Mutex<Shown>>) -> JoinHandle<()> {
    std::thread::spawn(move || {
        let mut buffer = [0; 4096];
        // The end of a terminal is an error.
        while let Ok(length @ 1..) = controller.read(&mut buffer) {
            let mut shown = shown.lock().expect("the test lives");
            shown.screen.process(&buffer[..length]);
            shown.bytes.extend_from_slice(&buffer[..length]);
        }
    })
}

fn rows(shown: &Shown) -> Vec<String> {
    let screen = shown.screen.screen();
    let (_, columns) = screen.size();
    let rows = screen.rows(0, columns.get());
    let mut rows: Vec<String> = rows.map(|row| row.trim_end().to_owned()).collect();
    while rows.last().is_some_and(String::is_empty) {
        rows.pop();
    }
    rows
}
