//! Shared pieces of the tests.

pub mod client;
pub mod command;
pub mod corpus;
pub mod figure;
pub mod listener;
#[cfg(unix)]
pub mod pipe;
pub mod process;
pub mod prometheus;
pub mod scripted;
pub mod serving;
#[cfg(unix)]
pub mod terminal;

#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
