use std::fmt;

use noti_proto::CloseReason;

/// Why a connection ended, or was not made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disconnect {
    kind: DisconnectKind,
    message: String,
}

/// The kinds of [`Disconnect`], for counting them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DisconnectKind {
    /// The host's name could not be resolved.
    Resolve,
    /// No address of the host could be connected to.
    Connect,
    /// TLS failed: the certificate, the handshake, or a damaged record.
    Tls,
    /// The server closed the connection in order.
    Closed,
    /// The connection broke off: reset, or ended without TLS saying so.
    Broken,
    /// The server refused the login.
    LoginRefused,
    /// The login was not answered in time.
    LoginTimeout,
    /// A ping was not answered in time.
    PongTimeout,
    /// The connection took no data for too long.
    TransmitStalled,
    /// The server sent more than the prefetch allows.
    WindowExceeded,
    /// The server no longer knows the login.
    LoginLost,
    /// The server reported an internal error.
    ServerError,
}

impl DisconnectKind {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::Resolve,
        Self::Connect,
        Self::Tls,
        Self::Closed,
        Self::Broken,
        Self::LoginRefused,
        Self::LoginTimeout,
        Self::PongTimeout,
        Self::TransmitStalled,
        Self::WindowExceeded,
        Self::LoginLost,
        Self::ServerError,
    ];

    /// A short name in lower case, for labels.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Resolve => "resolve",
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::Closed => "closed",
            Self::Broken => "broken",
            Self::LoginRefused => "login_refused",
            Self::LoginTimeout => "login_timeout",
            Self::PongTimeout => "pong_timeout",
            Self::TransmitStalled => "transmit_stalled",
            Self::WindowExceeded => "window_exceeded",
            Self::LoginLost => "login_lost",
            Self::ServerError => "server_error",
        }
    }
}

impl Disconnect {
    pub(super) fn new(kind: DisconnectKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
        }
    }

    /// The server's answer to the login, with what is most often behind it.
    pub(super) fn refused(code: Option<u32>, msg: &str) -> Self {
        let code = code.map_or(String::new(), |code| format!(" ({code})"));
        let hint = if speaks_of_addresses(msg) {
            "add this machine's public address to the enterprise's IP allow-list"
        } else {
            "check the enterprise id and secret, and that this machine's public address is on the enterprise's IP allow-list"
        };
        Self::new(
            DisconnectKind::LoginRefused,
            format!("the server refused the login{code}: {msg:?}; {hint}"),
        )
    }

    pub(super) fn session(reason: CloseReason) -> Self {
        let kind = match reason {
            CloseReason::LoginRefused => DisconnectKind::LoginRefused,
            CloseReason::LoginTimeout => DisconnectKind::LoginTimeout,
            CloseReason::PongTimeout => DisconnectKind::PongTimeout,
            CloseReason::TransmitStalled => DisconnectKind::TransmitStalled,
            CloseReason::WindowExceeded => DisconnectKind::WindowExceeded,
            CloseReason::LoginLost => DisconnectKind::LoginLost,
            CloseReason::ServerError => DisconnectKind::ServerError,
            _ => DisconnectKind::Closed,
        };
        Self::new(kind, reason.to_string())
    }

    /// What kind of end it was.
    #[must_use]
    pub const fn kind(&self) -> DisconnectKind {
        self.kind
    }
}

/// Whether the server's words are about where the client is.
fn speaks_of_addresses(msg: &str) -> bool {
    let msg = msg.to_ascii_lowercase();
    let mut words = msg.split(|c: char| !c.is_ascii_alphanumeric());
    msg.contains("white") || msg.contains("allow") || words.any(|word| word == "ip")
}

impl fmt::Display for Disconnect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Disconnect {}
