//! Which events `noti listen` writes, and which of their fields.

use noti_broker::{Account, Body, Broker, Source};
use noti_tests::command::noti;
use noti_tests::listener::{ENTERPRISE_ID, ENTERPRISE_SECRET, Finished, Listener, lines};

fn body(kind: &str, product_key: &str, did: &str, data: &str) -> Body {
    let text = format!(
        r#"{{"event_type":"{kind}","product_key":"{product_key}","did":"{did}","created_at":1.5e9,"data":{data}}}"#
    );
    Body::parse(&text).expect("an event")
}

/// Two products with two devices each, each with a status and a fault.
fn bodies() -> Vec<Body> {
    let mut bodies = Vec::new();
    for (product_key, did) in [("p", "a"), ("p", "b"), ("q", "c"), ("q", "温")] {
        bodies.push(body("device_status_kv", product_key, did, r#"{"k":1}"#));
        bodies.push(body("attr_fault", product_key, did, r#"{"value":1}"#));
    }
    bodies
}

fn broker(bodies: Vec<Body>) -> Broker {
    Broker::builder()
        .account(Account::new(ENTERPRISE_ID, ENTERPRISE_SECRET).source(Source::bodies(bodies)))
        .start()
        .unwrap()
}

fn listener(broker: &Broker) -> Listener {
    Listener::new(broker.address(), broker.ca_pem())
}

fn kind_and_did(finished: &Finished) -> Vec<String> {
    lines(&finished.stdout)
        .map(|line| String::from_utf8(line.to_vec()).unwrap())
        .collect()
}

#[test]
fn an_event_passes_when_each_filter_names_it_and_the_others_are_acked() {
    for (arguments, expected) in [
        (
            &["--did", "a"][..],
            &["device_status_kv\ta", "attr_fault\ta"][..],
        ),
        (
            &["--did", "a,温", "--event-type", "attr_fault"],
            &["attr_fault\ta", "attr_fault\t温"],
        ),
        (
            &["--product-key", "q", "--did", "a", "--did", "c"],
            &["device_status_kv\tc", "attr_fault\tc"],
        ),
        (
            &[
                "--event-type",
                "attr_fault",
                "--event-type",
                "attr_alert",
                "--product-key",
                "q",
            ],
            &["attr_fault\tc", "attr_fault\t温"],
        ),
    ] {
        // What comes last makes the count full, after everything else was seen.
        let mut sent = bodies();
        let last = expected.len();
        sent.push(body("attr_fault", "q", "c", "{}"));
        sent.push(body("attr_fault", "p", "a", "{}"));
        let broker = broker(sent);
        let count = (last + 1).to_string();

        let finished = listener(&broker)
            .args(arguments)
            .args(&["--select", "event_type,did", "--count", &count])
            .run();

        assert_eq!(finished.code(), Some(0), "{}", finished.stderr);
        let written = kind_and_did(&finished);
        assert_eq!(written[..last], *expected, "{arguments:?}");
        assert_eq!(written.len(), last + 1);
        let totals = broker.stop().totals;
        assert!(totals.acked > 8, "the filtered are acked: {totals}");
        assert_eq!(totals.client_errors, 0);
    }
}

#[test]
fn a_count_is_reached_though_acks_are_lost() {
    let mut sent = Vec::new();
    for number in 0..500 {
        sent.push(body("attr_fault", "p", &format!("d{number}"), "{}"));
        sent.push(body("device_status_kv", "p", "d", "{}"));
    }
    let broker = Broker::builder()
        .account(Account::new(ENTERPRISE_ID, ENTERPRISE_SECRET).source(Source::bodies(sent)))
        .fault("cut:mean=5000".parse().unwrap())
        .seed(3)
        .start()
        .unwrap();

    let finished = listener(&broker)
        .args(&[
            "--event-type",
            "attr_fault",
            "--select",
            "did",
            "--count",
            "500",
        ])
        .run();

    assert_eq!(finished.code(), Some(0), "{}", finished.stderr);
    let report = broker.stop();
    assert!(report.accepted > 10, "cut often: {}", report.accepted);
    assert_eq!(report.totals.client_errors, 0);
    // Of the acks that left, some died with their connections, and their events were written again.
    assert!(kind_and_did(&finished).len() >= 500);
}

#[test]
fn filters_come_from_variables_and_what_can_fit_nothing_is_an_error() {
    let broker = broker(bodies());
    let finished = listener(&broker)
        .env("NOTI_DID", "b, c")
        .env("NOTI_EVENT_TYPE", "attr_fault")
        .args(&["--select", "event_type,did", "--count", "2"])
        .run();
    assert_eq!(finished.code(), Some(0), "{}", finished.stderr);
    assert_eq!(kind_and_did(&finished), ["attr_fault\tb", "attr_fault\tc"]);

    // A filter that fits nothing would ack everything away.
    for (variable, value, expected) in [
        ("NOTI_EVENT_TYPE", "atr_fault", "attr_fault"),
        ("NOTI_DID", "", "it is empty"),
        ("NOTI_PRODUCT_KEY", "p,", "it is empty"),
    ] {
        let output = noti().arg("listen").env(variable, value).output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(stderr.contains(expected), "{stderr}");
    }
}

#[test]
fn chosen_fields_are_columns_that_shells_and_copy_read() {
    let sent = vec![
        body(
            "device_status_kv",
            "p",
            "a",
            r#"{"温度":21.5,"note":"a\tb\\c\nd\u001b[2J","list":[1,"x"]}"#,
        ),
        body("device_status_kv", "p", "b", r#"{"温度":null}"#),
    ];
    let broker = broker(sent);
    let finished = listener(&broker)
        .args(&[
            "--select",
            "delivery_id,did,created_at",
            "--select",
            "data.温度,data.note,data.list,mac",
        ])
        .args(&["--count", "2"])
        .run();
    assert_eq!(finished.code(), Some(0), "{}", finished.stderr);
    assert_eq!(
        String::from_utf8(finished.stdout).unwrap(),
        "1\ta\t1.5e9\t21.5\ta\\tb\\\\c\\nd\\x1b[2J\t[1,\"x\"]\t\n2\tb\t1.5e9\t\t\t\t\n"
    );
}

#[test]
fn select_and_format_do_not_go_together() {
    let output = noti()
        .args(["listen", "--select", "did", "--format", "pretty"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(stderr.contains("cannot be used with"), "{stderr}");
}
