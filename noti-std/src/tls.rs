//! TLS over a non-blocking socket: whom to trust, and the connection itself.
//!
//! Nothing outside this module names rustls, and in it only this file and its tests.
//!
//! ```text
//!            socket readable                                  socket writable
//!                  |                                                 ^
//!   TlsConnection::receive: ciphertext in            flush: what is sealed, into the kernel
//!                  v                                                 |
//!   TlsConnection::read: plaintext out       transmit: plaintext in, seal, flush, and say how
//!                  |                         much of it the kernel has taken
//!                  v                                                 ^
//!         LineBuf::spare / commit               Session::poll_transmit / transmitted
//! ```
//!
//! One turn of a loop over an edge-triggered poller, from either end of the connection:
//!
//! ```no_run
//! use std::net::TcpStream; // or mio's
//! # use noti_std::tls::{Plaintext, Receive, TlsConnection, TlsError};
//!
//! # struct Session;
//! # impl Session {
//! #     fn poll_transmit(&mut self) -> &[u8] { &[] }
//! #     fn transmitted(&mut self, _n: usize) {}
//! # }
//! fn turn(
//!     tls: &mut TlsConnection,
//!     socket: &mut TcpStream,
//!     session: &mut Session,
//!     buffer: &mut [u8],
//! ) -> Result<(), TlsError> {
//!     loop {
//!         while let Plaintext::Data(n) = tls.read(buffer) {
//!             println!("{n} bytes of plaintext");
//!         }
//!         match tls.receive(socket)? {
//!             Receive::Progress | Receive::Unread => continue,
//!             Receive::WouldBlock | Receive::End => break,
//!         }
//!     }
//!     loop {
//!         // Zero: all is sent, or the socket takes no more, or the handshake is not over.
//!         let n = tls.transmit(session.poll_transmit(), socket)?;
//!         if n == 0 {
//!             break;
//!         }
//!         session.transmitted(n);
//!     }
//!     Ok(()) // and wait, for writability too if `tls.wants_write()`
//! }
//! ```

mod der;
mod error;
mod pin;

use std::error::Error;
use std::fmt;
use std::fs;
use std::io::{self, Read, Write};
use std::mem;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::ring::cipher_suite::TLS13_AES_128_GCM_SHA256;
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{
    CertificateDer, PrivatePkcs8KeyDer, ServerName, SubjectPublicKeyInfoDer, UnixTime,
};
use rustls::{
    AlertDescription, CertificateError, ClientConfig, ClientConnection, Connection,
    DigitallySignedStruct, HandshakeKind, InvalidMessage, OtherError, PeerIncompatible,
    ProtocolVersion, RootCertStore, ServerConfig, ServerConnection, SignatureScheme,
    SupportedCipherSuite, SupportedProtocolVersion,
};
use zeroize::Zeroizing;

use der::{algorithm_and_key, subject_public_key_info, validity};
pub use error::{CertificateFault, ConnectionFault, TlsError};
pub use pin::{Pin, PinError};

/// How much is read from a socket at once: about one record.
const INCOMING: usize = 16 * 1024;

/// Most plaintext that is sealed and not yet in the kernel: one full TLS record.
const OUTGOING_LIMIT: usize = 16 * 1024;

/// Records kept back of what the keys of a TLS 1.2 connection may seal, for the handshake's own and
/// the closing alerts.
const RECORD_RESERVE: u64 = 64;

/// Whom a client trusts; [`Trust::platform`] unless it is told more.
///
/// | given | a server must have |
/// |---|---|
/// | nothing | a certificate that an authority of the platform vouches for, for its name, in date |
/// | authorities | the same from one of these authorities; the platform's do not count |
/// | pins | a pinned key; authority, name and dates of the certificate do not matter |
/// | both | both |
///
/// In every case the server must also prove, by its signature in the handshake, that it holds the
/// key of the certificate it shows. There is no way to accept just any certificate.
#[derive(Clone, Debug)]
pub struct Trust {
    authorities: RootCertStore,
    pins: Vec<Pin>,
}

impl Trust {
    /// The authorities that the platform trusts.
    ///
    /// They are read when a [`ClientTls`] is made, from where OpenSSL would look
    /// (`SSL_CERT_FILE` and `SSL_CERT_DIR` included), or from the system's store on macOS and
    /// Windows.
    pub fn platform() -> Self {
        Self {
            authorities: RootCertStore::empty(),
            pins: Vec::new(),
        }
    }

    /// Adds the authorities in a PEM file, one or more.
    pub fn with_ca_file(self, path: impl AsRef<Path>) -> Result<Self, TlsError> {
        let path = path.as_ref();
        let pem = fs::read(path).map_err(|source| TlsError::CaFile {
            path: path.display().to_string(),
            source,
        })?;
        self.with_pem(&pem, &format!("the CA file {}", path.display()))
    }

    /// Adds the authorities in a PEM text, one or more.
    pub fn with_ca_pem(self, pem: &str) -> Result<Self, TlsError> {
        self.with_pem(pem.as_bytes(), "the CA text")
    }

    /// Adds a server key; with several, a server must have one of them.
    pub fn with_pin(mut self, pin: Pin) -> Self {
        self.pins.push(pin);
        self
    }

    fn with_pem(mut self, pem: &[u8], origin: &str) -> Result<Self, TlsError> {
        let unusable = |reason| TlsError::CaCertificate {
            origin: origin.to_owned(),
            reason,
        };
        let before = self.authorities.len();
        for certificate in CertificateDer::pem_slice_iter(pem) {
            let certificate = certificate.map_err(|error| unusable(Some(error.to_string())))?;
            self.authorities
                .add(certificate)
                .map_err(|error| unusable(Some(error.to_string())))?;
        }
        if self.authorities.len() == before {
            return Err(unusable(None));
        }
        Ok(self)
    }

    fn verifier(&self, provider: &Arc<CryptoProvider>) -> Result<Verifier, TlsError> {
        let roots = match (self.authorities.is_empty(), self.pins.is_empty()) {
            (true, true) => Some(platform_roots(rustls_native_certs::load_native_certs())?),
            (true, false) => None,
            (false, _) => Some(self.authorities.clone()),
        };
        let chain = roots
            .map(|roots| {
                WebPkiServerVerifier::builder_with_provider(roots.into(), provider.clone()).build()
            })
            .transpose()
            .map_err(setup)?;
        Ok(Verifier {
            chain,
            pins: self.pins.clone(),
            algorithms: provider.signature_verification_algorithms,
        })
    }
}

impl Default for Trust {
    fn default() -> Self {
        Self::platform()
    }
}

fn platform_roots(
    found: rustls_native_certs::CertificateResult,
) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    let (usable, unusable) = roots.add_parsable_certificates(found.certs);
    tracing::debug!(
        usable,
        unusable,
        errors = found.errors.len(),
        "platform roots"
    );
    if roots.is_empty() {
        return Err(TlsError::NoPlatformRoots {
            reason: found.errors.first().map(ToString::to_string),
        });
    }
    Ok(roots)
}

/// Checks a server's certificate: its chain, its pin, or both.
///
/// With pins the key that was hashed is the very key that the handshake's signature is checked
/// with, and of the certificate nothing but its outline is read. So pins also admit what rustls
/// itself refuses to look at, such as the X.509 version 1 certificates of old private servers.
#[derive(Debug)]
struct Verifier {
    chain: Option<Arc<WebPkiServerVerifier>>,
    pins: Vec<Pin>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let pin = Pin::of_certificate(end_entity).ok_or(CertificateError::BadEncoding)?;
        if let Some(chain) = &self.chain {
            chain
                .verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
                .map_err(|error| match error {
                    rustls::Error::InvalidCertificate(cause) => Refusal::of(Some(cause), pin),
                    other => other,
                })?;
        }
        // Pins are asked unless a chain alone decides: with neither, all are refused.
        let pins_decide = self.chain.is_none() || !self.pins.is_empty();
        if pins_decide && !self.pins.contains(&pin) {
            return Err(Refusal::of(None, pin));
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        if self.pins.is_empty() {
            return rustls::crypto::verify_tls12_signature(
                message,
                certificate,
                signed,
                &self.algorithms,
            );
        }
        let (algorithm_id, key) = subject_public_key_info(certificate)
            .and_then(algorithm_and_key)
            .ok_or(CertificateError::BadEncoding)?;
        // In TLS 1.2 a scheme names the hash but not the curve; the key does.
        self.algorithms
            .mapping
            .iter()
            .filter(|(scheme, _)| *scheme == signed.scheme)
            .flat_map(|(_, algorithms)| algorithms.iter())
            .find(|algorithm| algorithm.public_key_alg_id().as_ref() == algorithm_id)
            .and_then(|algorithm| {
                algorithm
                    .verify_signature(key, message, signed.signature())
                    .ok()
            })
            .map(|()| HandshakeSignatureValid::assertion())
            .ok_or_else(|| CertificateError::BadSignature.into())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        if self.pins.is_empty() {
            return rustls::crypto::verify_tls13_signature(
                message,
                certificate,
                signed,
                &self.algorithms,
            );
        }
        let spki = subject_public_key_info(certificate).ok_or(CertificateError::BadEncoding)?;
        rustls::crypto::verify_tls13_signature_with_raw_key(
            message,
            &SubjectPublicKeyInfoDer::from(spki),
            signed,
            &self.algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// Why the verifier refused a certificate, and whose it was.
///
/// rustls carries it from there to [`TlsConnection::explain`].
#[derive(Debug)]
struct Refusal {
    /// What is wrong with the chain; without a cause the key is none of the pinned ones.
    cause: Option<CertificateError>,
    pin: Pin,
}

impl Refusal {
    fn of(cause: Option<CertificateError>, pin: Pin) -> rustls::Error {
        CertificateError::Other(OtherError(Arc::new(Self { cause, pin }))).into()
    }

    fn fault(&self) -> CertificateFault {
        match &self.cause {
            None => CertificateFault::WrongKey,
            // A wrong signature: the authority has the name of a trusted one, but not its key, as
            // the one of an earlier start of the local broker.
            Some(CertificateError::UnknownIssuer | CertificateError::BadSignature) => {
                CertificateFault::UnknownAuthority
            }
            Some(CertificateError::NotValidForNameContext { presented, .. }) => {
                CertificateFault::WrongName {
                    names: presented
                        .iter()
                        .take(8)
                        .map(|name| bare_name(name))
                        .collect(),
                }
            }
            Some(CertificateError::ExpiredContext { time, not_after }) => {
                CertificateFault::Expired {
                    not_after: not_after.as_secs(),
                    clock: time.as_secs(),
                }
            }
            Some(CertificateError::NotValidYetContext { time, not_before }) => {
                CertificateFault::NotYetValid {
                    not_before: not_before.as_secs(),
                    clock: time.as_secs(),
                }
            }
            Some(CertificateError::Other(OtherError(other))) => CertificateFault::Other {
                reason: printable(&other.to_string()),
            },
            Some(other) => CertificateFault::Other {
                reason: printable(&other.to_string()),
            },
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the certificate was refused")
    }
}

impl Error for Refusal {}

/// A name as rustls gives it, `DnsName("localhost")` or `IpAddress(::1)`, without its kind.
fn bare_name(name: &str) -> String {
    let bare = name
        .strip_suffix(')')
        .and_then(|name| name.split_once('('))
        .map_or(name, |(_, bare)| bare.trim_matches('"'));
    // rustls writes `0::1`.
    match bare.parse::<IpAddr>() {
        Ok(address) => address.to_string(),
        Err(_) => printable(bare),
    }
}

/// Makes a stranger's text fit for a terminal and a log.
fn printable(text: &str) -> String {
    text.chars()
        .take(255)
        .map(|c| {
            if c == ' ' || c.is_ascii_graphic() {
                c
            } else {
                '?'
            }
        })
        .collect()
}

/// Versions of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TlsVersion {
    /// RFC 5246.
    Tls12,
    /// RFC 8446.
    Tls13,
}

impl TlsVersion {
    /// Every version that is spoken; older ones are broken.
    pub const ALL: &[Self] = &[Self::Tls12, Self::Tls13];

    fn supported(self) -> &'static SupportedProtocolVersion {
        match self {
            Self::Tls12 => &rustls::version::TLS12,
            Self::Tls13 => &rustls::version::TLS13,
        }
    }
}

impl fmt::Display for TlsVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tls12 => "TLS 1.2",
            Self::Tls13 => "TLS 1.3",
        })
    }
}

/// What a client needs for any number of connections to one server. Cheap to clone.
///
/// Keep it between connections: it remembers the sessions to resume.
#[derive(Clone)]
pub struct ClientTls {
    config: Arc<ClientConfig>,
    server: ServerName<'static>,
}

impl ClientTls {
    /// `server_name` is the host name or IP address that the certificate must be for; a host name
    /// is also sent to the server, in clear, so that it can choose its certificate.
    pub fn new(trust: &Trust, server_name: &str) -> Result<Self, TlsError> {
        let server =
            ServerName::try_from(server_name.to_owned()).map_err(|_| TlsError::ServerName {
                name: server_name.to_owned(),
            })?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier = trust.verifier(&provider)?;
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(setup)?
            // rustls calls any verifier but its own dangerous. Ours is stricter, or pins.
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_no_client_auth();
        Ok(Self {
            config: Arc::new(config),
            server,
        })
    }
}

impl fmt::Debug for ClientTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientTls")
            .field("server", &self.server)
            .finish_non_exhaustive()
    }
}

/// A certificate chain and the private key of its leaf, both DER.
#[derive(Clone)]
pub struct Identity {
    /// The leaf first, then what vouches for it; the authority itself may be left out.
    pub chain: Vec<Vec<u8>>,
    /// PKCS #8.
    pub key: Zeroizing<Vec<u8>>,
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pin = self
            .chain
            .first()
            .and_then(|leaf| Pin::of_certificate(leaf));
        f.debug_struct("Identity")
            .field("pin", &pin)
            .finish_non_exhaustive()
    }
}

/// What a server needs for any number of connections. Cheap to clone.
#[derive(Clone)]
pub struct ServerTls {
    config: Arc<ServerConfig>,
}

impl ServerTls {
    /// Serves as `identity`, to clients that speak one of `versions` ([`TlsVersion::ALL`]).
    pub fn new(identity: &Identity, versions: &[TlsVersion]) -> Result<Self, TlsError> {
        let chain = identity.chain.iter().cloned().map(Into::into).collect();
        let key = PrivatePkcs8KeyDer::from(identity.key.to_vec()).into();
        let versions: Vec<_> = versions.iter().map(|version| version.supported()).collect();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&versions)
            .map_err(setup)?
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .map_err(setup)?;
        Ok(Self {
            config: Arc::new(config),
        })
    }
}

impl fmt::Debug for ServerTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerTls").finish_non_exhaustive()
    }
}

/// What came of one [`TlsConnection::receive`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Receive {
    /// Something was received: call [`read`](TlsConnection::read), then `receive` again.
    Progress,
    /// The socket has nothing now.
    WouldBlock,
    /// The socket was not asked, since plaintext waits: call [`read`](TlsConnection::read) first.
    /// (A caller that does not want to may leave it, and the sender will have to wait.)
    Unread,
    /// Nothing will come any more; [`read`](TlsConnection::read) says whether the end is clean.
    End,
}

/// What came of one [`TlsConnection::read`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Plaintext {
    /// So many bytes were read, at least one.
    Data(usize),
    /// None now.
    Pending,
    /// None any more: the peer said so (`close_notify`).
    Closed,
    /// None any more, but the peer did not say so: it crashed, the link was cut, or someone cut
    /// the stream short on purpose. The last line may be incomplete.
    Truncated,
}

/// What the two ends agreed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Details {
    /// The version of the protocol.
    pub version: TlsVersion,
    /// The cipher suite, as rustls names it.
    pub cipher: &'static str,
    /// Whether keys of an earlier connection were taken up again, which saves a round trip or the
    /// certificates.
    pub resumed: bool,
    /// The key in the peer's certificate; a server has none of its client.
    pub pin: Option<Pin>,
    /// When the peer's certificate begins and when it ends, in seconds from 1970, UTC; `None` if it does not say so
    /// readably, which only a pinned one may not.
    pub validity: Option<(u64, u64)>,
}

/// One TLS connection over a socket of the caller's, from either end.
///
/// Memory is bounded: about 52 KiB of received bytes, since nothing is received while plaintext is
/// unread (a handshake may take up to 64 KiB), and one record of 16 KiB to send.
pub struct TlsConnection {
    tls: Connection,
    incoming: Incoming,
    /// The other end, as errors name it.
    peer: String,
    /// Plaintext received and not yet read.
    unread: usize,
    /// Plaintext sealed, but not all of it in the kernel.
    unflushed: usize,
    /// Records of plaintext sealed so far.
    sealed: u64,
    /// An alert that ends our direction was queued: nothing may follow it.
    closed: bool,
}

impl TlsConnection {
    /// A connection to a server, which begins with the first [`transmit`](Self::transmit) or
    /// [`flush`](Self::flush).
    pub fn client(tls: &ClientTls) -> Result<Self, TlsError> {
        let connection =
            ClientConnection::new(tls.config.clone(), tls.server.clone()).map_err(setup)?;
        Ok(Self::new(
            Connection::Client(connection),
            tls.server.to_str().into_owned(),
        ))
    }

    /// A connection from a client.
    pub fn server(tls: &ServerTls) -> Result<Self, TlsError> {
        let connection = ServerConnection::new(tls.config.clone()).map_err(setup)?;
        Ok(Self::new(
            Connection::Server(connection),
            "the client".to_owned(),
        ))
    }

    fn new(mut tls: Connection, peer: String) -> Self {
        tls.set_buffer_limit(Some(OUTGOING_LIMIT));
        Self {
            tls,
            incoming: Incoming::default(),
            peer,
            unread: 0,
            unflushed: 0,
            sealed: 0,
            closed: false,
        }
    }

    /// Whether the peer is not verified yet: until then no plaintext is taken or given.
    pub fn is_handshaking(&self) -> bool {
        self.tls.is_handshaking()
    }

    /// What was agreed on; `None` during the handshake.
    pub fn details(&self) -> Option<Details> {
        if self.is_handshaking() {
            return None;
        }
        let version = match self.tls.protocol_version()? {
            ProtocolVersion::TLSv1_2 => TlsVersion::Tls12,
            _ => TlsVersion::Tls13,
        };
        let suite = self.tls.negotiated_cipher_suite()?.suite();
        let leaf = self.tls.peer_certificates().and_then(<[_]>::first);
        Some(Details {
            version,
            cipher: suite.as_str().unwrap_or("unknown"),
            resumed: self.tls.handshake_kind() == Some(HandshakeKind::Resumed),
            pin: leaf.and_then(|leaf| Pin::of_certificate(leaf)),
            validity: leaf.and_then(|leaf| validity(leaf)),
        })
    }

    /// Receives once from the socket.
    ///
    /// Call it again until it gives [`Receive::WouldBlock`], before waiting for the next readiness
    /// of an edge-triggered poller. An error is final. The peer has then been told by an alert, as
    /// far as the socket took it: that is why it must be writable, too.
    pub fn receive<S: Read + Write>(&mut self, socket: &mut S) -> Result<Receive, TlsError> {
        if self.unread > 0 {
            return Ok(Receive::Unread);
        }
        if self.incoming.is_empty() {
            match self.incoming.fill(socket) {
                Ok(()) => {}
                Err(error) => match error.kind() {
                    io::ErrorKind::WouldBlock => return Ok(Receive::WouldBlock),
                    io::ErrorKind::Interrupted => return Ok(Receive::Progress),
                    _ => return Err(self.io(error)),
                },
            }
        }
        // Nothing to read is how rustls learns of the end.
        match self.tls.read_tls(&mut self.incoming) {
            Ok(0) if self.is_handshaking() => {
                return Err(self.failed(ConnectionFault::ClosedInHandshake));
            }
            Ok(0) => return Ok(Receive::End),
            Ok(_) => {}
            Err(error) => return Err(self.io(error)),
        }
        match self.tls.process_new_packets() {
            Ok(state) => {
                self.unread = state.plaintext_bytes_to_read();
                Ok(Receive::Progress)
            }
            Err(error) => {
                self.closed = true;
                // An alert that cannot be sent must not hide why it was to be sent.
                let _ = self.flush(socket);
                Err(self.explain(error))
            }
        }
    }

    /// Takes received plaintext.
    pub fn read(&mut self, into: &mut [u8]) -> Plaintext {
        if into.is_empty() {
            return Plaintext::Pending;
        }
        match self.tls.reader().read(into) {
            Ok(0) => Plaintext::Closed,
            Ok(n) => {
                self.unread = self.unread.saturating_sub(n);
                Plaintext::Data(n)
            }
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Plaintext::Truncated,
            Err(_) => Plaintext::Pending,
        }
    }

    /// Sends from the front of `pending`, and returns how many bytes of it are in the kernel now.
    ///
    /// Like a non-blocking write, except for what it counts: bytes that are sealed but not sent are
    /// remembered here, and counted in a later call. So until they are counted, `pending` must keep
    /// beginning with the same bytes, as `Session::poll_transmit` makes sure; and whatever is
    /// counted may be given to `Session::transmitted`, whose timers and acks rely on it.
    ///
    /// Zero means that the socket takes no more for now ([`wants_write`](Self::wants_write) is true
    /// then), that the handshake is not over, or that nothing is pending.
    pub fn transmit<W: Write>(
        &mut self,
        pending: &[u8],
        socket: &mut W,
    ) -> Result<usize, TlsError> {
        let fresh = pending.get(self.unflushed..).unwrap_or_default();
        self.unflushed += self.seal(fresh)?;
        if self.flush(socket)? {
            Ok(mem::take(&mut self.unflushed))
        } else {
            Ok(0)
        }
    }

    /// Encrypts from the front of `plaintext`, as much as there is room for.
    fn seal(&mut self, plaintext: &[u8]) -> Result<usize, TlsError> {
        // rustls would keep plaintext during the handshake, where `flush` does not see it.
        if plaintext.is_empty() || self.closed || self.is_handshaking() {
            return Ok(0);
        }
        // Keys may seal so many records only. TLS 1.3 changes them in time; in TLS 1.2 rustls would
        // drop the plaintext and close, and say nothing.
        let allowed = match self.tls.negotiated_cipher_suite() {
            Some(SupportedCipherSuite::Tls12(suite)) => suite.common.confidentiality_limit,
            _ => u64::MAX,
        };
        if self.sealed >= allowed.saturating_sub(RECORD_RESERVE) {
            return Err(self.failed(ConnectionFault::KeysUsedUp));
        }
        let n = self
            .tls
            .writer()
            .write(plaintext)
            .map_err(|error| self.io(error))?;
        self.sealed += u64::from(n > 0);
        Ok(n)
    }

    /// Sends what is sealed; true when all of it is in the kernel.
    pub fn flush<W: Write>(&mut self, socket: &mut W) -> Result<bool, TlsError> {
        while self.wants_write() {
            match self.tls.write_tls(socket) {
                Ok(0) => return Err(self.io(io::ErrorKind::WriteZero.into())),
                Ok(_) => {}
                Err(error) => match error.kind() {
                    io::ErrorKind::WouldBlock => return Ok(false),
                    io::ErrorKind::Interrupted => {}
                    _ => return Err(self.io(error)),
                },
            }
        }
        Ok(true)
    }

    /// Whether something is sealed and not in the kernel: wait until the socket is writable.
    pub fn wants_write(&self) -> bool {
        self.tls.wants_write()
    }

    /// Tells the peer that nothing will be sent any more, with the next [`flush`](Self::flush).
    ///
    /// What it sends can still be received.
    pub fn close_notify(&mut self) {
        self.closed = true;
        self.tls.send_close_notify();
    }

    fn failed(&self, fault: ConnectionFault) -> TlsError {
        TlsError::Connection {
            peer: self.peer.clone(),
            fault,
        }
    }

    fn io(&self, source: io::Error) -> TlsError {
        self.failed(ConnectionFault::Io {
            handshake: self.is_handshaking(),
            source,
        })
    }

    fn explain(&self, error: rustls::Error) -> TlsError {
        if let rustls::Error::InvalidCertificate(CertificateError::Other(OtherError(cause))) =
            &error
            && let Some(refusal) = cause.downcast_ref::<Refusal>()
        {
            return TlsError::Certificate {
                server: self.peer.clone(),
                pin: refusal.pin,
                fault: refusal.fault(),
            };
        }
        self.failed(match error {
            // Signatures in the chain are the verifier's; this is the one of the handshake.
            rustls::Error::InvalidCertificate(
                CertificateError::BadSignature
                | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. },
            ) => ConnectionFault::KeyNotHeld,
            rustls::Error::InvalidMessage(
                InvalidMessage::InvalidContentType | InvalidMessage::UnknownProtocolVersion,
            ) if self.is_handshaking() => ConnectionFault::NotTls,
            rustls::Error::PeerIncompatible(
                PeerIncompatible::ServerDoesNotSupportTls12Or13
                | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig
                | PeerIncompatible::SupportedVersionsExtensionRequired
                | PeerIncompatible::Tls12NotOffered
                | PeerIncompatible::Tls12NotOfferedOrEnabled,
            )
            | rustls::Error::AlertReceived(AlertDescription::ProtocolVersion) => {
                ConnectionFault::Version
            }
            rustls::Error::AlertReceived(alert) => ConnectionFault::Alert {
                alert: format!("{alert:?}"),
                advice: match self.tls {
                    Connection::Client(_) => advice_on_server_alert(alert),
                    Connection::Server(_) => advice_on_client_alert(alert),
                },
            },
            other => ConnectionFault::Protocol {
                reason: printable(&other.to_string()),
            },
        })
    }
}

/// Ciphertext from the socket on its way to rustls, which by itself would read 4 KiB at a time.
#[derive(Default)]
struct Incoming {
    bytes: Vec<u8>,
    start: usize,
    end: usize,
}

impl Incoming {
    fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Reads once from the socket; at its end there is still nothing afterwards.
    fn fill(&mut self, socket: &mut impl Read) -> io::Result<()> {
        self.bytes.resize(INCOMING, 0);
        self.start = 0;
        self.end = 0;
        self.end = socket.read(&mut self.bytes)?;
        Ok(())
    }
}

impl Read for Incoming {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let mut waiting = self.bytes.get(self.start..self.end).unwrap_or_default();
        let n = waiting.read(into)?;
        self.start += n;
        Ok(n)
    }
}

impl fmt::Debug for TlsConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsConnection")
            .field("peer", &self.peer)
            .field("details", &self.details())
            .finish_non_exhaustive()
    }
}

fn advice_on_server_alert(alert: AlertDescription) -> &'static str {
    match alert {
        AlertDescription::HandshakeFailure | AlertDescription::InsufficientSecurity => {
            "it may know no cipher of TLS 1.2 or newer, which its operator must enable"
        }
        AlertDescription::UnrecognisedName => "give the name that it goes by with --server-name",
        AlertDescription::CertificateRequired => {
            "it asks for a client certificate, which this protocol does not have: check the port"
        }
        _ => "its log may say why",
    }
}

fn advice_on_client_alert(alert: AlertDescription) -> &'static str {
    match alert {
        AlertDescription::UnknownCA
        | AlertDescription::BadCertificate
        | AlertDescription::CertificateExpired
        | AlertDescription::CertificateUnknown
        | AlertDescription::UnsupportedCertificate
        | AlertDescription::DecryptError => {
            "it does not trust the certificate shown to it: give it the right CA file or pin"
        }
        _ => "its log may say why",
    }
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    // Any suite of the provider lends its hash; this saves a dependency for one digest.
    let hash = match TLS13_AES_128_GCM_SHA256 {
        SupportedCipherSuite::Tls12(suite) => suite.common.hash_provider,
        SupportedCipherSuite::Tls13(suite) => suite.common.hash_provider,
    };
    let mut digest = [0; 32];
    for (to, from) in digest.iter_mut().zip(hash.hash(bytes).as_ref()) {
        *to = *from;
    }
    digest
}

fn setup(error: impl Error) -> TlsError {
    TlsError::Setup {
        reason: error.to_string(),
    }
}

#[cfg(test)]
mod tests;
