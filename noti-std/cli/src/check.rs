//! A connection taken step by step, to find out why it does not work, or that it does.

mod advice;
mod connect;
mod report;
mod session;

use clap::Args;
use noti_std::tls::ClientTls;
use serde_json::json;

use super::config;
use super::connection;
use super::exit::Exit;
use report::{Failure, Passed, Report, Step, Stopped};
use session::Conversation;

/// Check a connection step by step: name, TCP, TLS, login, ping. Says what is wrong and what to do about it.
///
/// It logs in with a prefetch of 1 and acks nothing: an event that it is sent will be delivered again.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Print one JSON object at the end, instead of a line for each step as it happens.
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    config: config::Options,

    #[command(flatten)]
    connection: connection::Options,
}

impl Options {
    pub(crate) fn run(&self) -> Exit {
        let name = self.connection.server_name.as_ref();
        let name = name.unwrap_or(&self.connection.host);
        let tls = self
            .connection
            .trust()
            .and_then(|trust| ClientTls::new(&trust, name).map_err(Exit::usage));
        let tls = match tls {
            Ok(tls) => tls,
            Err(exit) => return exit,
        };
        let mut report = Report::start(&self.connection.host, self.connection.port, self.json);
        // Why it stopped is in the report.
        let _ = self.take_steps(&tls, &mut report);
        report.finish()
    }

    fn take_steps(&self, tls: &ClientTls, report: &mut Report) -> Result<(), Stopped> {
        let options = &self.connection;
        let (host, port) = (options.host.as_str(), options.port);
        let timeout = options.connect_timeout;
        let addresses = report.take(Step::Dns, || connect::look_up(host, port, timeout))?;
        let socket = report.take(Step::Tcp, || connect::dial(&addresses, port, timeout))?;
        let link = report.take(Step::Tls, || {
            connect::secure(socket, tls, options.trusted(), timeout)
        })?;
        let mut conversation = report.take(Step::Login, || self.log_in(link))?;
        let pong = report.take(Step::Ping, || {
            conversation.await_pong(options.pong_timeout)?;
            Ok(Passed::new((), "answered", json!({})))
        });
        report.events(conversation.close());
        pong
    }

    fn log_in(&self, link: connect::Link) -> Result<Passed<Conversation>, Failure> {
        let unsure = |exit: Exit| Failure::usage(exit.message().unwrap_or_default());
        let id = self.connection.enterprise_id().map_err(unsure)?;
        let secret = self.connection.secret().map_err(unsure)?;
        let timeout = self.connection.login_timeout;
        let mut conversation = Conversation::start(link, &self.connection, id, &secret)?;
        conversation.log_in(id, &secret, timeout)?;
        let text = "accepted, with a prefetch of 1";
        Ok(Passed::new(conversation, text, json!({"prefetch": 1})))
    }
}
