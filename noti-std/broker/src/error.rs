//! Why a broker does not start.

use std::error::Error;
use std::fmt;
use std::io;
use std::net::SocketAddr;

use super::generate::GeneratorConfigError;
use noti_std::tls::TlsError;

/// Why a broker does not start. Each message says what to do about it.
#[derive(Debug)]
#[non_exhaustive]
pub enum BrokerError {
    /// The address to listen at means nothing.
    Address {
        /// As it was given.
        address: String,
        /// What the resolver said.
        source: io::Error,
    },
    /// The address cannot be listened at.
    Listen {
        /// As it was given.
        address: String,
        /// What the system said.
        source: io::Error,
    },
    /// Plain TCP at an address that is not of this machine alone.
    PlainAddress {
        /// The address, resolved.
        address: SocketAddr,
    },
    /// A fault of TLS over plain TCP.
    PlainFault {
        /// The fault, as [`Fault`](super::Fault) prints it.
        fault: String,
    },
    /// The certificates cannot be made.
    Tls(TlsError),
    /// The settings of the generated events are out of range.
    Generator(GeneratorConfigError),
    /// A file of events cannot be opened.
    Events {
        /// The file.
        path: String,
        /// What the system said.
        source: io::Error,
    },
    /// A setting makes no sense.
    Setting {
        /// Which, and what it may be.
        reason: &'static str,
    },
    /// The system refused what every broker needs.
    System {
        /// What was asked for.
        what: &'static str,
        /// What the system said.
        source: io::Error,
    },
}

impl fmt::Display for BrokerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address { address, source } => write!(
                f,
                "{address} is no address to listen at: {source}; write it as 127.0.0.1:2015 or [::1]:2015"
            ),
            Self::Listen { address, source } => write!(
                f,
                "cannot listen at {address}: {source}; choose another port, or 0 for a free one"
            ),
            Self::PlainAddress { address } => write!(
                f,
                "plain TCP at {address} would show the secret and the events to others than this machine; listen at \
                 127.0.0.1 or [::1], or speak TLS"
            ),
            Self::PlainFault { fault } => write!(
                f,
                "the fault {fault} is one of TLS, which plain TCP does without; leave out one of the two"
            ),
            Self::Tls(error) => error.fmt(f),
            Self::Generator(error) => error.fmt(f),
            Self::Events { path, source } => write!(
                f,
                "the file of events {path} cannot be opened: {source}; check the path"
            ),
            Self::Setting { reason } => f.write_str(reason),
            Self::System { what, source } => write!(
                f,
                "the system gives no {what}: {source}; look at its limits for processes and open files"
            ),
        }
    }
}

impl Error for BrokerError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Address { source, .. }
            | Self::Listen { source, .. }
            | Self::Events { source, .. }
            | Self::System { source, .. } => Some(source),
            Self::Tls(error) => Some(error),
            Self::Generator(error) => Some(error),
            Self::PlainAddress { .. } | Self::PlainFault { .. } | Self::Setting { .. } => None,
        }
    }
}

impl From<TlsError> for BrokerError {
    fn from(error: TlsError) -> Self {
        Self::Tls(error)
    }
}

impl From<GeneratorConfigError> for BrokerError {
    fn from(error: GeneratorConfigError) -> Self {
        Self::Generator(error)
    }
}
