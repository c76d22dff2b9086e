//! A fault: what goes wrong, and how often.

use std::time::Duration;

use crate::certificates::Leaf;

/// A fault that a broker commits: which, how often, and from which seed.
///
/// It parses from what `noti broker --fault` is given: a name, then options after a colon, separated by commas.
///
/// | spec | what happens | how often |
/// |---|---|---|
/// | `drop:bytes=N` | the connection ends after N bytes of plaintext | once |
/// | `drop:events=N` | it ends after N events | once |
/// | `drop:mid-line=N` | it ends in the middle of the line after N events | once |
/// | `reset` | it is reset after 10 events (`events=N`), like `drop` with `how=reset` | once |
/// | `no-close-notify` | it ends after 10 events without TLS's farewell, like `how=truncate` | once |
/// | `cut:mean=N` | each connection ends after a random number of bytes, N on average | always |
/// | `stall-reading` | after 10 events (`after=N`) nothing is read for 5 s (`for=TIME`) | once |
/// | `stall-writing` | the same for writing | once |
/// | `no-pong` | a ping is not answered | always |
/// | `late-pong` | a ping is answered after 5 s (`by=TIME`) | always |
/// | `no-login-answer` | a login is not answered | once |
/// | `refuse-login` | a sound login is refused, after N others (`after=N`) | once |
/// | `oversize` | after 10 events (`after=N`) comes one of 100,000 bytes (`bytes=N`) | once |
/// | `malformed` | after 10 events (`after=N`) comes one that is no JSON behind its id | once |
/// | `garbage` | after 10 events (`after=N`) comes a line of 200 random bytes (`bytes=N`) | once |
/// | `single-byte-records` | each byte is a TLS record of its own | always |
/// | `one-record` | bytes are held back for 100 ms (`hold=TIME`) to fill TLS records | always |
/// | `duplicate` | each 10th event (`every=N`) comes twice: with a fresh id, or the same (`same-id`) | always |
/// | `overrun` | one event more (`by=N`) is sent than the window allows | always |
/// | `wrong-certificate` | the certificate is for another name | once |
/// | `expired-certificate` | the certificate has ended | once |
/// | `early-certificate` | the certificate has not begun | once |
/// | `self-signed-certificate` | the authority did not sign the certificate | once |
///
/// Every spec also takes `times=N` or `times=always`, and `seed=N`; those that end the connection take `how=close` (the
/// default: TLS's farewell and FIN), `how=truncate` (FIN alone) or `how=reset` (RST). A time reads `500ms`, `60s` or `4m`, a size
/// `64KiB` or plain bytes. Numbers of events count on each connection. A duplicate keeps to the window, so it needs one of at
/// least two. Over [plain](crate::Builder::plain) TCP a record is
/// a write, and what is of TLS alone is refused: certificates, and an end without its farewell.
///
/// ```
/// use noti_broker::Fault;
///
/// let fault: Fault = "drop:mid-line=3,how=reset,times=2".parse()?;
/// assert_eq!(fault.to_string(), "drop:mid-line=3,how=reset,times=2");
/// # Ok::<_, noti_broker::ParseFaultError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    pub(super) kind: FaultKind,
    /// `None` for always.
    pub(super) times: Option<u64>,
    pub(super) seed: u64,
}

/// What goes wrong; [`Fault`] has the table.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum FaultKind {
    /// The connection ends at a point.
    Drop(DropAt, Ending),
    /// Each connection ends after a random number of bytes, so many on average.
    Cut(u64, Ending),
    /// Nothing is read for a while, after so many events.
    StallReading(u64, Duration),
    /// Nothing is written for a while, after so many events.
    StallWriting(u64, Duration),
    /// A ping is not answered.
    NoPong,
    /// A ping is answered late by so much.
    LatePong(Duration),
    /// A login is not answered.
    NoLoginAnswer,
    /// A sound login is refused, after so many others.
    RefuseLogin(u64),
    /// After so many events comes one with so many bytes.
    Oversize(u64, usize),
    /// After so many events comes one that is no JSON behind its id.
    Malformed(u64),
    /// After so many events comes a line of so many random bytes.
    Garbage(u64, usize),
    /// Each byte is a TLS record of its own.
    SingleByteRecords,
    /// Bytes are held back for so long to fill TLS records.
    OneRecord(Duration),
    /// Each so-manieth event comes twice.
    Duplicate {
        /// Which.
        every: u64,
        /// With the same id, rather than a fresh one.
        same_id: bool,
    },
    /// So many events more are sent than the window allows.
    Overrun(u16),
    /// The certificate has something wrong with it.
    Certificate(Leaf),
}

/// Where a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DropAt {
    /// After so many bytes of plaintext.
    Bytes(u64),
    /// After so many events.
    Events(u64),
    /// In the middle of the line after so many events.
    MidLine(u64),
}

/// How a connection ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ending {
    /// With `close_notify` and FIN.
    #[default]
    Close,
    /// With FIN alone.
    Truncate,
    /// With RST: what is on its way is lost.
    Reset,
}

impl Fault {
    /// This fault, as often as its kind happens by default.
    #[must_use]
    pub fn new(kind: FaultKind) -> Self {
        let times = match kind {
            FaultKind::Cut(..)
            | FaultKind::NoPong
            | FaultKind::LatePong(_)
            | FaultKind::SingleByteRecords
            | FaultKind::OneRecord(_)
            | FaultKind::Duplicate { .. }
            | FaultKind::Overrun(_) => None,
            _ => Some(1),
        };
        Self {
            kind,
            times,
            seed: 0,
        }
    }

    /// So often in all, over all connections.
    #[must_use]
    pub fn times(self, times: u64) -> Self {
        Self {
            times: Some(times),
            ..self
        }
    }

    /// Without end.
    #[must_use]
    pub fn always(self) -> Self {
        Self {
            times: None,
            ..self
        }
    }

    /// What its random choices follow from, together with the broker's seed. Default 0.
    #[must_use]
    pub fn seed(self, seed: u64) -> Self {
        Self { seed, ..self }
    }

    /// Whether it means nothing without TLS.
    pub(crate) fn needs_tls(&self) -> bool {
        matches!(
            self.kind,
            FaultKind::Certificate(_)
                | FaultKind::Drop(_, Ending::Truncate)
                | FaultKind::Cut(_, Ending::Truncate)
        )
    }

    /// How often it is committed in all; `None` for always.
    #[must_use]
    pub fn how_often(&self) -> Option<u64> {
        self.times
    }

    /// What goes wrong.
    #[must_use]
    pub fn kind(&self) -> &FaultKind {
        &self.kind
    }
}

impl From<FaultKind> for Fault {
    fn from(kind: FaultKind) -> Self {
        Self::new(kind)
    }
}
