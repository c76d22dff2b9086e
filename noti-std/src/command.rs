//! What `noti` does: arguments in, exit code out.

mod append_file;
#[cfg(feature = "broker")]
mod broker;
mod check;
mod connection;
mod dead_letter;
#[cfg(feature = "broker")]
mod demo;
mod exit;
mod listen;
mod log;
mod metrics;
mod output;
mod service;
mod signals;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Client and local broker for the Gizwits message broker 1.0 (消息代理).
#[derive(Debug, Parser)]
#[command(version, about, propagate_version = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    log: log::Options,
}

#[derive(Debug, Subcommand)]
enum Command {
    #[cfg(feature = "broker")]
    Demo(demo::Options),
    Listen(Box<listen::Options>),
    Check(Box<check::Options>),
    #[cfg(feature = "broker")]
    Broker(Box<broker::Options>),
}

pub(crate) fn run() -> ExitCode {
    let arguments = Arguments::parse();
    arguments.log.start();
    let exit = match arguments.command {
        #[cfg(feature = "broker")]
        Command::Demo(options) => options.run(),
        Command::Listen(options) => options.run(),
        Command::Check(options) => options.run(),
        #[cfg(feature = "broker")]
        Command::Broker(options) => options.run(),
    };
    if let Some(message) = exit.message() {
        eprintln!("noti: {message}");
    }
    exit.code()
}
