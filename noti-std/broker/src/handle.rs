//! A broker that runs, seen from the program that started it.

use std::error::Error;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::sync::mpsc::{self, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant as StdInstant};

use mio::net::TcpListener;
use mio::{Interest, Poll, Waker};
use noti_proto::server::BrokerConfig;

use super::body::Body;
use super::certificates::{Authority, Leaf};
use super::clock::Clock;
use super::error::BrokerError;
use super::fault::Plan;
use super::hub::{AccountState, Hub};
use super::queue::Queue;
use super::report::{Counts, Report};
use super::serve::{self, Command, Server};
use super::settings::{Account, Builder, DEFAULT_ID, DEFAULT_SECRET};
use super::source::{Feed, Sender, Stopped};
use super::style::Composer;
use super::wake::Wake;
use noti_std::tls::{ServerTls, TlsVersion, Trust};
use noti_std::{Client, ClientBuilder};

/// Questions to the broker that may wait for it.
const QUESTIONS: usize = 64;

/// A local broker that runs. It stops at once when this is dropped; [`stop`](Self::stop) takes its leave of the clients.
pub struct Broker {
    address: SocketAddr,
    ca_pem: String,
    trust: Trust,
    enterprise_id: String,
    enterprise_secret: String,
    senders: Vec<(String, Sender)>,
    control: Control,
    thread: Option<JoinHandle<Report>>,
}

impl Broker {
    /// The settings of a broker, to be changed before it starts.
    pub fn builder() -> Builder {
        Builder::new()
    }

    /// A broker with the default settings: on a free port of 127.0.0.1, without events but those that are pushed.
    ///
    /// # Errors
    /// The system refuses a socket or a thread.
    pub fn start() -> Result<Self, BrokerError> {
        Self::builder().start()
    }

    pub(super) fn start_with(settings: Builder) -> Result<Self, BrokerError> {
        let system = |what| move |source| BrokerError::System { what, source };
        let poll = Poll::new().map_err(system("poller"))?;
        let waker = Waker::new(poll.registry(), serve::WAKE).map_err(system("waker"))?;
        let wake = Arc::new(Wake::new(waker));
        let (listener, address) = listen(&settings.address, settings.plain)?;
        let mut listener = listener;
        poll.registry()
            .register(&mut listener, serve::LISTENER, Interest::READABLE)
            .map_err(system("poller"))?;

        if settings.plain
            && let Some(fault) = settings.faults.iter().find(|fault| fault.needs_tls())
        {
            return Err(BrokerError::PlainFault {
                fault: fault.to_string(),
            });
        }
        let plan = Plan::new(settings.faults, settings.seed);
        let mut trust = Trust::platform();
        let mut ca_pem = String::new();
        let mut tls = None;
        let mut strange_tls = Vec::new();
        if !settings.plain {
            let authority = Authority::new()?;
            let issue = |leaf| ServerTls::new(&authority.issue(leaf)?, TlsVersion::ALL);
            ca_pem = authority.pem();
            trust = trust.with_ca_pem(&ca_pem)?;
            tls = Some(issue(Leaf::Good)?);
            for leaf in plan.certificates() {
                strange_tls.push((leaf, issue(leaf)?));
            }
        }

        let mut accounts = settings.accounts;
        if accounts.is_empty() {
            accounts.push(Account::new(DEFAULT_ID, DEFAULT_SECRET));
        }
        let mut first_source = settings.source;
        let mut states = Vec::new();
        let mut senders: Vec<(String, Sender)> = Vec::new();
        let (mut enterprise_id, mut enterprise_secret) = (String::new(), String::new());
        for account in accounts {
            if senders.iter().any(|(id, _)| *id == account.enterprise_id) {
                return Err(BrokerError::Setting {
                    reason: "two accounts have the same enterprise id; give each its own",
                });
            }
            if senders.is_empty() {
                enterprise_id.clone_from(&account.enterprise_id);
                account
                    .enterprise_secret
                    .expose()
                    .clone_into(&mut enterprise_secret);
            }
            let source = account.source.or_else(|| first_source.take());
            first_source = None;
            let (sender, inlet) = Sender::new(wake.clone());
            senders.push((account.enterprise_id.clone(), sender));
            states.push(AccountState::new(
                (account.enterprise_id, account.enterprise_secret),
                Queue::new(settings.limits),
                Feed::start(source, &wake)?,
                inlet,
            ));
        }

        let mut config = BrokerConfig::default();
        config.idle_timeout = settings.idle_timeout;
        config.login_timeout = settings.login_timeout;
        config.stall_timeout = settings.stall_timeout;
        let (to_broker, commands) = sync_channel(QUESTIONS);
        let server = Server {
            poll,
            listener: Some(listener),
            wake: wake.clone(),
            commands,
            clock: Clock::start(),
            config,
            tls,
            strange_tls,
            max_connections: settings.max_connections,
            grace: settings.grace,
            hub: Hub {
                accounts: states,
                totals: Counts::default(),
                accepted: 0,
                logins: 0,
                logins_refused: 0,
                composer: Composer::new(settings.style, settings.seed),
                scratch: Vec::new(),
                redeliver_after: settings.redeliver_after,
                plan,
                on_ack: settings.on_ack,
                record_acked: settings.record_acked,
                acked: Vec::new(),
                closed: Default::default(),
                changes: 0,
            },
            connections: Default::default(),
            work: Default::default(),
        };
        let thread = thread::Builder::new()
            .name("noti-broker".to_owned())
            .spawn(move || server.run())
            .map_err(system("thread"))?;
        tracing::debug!(%address, "the broker listens");
        Ok(Self {
            address,
            trust,
            ca_pem,
            enterprise_id,
            enterprise_secret,
            senders,
            control: Control { to_broker, wake },
            thread: Some(thread),
        })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The certificate authority that a client must trust, as PEM. The broker's certificate is for `localhost`,
    /// 127.0.0.1 and ::1. A [plain](Builder::plain) broker has none, and this is empty.
    #[must_use]
    pub fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    /// The enterprise id of the first account.
    #[must_use]
    pub fn enterprise_id(&self) -> &str {
        &self.enterprise_id
    }

    /// The enterprise secret of the first account.
    #[must_use]
    pub fn enterprise_secret(&self) -> &str {
        &self.enterprise_secret
    }

    /// A client of the first account, ready to start: it knows where the broker is, whom to trust, and how to log in.
    /// It speaks TLS, which a [plain](Builder::plain) broker does not.
    pub fn client(&self) -> ClientBuilder {
        let host = match self.address.ip() {
            ip if !ip.is_unspecified() => ip,
            IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        };
        Client::builder(host.to_string(), self.address.port())
            .server_name("localhost")
            .credentials(&*self.enterprise_id, &*self.enterprise_secret)
            .trust(self.trust.clone())
    }

    /// Gives the first account an event, and waits for room if its backlog is full.
    ///
    /// # Errors
    /// The broker has stopped; the event comes back.
    pub fn push(&self, body: Body) -> Result<(), Stopped> {
        match self.senders.first() {
            Some((_, sender)) => sender.push(body),
            None => Err(Stopped(body)),
        }
    }

    /// What gives events to the account with this enterprise id; `None` when there is no such account.
    #[must_use]
    pub fn sender(&self, enterprise_id: &str) -> Option<Sender> {
        let mut senders = self.senders.iter();
        senders.find_map(|(id, sender)| (id == enterprise_id).then(|| sender.clone()))
    }

    /// What was seen until now.
    #[must_use]
    pub fn report(&self) -> Report {
        self.control.report()
    }

    /// The bodies of the events that were acked, in the order of the acks, up to what
    /// [`record_acked`](Builder::record_acked) said.
    #[must_use]
    pub fn acked(&self) -> Vec<Arc<Body>> {
        self.control.ask(Command::Acked).unwrap_or_default()
    }

    /// Waits until the totals are as wanted, looking whenever they may have changed.
    ///
    /// # Errors
    /// They were not in time; the error tells what they were.
    pub fn wait_until(
        &self,
        timeout: Duration,
        wanted: impl Fn(&Counts) -> bool,
    ) -> Result<Counts, TimedOut> {
        let deadline = StdInstant::now() + timeout;
        // No broker has seen so many changes: the first answer comes at once.
        let mut known = (u64::MAX, Counts::default());
        loop {
            let (reply, answer) = sync_channel(1);
            let left = deadline.saturating_duration_since(StdInstant::now());
            known = match self.control.tell(Command::Changed(known.0, reply)) {
                true => answer.recv_timeout(left),
                false => Err(mpsc::RecvTimeoutError::Disconnected),
            }
            .map_err(|_| TimedOut(known.1))?;
            if wanted(&known.1) {
                return Ok(known.1);
            }
        }
    }

    /// A handle for other threads: for the report on a signal, and for stopping a broker that is being waited for.
    #[must_use]
    pub fn control(&self) -> Control {
        self.control.clone()
    }

    /// Closes all connections, waits for the clients to close theirs within the grace, and gives the last report. Acks
    /// that are still on their way count.
    #[must_use]
    pub fn stop(mut self) -> Report {
        self.control.stop();
        self.join()
    }

    /// Waits until every event is acked, the sources are exhausted and the connections closed, or until it is
    /// [stopped](Control::stop), and gives the last report. Clients that stay are closed after the grace.
    ///
    /// An account has an end of events only once its [`Sender`]s are dropped; the broker's own are, by this call.
    #[must_use]
    pub fn wait(mut self) -> Report {
        self.senders.clear();
        self.control.tell(Command::Finish);
        self.join()
    }

    fn join(&mut self) -> Report {
        match self.thread.take().map(JoinHandle::join) {
            Some(Ok(report)) => report,
            // It has panicked, which is a bug, and told of it on stderr.
            _ => Report::default(),
        }
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.senders.clear();
        if self.thread.is_some() {
            self.control.tell(Command::Abort);
            self.join();
        }
    }
}

/// Hides the secret.
impl fmt::Debug for Broker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Broker")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

/// Asks and stops a [`Broker`] from another thread. It gives no events, and keeps no broker alive.
#[derive(Clone)]
pub struct Control {
    to_broker: SyncSender<Command>,
    wake: Arc<Wake>,
}

impl Control {
    /// What was seen until now; nothing once the broker has stopped.
    #[must_use]
    pub fn report(&self) -> Report {
        self.ask(Command::Report).unwrap_or_default()
    }

    /// Tells the broker to close its connections and to end. Whoever waits for it gets the last report.
    pub fn stop(&self) {
        self.tell(Command::Stop);
    }

    fn ask<T>(&self, question: impl FnOnce(SyncSender<T>) -> Command) -> Option<T> {
        let (reply, answer) = sync_channel(1);
        self.tell(question(reply));
        answer.recv().ok()
    }

    /// `false` when the broker has stopped.
    fn tell(&self, command: Command) -> bool {
        let told = self.to_broker.send(command).is_ok();
        self.wake.wake();
        told
    }
}

impl fmt::Debug for Control {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Control").finish_non_exhaustive()
    }
}

/// What was waited for has not come in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimedOut(
    /// What the totals were at last.
    pub Counts,
);

impl fmt::Display for TimedOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "what was waited for did not come in time; the broker has {}",
            self.0
        )
    }
}

impl Error for TimedOut {}

fn listen(address: &str, plain: bool) -> Result<(TcpListener, SocketAddr), BrokerError> {
    let resolved = address.to_socket_addrs();
    let addresses = resolved.map_err(|source| BrokerError::Address {
        address: address.to_owned(),
        source,
    })?;
    let mut last = None;
    for resolved in addresses {
        if plain && !resolved.ip().to_canonical().is_loopback() {
            return Err(BrokerError::PlainAddress { address: resolved });
        }
        match TcpListener::bind(resolved)
            .and_then(|listener| listener.local_addr().map(|bound| (listener, bound)))
        {
            Ok(listening) => return Ok(listening),
            Err(error) => last = Some(error),
        }
    }
    Err(BrokerError::Listen {
        address: address.to_owned(),
        source: last.unwrap_or_else(|| std::io::ErrorKind::AddrNotAvailable.into()),
    })
}
