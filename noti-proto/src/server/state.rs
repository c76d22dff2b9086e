//! The settings of a broker's session, where it stands, and why it ended.

use core::time::Duration;

/// The settings of a [`BrokerSession`](super::BrokerSession).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BrokerConfig {
    /// How long a client may stay silent before it is cut (clause H6). Default 330 s: the protocol's 300 s, and time for
    /// the ping to arrive.
    pub idle_timeout: Duration,
    /// How long a new connection may stay without a login. Default 30 s.
    pub login_timeout: Duration,
    /// How long bytes may wait for the transport to take any of them. Default 30 s.
    pub stall_timeout: Duration,
}

impl Default for BrokerConfig {
    fn default() -> Self {
        Self {
            idle_timeout: Duration::from_secs(330),
            login_timeout: Duration::from_secs(30),
            stall_timeout: Duration::from_secs(30),
        }
    }
}

/// Where a broker's session stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BrokerState {
    /// No connection.
    Idle,
    /// The client has not logged in yet.
    AwaitingLogin,
    /// The login is with the application, which must accept or refuse it.
    LoginRequested,
    /// Events can be pushed.
    LoggedIn,
    /// The connection will end as soon as what waits is out.
    Closing(BrokerCloseReason),
    /// The connection is of no more use: close it.
    Closed(BrokerCloseReason),
}

/// Why a broker's session has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum BrokerCloseReason {
    /// The transport ended.
    Disconnected,
    /// The login was refused (clause L4).
    LoginRefused,
    /// No login came in time.
    LoginTimeout,
    /// The client sent nothing for too long (clause H6).
    Idle,
    /// The client took no byte for too long.
    TransmitStalled,
}
