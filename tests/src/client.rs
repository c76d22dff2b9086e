//! The client of the library, as the tests want it.

use std::time::Duration;

use noti_std::{Client, ClientBuilder, Trust};

use crate::listener::{ENTERPRISE_ID, ENTERPRISE_SECRET};

/// A client for a server of this machine, with the credentials that every test uses. It comes back at once.
///
/// # Panics
/// The authority is none.
pub fn client(port: u16, ca_pem: &str) -> ClientBuilder {
    Client::builder("127.0.0.1", port)
        .credentials(ENTERPRISE_ID, ENTERPRISE_SECRET)
        .trust(Trust::platform().with_ca_pem(ca_pem).expect("an authority"))
        .reconnect(Duration::from_millis(1), Duration::from_millis(20))
}
