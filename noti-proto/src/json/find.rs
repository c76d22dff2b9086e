//! Searching bytes: with vector instructions where there are any, byte by byte on a microcontroller, where the faster
//! code would cost half a KiB of flash.

#[cfg(fast_kernel)]
pub(crate) use memchr::memchr;

/// A byte that comes alone is not worth a call.
#[cfg(fast_kernel)]
pub(crate) fn memrchr(needle: u8, bytes: &[u8]) -> Option<usize> {
    match bytes {
        [byte] => (*byte == needle).then_some(0),
        _ => memchr::memrchr(needle, bytes),
    }
}

#[cfg(not(fast_kernel))]
pub(crate) fn memchr(needle: u8, bytes: &[u8]) -> Option<usize> {
    bytes.iter().position(|byte| *byte == needle)
}

#[cfg(not(fast_kernel))]
pub(crate) fn memrchr(needle: u8, bytes: &[u8]) -> Option<usize> {
    bytes.iter().rposition(|byte| *byte == needle)
}
