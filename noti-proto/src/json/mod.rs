//! JSON text as it stands in a line: a validating scanner and views of what it has accepted.

pub(crate) mod error;
#[cfg(fast_kernel)]
pub(crate) mod fast;
pub(crate) mod find;
pub(crate) mod number;
pub(crate) mod scan;
pub(crate) mod string;
#[cfg(fast_kernel)]
pub(crate) mod swar;
pub(crate) mod token;
pub(crate) mod value;
