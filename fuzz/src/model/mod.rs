//! What the core should do, written the slow and obvious way.

pub mod json;
pub mod lines;
pub mod number;
pub mod recovery;
