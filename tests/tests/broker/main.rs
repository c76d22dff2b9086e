//! The local broker over real sockets, met by a client that does by hand whatever a test wants, right or wrong.

mod client;
mod faults;
mod many;
mod peer;
mod plain;
mod semantics;
mod sources;
