//! Device events: their kinds, their fields, and what acks them.

pub(crate) mod base64;
#[cfg(feature = "serde")]
pub(crate) mod de;
pub(crate) mod delivery;
pub(crate) mod error;
pub(crate) mod field;
pub(crate) mod incoming;
pub(crate) mod kind;
pub(crate) mod payload;
pub(crate) mod timestamp;
pub(crate) mod token;
