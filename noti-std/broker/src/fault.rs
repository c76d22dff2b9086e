//! What a broker can be told to do badly.

mod armed;
mod kind;
mod ledger;
mod plan;
mod spec;

use std::fmt;
use std::str::FromStr;

pub(super) use self::armed::{Armed, Injection, LoginAnswer};
pub use self::kind::{DropAt, Ending, Fault, FaultKind};
pub(super) use self::plan::Plan;
pub use self::spec::ParseFaultError;

impl Fault {
    /// Every kind of fault, for a help text: its spec with the options and their defaults, where `N` stands for a number
    /// that has none, and what happens then.
    #[must_use]
    pub fn catalogue() -> &'static [(&'static str, &'static str)] {
        spec::CATALOGUE
    }
}

impl FromStr for Fault {
    type Err = ParseFaultError;

    fn from_str(text: &str) -> Result<Self, ParseFaultError> {
        spec::parse(text)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        spec::write(self, f)
    }
}
