//! A local broker.

pub mod body;
pub mod certificates;
pub mod generate;
pub mod style;
mod text;
