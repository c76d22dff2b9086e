//! On embassy's executor. A task of its own prints the events and tells what to ack; a step of the driver is dropped for
//! each, which loses nothing. Connects anew when the link is gone. Plain TCP, for a tunnel or `noti broker --plain`:
//! NOTI_ADDRESS=127.0.0.1:2015 NOTI_ENTERPRISE_ID=… NOTI_ENTERPRISE_SECRET=… cargo run -p noti-tests --example embassy

mod clock;
mod connect;
mod print;

use std::{env, error::Error, net::SocketAddr, process, time::Duration};

use clock::{now, sleep_until};
use connect::connect;
use embassy_futures::select::{Either, select};
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
    let address = env::var("NOTI_ADDRESS")?.parse()?;
    let login = Login {
        enterprise_id: &env::var("NOTI_ENTERPRISE_ID")?,
        enterprise_secret: &env::var("NOTI_ENTERPRISE_SECRET")?,
    };
    let mut session = Session::new(Config::default(), Inline::new())?;
    let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(60));
    loop {
        match serve(address, &login, &mut session, &mut backoff).await {
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
    address: SocketAddr,
    login: &Login<'_>,
    session: &mut Session<Inline<256, WINDOW>>,
    backoff: &mut Backoff,
) -> Result<CloseReason, Box<dyn Error>> {
    let mut link = connect(address).await?;
    let mut lines = LineBuf::new([0; LINE]);
    let mut driver = Driver::login(session, &mut lines, now, login)?;
    // What an earlier connection has left comes again.
    TO_PRINT.clear();
    loop {
        let step = driver.step(&mut link, sleep_until, |event, _| match event {
            Event::Delivery(delivery) => {
                backoff.reset();
                let line = heapless::Vec::from_slice(delivery.line()).unwrap_or_default();
                let _ = TO_PRINT.try_send((line, delivery.token()));
            }
            Event::Pong => backoff.reset(),
            other => eprintln!("{other:?}"),
        });
        match select(step, PRINTED.receive()).await {
            Either::First(Ok(())) => {}
            Either::First(Err(DriverError::Closed(reason))) => return Ok(reason),
            Either::First(Err(error)) => return Err(error.into()),
            // One of an earlier connection acks nothing.
            Either::Second(token) => driver.session().ack(token).unwrap_or(()),
        }
    }
}
