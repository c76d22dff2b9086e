//! What a connection says to an event that is given to it.

/// What came of pushing one event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pushed {
    /// It is on its way.
    Sent,
    /// There is no room for its line, of so many bytes, until something has been transmitted.
    NoRoom(usize),
    /// The connection takes no events now.
    NotNow,
}
