//! Both ends over a link that fails in any way: nothing is lost, nothing is acked unasked, and it ends in peace.

use crate::world::{self, Choices};

/// The input is the list of decisions of a [`world`].
pub fn client_server(data: &[u8]) {
    world::run(Choices::Bytes(data), None);
}
