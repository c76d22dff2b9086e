//! What can go wrong with TLS, and what to do about it.

use std::error::Error;
use std::fmt;
use std::io;

use super::Pin;

/// 2025-01-01. A clock that shows less was never set: this file is younger.
pub(super) const CLOCK_UNSET_BEFORE: u64 = 1_735_689_600;

/// What can go wrong with trust and with a connection. Each message says what to do about it.
#[derive(Debug)]
#[non_exhaustive]
pub enum TlsError {
    /// The CA file cannot be read.
    CaFile {
        /// Where it was looked for.
        path: String,
        /// Why it cannot be read.
        source: io::Error,
    },
    /// No usable certificate where authorities were expected.
    CaCertificate {
        /// Where they were expected.
        origin: String,
        /// What is wrong with one of them; `None` if there is none at all.
        reason: Option<String>,
    },
    /// The platform has no authorities.
    NoPlatformRoots {
        /// The first thing that went wrong in looking for them.
        reason: Option<String>,
    },
    /// The server's name is neither a host name nor an IP address.
    ServerName {
        /// The name.
        name: String,
    },
    /// A certificate or a key of our own cannot be made or used.
    Setup {
        /// What is wrong.
        reason: String,
    },
    /// The server's certificate was refused, before anything was sent to it.
    Certificate {
        /// The server.
        server: String,
        /// The key in its certificate.
        pin: Pin,
        /// Why it was refused.
        fault: CertificateFault,
    },
    /// The connection failed.
    Connection {
        /// The other end.
        peer: String,
        /// How it failed.
        fault: ConnectionFault,
    },
}

/// Why a server's certificate was refused. Times are in seconds from 1970, UTC.
#[derive(Debug)]
#[non_exhaustive]
pub enum CertificateFault {
    /// No trusted authority vouches for it.
    UnknownAuthority,
    /// It is for other names.
    WrongName {
        /// The first few of them.
        names: Vec<String>,
    },
    /// It has ended.
    Expired {
        /// When it ended.
        not_after: u64,
        /// What this machine's clock says.
        clock: u64,
    },
    /// It has not begun.
    NotYetValid {
        /// When it begins.
        not_before: u64,
        /// What this machine's clock says.
        clock: u64,
    },
    /// Its key is none of the pinned ones.
    WrongKey,
    /// Something else, in rustls's words.
    Other {
        /// What it is.
        reason: String,
    },
}

/// How a connection failed.
#[derive(Debug)]
#[non_exhaustive]
pub enum ConnectionFault {
    /// What the peer sent is no TLS at all.
    NotTls,
    /// The peer speaks older versions only.
    Version,
    /// The server does not hold the key of the certificate that it showed.
    KeyNotHeld,
    /// The peer gave up, and said why in one word.
    Alert {
        /// The word.
        alert: String,
        /// What to do about it.
        advice: &'static str,
    },
    /// The peer closed the connection before it was secure.
    ClosedInHandshake,
    /// The peer broke the rules of TLS, or its bytes were changed on the way.
    Protocol {
        /// How, in rustls's words.
        reason: String,
    },
    /// A TLS 1.2 connection has sent all that its keys may protect.
    KeysUsedUp,
    /// The socket failed.
    Io {
        /// Whether the connection was not secure yet.
        handshake: bool,
        /// How it failed.
        source: io::Error,
    },
}

impl TlsError {
    /// Whether the socket failed: then nothing is wrong with TLS, and trying again may help.
    pub fn is_io(&self) -> bool {
        matches!(
            self,
            Self::Connection {
                fault: ConnectionFault::Io { .. },
                ..
            }
        )
    }

    /// One fixed word for each kind of error, for logs and the programs that read them.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::CaFile { .. } => "ca-file",
            Self::CaCertificate { .. } => "ca-certificate",
            Self::NoPlatformRoots { .. } => "no-platform-roots",
            Self::ServerName { .. } => "server-name",
            Self::Setup { .. } => "setup",
            Self::Certificate { fault, .. } => match fault {
                CertificateFault::UnknownAuthority => "unknown-authority",
                CertificateFault::WrongName { .. } => "wrong-name",
                CertificateFault::Expired { .. } => "expired",
                CertificateFault::NotYetValid { .. } => "not-yet-valid",
                CertificateFault::WrongKey => "wrong-key",
                CertificateFault::Other { .. } => "bad-certificate",
            },
            Self::Connection { fault, .. } => match fault {
                ConnectionFault::NotTls => "not-tls",
                ConnectionFault::Version => "version",
                ConnectionFault::KeyNotHeld => "key-not-held",
                ConnectionFault::Alert { .. } => "alert",
                ConnectionFault::ClosedInHandshake => "closed-in-handshake",
                ConnectionFault::Protocol { .. } => "protocol",
                ConnectionFault::KeysUsedUp => "keys-used-up",
                ConnectionFault::Io { .. } => "io",
            },
        }
    }
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CaFile { path, source } => {
                write!(f, "the CA file {path} cannot be read: {source}")
            }
            Self::CaCertificate {
                origin,
                reason: None,
            } => write!(
                f,
                "{origin} has no certificate in it; it must be PEM, with \
                 -----BEGIN CERTIFICATE-----"
            ),
            Self::CaCertificate {
                origin,
                reason: Some(reason),
            } => write!(
                f,
                "{origin} has a damaged certificate ({reason}); get it anew"
            ),
            Self::NoPlatformRoots { reason } => {
                f.write_str("this system has no root certificates")?;
                if let Some(reason) = reason {
                    write!(f, " ({reason})")?;
                }
                f.write_str(
                    "; install its package ca-certificates, or name the server's authority with \
                     --ca-file or its key with --pin-sha256",
                )
            }
            Self::ServerName { name } => write!(
                f,
                "{name:?} is neither a host name nor an IP address; check --host and --server-name"
            ),
            Self::Setup { reason } => write!(f, "TLS cannot be set up: {reason}"),
            Self::Certificate { server, pin, fault } => fault.describe(server, pin, f),
            Self::Connection { peer, fault } => fault.describe(peer, f),
        }
    }
}

impl CertificateFault {
    fn describe(&self, server: &str, pin: &Pin, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The warning belongs to the offer: whoever answers shows some key.
        let or_pin = format!("if its operator confirms its key, pin it with --pin-sha256 {pin}");
        match self {
            Self::UnknownAuthority => write!(
                f,
                "no trusted authority vouches for the certificate of {server}; name its authority \
                 with --ca-file, or {or_pin}"
            ),
            Self::WrongName { names } if names.is_empty() => write!(
                f,
                "the certificate of {server} names no host at all; {or_pin}"
            ),
            Self::WrongName { names } => write!(
                f,
                "the certificate of {server} is for {}; connect to that host, or expect that name \
                 with --server-name",
                names.join(", ")
            ),
            Self::Expired { not_after, clock } => write!(
                f,
                "the certificate of {server} ended on {}, and this machine's clock says {}; its \
                 operator must renew it, or {or_pin}",
                Day(*not_after),
                Day(*clock)
            ),
            Self::NotYetValid { not_before, clock } => {
                let (begin, today) = (Day(*not_before), Day(*clock));
                write!(f, "the certificate of {server} begins on {begin}, and ")?;
                if *clock < CLOCK_UNSET_BEFORE {
                    write!(
                        f,
                        "this machine's clock was never set (it says {today}); set it"
                    )
                } else {
                    write!(f, "this machine's clock says {today}; check the clock")
                }
            }
            Self::WrongKey => write!(f, "{server} has none of the pinned keys; {or_pin}"),
            Self::Other { reason } => write!(
                f,
                "the certificate of {server} cannot be used ({reason}); {or_pin}"
            ),
        }
    }
}

impl ConnectionFault {
    fn describe(&self, peer: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotTls => write!(
                f,
                "{peer} does not speak TLS on this port; check host and port"
            ),
            Self::Version => write!(
                f,
                "{peer} offers no TLS 1.2 or newer; its operator must enable one"
            ),
            Self::KeyNotHeld => write!(
                f,
                "{peer} does not hold the key of the certificate that it shows; do not trust it, \
                 and find out who answers at this address"
            ),
            Self::Alert { alert, advice } => {
                write!(f, "{peer} refused the connection with {alert}; {advice}")
            }
            Self::ClosedInHandshake => write!(
                f,
                "{peer} closed the connection before it was secure; check that this port is for \
                 TLS, and that no firewall stands between"
            ),
            Self::Protocol { reason } => write!(
                f,
                "the TLS connection to {peer} is broken ({reason}); connect again, and if it stays \
                 so look for a proxy that changes the bytes"
            ),
            Self::KeysUsedUp => write!(
                f,
                "the connection to {peer} has sent all that its TLS 1.2 keys may protect; connect \
                 again"
            ),
            Self::Io { handshake, source } => {
                let when = if *handshake {
                    " in the TLS handshake"
                } else {
                    ""
                };
                write!(f, "the connection to {peer} failed{when}: {source}")
            }
        }
    }
}

impl Error for TlsError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::CaFile { source, .. }
            | Self::Connection {
                fault: ConnectionFault::Io { source, .. },
                ..
            } => Some(source),
            _ => None,
        }
    }
}

/// The day, in UTC, of a second counted from 1970.
pub(super) struct Day(pub(super) u64);

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Counted from March of the year 0, a leap day is the last of its year, and 153 days are
        // five months from any March or August on.
        let days = self.0 / 86_400 + 719_468;
        let (era, day) = (days / 146_097, days % 146_097);
        let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
        let day = day - (365 * year + year / 4 - year / 100);
        let month = (5 * day + 2) / 153;
        let day = day - (153 * month + 2) / 5 + 1;
        let (year, month) = match month {
            0..10 => (era * 400 + year, month + 3),
            _ => (era * 400 + year + 1, month - 9),
        };
        write!(f, "{year:04}-{month:02}-{day:02}")
    }
}
