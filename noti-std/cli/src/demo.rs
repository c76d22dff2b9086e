use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::Args;
use noti_broker::{Account, Broker, GeneratorConfig, Source};
use noti_std::{Client, Secret, Trust};

use super::exit::Exit;
use super::form;
use super::listen::{Journal, listen, stdout};
use super::log;
use super::signals::catch_signals;

/// How long the acks may take to leave at the end.
const DRAIN: Duration = Duration::from_secs(5);

/// Start a local broker with generated devices, and listen to it: works without an account.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Exit after so many events; without it, at Ctrl-C.
    #[arg(long, value_name = "N")]
    count: Option<u64>,

    /// So many events a second.
    #[arg(long, value_name = "R", default_value_t = 50.0)]
    rate: f64,

    /// Seed of the devices and of what they do.
    #[arg(long, value_name = "S", default_value_t = 0)]
    seed: u64,

    #[command(flatten)]
    form: form::Options,
}

impl Options {
    pub(crate) fn run(&self) -> Exit {
        self.listen().unwrap_or_else(|exit| exit)
    }

    fn listen(&self) -> Result<Exit, Exit> {
        let mut config = GeneratorConfig::default();
        config.seed = self.seed;
        config.start = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let mut source = Source::generate(config)
            .map_err(Exit::usage)?
            .rate(self.rate);
        if let Some(count) = self.count {
            source = source.count(count);
        }
        let secret = Secret::from("demo");
        let broker = Broker::builder()
            .account(Account::new("demo", secret.clone()).source(source))
            .start()
            .map_err(Exit::usage)?;
        let trust = Trust::platform()
            .with_ca_pem(broker.ca_pem())
            .map_err(Exit::unavailable)?;
        let address = broker.address();
        let signals = catch_signals(None)?;
        let client = Client::builder(address.ip().to_string(), address.port())
            .credentials("demo", secret)
            .trust(trust)
            .start()?;
        let output = stdout()?;
        let form = self.form.form(output.is_terminal());
        let journal = Journal::new(output, form);
        let exit = listen(client, journal, signals, self.count, DRAIN);
        log::say(broker.stop().totals);
        Ok(exit)
    }
}
