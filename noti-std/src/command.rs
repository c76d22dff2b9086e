//! What `noti` does: arguments in, exit code out.

mod append_file;
mod connection;
mod dead_letter;
mod exit;
mod listen;
mod log;
mod output;
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
    Listen(Box<listen::Options>),
}

pub(crate) fn run() -> ExitCode {
    let arguments = Arguments::parse();
    arguments.log.start();
    let exit = match arguments.command {
        Command::Listen(options) => options.run(),
    };
    if let Some(message) = exit.message() {
        eprintln!("noti: {message}");
    }
    exit.code()
}
