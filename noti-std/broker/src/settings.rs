//! What a broker is told before it starts.

use std::fmt;
use std::time::Duration;

use super::Broker;
use super::body::Body;
use super::error::BrokerError;
use super::fault::Fault;
use super::queue::Limits;
use super::source::Source;
use super::style::Style;
use noti_std::Secret;

/// Who may log in, and where this account's events come from.
///
/// All connections of an account share its events: each event goes to one of them.
#[derive(Debug)]
pub struct Account {
    pub(super) enterprise_id: String,
    pub(super) enterprise_secret: Secret,
    pub(super) source: Option<Source>,
}

impl Account {
    /// An account without events, but for those that are pushed.
    pub fn new(enterprise_id: impl Into<String>, enterprise_secret: impl Into<Secret>) -> Self {
        Self {
            enterprise_id: enterprise_id.into(),
            enterprise_secret: enterprise_secret.into(),
            source: None,
        }
    }

    /// Where its events come from; those that are pushed come besides.
    #[must_use]
    pub fn source(self, source: Source) -> Self {
        Self {
            source: Some(source),
            ..self
        }
    }
}

/// The account of a broker that was told of none: its id.
pub(super) const DEFAULT_ID: &str = "noti-local";

/// The account of a broker that was told of none: its secret.
pub(super) const DEFAULT_SECRET: &str = "noti-local-secret";

pub(super) type OnAck = Box<dyn FnMut(&Body) + Send>;

/// The settings of a [`Broker`]. Every one has a default that suits a test.
#[must_use = "a broker runs once it is started"]
pub struct Builder {
    pub(super) address: String,
    pub(super) plain: bool,
    pub(super) accounts: Vec<Account>,
    pub(super) source: Option<Source>,
    pub(super) style: Style,
    pub(super) seed: u64,
    pub(super) idle_timeout: Duration,
    pub(super) login_timeout: Duration,
    pub(super) stall_timeout: Duration,
    pub(super) redeliver_after: Option<Duration>,
    pub(super) limits: Limits,
    pub(super) max_connections: usize,
    pub(super) grace: Duration,
    pub(super) record_acked: usize,
    pub(super) on_ack: Option<OnAck>,
    pub(super) faults: Vec<Fault>,
}

impl Builder {
    pub(super) fn new() -> Self {
        Self {
            address: "127.0.0.1:0".to_owned(),
            plain: false,
            accounts: Vec::new(),
            source: None,
            style: Style::PLAIN,
            seed: 0,
            idle_timeout: Duration::from_secs(330),
            login_timeout: Duration::from_secs(30),
            stall_timeout: Duration::from_secs(30),
            redeliver_after: None,
            limits: Limits {
                backlog: 100_000,
                backlog_bytes: 256 << 20,
                retain: None,
                retain_for: None,
            },
            max_connections: 4096,
            grace: Duration::from_secs(2),
            record_acked: 0,
            on_ack: None,
            faults: Vec::new(),
        }
    }

    /// The address to listen at, such as `127.0.0.1:2015`, `[::]:0` or `localhost:2015`. Default `127.0.0.1:0`: a port
    /// that is free, which [`Broker::address`] tells.
    pub fn listen(self, address: impl ToString) -> Self {
        let address = address.to_string();
        Self { address, ..self }
    }

    /// Speaks over TCP without TLS, for a device whose serial line is bridged to a TCP port: `socat
    /// TCP:127.0.0.1:2015 /dev/ttyUSB0,raw,echo=0,b115200`. Secrets and events are in clear, so the address to listen at must
    /// be one of this machine alone. Default: TLS.
    ///
    /// There is no authority then, so that [`Broker::ca_pem`] is empty; [`Broker::client`] speaks TLS, and does not get in. The
    /// faults of certificates and of `close_notify` are refused; `single-byte-records` writes each byte on its own, and
    /// `one-record` holds bytes back as it does with TLS.
    pub fn plain(self) -> Self {
        Self {
            plain: true,
            ..self
        }
    }

    /// Adds an account. Without any there is one with an id and a secret of the broker's own, which
    /// [`Broker::enterprise_id`] and [`Broker::enterprise_secret`] tell.
    pub fn account(mut self, account: Account) -> Self {
        self.accounts.push(account);
        self
    }

    /// Where the events of the first account come from, unless the account has a source of its own. Without any source
    /// there are the events that are [pushed](Broker::push).
    pub fn source(self, source: Source) -> Self {
        let source = Some(source);
        Self { source, ..self }
    }

    /// In which of the legal forms lines are written. Default [`Style::PLAIN`].
    pub fn style(self, style: Style) -> Self {
        Self { style, ..self }
    }

    /// What the random choices of the style and of the faults follow from. Default 0.
    pub fn seed(self, seed: u64) -> Self {
        Self { seed, ..self }
    }

    /// How long a client may be silent before it is cut, after the plain line `No Heartbeat!`. Default 5 min 30 s.
    pub fn idle_timeout(self, idle_timeout: Duration) -> Self {
        Self {
            idle_timeout,
            ..self
        }
    }

    /// How long a new connection may take to log in, TLS included. Default 30 s.
    pub fn login_timeout(self, login_timeout: Duration) -> Self {
        Self {
            login_timeout,
            ..self
        }
    }

    /// How long a client may take no byte of what waits for it, besides the time for which a fault keeps that back.
    /// Default 30 s.
    pub fn stall_timeout(self, stall_timeout: Duration) -> Self {
        Self {
            stall_timeout,
            ..self
        }
    }

    /// Sends an event once more when it was not acked for so long, though its connection lives: with a fresh id, on
    /// whichever connection of the account has room in its window. Either ack is good. Default: never.
    pub fn redeliver_after(self, redeliver_after: Duration) -> Self {
        Self {
            redeliver_after: Some(redeliver_after),
            ..self
        }
    }

    /// How many events of an account may wait, and how many bytes of them, before its sources and senders have to.
    /// Default 100,000 and 256 MiB.
    pub fn backlog(mut self, events: usize, bytes: usize) -> Self {
        self.limits.backlog = events.max(1);
        self.limits.backlog_bytes = bytes.max(1);
        self
    }

    /// How many events of an account are kept for clients to come; of more the oldest are dropped. Default: as many as
    /// the backlog holds, and then the sources wait.
    pub fn retain(mut self, events: usize) -> Self {
        self.limits.retain = Some(events);
        self
    }

    /// How long an event is kept for clients to come. Default: for ever.
    pub fn retain_for(mut self, age: Duration) -> Self {
        self.limits.retain_for = Some(age);
        self
    }

    /// How many connections there may be at once; one more is closed at once. Default 4096.
    pub fn max_connections(self, max_connections: usize) -> Self {
        Self {
            max_connections,
            ..self
        }
    }

    /// How long clients get to close their connections once everything is acked, before the broker does, and how long it
    /// then waits for what is still on its way. Default 2 s.
    pub fn grace(self, grace: Duration) -> Self {
        Self { grace, ..self }
    }

    /// Keeps the bodies of the events that were acked, up to so many, for [`Broker::acked`]. Default 0.
    pub fn record_acked(self, most: usize) -> Self {
        Self {
            record_acked: most,
            ..self
        }
    }

    /// Is called with each event when it is acked for the first time, on the broker's thread: it must not block.
    pub fn on_ack(self, on_ack: impl FnMut(&Body) + Send + 'static) -> Self {
        Self {
            on_ack: Some(Box::new(on_ack)),
            ..self
        }
    }

    /// Adds a fault that the broker is to commit.
    pub fn fault(mut self, fault: Fault) -> Self {
        self.faults.push(fault);
        self
    }

    /// Starts the broker. It listens when this returns.
    ///
    /// # Errors
    /// A setting makes no sense, [plain](Self::plain) TCP goes with neither its address nor its faults, a file of events cannot be opened, or the system refuses the address or a thread.
    pub fn start(self) -> Result<Broker, BrokerError> {
        Broker::start_with(self)
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("address", &self.address)
            .field("plain", &self.plain)
            .field("accounts", &self.accounts)
            .field("source", &self.source)
            .field("style", &self.style)
            .field("faults", &self.faults)
            .finish_non_exhaustive()
    }
}
