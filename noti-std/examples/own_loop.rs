//! Lives in a program with a loop of its own: the client only tells it that something has arrived.

use std::sync::mpsc;
use std::time::Duration;

use noti_std::{Client, ClientBuilder, Event, Secret};

/// What wakes the program's loop.
pub enum Wake {
    /// The client has something.
    Client,
    /// Something else of the program's: a timer, a request.
    Tick,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let secret = std::env::var("NOTI_ENTERPRISE_SECRET")?;
    let builder = Client::builder("noti.gizwitsapi.com", 2015)
        .credentials(std::env::var("NOTI_ENTERPRISE_ID")?, Secret::from(secret));
    let (sender, wakes) = mpsc::channel();
    run(builder, &sender, &wakes, u64::MAX).map(drop)
}

/// Runs the loop for `count` events, and tells how often it ticked.
pub fn run(
    builder: ClientBuilder,
    sender: &mpsc::Sender<Wake>,
    wakes: &mpsc::Receiver<Wake>,
    count: u64,
) -> Result<u64, Box<dyn std::error::Error>> {
    let wake = sender.clone();
    // The program may be gone already.
    let client = builder
        .notify(move || drop(wake.send(Wake::Client)))
        .start()?;
    let (mut handled, mut ticks) = (0, 0);
    while handled < count {
        match wakes.recv()? {
            Wake::Tick => ticks += 1,
            Wake::Client => {
                while let Some(event) = client.try_recv() {
                    match event {
                        Event::Delivery(delivery) => {
                            handled += 1;
                            delivery.ack();
                        }
                        Event::Disconnected(why) => eprintln!("{why}"),
                        _ => {}
                    }
                }
                if client.has_ended() {
                    break;
                }
            }
        }
    }
    client.shutdown(Duration::from_secs(5))?;
    Ok(ticks)
}
