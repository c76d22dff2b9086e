use std::path::{Path, PathBuf};
use std::time::Duration;

use bytesize::ByteSize;
use clap::{Args, ValueEnum};
use noti_std::{Client, ClientBuilder, Pin, PoisonPolicy, Secret, Trust};

use super::exit::Exit;

/// Where to connect to, as whom, and how patiently.
#[derive(Debug, Args)]
#[group(skip)]
#[command(next_help_heading = "Connection")]
pub(crate) struct Options {
    /// The broker's host.
    #[arg(long, env = "NOTI_HOST", default_value = "noti.gizwitsapi.com")]
    pub(crate) host: String,

    /// The broker's port.
    #[arg(long, env = "NOTI_PORT", default_value_t = 2015)]
    pub(crate) port: u16,

    /// The enterprise id.
    #[arg(long, env = "NOTI_ENTERPRISE_ID", value_name = "ID")]
    pub(crate) enterprise_id: Option<String>,

    /// A file with the enterprise secret; one newline at its end does not count. Without it the secret comes from the
    /// variable NOTI_ENTERPRISE_SECRET.
    #[arg(long, env = "NOTI_ENTERPRISE_SECRET_FILE", value_name = "FILE")]
    enterprise_secret_file: Option<PathBuf>,

    /// How many events may be un-acked at once.
    #[arg(long, env = "NOTI_PREFETCH", value_name = "N", default_value_t = 50,
          value_parser = clap::value_parser!(u16).range(1..=32767))]
    prefetch: u16,

    /// Trust the authorities in this PEM file instead of those of the platform.
    #[arg(long, env = "NOTI_CA_FILE", value_name = "FILE")]
    ca_file: Option<PathBuf>,

    /// Trust the server whose key has this SHA-256 (of its SPKI, in base64 or hex); repeatable. Alone it replaces the
    /// check of chain, name and dates; with --ca-file both must hold.
    #[arg(
        long,
        env = "NOTI_PIN_SHA256",
        value_name = "PIN",
        value_delimiter = ','
    )]
    pin_sha256: Vec<Pin>,

    /// The name that the server's certificate must have, if it is not the host's.
    #[arg(long, env = "NOTI_SERVER_NAME", value_name = "NAME")]
    pub(crate) server_name: Option<String>,

    /// Ping when nothing was sent for so long, 270s at most.
    #[arg(long, env = "NOTI_PING_INTERVAL", value_name = "TIME", default_value = "60s", value_parser = time)]
    ping_interval: Duration,

    /// How long the answer to a ping may take.
    #[arg(long, env = "NOTI_PONG_TIMEOUT", value_name = "TIME", default_value = "10s", value_parser = time)]
    pub(crate) pong_timeout: Duration,

    /// How long the answer to the login may take.
    #[arg(long, env = "NOTI_LOGIN_TIMEOUT", value_name = "TIME", default_value = "10s", value_parser = time)]
    pub(crate) login_timeout: Duration,

    /// How long each step of connecting may take: name, address, TLS.
    #[arg(long, env = "NOTI_CONNECT_TIMEOUT", value_name = "TIME", default_value = "10s", value_parser = time)]
    pub(crate) connect_timeout: Duration,

    /// The shortest wait before connecting anew.
    #[arg(long, env = "NOTI_RECONNECT_MIN", value_name = "TIME", default_value = "1s", value_parser = time)]
    reconnect_min: Duration,

    /// The longest wait before connecting anew.
    #[arg(long, env = "NOTI_RECONNECT_MAX", value_name = "TIME", default_value = "60s", value_parser = time)]
    reconnect_max: Duration,

    /// End with the first connection.
    #[arg(long, env = "NOTI_NO_RECONNECT")]
    no_reconnect: bool,

    /// Try again even if the first login is refused.
    #[arg(long, env = "NOTI_RETRY_REFUSED")]
    retry_refused: bool,

    /// The longest line that is taken as an event, its newline included.
    #[arg(long, env = "NOTI_MAX_LINE", value_name = "SIZE", default_value = "64KiB", value_parser = size)]
    pub(crate) max_line: usize,

    /// How many bytes of events may wait to be written before reading stops.
    #[arg(long, env = "NOTI_BUFFER", value_name = "SIZE", default_value = "1MiB", value_parser = size)]
    buffer: usize,

    /// What becomes of oversize and malformed events: held un-acked, or acked and lost.
    #[arg(
        long,
        env = "NOTI_POISON",
        value_name = "POLICY",
        default_value = "hold"
    )]
    poison: Poison,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Poison {
    Hold,
    Ack,
}

impl Options {
    /// Who logs in.
    pub(crate) fn enterprise_id(&self) -> Result<&str, Exit> {
        self.enterprise_id.as_deref().ok_or_else(|| {
            Exit::usage("no enterprise id; give --enterprise-id or NOTI_ENTERPRISE_ID")
        })
    }

    /// Whom to trust.
    pub(crate) fn trust(&self) -> Result<Trust, Exit> {
        let mut trust = Trust::platform();
        if let Some(file) = &self.ca_file {
            trust = trust.with_ca_file(file).map_err(Exit::usage)?;
        }
        for pin in &self.pin_sha256 {
            trust = trust.with_pin(*pin);
        }
        Ok(trust)
    }

    /// Why a server that gets through is trusted.
    pub(crate) const fn trusted(&self) -> &'static str {
        match (self.ca_file.is_some(), self.pin_sha256.is_empty()) {
            (false, true) => "chain, name and dates are good, by an authority of this platform",
            (true, true) => "chain, name and dates are good, by an authority in --ca-file",
            (true, false) => {
                "chain, name and dates are good, by an authority in --ca-file, and the key is pinned"
            }
            (false, false) => "the key is pinned; chain, name and dates were not checked",
        }
    }

    /// A client with these settings.
    pub(crate) fn client(&self) -> Result<ClientBuilder, Exit> {
        let builder = Client::builder(&self.host, self.port)
            .credentials(self.enterprise_id()?, self.secret()?)
            .trust(self.trust()?)
            .prefetch(self.prefetch)
            .ping_interval(self.ping_interval)
            .pong_timeout(self.pong_timeout)
            .login_timeout(self.login_timeout)
            .connect_timeout(self.connect_timeout)
            .reconnect(self.reconnect_min, self.reconnect_max)
            .retry_refused(self.retry_refused)
            .max_line(self.max_line)
            .buffer(self.buffer)
            .poison(match self.poison {
                Poison::Hold => PoisonPolicy::Hold,
                Poison::Ack => PoisonPolicy::Ack,
            });
        let builder = match &self.server_name {
            Some(name) => builder.server_name(name),
            None => builder,
        };
        Ok(if self.no_reconnect {
            builder.no_reconnect()
        } else {
            builder
        })
    }

    pub(crate) fn secret(&self) -> Result<Secret, Exit> {
        secret(self.enterprise_secret_file.as_deref())
    }
}

/// The secret from its file, or from the variable.
pub(crate) fn secret(file: Option<&Path>) -> Result<Secret, Exit> {
    if let Some(file) = file {
        let content = std::fs::read_to_string(file).map_err(|error| {
            let file = file.display();
            Exit::usage(format!(
                "the secret file {file} cannot be read: {error}; check its path and its permissions"
            ))
        })?;
        warn_of_readers(file);
        let secret = Secret::from_file_content(content);
        if secret.is_empty() {
            let file = file.display();
            return Err(Exit::usage(format!(
                "the secret file {file} is empty; write the enterprise secret into it"
            )));
        }
        return Ok(secret);
    }
    match std::env::var("NOTI_ENTERPRISE_SECRET") {
        Ok(secret) => Ok(Secret::from(secret)),
        Err(_) => Err(Exit::usage(
            "no enterprise secret; give --enterprise-secret-file or NOTI_ENTERPRISE_SECRET",
        )),
    }
}

/// A secret that everybody can read is none.
fn warn_of_readers(file: &Path) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        if std::fs::metadata(file).is_ok_and(|metadata| metadata.mode() & 0o004 != 0) {
            let file = file.display();
            tracing::warn!(
                "everybody on this machine can read the secret file {file}; run: chmod 600 {file}"
            );
        }
    }
    #[cfg(not(unix))]
    let _ = file;
}

/// A span such as `500ms`, `60s` or `4m`.
pub(crate) fn time(text: &str) -> Result<Duration, humantime::DurationError> {
    humantime::parse_duration(text)
}

/// A size such as `64KiB`, or plain bytes.
pub(crate) fn size(text: &str) -> Result<usize, String> {
    let size: ByteSize = text.parse()?;
    usize::try_from(size.as_u64()).map_err(|error| error.to_string())
}
