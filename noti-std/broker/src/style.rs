//! The strange forms in which a broker may write an event line; a client has to bear them all.
//!
//! No capture shows what the server's own bytes look like (every one was written anew by some
//! client), so the local broker can be told to write them in any legal way.

mod compose;
mod oddity;

use self::compose::compose;
pub use self::oddity::{Oddity, ParseStyleError, Style};
use super::body::Body;

/// How a line ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Terminator {
    /// `\n`, as the document has it.
    Lf,
    /// `\r\n`.
    Crlf,
}

impl Terminator {
    /// The bytes.
    #[must_use]
    pub fn as_bytes(self) -> &'static [u8] {
        match self {
            Self::Lf => b"\n",
            Self::Crlf => b"\r\n",
        }
    }
}

/// Writes event lines in one style.
///
/// A line depends on the style, the seed, the body and the delivery's number, and on nothing that
/// was written before: lines may be composed in any order, on any thread.
#[derive(Clone, Copy, Debug)]
pub struct Composer {
    style: Style,
    seed: u64,
}

impl Composer {
    /// A composer whose random choices follow from `seed`.
    #[must_use]
    pub fn new(style: Style, seed: u64) -> Self {
        Self { style, seed }
    }

    /// The style.
    #[must_use]
    pub fn style(&self) -> Style {
        self.style
    }

    /// Appends the line that pushes `body` as delivery `number` of a connection, and says which
    /// terminator belongs behind it.
    ///
    /// `null-group` adds a `group_id` where there is none. Members that a style has no business
    /// with, and values that it does not understand (`created_at` that is no number, raw data of a
    /// third form), stay as they are.
    #[must_use = "the terminator is not yet written"]
    pub fn compose(&self, body: &Body, number: u64, out: &mut Vec<u8>) -> Terminator {
        compose(self.style, self.seed, body, number, out);
        if self.style.has(Oddity::Crlf) {
            Terminator::Crlf
        } else {
            Terminator::Lf
        }
    }
}
