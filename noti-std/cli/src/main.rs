//! The command `noti`: arguments in, exit code out.

#[cfg(feature = "broker")]
mod broker;
mod check;
mod config;
mod connection;
#[cfg(feature = "broker")]
mod demo;
#[cfg(test)]
#[path = "../../forward/src/events.rs"]
mod events;
mod exit;
mod filter;
mod form;
mod listen;
mod log;
mod manual;
mod metrics;
mod output;
mod pretty;
mod progress;
mod service;
mod signals;

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

use config::Settings;
use exit::Exit;

/// Client and local broker for the Gizwits message broker 1.0 (消息代理).
#[derive(Debug, Parser)]
#[command(name = "noti", version, about, propagate_version = true)]
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
    Init(config::InitOptions),
    Completions(manual::CompletionsOptions),
    Man(manual::ManOptions),
}

fn main() -> ExitCode {
    let exit = obey().unwrap_or_else(|exit| exit);
    if let Some(message) = exit.message() {
        log::say(format_args!("noti: {message}"));
    }
    log::finish();
    exit.code()
}

fn obey() -> Result<Exit, Exit> {
    let arguments: Vec<_> = std::env::args_os().collect();
    let settings = Settings::read(Arguments::command(), &arguments)?;
    let Arguments { command, log } = settings.arguments();
    log.start();
    Ok(match command {
        #[cfg(feature = "broker")]
        Command::Demo(options) => options.run(),
        Command::Listen(options) if options.print_config() => manual::print(settings.print()),
        Command::Listen(options) => options.run(),
        Command::Check(options) => options.run(),
        #[cfg(feature = "broker")]
        Command::Broker(options) => options.run(),
        Command::Init(options) => options.run(&Arguments::command()),
        Command::Completions(options) => options.run(Arguments::command()),
        Command::Man(options) => options.run(Arguments::command()),
    })
}
