use std::io::{self, BufReader, Write};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, UNIX_EPOCH};

use clap::{ArgGroup, Args};
use noti_broker::{Account, Broker, Fault, GeneratorConfig, Mix, Oddity, Report, Source, Style};
use signal_hook::consts::SIGUSR1;

use super::connection::{secret, size, time};
use super::exit::Exit;
use super::log;
use super::signals::catch_signals;

/// Run a local broker, for trying and testing clients without an account. SIGUSR1 prints the report, SIGINT and SIGTERM
/// print it and end.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("source").args(["events", "generate", "replay"]))]
#[command(after_long_help = reference())]
pub(crate) struct Options {
    /// The address to listen on; port 0 takes a free one. The address is printed to stdout.
    #[arg(
        long,
        env = "NOTI_LISTEN",
        value_name = "ADDR",
        default_value = "127.0.0.1:2015"
    )]
    listen: String,

    /// Write the certificate authority that clients must trust to this PEM file, once the broker listens. It is another at
    /// each start.
    #[arg(long, env = "NOTI_CA_OUT", value_name = "FILE")]
    ca_out: Option<PathBuf>,

    /// Speak plain TCP instead of TLS, for a device behind a serial bridge. Only at an address of this machine alone, such
    /// as 127.0.0.1.
    #[arg(long, conflicts_with = "ca_out")]
    plain: bool,

    /// Who may log in.
    #[arg(long, env = "NOTI_ENTERPRISE_ID", value_name = "ID")]
    enterprise_id: String,

    /// A file with the secret; one newline at its end does not count. Without it the secret comes from the variable
    /// NOTI_ENTERPRISE_SECRET.
    #[arg(long, env = "NOTI_ENTERPRISE_SECRET_FILE", value_name = "FILE")]
    enterprise_secret_file: Option<PathBuf>,

    /// Push the events in this file of JSON lines, or from stdin (-).
    #[arg(long, value_name = "FILE")]
    events: Option<PathBuf>,

    /// Push what generated devices do.
    #[arg(long)]
    generate: bool,

    /// Push the events in this file as far apart as their `created_at`.
    #[arg(long, value_name = "FILE")]
    replay: Option<PathBuf>,

    /// How much faster --replay goes.
    #[arg(long, value_name = "X", default_value_t = 1.0, requires = "replay")]
    speed: f64,

    /// So many events a second; without it, as fast as the clients' windows take them.
    #[arg(long, value_name = "R", conflicts_with = "replay")]
    rate: Option<f64>,

    /// So many events in all; without it, a generator never ends.
    #[arg(long, value_name = "N")]
    count: Option<u64>,

    /// Makes everything that is random the same again. Generated events then begin in July 2017, without it now.
    #[arg(long, value_name = "S")]
    seed: Option<u64>,

    /// How many devices to generate.
    #[arg(long, value_name = "N", default_value_t = 16)]
    devices: u32,

    /// How often each kind of event is generated, relative to the others: online, offline, fault, alert, raw, kv. One that is
    /// not named never comes; online and offline go together.
    #[arg(long, value_name = "KIND=N,...", value_parser = mix, requires = "generate")]
    mix: Option<Mix>,

    /// How long the data of generated status events is, as JSON: one size for all, or MIN..MAX.
    #[arg(long, value_name = "BYTES", value_parser = payload, requires = "generate")]
    payload: Option<RangeInclusive<u32>>,

    /// The share of generated texts in Chinese, 0 to 1.
    #[arg(long, value_name = "SHARE", requires = "generate")]
    chinese: Option<f64>,

    /// The share of generated texts that are written with \u escapes, 0 to 1.
    #[arg(long, value_name = "SHARE", requires = "generate")]
    escaped: Option<f64>,

    /// Write events strangely, in legal ways: `all`, or some of the names that --help lists, with commas.
    #[arg(long, value_name = "NAMES", default_value = "plain")]
    style: Style,

    /// Do something wrong; repeatable. --help lists the choices.
    #[arg(long, value_name = "SPEC")]
    fault: Vec<Fault>,

    /// Push an event again that was not acked for so long on a living connection.
    #[arg(long, value_name = "TIME", value_parser = time)]
    redeliver_after: Option<Duration>,

    /// Keep so many events for clients to come, and drop the oldest of more.
    #[arg(long, value_name = "N")]
    retain: Option<usize>,

    /// Keep events for clients to come for so long.
    #[arg(long, value_name = "TIME", value_parser = time)]
    retain_for: Option<Duration>,

    /// Cut a client that sends nothing for so long.
    #[arg(long, value_name = "TIME", default_value = "330s", value_parser = time)]
    idle_timeout: Duration,

    /// Write the report as JSON to this file, on exit and at SIGUSR1.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,

    /// Exit with 1 if a client did something wrong.
    #[arg(long)]
    strict: bool,
}

impl Options {
    pub(crate) fn run(&self) -> Exit {
        match self.serve() {
            Ok(report) => self.finish(&report),
            Err(exit) => exit,
        }
    }

    fn serve(&self) -> Result<Report, Exit> {
        let secret = secret(self.enterprise_secret_file.as_deref())?;
        let mut account = Account::new(&self.enterprise_id, secret);
        let source = self.source()?;
        let has_source = source.is_some();
        if let Some(source) = source {
            account = account.source(source);
        }
        let mut builder = Broker::builder()
            .listen(&self.listen)
            .account(account)
            .style(self.style)
            .seed(self.seed.unwrap_or_default())
            .idle_timeout(self.idle_timeout);
        if self.plain {
            builder = builder.plain();
        }
        for fault in &self.fault {
            builder = builder.fault(fault.clone());
        }
        if let Some(after) = self.redeliver_after {
            builder = builder.redeliver_after(after);
        }
        if let Some(events) = self.retain {
            builder = builder.retain(events);
        }
        if let Some(age) = self.retain_for {
            builder = builder.retain_for(age);
        }
        let signals = catch_signals(Some(SIGUSR1))?;
        let broker = builder.start().map_err(Exit::usage)?;

        let (stop, control) = (broker.control(), broker.control());
        let path = self.report.clone();
        // A signal finds nothing more to report then.
        let over = Arc::new(Mutex::new(false));
        let is_over = over.clone();
        let report = move || {
            let is_over = is_over.lock().unwrap_or_else(PoisonError::into_inner);
            if !*is_over && let Err(error) = tell(&control.report(), path.as_deref()) {
                tracing::warn!("{error}");
            }
        };
        signals.handle(move || stop.stop(), Some(Box::new(report)))?;

        if self.plain {
            tracing::warn!(
                "plain TCP, no TLS: secrets and events are in clear for whoever has access to this machine's loopback"
            );
        }
        if let Some(path) = &self.ca_out {
            write_whole(path, broker.ca_pem().as_bytes())
                .map_err(|error| Exit::output(unwritable(path, &error)))?;
        }
        // Whoever reads this may connect.
        let mut stdout = io::stdout();
        writeln!(stdout, "{}", broker.address())
            .and_then(|()| stdout.flush())
            .map_err(|error| Exit::output(format!("the address cannot be printed: {error}")))?;

        // Without a source there is no last event to end with: logins and pings go on until a signal.
        let endless = (!has_source).then(|| broker.sender(&self.enterprise_id));
        if endless.is_some() {
            tracing::warn!(
                "no events: a client can log in and ping, and gets nothing; give --generate, --events or --replay"
            );
        }
        let report = broker.wait();
        *over.lock().unwrap_or_else(PoisonError::into_inner) = true;
        Ok(report)
    }

    fn source(&self) -> Result<Option<Source>, Exit> {
        let source = if self.generate {
            Some(Source::generate(self.generator()).map_err(Exit::usage)?)
        } else if let Some(path) = &self.replay {
            Some(Source::file(path).replay(self.speed))
        } else {
            self.events.as_deref().map(|path| match path.to_str() {
                Some("-") => Source::lines(BufReader::new(io::stdin())),
                _ => Source::file(path),
            })
        };
        Ok(source.map(|source| {
            let source = match self.rate {
                Some(rate) => source.rate(rate),
                None => source,
            };
            match self.count {
                Some(count) => source.count(count),
                None => source,
            }
        }))
    }

    fn generator(&self) -> GeneratorConfig {
        let mut config = GeneratorConfig::default();
        config.devices = self.devices;
        config.mix = self.mix.clone().unwrap_or(config.mix);
        config.payload = self.payload.clone().unwrap_or(config.payload);
        config.chinese = self.chinese.unwrap_or(config.chinese);
        config.escaped = self.escaped.unwrap_or(config.escaped);
        match self.seed {
            Some(seed) => config.seed = seed,
            None => config.start = UNIX_EPOCH.elapsed().unwrap_or_default(),
        }
        if let Some(rate) = self.rate {
            // A rate that makes no sense is refused with the source.
            let step = Duration::try_from_secs_f64(rate.recip());
            config.step = step.unwrap_or(config.step);
        }
        config
    }

    fn finish(&self, report: &Report) -> Exit {
        if let Err(error) = tell(report, self.report.as_deref()) {
            return Exit::output(error);
        }
        let errors = report.totals.client_errors;
        if self.strict && errors > 0 {
            return Exit::client_errors(format!("the clients did {errors} things wrong"));
        }
        Exit::DONE
    }
}

/// The styles and the faults, on lines of 80 columns at the most.
fn reference() -> String {
    let mut text = "Styles, for --style; several with commas, or plain, or all:\n".to_owned();
    for oddity in Oddity::ALL {
        text += &format!("  {:<12}{}\n", oddity.name(), oddity.description());
    }
    text += "\nFaults, for --fault; options stand behind a colon, with their defaults:\n";
    for (spec, what) in Fault::catalogue() {
        let fault = spec.replace('N', "1").parse::<Fault>();
        let always = fault.is_ok_and(|fault| fault.how_often().is_none());
        let mark = if always { '*' } else { ' ' };
        text += &format!("{mark} {spec:<32}{what}\n");
    }
    text + "
* without end; the others once. Every fault also takes:
  times=3, or times=always        so often in all, over all connections
  seed=0                          what its random choices follow from
and drop and cut, which end a connection:
  how=close, truncate or reset    with TLS's farewell, without it, or with RST
Events are counted on each connection, and bytes inside of TLS. A time reads
500ms, 60s or 4m; bytes=64KiB is a size too. Faults can be combined:
  --fault cut:mean=20000,how=reset --fault duplicate --fault overrun:by=5"
}

/// Weights such as `kv=3,raw=1`; those that are not named are 0.
fn mix(text: &str) -> Result<Mix, String> {
    let mut mix = Mix::default();
    let weights = [
        ("online", &mut mix.online),
        ("offline", &mut mix.offline),
        ("fault", &mut mix.fault),
        ("alert", &mut mix.alert),
        ("raw", &mut mix.raw),
        ("kv", &mut mix.kv),
    ];
    let mut weights = weights.map(|(name, weight)| {
        *weight = 0;
        (name, weight)
    });
    for part in text.split(',') {
        let (name, number) = part
            .split_once('=')
            .ok_or_else(|| format!("{part:?} is no weight; write one as kv=3"))?;
        let (_, weight) = weights
            .iter_mut()
            .find(|(known, _)| *known == name)
            .ok_or_else(|| {
                format!("{name:?} is no kind; there are online, offline, fault, alert, raw and kv")
            })?;
        **weight = number
            .parse()
            .map_err(|error| format!("{number:?} is no weight: {error}"))?;
    }
    Ok(mix)
}

/// One size, or two with `..` between them.
fn payload(text: &str) -> Result<RangeInclusive<u32>, String> {
    let bytes = |text| u32::try_from(size(text)?).map_err(|error| error.to_string());
    let (least, most) = text.split_once("..").unwrap_or((text, text));
    Ok(bytes(least)?..=bytes(most)?)
}

/// Writes the report to the file, if there is one, and prints it.
fn tell(report: &Report, path: Option<&Path>) -> Result<(), String> {
    let written = path.map_or(Ok(()), |path| {
        let json = report.to_json() + "\n";
        write_whole(path, json.as_bytes()).map_err(|error| unwritable(path, &error))
    });
    log::say(report);
    written
}

/// Nobody ever sees half of the file.
fn write_whole(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut name = path.as_os_str().to_owned();
    name.push(".part");
    let part = PathBuf::from(name);
    std::fs::write(&part, content)?;
    std::fs::rename(&part, path)
}

fn unwritable(path: &Path, error: &io::Error) -> String {
    let path = path.display();
    format!("{path} cannot be written: {error}; check its folder and its permissions")
}
