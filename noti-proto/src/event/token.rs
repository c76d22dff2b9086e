//! What an application acks with.

/// Stands for one delivery until it is acked: give it back to [`Session::ack`](crate::Session::ack) when the
/// application is done with the event.
///
/// It borrows nothing, is 8 bytes, and can cross threads and channels. It dies with its connection, for a delivery id
/// means nothing on the next one (clause A4). Losing it costs one place of the window until the connection ends; the
/// broker then delivers the event again. Sessions of one program refuse each other's tokens if each has a
/// [`nonce`](crate::Config::nonce) of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[must_use = "a delivery that is never acked holds its place in the window and is delivered again"]
pub struct AckToken {
    pub(crate) serial: u32,
    pub(crate) slot: u16,
    pub(crate) nonce: u16,
}
