//! Shared pieces of the tests.

pub mod command;
pub mod listener;

#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
