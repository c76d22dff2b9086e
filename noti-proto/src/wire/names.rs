//! The literals of the protocol 1.0: what the messages of both ends are called, and how those that never change read.

/// The longest `delivery_id` that can be acked, in bytes as the server sends it, quotes included (clause A3).
pub const MAX_ID: usize = 40;

/// An event (clause P1).
pub(crate) const EVENT_PUSH: &str = "enterprise_event_push";
/// An ack (clause A2).
#[cfg(feature = "server")]
pub(crate) const EVENT_ACK: &str = "enterprise_event_ack";
/// The answer to a ping (clause H3).
pub(crate) const PONG: &str = "enterprise_pong";
/// The answer to the login (clause L3).
pub(crate) const LOGIN_ANSWER: &str = "enterprise_login_res";
/// A message was rejected (clause E1).
pub(crate) const INVALID_MESSAGE: &str = "invalid_msg";
/// A ping (clause H1).
#[cfg(feature = "server")]
pub(crate) const PING: &str = "enterprise_ping";
/// The login (clause L1).
#[cfg(feature = "server")]
pub(crate) const LOGIN_REQUEST: &str = "enterprise_login_req";

/// The member that names a message.
pub(crate) const CMD: &str = "cmd";
/// The member that an ack echoes.
pub(crate) const DELIVERY_ID: &str = "delivery_id";

/// The start of an event that is written in the document's order (clause P1).
#[cfg(fast_kernel)]
pub(crate) const EVENT_PUSH_START: &[u8] = br#"{"cmd":"enterprise_event_push""#;
/// A whole ping.
pub(crate) const PING_LINE: &[u8] = b"{\"cmd\":\"enterprise_ping\"}\n";
/// An ack, up to the id.
pub(crate) const ACK_START: &[u8] = br#"{"cmd":"enterprise_event_ack","delivery_id":"#;
/// An ack, after the id.
pub(crate) const ACK_END: &[u8] = b"}\n";
/// The login, up to the id of the enterprise.
pub(crate) const LOGIN_START: &[u8] = br#"{"cmd":"enterprise_login_req","data":{"enterprise_id":""#;
/// Between the id and the secret.
pub(crate) const LOGIN_SECRET: &[u8] = br#"","enterprise_secret":""#;
/// Between the secret and the prefetch.
pub(crate) const LOGIN_PREFETCH: &[u8] = br#"","prefetch_count":"#;
/// After the prefetch.
pub(crate) const LOGIN_END: &[u8] = b"}}\n";

/// What the broker's end writes.
#[cfg(feature = "server")]
pub(crate) mod server {
    /// An event, up to its id.
    pub(crate) const EVENT_PUSH_START: &[u8] = br#"{"cmd":"enterprise_event_push","delivery_id":"#;
    /// A login that is accepted.
    pub(crate) const LOGIN_ACCEPTED: &[u8] =
        b"{\"cmd\":\"enterprise_login_res\",\"data\":{\"result\":true,\"msg\":\"ok\"}}\n";
    /// A login that is refused without a text of the caller's.
    pub(crate) const LOGIN_REFUSED: &[u8] =
        b"{\"cmd\":\"enterprise_login_res\",\"data\":{\"result\":false,\"msg\":\"refused\"}}\n";
    /// A login that is refused, up to the text.
    pub(crate) const LOGIN_REFUSED_START: &[u8] =
        br#"{"cmd":"enterprise_login_res","data":{"result":false,"msg":""#;
    /// And after it.
    pub(crate) const LOGIN_REFUSED_END: &[u8] = b"\"}}\n";
    /// A whole pong.
    pub(crate) const PONG_LINE: &[u8] = b"{\"cmd\":\"enterprise_pong\"}\n";
    /// The plain line that an idle client gets before its connection ends (clause H2).
    pub(crate) const NO_HEARTBEAT: &[u8] = b"No Heartbeat!\n";
    /// A rejected message, up to its first member.
    pub(crate) const INVALID_MESSAGE_START: &[u8] = br#"{"cmd":"invalid_msg","#;
}
