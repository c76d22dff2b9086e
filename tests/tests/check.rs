//! `noti check` as a process: against a good broker, and against everything that goes wrong on the way to one.

use std::io::Write;
use std::net::{SocketAddr, TcpListener};
use std::process::Stdio;

use noti_broker::{Account, Broker, Fault, Generator, GeneratorConfig, Source};
use noti_tests::command::noti;
use noti_tests::listener::{ENTERPRISE_ID, ENTERPRISE_SECRET, write_secret};
use noti_tests::scripted::Server;
use serde_json::Value;
use tempfile::TempDir;

struct Checked {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

/// What a check needs, in a folder of its own.
struct Check {
    folder: TempDir,
    address: SocketAddr,
    host: String,
    ca_pem: String,
    secret: String,
}

impl Check {
    fn of(broker: &Broker) -> Self {
        Self::at(broker.address(), broker.ca_pem())
    }

    fn at(address: SocketAddr, ca_pem: &str) -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            address,
            host: "127.0.0.1".to_owned(),
            ca_pem: ca_pem.to_owned(),
            secret: format!("{ENTERPRISE_SECRET}\n"),
        }
    }

    fn secret(mut self, secret: &str) -> Self {
        secret.clone_into(&mut self.secret);
        self
    }

    fn host(mut self, host: &str) -> Self {
        host.clone_into(&mut self.host);
        self
    }

    fn run(&self, args: &[&str]) -> Checked {
        let (ca, secret) = (
            self.folder.path().join("ca"),
            self.folder.path().join("secret"),
        );
        std::fs::write(&ca, &self.ca_pem).unwrap();
        write_secret(&secret, &self.secret);
        let output = noti()
            .args(["check", "--host", &self.host])
            .args(["--port", &self.address.port().to_string()])
            .args(["--enterprise-id", ENTERPRISE_ID])
            .arg("--enterprise-secret-file")
            .arg(secret)
            .arg("--ca-file")
            .arg(ca)
            .args(args)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let checked = Checked {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        };
        let all = format!("{}{}", checked.stdout, checked.stderr);
        assert!(
            !all.contains("s3cr3t") && !all.contains("never-to-be-seen"),
            "{all}"
        );
        checked
    }

    /// What it prints, with TIME, PORT, DAYS, KEY and COUNT for what differs from run to run.
    fn report(&self, args: &[&str]) -> (Option<i32>, String) {
        let checked = self.run(args);
        let mut report = String::new();
        for line in checked.stdout.lines() {
            let mut line = line.replace(&self.address.port().to_string(), "PORT");
            if let Some(end) = line.find(" ms  ") {
                let start = line[..end].rfind(' ').unwrap() + 1;
                let name = line[..start].trim_end().to_owned();
                line = format!("{name} TIME {}", &line[end + 5..]);
            }
            for (before, after, name) in [(", in ", " days", "DAYS"), ("sha256/", "=", "KEY")] {
                if let Some(start) = line.find(before).map(|at| at + before.len())
                    && let Some(length) = line[start..].find(after)
                {
                    line.replace_range(start..start + length, name);
                }
            }
            // The first event may come before the pong or after it.
            if let Some(start) = line.find("events received: ") {
                line.truncate(start);
                line.push_str("events received: COUNT");
            }
            report.push_str(line.trim_end());
            report.push('\n');
        }
        (checked.code, report)
    }
}

fn broker_with(secret: &str, faults: &[&str]) -> Broker {
    let events = Generator::new(GeneratorConfig::default()).unwrap().take(10);
    let account = Account::new(ENTERPRISE_ID, secret).source(Source::bodies(events));
    let mut builder = Broker::builder().account(account);
    for fault in faults {
        builder = builder.fault(fault.parse::<Fault>().unwrap());
    }
    builder.start().unwrap()
}

fn broker(faults: &[&str]) -> Broker {
    broker_with(ENTERPRISE_SECRET, faults)
}

const DNS: &str = "checking 127.0.0.1, port PORT\ndns    ok TIME an address, not a name\n";
const TCP: &str = "tcp    ok TIME 127.0.0.1:PORT, from 127.0.0.1\n";
const TLS: &str = "tls    ok TIME TLS 1.3 with TLS13_AES_256_GCM_SHA384; \
    chain, name and dates are good, by an authority in --ca-file; \
    the certificate ends on 2200-01-01, in DAYS days; its key is sha256/KEY=\n";
const LOGIN: &str = "login  ok TIME accepted, with a prefetch of 1\n";

#[test]
fn a_good_broker_passes_every_step_and_gets_no_ack() {
    let broker = broker(&[]);
    let (code, report) = Check::of(&broker).report(&[]);
    let expected = [
        DNS,
        TCP,
        TLS,
        LOGIN,
        "ping   ok TIME answered\n",
        "logged in with a prefetch of 1 and acked nothing; events received: COUNT\n",
    ];
    assert_eq!(report, expected.concat());
    assert_eq!(code, Some(0));
    let totals = broker.stop();
    assert_eq!(totals.totals.acked, 0);
    assert!(totals.totals.delivered <= 1, "{totals}");
    assert_eq!(totals.totals.client_errors, 0, "{totals}");
    assert_eq!(totals.connections[0].prefetch, 1);
    assert!(totals.totals.pings >= 1);
}

#[test]
fn a_pinned_key_says_that_nothing_else_was_checked() {
    let broker = broker(&[]);
    let check = Check::of(&broker);
    let first = check.run(&["--json"]);
    let first: Value = serde_json::from_str(&first.stdout).unwrap();
    let pin = first["steps"][2]["pin"].as_str().unwrap();
    let port = broker.address().port().to_string();
    let output = noti()
        .args([
            "check",
            "--host",
            "localhost",
            "--port",
            &port,
            "--pin-sha256",
            pin,
        ])
        .args(["--enterprise-id", ENTERPRISE_ID])
        .env("NOTI_ENTERPRISE_SECRET", ENTERPRISE_SECRET)
        .output()
        .unwrap();
    let report = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{report}");
    assert!(
        report.contains("the key is pinned; chain, name and dates were not checked"),
        "{report}"
    );
    assert!(report.contains("127.0.0.1:"), "{report}");
}

#[test]
fn no_dns() {
    let broker = broker(&[]);
    let check = Check::of(&broker).host("no-such-host.invalid");
    let (code, report) = check.report(&[]);
    assert_eq!(code, Some(69));
    let mut lines = report.lines();
    assert_eq!(
        lines.next(),
        Some("checking no-such-host.invalid, port PORT")
    );
    // Why not is in the words of the system.
    let failure = lines.next().unwrap();
    assert!(
        failure.starts_with("dns    failed TIME no-such-host.invalid cannot be looked up: "),
        "{report}"
    );
    let rest: Vec<_> = lines.collect();
    assert_eq!(
        rest.join("\n"),
        "                         - check the spelling of --host: no-such-host.invalid
                         - see whether this machine can look names up at all: getent hosts no-such-host.invalid
tcp    skipped
tls    skipped
login  skipped
ping   skipped"
    );
}

#[test]
fn a_closed_port() {
    // Taken and given back: nobody listens there.
    let closed = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let (code, report) = Check::at(closed, broker(&[]).ca_pem()).report(&[]);
    assert_eq!(code, Some(69));
    let expected = "tcp    failed TIME cannot connect to 127.0.0.1:PORT: Connection refused (os error 111)
                         - nothing listens on port PORT there, or a firewall refuses it: check --host and --port
                         - the service listens on port 2015
tls    skipped
login  skipped
ping   skipped
";
    assert_eq!(report, [DNS, expected].concat());
}

#[test]
fn plain_tcp_that_answers_and_plain_tcp_that_does_not() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let answering = std::thread::spawn(move || {
        let (mut socket, _) = listener.accept().unwrap();
        socket.write_all(b"{\"cmd\":\"hello\"}\n").unwrap();
        // Until noti is gone.
        let _ = std::io::copy(&mut socket, &mut std::io::sink());
        listener
    });
    let stranger = broker(&[]);
    let check = Check::at(address, stranger.ca_pem());
    let (code, report) = check.report(&[]);
    assert_eq!(code, Some(69));
    let expected = "tls    failed TIME 127.0.0.1 does not speak TLS on this port; check host and port
                         - this port is not for TLS, or a proxy answers: check --host and --port, 2015 for the service
login  skipped
ping   skipped
";
    assert_eq!(report, [DNS, TCP, expected].concat());

    // From now on it takes connections, as a listening socket does by itself, and is silent.
    let _listener = answering.join().unwrap();
    let (code, report) = check.report(&["--connect-timeout", "200ms"]);
    assert_eq!(code, Some(69));
    let expected = "tls    failed TIME no TLS handshake within 200ms
                         - this port takes connections but does not speak TLS: check --port, 2015 for the service
                         - a firewall lets the connection through but not its data: ask its operator
login  skipped
ping   skipped
";
    assert_eq!(report, [DNS, TCP, expected].concat());
}

#[test]
fn certificates_that_are_not_good() {
    for (fault, expected) in [
        (
            "wrong-certificate",
            "the certificate of 127.0.0.1 is for wrong-name.invalid; connect to that host, or expect that name with --server-name
                         - the name in --host is another than the certificate's: an address or an alias needs --server-name
",
        ),
        (
            "self-signed-certificate",
            "no trusted authority vouches for the certificate of 127.0.0.1; name its authority with --ca-file, or if its operator confirms its key, pin it with --pin-sha256 sha256/KEY=
                         - a broker of one's own has an authority of its own: give its PEM file with --ca-file
                         - a proxy that opens TLS shows its own certificate: compare the key with the one that the broker's operator knows
",
        ),
    ] {
        let broker = broker(&[fault]);
        let (code, report) = Check::of(&broker).report(&[]);
        assert_eq!(code, Some(69));
        let expected = format!("tls    failed TIME {expected}login  skipped\nping   skipped\n");
        assert_eq!(report, [DNS, TCP, &expected].concat());
        let report = broker.stop();
        assert_eq!((report.logins, report.logins_refused), (0, 0));
    }
}

#[test]
fn certificates_that_are_out_of_date() {
    // The error names today.
    for (fault, start, advice) in [
        (
            "expired-certificate",
            "the certificate of 127.0.0.1 ended on 2001-01-01, and this machine's clock says 20",
            "                         - if this machine's clock is wrong, set it: timedatectl
                         - if the clock is right, the server's operator must renew the certificate
",
        ),
        (
            "early-certificate",
            "the certificate of 127.0.0.1 begins on 2100-01-01, and this machine's clock says 20",
            "                         - set this machine's clock: timedatectl\n",
        ),
    ] {
        let broker = broker(&[fault]);
        let (code, report) = Check::of(&broker).report(&[]);
        assert_eq!(code, Some(69));
        let start = [DNS, TCP, "tls    failed TIME ", start].concat();
        assert!(report.starts_with(&start), "{report}");
        let end = format!("\n{advice}login  skipped\nping   skipped\n");
        assert!(report.ends_with(&end), "{report}");
    }
}

#[test]
fn a_refused_login() {
    let broker = broker_with("another secret", &[]);
    let check = Check::of(&broker);
    let refused = "login  failed TIME the server refused the login: \"enterprise secret error\"\n";
    let advice = "                         - check the enterprise secret; it changes when it is generated anew
                         - check the enterprise id: it is not the product key, nor the name of the account
                         - add this machine's public address to the enterprise's IP allow-list; 127.0.0.1, which it has here, is not the one that the server sees
ping   skipped
";
    let (code, report) = check.report(&[]);
    assert_eq!(code, Some(77));
    assert_eq!(report, [DNS, TCP, TLS, refused, advice].concat());

    for (secret, oddity) in [
        ("another secret \n", "ends with white space"),
        ("another secret\n\n", "ends with a line break"),
        ("\"another secret\"", "stands in quotes"),
    ] {
        let (code, report) = Check::of(&broker).secret(secret).report(&[]);
        assert_eq!(code, Some(77));
        let hint = format!(
            "                         - the secret {oddity}: write it anew, on one line and without anything around it\n"
        );
        assert_eq!(report, [DNS, TCP, TLS, refused, &hint, advice].concat());
    }
    // One newline is what an editor leaves.
    assert_eq!(
        Check::of(&broker).secret("another secret\n").report(&[]).0,
        Some(0)
    );
}

/// A server that repeats the login in its words, in each of the places where they are shown.
#[test]
fn a_server_that_repeats_the_login_does_not_bring_the_secret_to_light() {
    let server = Server::start();
    for (args, is_refused) in [
        (&[][..], true),
        (&["--json"], true),
        (&["--pong-timeout", "100ms"], false),
    ] {
        let checked = std::thread::scope(|scope| {
            let check = Check::at(server.address(), server.ca_pem());
            let checking = scope.spawn(move || check.run(args));
            let mut peer = server.accept();
            let login = peer.line();
            assert!(login.contains("s3cr3t"));
            let login = serde_json::to_string(&login).unwrap();
            if is_refused {
                peer.send(
                    format!("{{\"cmd\":\"enterprise_login_res\",\"data\":{{\"result\":false,\"msg\":{login}}}}}\n").as_bytes(),
                );
            } else {
                peer.send(b"{\"cmd\":\"enterprise_login_res\",\"data\":{\"result\":true,\"msg\":\"ok\"}}\n");
                peer.line();
                peer.send(format!("{{\"cmd\":\"invalid_msg\",\"msg\":{login}}}\n").as_bytes());
            }
            checking.join().unwrap()
        });
        // That neither output holds the secret is looked at for every run.
        assert!(checked.stdout.contains("***"), "{}", checked.stdout);
        assert_eq!(checked.code, Some(if is_refused { 77 } else { 69 }));
    }
}

#[test]
fn a_login_and_a_ping_without_an_answer() {
    let silent = broker(&["no-login-answer"]);
    let (code, report) = Check::of(&silent).report(&["--login-timeout", "200ms"]);
    assert_eq!(code, Some(69));
    let expected = "login  failed TIME the server did not answer the login within 200ms
                         - the server speaks TLS, but perhaps not this protocol: check --host and --port
                         - a server under load answers late: raise --login-timeout
ping   skipped
";
    assert_eq!(report, [DNS, TCP, TLS, expected].concat());

    let silent = broker(&["no-pong"]);
    let (code, report) = Check::of(&silent).report(&["--pong-timeout", "200ms"]);
    assert_eq!(code, Some(69));
    let expected = "ping   failed TIME the server did not answer a ping within 200ms
                         - the login works but pings are not answered: the link loses data, or the server is overloaded; try again, then raise --pong-timeout
logged in with a prefetch of 1 and acked nothing; events received: COUNT
";
    assert_eq!(report, [DNS, TCP, TLS, LOGIN, expected].concat());
}

#[test]
fn a_server_that_ends_the_connection() {
    let cutting = broker(&["drop:bytes=10"]);
    let (code, report) = Check::of(&cutting).report(&[]);
    assert_eq!(code, Some(69));
    let expected = "login  failed TIME the server closed the connection
                         - a server that does not know this machine may close without an answer: check the IP allow-list
                         - see that --host and --port are those of the message broker 1.0
ping   skipped
";
    assert_eq!(report, [DNS, TCP, TLS, expected].concat());

    let cutting = broker(&["drop:events=1,how=truncate", "no-pong"]);
    let (code, report) = Check::of(&cutting).report(&[]);
    assert_eq!(code, Some(69));
    let expected = "ping   failed TIME the connection broke off: it ended without TLS saying so
                         - the server ended the session right after the login: look for another client with the same enterprise id, then ask its operator
logged in with a prefetch of 1 and acked nothing; events received: COUNT
";
    assert_eq!(report, [DNS, TCP, TLS, LOGIN, expected].concat());
}

#[test]
fn json_is_one_object_with_the_same_facts() {
    let broker = broker(&[]);
    let checked = Check::of(&broker).run(&["--json"]);
    assert_eq!(checked.code, Some(0), "{}", checked.stderr);
    assert_eq!(checked.stdout.lines().count(), 1);
    let report: Value = serde_json::from_str(&checked.stdout).unwrap();
    assert_eq!(report["passed"], true);
    assert!(report["events_received"].as_u64().unwrap() <= 1);
    assert_eq!(report["events_acked"], 0);
    let results: Vec<_> = report["steps"].as_array().unwrap().iter().collect();
    let names: Vec<_> = results
        .iter()
        .map(|step| step["step"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["dns", "tcp", "tls", "login", "ping"]);
    assert!(
        results
            .iter()
            .all(|step| step["result"] == "ok" && step["seconds"].is_f64())
    );
    assert_eq!(results[0]["addresses"][0], "127.0.0.1");
    assert_eq!(results[1]["address"], broker.address().to_string());
    assert_eq!(results[2]["version"], "TLS 1.3");
    assert_eq!(results[2]["not_after"], "2200-01-01");
    assert!(results[2]["pin"].as_str().unwrap().starts_with("sha256/"));

    let refusing = broker_with("another secret", &[]);
    let checked = Check::of(&refusing).run(&["--json"]);
    assert_eq!(checked.code, Some(77));
    let said = checked.stderr.lines().last();
    assert_eq!(said, Some("noti: the check failed at login"));
    let report: Value = serde_json::from_str(&checked.stdout).unwrap();
    assert_eq!(report["passed"], false);
    assert_eq!(report["events_received"], Value::Null);
    let login = &report["steps"][3];
    assert_eq!(
        (&login["result"], &login["kind"]),
        (&"failed".into(), &"login_refused".into())
    );
    assert_eq!(login["advice"].as_array().unwrap().len(), 3);
    let skipped = serde_json::json!({"step": "ping", "result": "skipped"});
    assert_eq!(report["steps"][4], skipped);
}

#[test]
fn settings_that_are_missing_or_wrong() {
    let broker = broker(&[]);
    let port = broker.address().port().to_string();
    for (args, expected) in [
        (
            &["--ca-file", "/nowhere"][..],
            "the CA file /nowhere cannot be read",
        ),
        (
            &["--host", "not a name"],
            "neither a host name nor an IP address",
        ),
        (
            &["--host", "localhost", "--pin-sha256", "x"],
            "--pin-sha256",
        ),
    ] {
        let output = noti().arg("check").args(args).output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{stderr}");
        assert!(stderr.contains(expected), "{stderr}");
    }
    // Without an account the first three steps are good for something, too.
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("ca");
    std::fs::write(&ca, broker.ca_pem()).unwrap();
    let output = noti()
        .args(["check", "--host", "localhost", "--port", &port, "--ca-file"])
        .arg(ca)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    let report = String::from_utf8(output.stdout).unwrap();
    assert!(report.contains("its key is sha256/"), "{report}");
    assert!(
        report.contains("no enterprise id; give --enterprise-id or NOTI_ENTERPRISE_ID"),
        "{report}"
    );
}

#[test]
fn each_step_is_printed_as_it_happens() {
    use std::io::{BufRead, BufReader};
    // It takes connections, and never says a word: TLS is under way while the first lines are read.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port().to_string();
    let mut child = noti()
        .args([
            "check",
            "--host",
            "127.0.0.1",
            "--port",
            &port,
            "--connect-timeout",
            "1h",
        ])
        .args(["--pin-sha256", &"0".repeat(64)])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let stdout = BufReader::new(child.stdout.take().unwrap());
    let lines: Vec<_> = stdout.lines().take(3).map(Result::unwrap).collect();
    assert!(lines[2].starts_with("tcp    ok"), "{lines:?}");
    // A socket with a timeout and a client that is killed need no grace.
    assert_eq!(child.try_wait().unwrap(), None);
    child.kill().unwrap();
    child.wait().unwrap();
    drop(silent);
}
