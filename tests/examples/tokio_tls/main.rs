//! On tokio, over TLS. A task of its own prints the events and tells what to ack; `select!` drops a step of the driver for
//! each, which loses nothing. Connects anew when the link is gone. `SSL_CERT_FILE` may name roots of one's own:
//! NOTI_ADDRESS=HOST:PORT NOTI_ENTERPRISE_ID=… NOTI_ENTERPRISE_SECRET=… cargo run -p noti-tests --example tokio_tls

mod connect;
mod print;

use std::{env, io, sync::LazyLock, time::Duration};

use connect::{Link, connect};
use noti_proto::driver::{Driver, DriverError};
use noti_proto::{Backoff, CloseReason, Config, Event, Inline, Instant, LineBuf, Login, Session};
use tokio::{sync::mpsc, task::JoinSet, time::sleep};

const WINDOW: usize = 5;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let address = env::var("NOTI_ADDRESS")?;
    let login = Login {
        enterprise_id: &env::var("NOTI_ENTERPRISE_ID")?,
        enterprise_secret: &env::var("NOTI_ENTERPRISE_SECRET")?,
    };
    let mut session = Session::new(Config::default(), Inline::new())?;
    let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(60));
    loop {
        match connect(&address).await {
            Ok(link) => match serve(link, &login, &mut session, &mut backoff).await? {
                ended @ DriverError::Closed(CloseReason::LoginRefused) => return Err(ended.into()),
                ended => eprintln!("{ended}"),
            },
            Err(error) => eprintln!("{error}"),
        }
        sleep(backoff.next_delay(fastrand::u64(..))).await;
    }
}

fn now() -> Instant {
    static START: LazyLock<std::time::Instant> = LazyLock::new(std::time::Instant::now);
    Instant::ZERO.saturating_add(START.elapsed())
}

/// One connection, and why it ended; an error is one that no other connection mends.
async fn serve(
    mut link: Link,
    login: &Login<'_>,
    session: &mut Session<Inline<256, WINDOW>>,
    backoff: &mut Backoff,
) -> Result<DriverError<io::Error>> {
    // There is room for as many events as may be un-acked. The printer ends with the connection.
    let (to_print, to_be_printed) = mpsc::channel(WINDOW);
    let (printed, mut to_ack) = mpsc::channel(WINDOW);
    let mut printer = JoinSet::new();
    printer.spawn(print::print(to_be_printed, printed));
    let mut lines = LineBuf::new(vec![0; 65536]);
    let mut driver = Driver::login(session, &mut lines, now, login)?;
    loop {
        let sleep_until = |at: Instant| sleep(at.saturating_duration_since(now()));
        let step = driver.step(&mut link, sleep_until, |event, _| match event {
            Event::Delivery(delivery) => {
                backoff.reset();
                let _ = to_print.try_send((delivery.line().to_vec(), delivery.token()));
            }
            Event::Pong => backoff.reset(),
            other => eprintln!("{other:?}"),
        });
        tokio::select! {
            stepped = step => if let Err(ended) = stepped {
                return Ok(ended);
            },
            token = to_ack.recv() => {
                driver.session().ack(token.ok_or("stdout takes no more")?)?;
            }
        }
    }
}
