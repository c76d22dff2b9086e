//! What is most likely behind a failure, and what to do about it.

use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr};

use noti_std::TlsError;

/// Where the service listens.
const SERVICE_PORT: u16 = 2015;

fn all<const N: usize>(advice: [&str; N]) -> Vec<String> {
    advice.map(str::to_owned).to_vec()
}

pub(super) fn on_no_address(host: &str) -> Vec<String> {
    let mut advice = Vec::new();
    if let Some(oddity) = oddity(host) {
        advice.push(format!("the host {oddity}; correct --host"));
    }
    advice.push(format!("check the spelling of --host: {host}"));
    advice.push(format!(
        "see whether this machine can look names up at all: getent hosts {host}"
    ));
    advice
}

pub(super) fn on_no_connection(kinds: &[ErrorKind], port: u16) -> Vec<String> {
    let mut advice = Vec::new();
    if kinds.contains(&ErrorKind::ConnectionRefused) {
        advice.push(format!(
            "nothing listens on port {port} there, or a firewall refuses it: check --host and --port"
        ));
    }
    if kinds.contains(&ErrorKind::TimedOut) {
        advice.push(format!(
            "a firewall drops the packets: let this machine connect out to TCP port {port}"
        ));
    }
    if kinds.contains(&ErrorKind::NetworkUnreachable) || kinds.contains(&ErrorKind::HostUnreachable)
    {
        advice.push(
            "this machine has no route there: check its network and its default route".to_owned(),
        );
    }
    if port != SERVICE_PORT {
        advice.push(format!("the service listens on port {SERVICE_PORT}"));
    }
    if advice.is_empty() {
        advice.push("check the network of this machine, --host and --port".to_owned());
    }
    advice
}

pub(super) fn on_no_handshake() -> Vec<String> {
    all([
        "this port takes connections but does not speak TLS: check --port, 2015 for the service",
        "a firewall lets the connection through but not its data: ask its operator",
    ])
}

/// What [`TlsError`] itself advises comes before.
pub(super) fn on_tls(error: &TlsError) -> Vec<String> {
    match error.kind() {
        "unknown-authority" => all([
            "a broker of one's own has an authority of its own: give its PEM file with --ca-file",
            "a proxy that opens TLS shows its own certificate: compare the key with the one that the broker's operator knows",
        ]),
        "wrong-name" => all([
            "the name in --host is another than the certificate's: an address or an alias needs --server-name",
        ]),
        "expired" => all([
            "if this machine's clock is wrong, set it: timedatectl",
            "if the clock is right, the server's operator must renew the certificate",
        ]),
        "not-yet-valid" => all(["set this machine's clock: timedatectl"]),
        "wrong-key" => all([
            "the server has a new key, or something answers in its place: ask its operator before you pin another",
        ]),
        "not-tls" | "closed-in-handshake" | "protocol" => all([
            "this port is not for TLS, or a proxy answers: check --host and --port, 2015 for the service",
        ]),
        _ => Vec::new(),
    }
}

/// The server's answer does not always say which of the three causes it is, so what speaks for one comes first.
pub(super) fn on_refusal(
    msg: &str,
    enterprise_id: &str,
    secret: &str,
    local: Option<SocketAddr>,
) -> Vec<String> {
    let mut advice = Vec::new();
    if let Some(oddity) = oddity(secret) {
        advice.push(format!(
            "the secret {oddity}: write it anew, on one line and without anything around it"
        ));
    }
    if let Some(oddity) = oddity(enterprise_id) {
        advice.push(format!(
            "the enterprise id {oddity}; correct --enterprise-id"
        ));
    }
    let msg = msg.to_ascii_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| msg.contains(word));
    let address = || match local.map(|local| local.ip()) {
        Some(ip) if is_private(ip) => format!(
            "add this machine's public address to the enterprise's IP allow-list; {ip}, which it has here, is not the one that the server sees"
        ),
        Some(ip) => format!("add this machine's address, {ip}, to the enterprise's IP allow-list"),
        None => "add this machine's public address to the enterprise's IP allow-list".to_owned(),
    };
    let id = || {
        "check the enterprise id: it is not the product key, nor the name of the account".to_owned()
    };
    let secret = || "check the enterprise secret; it changes when it is generated anew".to_owned();
    if says(&["white", "allow"]) {
        advice.push(address());
    } else if says(&["secret"]) {
        advice.extend([secret(), id(), address()]);
    } else {
        advice.extend([id(), secret(), address()]);
    }
    advice
}

pub(super) fn on_lost_login() -> Vec<String> {
    all([
        "a server that does not know this machine may close without an answer: check the IP allow-list",
        "see that --host and --port are those of the message broker 1.0",
    ])
}

pub(super) fn on_no_login_answer() -> Vec<String> {
    all([
        "the server speaks TLS, but perhaps not this protocol: check --host and --port",
        "a server under load answers late: raise --login-timeout",
    ])
}

pub(super) fn on_lost_session() -> Vec<String> {
    all([
        "the server ended the session right after the login: look for another client with the same enterprise id, then ask its operator",
    ])
}

pub(super) fn on_no_pong(invalid: Option<&str>) -> Vec<String> {
    let mut advice = Vec::new();
    if let Some(msg) = invalid {
        advice.push(format!(
            "the server said {msg:?}: it may speak another version of the protocol"
        ));
    }
    advice.extend(all([
        "the login works but pings are not answered: the link loses data, or the server is overloaded; try again, then raise --pong-timeout",
    ]));
    advice
}

/// What is strange about a text that somebody copied, without telling the text.
fn oddity(text: &str) -> Option<&'static str> {
    let quoted = |quote| text.len() > 1 && text.starts_with(quote) && text.ends_with(quote);
    if text.is_empty() {
        Some("is empty")
    } else if text.ends_with(['\n', '\r']) {
        Some("ends with a line break")
    } else if text.contains(['\n', '\r']) {
        Some("has more than one line")
    } else if text.ends_with(char::is_whitespace) {
        Some("ends with white space")
    } else if text.starts_with(char::is_whitespace) {
        Some("begins with white space")
    } else if text.starts_with('\u{feff}') {
        Some("begins with a byte order mark")
    } else if quoted('"') || quoted('\'') {
        Some("stands in quotes")
    } else if text.chars().any(|c| c.is_control()) {
        Some("has a control character in it")
    } else {
        None
    }
}

fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            address.is_private() || address.is_loopback() || address.is_link_local()
        }
        IpAddr::V6(address) => address.is_loopback() || address.is_unique_local(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_strange_about_a_secret_is_named_and_the_secret_is_not() {
        for (text, expected) in [
            ("", Some("is empty")),
            ("s3cr3t", None),
            ("s3cr3t\n", Some("ends with a line break")),
            ("s3cr3t\r", Some("ends with a line break")),
            ("a\ns3cr3t", Some("has more than one line")),
            ("s3cr3t ", Some("ends with white space")),
            ("\ts3cr3t", Some("begins with white space")),
            ("\u{feff}s3cr3t", Some("begins with a byte order mark")),
            ("\"s3cr3t\"", Some("stands in quotes")),
            ("\"", None),
            ("s3\0cr3t", Some("has a control character in it")),
        ] {
            assert_eq!(oddity(text), expected, "{text:?}");
            let advice = on_refusal("no", "id", text, None);
            assert!(advice.iter().all(|advice| !advice.contains("s3")));
        }
    }

    #[test]
    fn the_servers_words_decide_what_is_advised_first() {
        for (msg, expected) in [
            ("enterprise id not exist", "enterprise id"),
            ("enterprise secret error", "enterprise secret"),
            ("ip not in white list", "allow-list"),
            ("", "enterprise id"),
        ] {
            let advice = on_refusal(msg, "id", "secret", None);
            assert!(advice[0].contains(expected), "{msg}: {advice:?}");
            assert!(advice.iter().any(|advice| advice.contains("allow-list")));
        }
    }
}
