//! On embassy's executor. A task of its own prints the events and tells what to ack; a step of the driver is dropped for
//! each, which loses nothing. Connects anew when the link is gone. Plain TCP, for a tunnel or `noti broker --plain`:
//! NOTI_ADDRESS=127.0.0.1:2015 NOTI_ENTERPRISE_ID=… NOTI_ENTERPRISE_SECRET=… cargo run -p noti-tests --example embassy

mod clock;
mod print;

use std::{env, error::Error, net::TcpStream, process, time::Duration};

use clock::{now, sleep_until};
use embassy_futures::select::{Either, select};
use embedded_io_adapters::futures_03::FromFutures;
use noti_proto::driver::{Driver, DriverError};
use noti_proto::{Backoff, CloseReason, Config, Event, Inline, LineBuf, Login, Session};
use print::{LINE, PRINTED, TO_PRINT, WINDOW};

#[embassy_executor::main]
async fn main(spawner: embassy_executor::Spawner) {
    spawner.spawn(print::print().expect("its only start"));
    if let Err(error) = listen().await {
        eprintln!("{error}");
    }
    process::exit(1);
}

async fn listen() -> Result<(), Box<dyn Error>> {
    let address = env::var("NOTI_ADDRESS")?;
    let login = Login {
        enterprise_id: &env::var("NOTI_ENTERPRISE_ID")?,
        enterprise_secret: &env::var("NOTI_ENTERPRISE_SECRET")?,
    };
    let mut session = Session::new(Config::default(), Inline::new())?;
    let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(60));
    loop {
        match serve(&address, &login, &mut session, &mut backoff).await {
            Ok(CloseReason::LoginRefused) => return Err("the login was refused".into()),
            Ok(reason) => eprintln!("{reason}"),
            Err(error) => eprintln!("{error}"),
        }
        let delay = backoff.next_delay(fastrand::u64(..));
        sleep_until(now().saturating_add(delay)).await;
    }
}

/// One connection, until it ends.
async fn serve(
    address: &str,
    login: &Login<'_>,
    session: &mut Session<Inline<256, WINDOW>>,
    backoff: &mut Backoff,
) -> Result<CloseReason, Box<dyn Error>> {
    let stream = async_io::Async::new(TcpStream::connect(address)?)?;
    let mut link = FromFutures::new(stream);
    let mut lines = LineBuf::new([0; LINE]);
    let mut driver = Driver::login(session, &mut lines, now, login)?;
    // What an earlier connection has left comes again.
    TO_PRINT.clear();
    loop {
        let step = driver.step(&mut link, sleep_until, |event, _| match event {
            Event::Delivery(delivery) => {
                let line = heapless::Vec::from_slice(delivery.line()).unwrap_or_default();
                let _ = TO_PRINT.try_send((line, delivery.token()));
            }
            other => eprintln!("{other:?}"),
        });
        match select(step, PRINTED.receive()).await {
            Either::First(Ok(())) => {}
            Either::First(Err(DriverError::Closed(reason))) => return Ok(reason),
            Either::First(Err(error)) => return Err(error.into()),
            // One of an earlier connection acks nothing.
            Either::Second(token) if driver.session().ack(token).is_ok() => backoff.reset(),
            Either::Second(_) => {}
        }
    }
}
