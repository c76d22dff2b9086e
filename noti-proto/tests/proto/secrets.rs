//! Credentials: overwritten once they have left, and shown nowhere.

use noti_proto::{Borrowed, Config, Event, Inline, Instant, LineBuf, Login, Session, Slot};

use crate::story::{ACCEPTED, Client};

const SECRET: Login<'static> = Login {
    enterprise_id: "the-enterprise-id",
    enterprise_secret: "the-enterprise-secret",
};

fn holds_secret(bytes: &[u8]) -> bool {
    bytes
        .windows(8)
        .any(|window| [&b"the-ente"[..], b"e-secret", b"prise-id"].contains(&window))
}

/// Logs in with memory of its own, lets `then` happen, and says whether the memory holds anything of the credentials.
fn memory_after(then: impl FnOnce(&mut Session<Borrowed<'_>>)) -> bool {
    let mut tx = [0; 256];
    let mut slots = [Slot::EMPTY; 5];
    let mut session = Session::new(Config::default(), Borrowed::new(&mut tx, &mut slots)).unwrap();
    session.connected(Instant::ZERO, &SECRET).unwrap();
    assert!(holds_secret(session.poll_transmit(Instant::ZERO)));
    then(&mut session);
    holds_secret(&tx)
}

/// L1: each byte of the login is overwritten as soon as the transport has taken it.
#[test]
fn the_login_is_overwritten_as_it_leaves() {
    let now = Instant::ZERO;
    let length = {
        let mut session = Session::new(Config::default(), Inline::<256, 5>::new()).unwrap();
        session.connected(now, &SECRET).unwrap();
        session.poll_transmit(now).len()
    };
    assert!(!memory_after(|session| session.transmitted(now, usize::MAX)));
    assert!(!memory_after(
        |session| (0..length).for_each(|_| session.transmitted(now, 1))
    ));
    assert!(
        !memory_after(|session| session.transmitted(now, length - 10)),
        "but for `_count\":5}}`"
    );
    assert!(
        memory_after(|session| session.transmitted(now, 20)),
        "the rest has to leave yet"
    );
}

/// L1, F4: a login that did not leave is overwritten when the connection ends, however it does.
#[test]
fn a_login_that_did_not_leave_is_overwritten_too() {
    let now = Instant::ZERO;
    assert!(!memory_after(|session| session.disconnected(now)));
    assert!(!memory_after(
        |session| session.handle_timeout(Instant::from_millis(30_000))
    ));
    assert!(!memory_after(|session| {
        session.transmitted(now, 60);
        session.disconnected(now);
    }));
    assert!(!memory_after(|session| {
        let other = Login {
            enterprise_id: "",
            enterprise_secret: "",
        };
        session.connected(now, &other).unwrap();
        assert!(!holds_secret(session.poll_transmit(now)));
    }));
    assert!(!memory_after(|session| {
        let refused = noti_proto::Line::whole(crate::story::REFUSED.as_bytes());
        assert!(session.handle_line(now, refused).is_some());
    }));
    assert!(!memory_after(|session| {
        let long = "x".repeat(300);
        let other = Login {
            enterprise_id: "x",
            enterprise_secret: &long,
        };
        assert!(session.connected(now, &other).is_err());
    }));
}

/// L1: a login that does not fit leaves nothing of itself in the buffer.
#[test]
fn a_login_that_does_not_fit_is_not_left_in_the_buffer() {
    let mut tx = [0; 128];
    let mut slots = [Slot::EMPTY; 5];
    let mut session = Session::new(Config::default(), Borrowed::new(&mut tx, &mut slots)).unwrap();
    assert!(session.connected(Instant::ZERO, &SECRET).is_err());
    assert_eq!(tx, [0; 128]);
}

/// L1: the storage comes back without the login.
#[test]
fn the_storage_comes_back_clean() {
    let mut tx = [0; 256];
    let mut slots = [Slot::EMPTY; 5];
    let mut session = Session::new(Config::default(), Borrowed::new(&mut tx, &mut slots)).unwrap();
    session.connected(Instant::ZERO, &SECRET).unwrap();
    let _ = session.into_storage();
    assert!(!holds_secret(&tx));
}

/// What `Debug` shows, as text and as the numbers of bytes.
fn shows_secret(debug: &str) -> bool {
    let numbers = format!("{:?}", SECRET.enterprise_secret.as_bytes());
    let numbers = numbers.trim_matches(['[', ']']);
    debug.contains("the-enterprise") || debug.contains(numbers)
}

/// L1: no `Debug` shows the credentials: of the login, of the session that is about to send it, or of its memory.
#[test]
fn debug_shows_no_credentials() {
    let mut session = Session::new(Config::default(), Inline::<256, 5>::new()).unwrap();
    session.connected(Instant::ZERO, &SECRET).unwrap();
    let mut shown = vec![
        format!("{SECRET:?}"),
        format!("{session:?}"),
        format!("{:#?}", Slot::EMPTY),
    ];
    let error = {
        let mut small = Session::new(Config::default(), Inline::<96, 5>::new()).unwrap();
        small.connected(Instant::ZERO, &SECRET).unwrap_err()
    };
    shown.push(format!("{error:?} {error}"));
    let mut inline = Inline::<256, 5>::new();
    let mut session = Session::new(Config::default(), &mut inline).unwrap();
    session.connected(Instant::ZERO, &SECRET).unwrap();
    shown.push(format!("{inline:?}"));
    shown.push(format!("{:?}", noti_proto::Storage::parts(&mut inline)));
    let (mut tx, mut slots) = ([0; 256], [Slot::EMPTY; 5]);
    let mut borrowed = Borrowed::new(&mut tx, &mut slots);
    let mut session = Session::new(Config::default(), &mut borrowed).unwrap();
    session.connected(Instant::ZERO, &SECRET).unwrap();
    shown.push(format!("{borrowed:?}"));
    assert!(holds_secret(&tx), "it was there to be shown");
    for shown in shown {
        assert!(!shows_secret(&shown), "{shown}");
    }
}

/// L1: a buffer or a line that received a login, as a broker's does, shows nothing of it.
#[test]
fn debug_of_received_bytes_shows_none_of_them() {
    let login =
        br#"{"cmd":"enterprise_login_req","data":{"enterprise_secret":"the-enterprise-secret"}}"#;
    let mut buffer = LineBuf::new([0; 256]);
    buffer.spare()[..login.len()].copy_from_slice(login);
    buffer.commit(login.len());
    assert!(!shows_secret(&format!("{buffer:?}")));
    buffer.spare()[0] = b'\n';
    buffer.commit(1);
    assert!(!shows_secret(&format!("{:?}", buffer.next_line())));
    assert!(!shows_secret(&format!(
        "{:?}",
        noti_proto::Line::whole(login)
    )));
}

/// L1: what they show in place of the bytes is how much there is.
#[test]
fn debug_of_received_bytes_shows_how_much_there_is() {
    let mut buffer = LineBuf::new([0; 4]);
    buffer.spare().copy_from_slice(b"a\nbc");
    buffer.commit(4);
    assert_eq!(format!("{buffer:?}"), "LineBuf { buffered: 4, .. }");
    let whole = format!("{:?}", buffer.next_line());
    assert_eq!(whole, "Some(Line { is_part: false, is_last: true, .. })");
    assert!(buffer.next_line().is_none());
    buffer.spare().copy_from_slice(b"de");
    buffer.commit(2);
    let part = format!("{:?}", buffer.next_line());
    assert_eq!(part, "Some(Line { is_part: true, is_last: false, .. })");
}

/// A2, L1: a slot shows how it stands, not what was kept in it.
#[test]
fn debug_of_a_slot_shows_how_it_stands() {
    let mut tx = [0; 256];
    let mut slots = [Slot::EMPTY; 2];
    let mut config = Config::default();
    config.prefetch = 2;
    let mut client = Client::new(config, Borrowed::new(&mut tx, &mut slots));
    client.is_let_in();
    let token = client.gets("\"the-enterprise\"");
    let _ = client.gets("2");
    client.acks(token);
    assert_eq!(
        format!("{slots:?}"),
        "[Slot { state: Acked, serial: 0, .. }, Slot { state: Held, serial: 1, .. }]"
    );
}

/// A1, L1: once logged in, the session shows how it stands.
#[test]
fn debug_of_a_session_shows_how_it_stands() {
    let mut client = Client::logging_in();
    assert!(matches!(client.reads(ACCEPTED), Some(Event::LoggedIn)));
    let token = client.gets("1");
    let _ = client.gets("2");
    client.acks(token);
    let shown = format!("{:?}", client.session);
    assert_eq!(
        shown,
        "Session { state: LoggedIn, in_flight: 1, queued_acks: 1, .. }"
    );
}
