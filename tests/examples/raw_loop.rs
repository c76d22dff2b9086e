//! With nothing but the session: no driver, no runtime, memory that is sized when the program starts. Prints events, acks
//! each once it is printed, and connects anew when the link is gone. Plain TCP, for a tunnel or `noti broker --plain`:
//! NOTI_ADDRESS=127.0.0.1:2015 NOTI_ENTERPRISE_ID=… NOTI_ENTERPRISE_SECRET=… cargo run -p noti-tests --example raw_loop

use std::io::ErrorKind::{Interrupted, TimedOut, WouldBlock};
use std::io::{Read, Write};
use std::{env, error::Error, net::TcpStream, sync::LazyLock, thread, time::Duration};

use noti_proto::{Backoff, Borrowed, CloseReason, Config, Event, Instant, LineBuf, Login};
use noti_proto::{Session, Slot, State};

fn main() -> Result<(), Box<dyn Error>> {
    let address = env::var("NOTI_ADDRESS")?;
    let login = Login {
        enterprise_id: &env::var("NOTI_ENTERPRISE_ID")?,
        enterprise_secret: &env::var("NOTI_ENTERPRISE_SECRET")?,
    };
    let (mut transmit, mut slots) = (vec![0; 1024], vec![Slot::EMPTY; 5]);
    let mut session = Session::new(Config::default(), Borrowed::new(&mut transmit, &mut slots))?;
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
    session: &mut Session<Borrowed<'_>>,
    backoff: &mut Backoff,
) -> Result<CloseReason, Box<dyn Error>> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_write_timeout(Some(Duration::from_secs(30)))?;
    let mut lines = LineBuf::new(vec![0; 65536]);
    session.connected(now(), login)?;
    loop {
        while let bytes @ [_, ..] = session.poll_transmit(now()) {
            let length = bytes.len();
            stream.write_all(bytes)?;
            session.transmitted(now(), length);
        }
        if let State::Closed(reason) = session.state() {
            return Ok(reason);
        }
        let left = |at: Instant| at.saturating_duration_since(now()) + Duration::from_millis(1);
        stream.set_read_timeout(session.poll_timeout().map(left))?;
        match stream.read(lines.spare()) {
            Ok(0) => session.disconnected(now()),
            Ok(length) => {
                lines.commit(length);
                session.note_received(now());
            }
            Err(error) if matches!(error.kind(), WouldBlock | TimedOut | Interrupted) => {}
            Err(error) => return Err(error.into()),
        }
        // All that has arrived counts before a deadline does.
        while let Some(line) = lines.next_line() {
            match session.handle_line(now(), line) {
                Some(Event::Delivery(delivery)) => {
                    backoff.reset();
                    println!("{}", String::from_utf8_lossy(delivery.line()));
                    session.ack(delivery.token())?;
                }
                Some(Event::Pong) => backoff.reset(),
                Some(other) => eprintln!("{other:?}"),
                None => {}
            }
        }
        session.handle_timeout(now());
    }
}
