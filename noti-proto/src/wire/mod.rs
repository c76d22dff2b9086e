//! The messages on the wire: lines, the names and literals of the protocol, and how they are read and written.

pub(crate) mod error;
#[cfg(fast_kernel)]
pub(crate) mod fast_push;
pub(crate) mod line;
pub(crate) mod login;
pub(crate) mod members;
pub(crate) mod message;
pub(crate) mod names;
pub(crate) mod salvage;
pub(crate) mod transmit;
