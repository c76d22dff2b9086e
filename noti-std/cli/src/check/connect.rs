use std::net::{IpAddr, SocketAddr, TcpStream, ToSocketAddrs};
use std::sync::mpsc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use noti_std::TlsError;
use noti_std::tls::{ClientTls, Details, Receive, TlsConnection};
use serde_json::json;

use super::advice;
use super::report::{Failure, Passed};

/// A secured connection.
pub(super) struct Link {
    pub(super) socket: TcpStream,
    pub(super) tls: TlsConnection,
}

pub(super) fn look_up(
    host: &str,
    port: u16,
    timeout: Duration,
) -> Result<Passed<Vec<SocketAddr>>, Failure> {
    let failed = |why: &dyn std::fmt::Display| {
        Failure::unavailable("resolve", format!("{host} cannot be looked up: {why}"))
            .advise(advice::on_no_address(host))
    };
    let (sender, receiver) = mpsc::sync_channel(1);
    let name = host.to_owned();
    // The system's resolver knows no timeout: a thread that hangs in it ends with the process.
    std::thread::Builder::new()
        .name("noti-resolve".into())
        .spawn(move || {
            let found = (name.as_str(), port).to_socket_addrs();
            let _ = sender.send(found.map(Iterator::collect::<Vec<_>>));
        })
        .map_err(|error| failed(&error))?;
    let addresses = match receiver.recv_timeout(timeout) {
        Ok(Ok(addresses)) if addresses.is_empty() => return Err(failed(&"it has no address")),
        Ok(Ok(addresses)) => addresses,
        Ok(Err(error)) => return Err(failed(&error)),
        Err(_) => return Err(failed(&format_args!("no answer within {timeout:?}"))),
    };
    let ips: Vec<_> = addresses.iter().map(|one| one.ip().to_string()).collect();
    let text = match host.parse::<IpAddr>() {
        Ok(_) => "an address, not a name".to_owned(),
        Err(_) => ips.join(", "),
    };
    Ok(Passed::new(addresses, text, json!({"addresses": ips})))
}

/// Connects to the first address that answers.
pub(super) fn dial(
    addresses: &[SocketAddr],
    port: u16,
    timeout: Duration,
) -> Result<Passed<TcpStream>, Failure> {
    let mut failures = Vec::new();
    let mut kinds = Vec::new();
    for address in addresses {
        let connected = TcpStream::connect_timeout(address, timeout)
            .and_then(|socket| Ok((socket.local_addr()?, socket)));
        match connected {
            Ok((local, socket)) => {
                // It only makes answers quicker.
                let _ = socket.set_nodelay(true);
                let text = format!("{address}, from {}", local.ip());
                let facts = json!({"address": address.to_string(), "local": local.to_string()});
                return Ok(Passed::new(socket, text, facts));
            }
            Err(error) => {
                failures.push(format!("{address}: {error}"));
                kinds.push(error.kind());
            }
        }
    }
    let error = format!("cannot connect to {}", failures.join("; "));
    Err(Failure::unavailable("connect", error).advise(advice::on_no_connection(&kinds, port)))
}

/// Verifies the server, as `listen` does.
pub(super) fn secure(
    mut socket: TcpStream,
    tls: &ClientTls,
    trusted: &str,
    timeout: Duration,
) -> Result<Passed<Link>, Failure> {
    let mut tls = TlsConnection::client(tls).map_err(|error| failed(&error))?;
    let until = Instant::now() + timeout;
    while tls.is_handshaking() {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            let error = format!("no TLS handshake within {timeout:?}");
            return Err(Failure::unavailable("timeout", error).advise(advice::on_no_handshake()));
        }
        // A timeout shows as WouldBlock, and ends in the line above.
        let bounded = socket
            .set_read_timeout(Some(left))
            .and_then(|()| socket.set_write_timeout(Some(left)));
        bounded.map_err(|error| Failure::unavailable("io", error))?;
        if tls.flush(&mut socket).map_err(|error| failed(&error))? && tls.is_handshaking() {
            match tls.receive(&mut socket).map_err(|error| failed(&error))? {
                Receive::Progress | Receive::WouldBlock | Receive::Unread | Receive::End => {}
            }
        }
    }
    let Some(details) = tls.details() else {
        return Err(Failure::unavailable("protocol", "nothing was agreed on"));
    };
    let (text, facts) = describe(&details, trusted);
    Ok(Passed::new(Link { socket, tls }, text, facts))
}

fn failed(error: &TlsError) -> Failure {
    Failure::unavailable(error.kind(), error).advise(advice::on_tls(error))
}

fn describe(details: &Details, trusted: &str) -> (String, serde_json::Value) {
    let day = |seconds: u64| {
        let time = UNIX_EPOCH.checked_add(Duration::from_secs(seconds))?;
        let text = humantime::format_rfc3339_seconds(time).to_string();
        text.split('T').next().map(str::to_owned)
    };
    let pin = details.pin.map(|pin| pin.to_string()).unwrap_or_default();
    let begin = details.validity.and_then(|(begin, _)| day(begin));
    let end = details.validity.and_then(|(_, end)| day(end));
    let mut text = format!("{} with {}; {trusted}", details.version, details.cipher);
    if let (Some(end), Some((_, seconds))) = (&end, details.validity) {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let days = seconds.saturating_sub(now.as_secs()) / 86_400;
        text.push_str(&format!("; the certificate ends on {end}, in {days} days"));
    }
    text.push_str(&format!("; its key is {pin}"));
    let facts = json!({
        "version": details.version.to_string(),
        "cipher": details.cipher,
        "trusted": trusted,
        "pin": pin,
        "not_before": begin,
        "not_after": end,
    });
    (text, facts)
}
