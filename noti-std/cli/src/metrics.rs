//! What Prometheus and health checks ask for, over HTTP.
//!
//! ```text
//!   listen: counts what it has written ──> Counts ──┐
//!                                                   ├── GET /metrics, /healthz <── Server, a thread of its own
//!   client: its statistics and health ──> Monitor ──┘
//! ```

mod counts;
mod histogram;
mod request;
mod server;
mod text;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use noti_std::{Event, Health, Monitor};

use super::exit::Exit;
use counts::Counts;
use request::{Request, Response};
use server::Server;

/// An address to serve at. A port alone is one of this machine only: other machines get in only where an address says so.
pub(crate) fn address(text: &str) -> Result<SocketAddr, String> {
    let local = text.strip_prefix("localhost").unwrap_or(text);
    let port = local.strip_prefix(':').unwrap_or(local);
    match port.parse() {
        Ok(port) => Ok((Ipv4Addr::LOCALHOST, port).into()),
        Err(_) => text.parse().map_err(|_| {
            "write a port such as 9464, or an address and a port such as 127.0.0.1:9464 or [::1]:9464".to_owned()
        }),
    }
}

/// Metrics whose address is taken, but which nobody serves yet.
#[derive(Debug)]
pub(crate) struct Unserved {
    server: Server,
}

/// Metrics that are served until this is dropped.
#[derive(Debug)]
pub(crate) struct Metrics {
    counts: Arc<Mutex<Counts>>,
    _server: server::Running,
}

impl Unserved {
    pub(crate) fn bind(address: SocketAddr) -> Result<Self, Exit> {
        let server = Server::bind(address).map_err(|error| {
            Exit::usage(format!(
                "metrics cannot be served at {address}: {error}; choose another address or port with --metrics"
            ))
        })?;
        let address = server.address();
        tracing::info!("metrics at http://{address}/metrics");
        if !address.ip().is_loopback() {
            tracing::warn!(
                %address,
                "other machines can read the metrics, without a password or encryption; a port alone keeps them on this machine"
            );
        }
        Ok(Self { server })
    }

    /// Answers from now on. Who has asked already has waited.
    pub(crate) fn serve(self, monitor: Monitor) -> Result<Metrics, Exit> {
        let counts = Arc::new(Mutex::new(Counts::new(SystemTime::now())));
        let counted = counts.clone();
        let server = self
            .server
            .start(move |request| answer(request, &counted, &monitor))
            .map_err(|error| {
                Exit::unavailable(format!(
                    "no thread for metrics: {error}; look at the system's limits"
                ))
            })?;
        Ok(Metrics {
            counts,
            _server: server,
        })
    }
}

impl Metrics {
    /// Counts what was written.
    pub(crate) fn count(&self, events: &[Event]) {
        lock(&self.counts).add(events, SystemTime::now());
    }

    /// Counts events that the filters left out.
    pub(crate) fn count_filtered(&self, events: u64) {
        lock(&self.counts).filtered += events;
    }
}

fn answer(request: &Request<'_>, counts: &Mutex<Counts>, monitor: &Monitor) -> Response {
    match request.path {
        "/metrics" => {
            // Copied, so that who counts need not wait for the text.
            let counts = lock(counts).clone();
            Response::metrics(text::write(&counts, monitor))
        }
        "/healthz" => match monitor.health() {
            Health::LoggedIn => Response::text(200, "logged in"),
            Health::Starting => Response::text(503, "not logged in: connecting"),
            Health::Disconnected(why) => Response::text(503, format!("not logged in: {why}")),
            _ => Response::text(503, "not logged in: the client has ended"),
        },
        _ => Response::text(404, "there are /metrics and /healthz"),
    }
}

/// A thread that panicked while it counted has left a count too low, no more.
fn lock(counts: &Mutex<Counts>) -> MutexGuard<'_, Counts> {
    counts.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_address_that_is_written_out_is_open_to_others() {
        for (text, expected) in [
            ("9464", "127.0.0.1:9464"),
            (":9464", "127.0.0.1:9464"),
            ("localhost:9464", "127.0.0.1:9464"),
            ("[::1]:0", "[::1]:0"),
            ("0.0.0.0:9464", "0.0.0.0:9464"),
        ] {
            assert_eq!(address(text), Ok(expected.parse().unwrap()), "{text}");
        }
        for text in [
            "",
            ":",
            "localhost",
            "127.0.0.1",
            "70000",
            "example.com:80",
            "*:9464",
        ] {
            let error = address(text).unwrap_err();
            assert!(error.contains("127.0.0.1:9464"), "{text}");
        }
    }
}
