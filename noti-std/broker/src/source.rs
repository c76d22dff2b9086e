//! Where a broker's events come from, and how fast.

mod feed;
mod origin;
mod sender;

pub(super) use self::feed::{Feed, Next};
pub use self::origin::Source;
pub(super) use self::sender::Inlet;
pub use self::sender::{Sender, Stopped, TryPushError};
