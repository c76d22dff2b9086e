//! The client's end of the protocol as a state machine, its deadlines, and its memory.

pub(crate) mod acks;
pub(crate) mod backoff;
pub(crate) mod config;
pub(crate) mod error;
pub(crate) mod instant;
pub(crate) mod machine;
pub(crate) mod storage;
pub(crate) mod timers;
