//! What a session is told once.

use core::time::Duration;

use super::error::ConfigError;
use crate::session::acks::MAX_SLOTS;
use crate::session::storage::{MIN_TRANSMIT, Parts};

/// The largest prefetch that the protocol allows (clause L2).
pub const MAX_PREFETCH: u16 = 32_767;

/// The protocol's idle limit is 300 s; a ping that is due after this has time to arrive (clause H1).
const MAX_PING_INTERVAL: u32 = 270_000;
const MAX_TIMEOUT: u32 = 24 * 60 * 60 * 1000;

/// The settings of a [`Session`](crate::Session).
///
/// ```
/// let mut config = noti_proto::Config::default();
/// config.prefetch = 50;
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Config {
    /// How many deliveries the server may have out un-acked, 1 to [`MAX_PREFETCH`] (clause L2). Default 5, which the
    /// protocol advises.
    pub prefetch: u16,
    /// A ping goes out when nothing else was sent for so long: 1 ms to 270 s (clause H1). Default 60 s.
    pub ping_interval: Duration,
    /// How long an answer to a ping may take, from the moment it has left: 1 ms to 24 h (clause H3). Default 10 s.
    pub pong_timeout: Duration,
    /// How long the answer to the login may take, from the moment it has left: 1 ms to 24 h (clause L5). Default 10 s.
    pub login_timeout: Duration,
    /// How long bytes may wait for the transport to take any of them: 1 ms to 24 h (clause H5). Default 30 s.
    pub stall_timeout: Duration,
    /// A number of its own for each session of a program that has several, so that one refuses another's
    /// tokens. Default 0.
    pub nonce: u16,
}

impl Config {
    /// The defaults.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            prefetch: 5,
            ping_interval: Duration::from_secs(60),
            pong_timeout: Duration::from_secs(10),
            login_timeout: Duration::from_secs(10),
            stall_timeout: Duration::from_secs(30),
            nonce: 0,
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self::new()
    }
}

/// A [`Config`] that was found good, its spans in milliseconds.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) prefetch: u16,
    pub(crate) ping_interval: u32,
    pub(crate) pong_timeout: u32,
    pub(crate) login_timeout: u32,
    pub(crate) stall_timeout: u32,
}

impl Settings {
    pub(crate) fn new(config: &Config, parts: &Parts<'_>) -> Result<Self, ConfigError> {
        if config.prefetch == 0 || config.prefetch > MAX_PREFETCH {
            return Err(ConfigError::Prefetch);
        }
        if parts.slots.len() < usize::from(config.prefetch) || parts.slots.len() > MAX_SLOTS {
            return Err(ConfigError::Slots);
        }
        if parts.tx.len() < MIN_TRANSMIT {
            return Err(ConfigError::TransmitBuffer);
        }
        let timeout = |span| millis(span, MAX_TIMEOUT).ok_or(ConfigError::Timeout);
        Ok(Self {
            prefetch: config.prefetch,
            ping_interval: millis(config.ping_interval, MAX_PING_INTERVAL)
                .ok_or(ConfigError::PingInterval)?,
            pong_timeout: timeout(config.pong_timeout)?,
            login_timeout: timeout(config.login_timeout)?,
            stall_timeout: timeout(config.stall_timeout)?,
        })
    }
}

/// From 1 to `max`. In 32 bits, which `max` fits: 64 cost flash.
fn millis(span: Duration, max: u32) -> Option<u32> {
    let seconds = u32::try_from(span.as_secs()).ok()?;
    let millis = seconds
        .checked_mul(1000)?
        .checked_add(span.subsec_millis())?;
    (1..=max).contains(&millis).then_some(millis)
}
