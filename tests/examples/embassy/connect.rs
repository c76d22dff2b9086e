//! A transport for the driver: TCP, on a socket that never blocks the executor.

use std::io::{ErrorKind, Result};
use std::net::{SocketAddr, TcpStream};

use async_io::Async;
use embassy_time::{Duration, TimeoutError, with_timeout};
use embedded_io_adapters::futures_03::FromFutures;

pub(crate) async fn connect(address: SocketAddr) -> Result<FromFutures<Async<TcpStream>>> {
    let connecting = Async::<TcpStream>::connect(address);
    let connected = with_timeout(Duration::from_secs(10), connecting).await;
    let stream = connected.map_err(|TimeoutError| ErrorKind::TimedOut)??;
    Ok(FromFutures::new(stream))
}
