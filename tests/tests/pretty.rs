//! What people see of `noti listen` on a terminal.
#![cfg(unix)]

use std::process::Stdio;

use noti_broker::{Account, Body, Broker, Source};
use noti_tests::command::noti;
use noti_tests::listener::{ENTERPRISE_ID, ENTERPRISE_SECRET, Listener};
use noti_tests::terminal::Terminal;

const DID: &str = "gSFMEh75kSQ46ecqAYiJ4h";

/// An event of a device at a second after 15:15:47 in Guangzhou.
fn body(second: u32, kind: &str, rest: &str) -> Body {
    let created_at = 1_499_843_747 + second;
    let text = format!(
        r#"{{"event_type":"{kind}","product_key":"p","did":"{DID}","mac":"5ccf7f0fdac8","created_at":{created_at}.5,{rest}}}"#
    );
    Body::parse(&text).expect("an event")
}

fn story() -> Vec<Body> {
    vec![
        body(
            0,
            "device_online",
            r#""ip":"203.0.113.106","country":"中国","region":"广东","city":"广州""#,
        ),
        body(
            1,
            "device_status_kv",
            r#""data":{"空气质量":"优","PM25":12,"门锁状态":"已上锁🔒"}"#,
        ),
        body(
            2,
            "device_status_kv",
            r#""data":{"空气质量":"差","PM25":12,"门锁状态":"已上锁🔒"}"#,
        ),
        body(
            3,
            "device_status_kv",
            r#""data":{"空气质量":"差","PM25":12}"#,
        ),
        body(
            4,
            "attr_fault",
            r#""data":{"attr_name":"fault_sensor","attr_displayname":"传感器故障","value":1}"#,
        ),
        body(
            5,
            "attr_alert",
            r#""data":{"attr_name":"overheat","attr_displayname":"过热报警🔥","value":0}"#,
        ),
        body(
            6,
            "device_status_raw",
            r#""data":{"raw":"AAAAAwcAAJEEAQID"}"#,
        ),
        body(
            7,
            "device_status_kv",
            r#""data":{"备注":"\u001b[2J\u001b]0;title\u0007长长长长长长长长长长长长","湿度":40,"模式":"制冷/除湿","亮度":7}"#,
        ),
        body(8, "device_offline", r#""group_id":null"#),
    ]
}

fn account(source: Source) -> Account {
    Account::new(ENTERPRISE_ID, ENTERPRISE_SECRET).source(source)
}

fn broker(source: Source) -> Broker {
    Broker::builder().account(account(source)).start().unwrap()
}

fn listener(broker: &Broker) -> Listener {
    Listener::new(broker.address(), broker.ca_pem())
        // In the form of POSIX, which needs no files.
        .env("TZ", "CST-8")
        .env("TERM", "xterm-256color")
        .env("NO_COLOR", "")
}

/// The whole story on a terminal of this width: its screen, and the bytes.
fn show(columns: u16, prepare: impl FnOnce(Listener) -> Listener) -> (Vec<String>, String) {
    let broker = broker(Source::bodies(story()));
    let terminal = Terminal::new(24, columns);
    let listener = prepare(listener(&broker).args(&["-q", "--count", "9"]));
    let (mut child, _folder) = listener.start_on(terminal.output(), Stdio::null());
    assert!(child.wait().unwrap().success());
    let totals = broker.stop().totals;
    assert_eq!((totals.acked, totals.client_errors), (9, 0));
    terminal.finish()
}

#[test]
fn a_wide_screen_shows_each_event_in_a_line() {
    let (screen, bytes) = show(110, |listener| listener);
    assert_eq!(
        screen,
        [
            "07-12 15:15:47  online   gSFMEh75kSQ46ecqAYiJ4h  203.0.113.106  广州, 广东, 中国  5ccf7f0fdac8",
            "07-12 15:15:48  status   gSFMEh75kSQ46ecqAYiJ4h  空气质量 优  PM25 12  门锁状态 已上锁🔒",
            "07-12 15:15:49  status   gSFMEh75kSQ46ecqAYiJ4h  空气质量 优→差",
            "07-12 15:15:50  status   gSFMEh75kSQ46ecqAYiJ4h  no change in 2",
            "07-12 15:15:51  fault    gSFMEh75kSQ46ecqAYiJ4h  raised 传感器故障 (fault_sensor)",
            "07-12 15:15:52  alert    gSFMEh75kSQ46ecqAYiJ4h  cleared 过热报警🔥 (overheat)",
            "07-12 15:15:53  raw      gSFMEh75kSQ46ecqAYiJ4h  12 bytes  00 00 00 03 07 00 00 91 04 01 02 03",
            "07-12 15:15:54  status   gSFMEh75kSQ46ecqAYiJ4h  备注 \\u{1b}[2J\\u{1b}]0;title…  湿度 40  模式 制冷/除湿  +1",
            "07-12 15:15:55  offline  gSFMEh75kSQ46ecqAYiJ4h  5ccf7f0fdac8",
        ]
    );
    assert!(bytes.contains("\u{1b}[36mstatus\u{1b}[0m"), "{bytes:?}");
}

#[test]
fn a_narrow_screen_cuts_lines_and_wraps_none() {
    let (screen, _) = show(60, |listener| listener);
    assert_eq!(
        screen,
        [
            "07-12 15:15:47  online   gSFMEh75k…  203.0.113.106  广州, …",
            "07-12 15:15:48  status   gSFMEh75k…  空气质量 优  +2",
            "07-12 15:15:49  status   gSFMEh75k…  空气质量 优→差",
            "07-12 15:15:50  status   gSFMEh75k…  no change in 2",
            "07-12 15:15:51  fault    gSFMEh75k…  raised 传感器故障 (fau…",
            "07-12 15:15:52  alert    gSFMEh75k…  cleared 过热报警🔥 (ov…",
            "07-12 15:15:53  raw      gSFMEh75k…  12 bytes  00 00 00 03 …",
            "07-12 15:15:54  status   gSFMEh75k…  备注 \\u{1b}[2J\\u{1b}]0…",
            "07-12 15:15:55  offline  gSFMEh75k…  5ccf7f0fdac8",
        ]
    );
}

#[test]
fn colors_are_for_terminals_that_want_them() {
    for (variables, arguments, colored) in [
        (&[][..], &[][..], true),
        (&[("NO_COLOR", "1")], &[], false),
        (&[("NO_COLOR", "1")], &["--color", "always"], true),
        (&[], &["--color", "never"], false),
        (&[("NOTI_COLOR", "never")], &[], false),
        (&[("TERM", "dumb")], &[], false),
    ] {
        let (screen, bytes) = show(110, |listener| {
            let listener = listener.args(arguments);
            variables.iter().fold(listener, |listener, (name, value)| {
                listener.env(name, value)
            })
        });
        assert_eq!(
            bytes.contains('\u{1b}'),
            colored,
            "{variables:?} {arguments:?}"
        );
        assert_eq!(screen.len(), 9);
    }
}

#[test]
fn raw_on_a_terminal_and_pretty_in_a_pipe_are_to_be_had() {
    let (_, bytes) = show(110, |listener| listener.args(&["--format", "raw"]));
    assert!(
        bytes.starts_with(r#"{"cmd":"enterprise_event_push","#),
        "{bytes}"
    );
    assert_eq!(bytes.lines().count(), 9);

    let broker = broker(Source::bodies(story()));
    let finished = listener(&broker)
        .args(&["-q", "--count", "9", "--format", "pretty"])
        .run();
    let text = String::from_utf8(finished.stdout).unwrap();
    assert!(!text.contains('\u{1b}'), "{text}");
    // Nothing is cut where there is no width.
    assert!(
        text.contains("长长长长长长长长长长长长  湿度 40  模式 制冷/除湿  亮度 7\n"),
        "{text}"
    );
    assert_eq!(finished.stderr, "");
}

#[test]
fn the_status_line_stays_on_the_terminal_of_stderr_and_vanishes_in_the_end() {
    // The link is cut once, after two seconds.
    let broker = Broker::builder()
        .account(account(Source::cycle(story()).rate(50.0)))
        .fault("drop:events=100".parse().unwrap())
        .start()
        .unwrap();
    let (events, diagnostics) = (Terminal::new(24, 110), Terminal::new(24, 110));
    let listener = listener(&broker).args(&["--did", DID, "--event-type", "attr_fault"]);
    let (mut child, _folder) = listener.start_on(events.output(), diagnostics.output());

    events.wait_for("raised");
    diagnostics.wait_for("events/s  in flight ");
    diagnostics.wait_for("  reconnects 0  lag ");
    diagnostics.wait_for("  filtered out ");
    diagnostics.wait_for("connecting anew");
    diagnostics.wait_for("  reconnects 1  lag ");
    let screen = diagnostics.screen();
    let lines = screen.iter().filter(|row| row.contains("events/s"));
    assert_eq!(lines.count(), 1, "{screen:?}");
    assert!(screen.last().unwrap().contains("events/s"), "{screen:?}");

    let pid = child.id().to_string();
    let killed = std::process::Command::new("kill")
        .args(["-s", "TERM", &pid])
        .status();
    assert!(killed.unwrap().success());
    assert!(child.wait().unwrap().success());
    let (screen, _) = diagnostics.finish();
    assert!(
        !screen.iter().any(|row| row.contains("events/s")),
        "{screen:?}"
    );
    assert!(
        screen.iter().any(|row| row.contains("logged in")),
        "{screen:?}"
    );
    let (_, bytes) = events.finish();
    assert!(!bytes.contains("events/s"), "{bytes}");
}

#[test]
fn events_and_the_status_line_share_a_terminal() {
    let broker = broker(Source::bodies(story()).rate(20.0));
    let terminal = Terminal::new(24, 110);
    let listener = listener(&broker).args(&["-q", "--count", "9"]);
    let (mut child, _folder) = listener.start_on(terminal.output(), terminal.output());
    terminal.wait_for("events/s");
    assert!(child.wait().unwrap().success());
    let (screen, _) = terminal.finish();
    assert_eq!(screen.len(), 9, "{screen:#?}");
    assert!(
        screen[8].starts_with("07-12 15:15:55  offline"),
        "{screen:#?}"
    );
    assert!(
        screen.iter().all(|row| row.starts_with("07-12 ")),
        "{screen:#?}"
    );
}

#[test]
fn the_demo_is_pretty_on_a_terminal() {
    let terminal = Terminal::new(40, 110);
    let mut demo = noti();
    let demo = demo
        .args(["-q", "demo", "--count", "20", "--rate", "1000"])
        .env("TERM", "xterm");
    let demo = demo.stdout(terminal.output()).stderr(terminal.output());
    assert!(demo.status().unwrap().success());
    // The command holds the program's end of the terminal.
    demo.stdout(Stdio::null()).stderr(Stdio::null());
    let (screen, _) = terminal.finish();
    assert_eq!(screen.len(), 21, "{screen:#?}");
    assert!(screen[0].contains("  online   "), "{screen:#?}");
    assert!(screen[20].contains("delivered 20, acked 20"), "{screen:#?}");
}
