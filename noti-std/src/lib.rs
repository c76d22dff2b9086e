//! Std shell.
