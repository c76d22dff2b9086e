//! In a poll loop of one's own (mio), with a socket that never blocks. Prints events, acks each once it is printed, and
//! connects anew when the link is gone. Plain TCP, for a tunnel or `noti broker --plain`:
//! NOTI_ADDRESS=127.0.0.1:2015 NOTI_ENTERPRISE_ID=… NOTI_ENTERPRISE_SECRET=… cargo run -p noti-tests --example poll_loop

mod link;

use std::{env, error::Error, io::ErrorKind, sync::LazyLock, thread, time::Duration};

use link::Link;
use mio::{Events, Interest, Poll, Token};
use noti_proto::driver::{Driver, DriverError};
use noti_proto::{Backoff, CloseReason, Config, Event, Inline, Instant, LineBuf, Login, Session};

fn main() -> Result<(), Box<dyn Error>> {
    let address = env::var("NOTI_ADDRESS")?;
    let login = Login {
        enterprise_id: &env::var("NOTI_ENTERPRISE_ID")?,
        enterprise_secret: &env::var("NOTI_ENTERPRISE_SECRET")?,
    };
    let mut session = Session::new(Config::default(), Inline::new())?;
    let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(60));
    loop {
        match serve(&address, &login, &mut session, &mut backoff) {
            Ok(CloseReason::LoginRefused) => return Err("the login was refused".into()),
            Ok(reason) => eprintln!("{reason}"),
            Err(error) => eprintln!("{error}"),
        }
        thread::sleep(backoff.next_delay(fastrand::u64(..)));
    }
}

fn now() -> Instant {
    static START: LazyLock<std::time::Instant> = LazyLock::new(std::time::Instant::now);
    Instant::ZERO.saturating_add(START.elapsed())
}

/// One connection, until it ends.
fn serve(
    address: &str,
    login: &Login<'_>,
    session: &mut Session<Inline<256, 5>>,
    backoff: &mut Backoff,
) -> Result<CloseReason, Box<dyn Error>> {
    let mut link = Link::connect(address)?;
    let (mut poll, mut ready) = (Poll::new()?, Events::with_capacity(1));
    let interest = Interest::READABLE | Interest::WRITABLE;
    poll.registry()
        .register(&mut link.stream, Token(0), interest)?;
    let mut lines = LineBuf::new(vec![0; 65536]);
    let mut driver = Driver::login(session, &mut lines, now, login)?;
    loop {
        let moved = driver.poll(&mut link, |event, session| match event {
            Event::Delivery(delivery) => {
                backoff.reset();
                println!("{}", String::from_utf8_lossy(delivery.line()));
                session.ack(delivery.token()).expect("its first ack");
            }
            Event::Pong => backoff.reset(),
            other => eprintln!("{other:?}"),
        });
        match moved {
            Ok(true) => continue,
            Ok(false) => {}
            Err(DriverError::Closed(reason)) => return Ok(reason),
            Err(error) => return Err(error.into()),
        }
        let deadline = driver.poll_timeout().unwrap_or_default();
        let left = deadline.saturating_duration_since(now());
        match poll.poll(&mut ready, Some(left)) {
            Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error.into()),
            _ => {}
        }
        for event in &ready {
            link.readable |= event.is_readable();
            link.writable |= event.is_writable();
        }
    }
}
