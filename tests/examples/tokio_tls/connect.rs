//! A transport for the driver: TLS over TCP, to a server whose certificate was verified.

use std::sync::Arc;
use std::time::Duration;

use embedded_io_adapters::tokio_1::FromTokio;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

pub(crate) type Link = FromTokio<TlsStream<TcpStream>>;

/// Trusts the platform's roots, or those in the file that `SSL_CERT_FILE` names. The address is `HOST:PORT`.
pub(crate) async fn connect(address: &str) -> super::Result<Link> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let config = ClientConfig::builder()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let (host, _) = address.rsplit_once(':').ok_or("the address has no port")?;
    let name = ServerName::try_from(host.to_owned())?;
    let connecting = async {
        let stream = TcpStream::connect(address).await?;
        let connector = TlsConnector::from(Arc::new(config));
        connector.connect(name, stream).await
    };
    let stream = timeout(Duration::from_secs(10), connecting).await??;
    Ok(FromTokio::new(stream))
}
