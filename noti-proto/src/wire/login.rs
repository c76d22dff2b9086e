//! Who logs in.

use core::fmt;

use super::names;
use super::transmit::Message;

/// The credentials of an enterprise (clause L1). Borrowed for one call, never kept: the session writes them to its
/// transmit buffer, and overwrites them there once they have left or the connection has ended.
#[derive(Clone, Copy)]
pub struct Login<'a> {
    /// The enterprise id.
    pub enterprise_id: &'a str,
    /// The enterprise secret.
    pub enterprise_secret: &'a str,
}

/// Hides both.
impl fmt::Debug for Login<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login").finish_non_exhaustive()
    }
}

impl Login<'_> {
    pub(crate) fn write(&self, prefetch: u16, message: &mut Message<'_>) {
        message.put(names::LOGIN_START);
        message.put_escaped(self.enterprise_id);
        message.put(names::LOGIN_SECRET);
        message.put_escaped(self.enterprise_secret);
        message.put(names::LOGIN_PREFETCH);
        message.put_number(u32::from(prefetch));
        message.put(names::LOGIN_END);
    }
}
