use std::fmt;
use std::io;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use mio::{Poll, Waker};
use noti_proto::{Backoff, Config, ConfigError, LineBuf, Session};

use super::Client;
use super::exchange::{Exchange, Notify};
use super::heap::Heap;
use super::network::{Network, WAKE};
use super::resolve::{self, LookUp, Resolver};
use crate::secret::Secret;
use crate::tls::{ClientTls, TlsError, Trust};

/// Tells the clients of this program apart.
static NEXT_NONCE: AtomicU16 = AtomicU16::new(0);

/// What becomes of a line that is too long, or that is no sound message but can be acked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum PoisonPolicy {
    /// It is reported, and left un-acked: it keeps its place in the window, and comes again after each reconnect.
    #[default]
    Hold,
    /// It is reported, acked, and lost.
    Ack,
    /// The application gets its bytes, and decides.
    Deliver,
}

/// Sets a [`Client`] up.
#[must_use]
pub struct ClientBuilder {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) server_name: Option<String>,
    pub(super) enterprise_id: String,
    pub(super) secret: Secret,
    pub(super) trust: Option<Trust>,
    pub(super) config: Config,
    pub(super) connect_timeout: Duration,
    pub(super) reconnect: Option<(Duration, Duration)>,
    pub(super) retry_refused: bool,
    pub(super) max_line: usize,
    pub(super) buffer: usize,
    pub(super) poison: PoisonPolicy,
    pub(super) look_up: LookUp,
    notify: Option<Notify>,
}

impl ClientBuilder {
    pub(super) fn new(host: String, port: u16) -> Self {
        let mut config = Config::default();
        config.prefetch = 50;
        Self {
            host,
            port,
            server_name: None,
            enterprise_id: String::new(),
            secret: Secret::default(),
            trust: None,
            config,
            connect_timeout: Duration::from_secs(10),
            reconnect: Some((Duration::from_secs(1), Duration::from_secs(60))),
            retry_refused: false,
            max_line: 64 * 1024,
            buffer: 1024 * 1024,
            poison: PoisonPolicy::Hold,
            look_up: resolve::system,
            notify: None,
        }
    }

    /// Who logs in.
    pub fn credentials(
        mut self,
        enterprise_id: impl Into<String>,
        secret: impl Into<Secret>,
    ) -> Self {
        self.enterprise_id = enterprise_id.into();
        self.secret = secret.into();
        self
    }

    /// Which servers to trust. Default: those that the platform trusts.
    pub fn trust(mut self, trust: Trust) -> Self {
        self.trust = Some(trust);
        self
    }

    /// The name that the server's certificate must have, if it is not the host's.
    pub fn server_name(mut self, name: impl Into<String>) -> Self {
        self.server_name = Some(name.into());
        self
    }

    /// How many events may be un-acked at once, 1 to 32,767. Default 50.
    pub fn prefetch(mut self, prefetch: u16) -> Self {
        self.config.prefetch = prefetch;
        self
    }

    /// How long nothing may be sent before a ping is, at most 270 s. Default 60 s.
    pub fn ping_interval(mut self, interval: Duration) -> Self {
        self.config.ping_interval = interval;
        self
    }

    /// How long the answer to a ping may take. Default 10 s.
    pub fn pong_timeout(mut self, timeout: Duration) -> Self {
        self.config.pong_timeout = timeout;
        self
    }

    /// How long the answer to the login may take. Default 10 s.
    pub fn login_timeout(mut self, timeout: Duration) -> Self {
        self.config.login_timeout = timeout;
        self
    }

    /// How long the connection may take no byte of what waits. Default 30 s.
    pub fn stall_timeout(mut self, timeout: Duration) -> Self {
        self.config.stall_timeout = timeout;
        self
    }

    /// How long the look-up of the name may take, then each address, then the TLS handshake. Default 10 s.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// How long to wait before connecting anew: at random between `min` and a bound that doubles with each failure, up to
    /// `max`. Default 1 s and 60 s.
    pub fn reconnect(mut self, min: Duration, max: Duration) -> Self {
        self.reconnect = Some((min, max));
        self
    }

    /// The first connection that ends, or cannot be made, ends the client.
    pub fn no_reconnect(mut self) -> Self {
        self.reconnect = None;
        self
    }

    /// A refused login is tried again even if none has succeeded before. By default it then ends the client.
    pub fn retry_refused(mut self, retry: bool) -> Self {
        self.retry_refused = retry;
        self
    }

    /// The longest line, in bytes with its `\n`, that is delivered in one piece. Default 64 KiB.
    pub fn max_line(mut self, bytes: usize) -> Self {
        self.max_line = bytes;
        self
    }

    /// How many bytes of lines the application may have before reading stops; one `max_line` may come on top. Default 1 MiB.
    pub fn buffer(mut self, bytes: usize) -> Self {
        self.buffer = bytes;
        self
    }

    /// What becomes of lines that cannot be delivered. Default [`PoisonPolicy::Hold`].
    pub fn poison(mut self, policy: PoisonPolicy) -> Self {
        self.poison = policy;
        self
    }

    /// Calls `notify`, in the client's thread, whenever events arrive and there were none: for programs with a loop
    /// of their own, which then call [`Client::try_recv`] until `None`. It must be quick and must not block.
    pub fn notify(mut self, notify: impl Fn() + Send + Sync + 'static) -> Self {
        self.notify = Some(Box::new(notify));
        self
    }

    /// Starts the client's thread. It connects by itself.
    ///
    /// # Errors
    /// [`BuildError`]: settings out of range, no roots to trust, or no system resources.
    pub fn start(mut self) -> Result<Client, BuildError> {
        if self.max_line < 2 {
            return Err(BuildError::MaxLine);
        }
        let trust = self.trust.take().unwrap_or_else(Trust::platform);
        let name = self.server_name.as_deref().unwrap_or(&self.host);
        let tls = ClientTls::new(&trust, name).map_err(BuildError::Tls)?;
        // A character takes six bytes at most once it is escaped.
        let login = 128 + 6 * (self.enterprise_id.len() + self.secret.expose().len());
        let heap = Heap::new(self.config.prefetch, login);
        // Each client refuses the acks of another's deliveries.
        self.config.nonce = NEXT_NONCE.fetch_add(1, Ordering::Relaxed);
        let session = Session::new(self.config.clone(), heap).map_err(BuildError::Config)?;

        let poll = Poll::new().map_err(BuildError::System)?;
        let waker = Waker::new(poll.registry(), WAKE).map_err(BuildError::System)?;
        let exchange = Exchange::new(waker, self.buffer, self.notify.take());
        let resolver = Resolver::new(self.host.clone(), self.port, self.look_up);
        let (min, max) = self.reconnect.unwrap_or_default();
        let network = Network::new(
            poll,
            exchange,
            session,
            LineBuf::new(vec![0; self.max_line]),
            tls,
            resolver,
            Backoff::new(min, max),
            self,
        );
        Client::start(network).map_err(BuildError::System)
    }
}

impl fmt::Debug for ClientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientBuilder")
            .field("host", &self.host)
            .field("port", &self.port)
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

/// Why a client cannot be started.
#[derive(Debug)]
#[non_exhaustive]
pub enum BuildError {
    /// A setting of the session is out of range.
    Config(ConfigError),
    /// A line of fewer than two bytes is none.
    MaxLine,
    /// Whom to trust is not clear.
    Tls(TlsError),
    /// The system gave no poller or no thread.
    System(io::Error),
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config(error) => error.fmt(f),
            Self::MaxLine => f.write_str("the longest line must be of 2 bytes at least"),
            Self::Tls(error) => error.fmt(f),
            Self::System(error) => {
                write!(
                    f,
                    "the system gave no poller or no thread: {error}; look at its limits"
                )
            }
        }
    }
}

impl std::error::Error for BuildError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Config(error) => Some(error),
            Self::Tls(error) => Some(error),
            Self::System(error) => Some(error),
            Self::MaxLine => None,
        }
    }
}
