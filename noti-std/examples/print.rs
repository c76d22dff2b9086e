//! Prints events, and acks each once it is printed.

use std::io::{self, Write};
use std::time::Duration;

use noti_std::{Client, ClientBuilder, Secret, Trust};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let secret = std::env::var("NOTI_ENTERPRISE_SECRET")?;
    let builder = Client::builder("noti.gizwitsapi.com", 2015)
        .credentials(std::env::var("NOTI_ENTERPRISE_ID")?, Secret::from(secret))
        .trust(Trust::platform());
    print(builder, &mut io::stdout(), usize::MAX)
}

/// Prints `count` events.
pub fn print(
    builder: ClientBuilder,
    out: &mut impl Write,
    count: usize,
) -> Result<(), Box<dyn std::error::Error>> {
    let client = builder.start()?;
    for delivery in client.deliveries().take(count) {
        out.write_all(delivery.line())?;
        out.write_all(b"\n")?;
        out.flush()?;
        delivery.ack();
    }
    // The acks leave before the connection is closed.
    client.shutdown(Duration::from_secs(5))?;
    Ok(())
}
