//! Hands events to worker threads, which ack in whatever order they finish.

use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use noti_std::{Client, ClientBuilder, Delivery, Secret};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let secret = std::env::var("NOTI_ENTERPRISE_SECRET")?;
    let builder = Client::builder("noti.gizwitsapi.com", 2015)
        .credentials(std::env::var("NOTI_ENTERPRISE_ID")?, Secret::from(secret));
    work(builder, 4, usize::MAX, |delivery| {
        println!("{}", String::from_utf8_lossy(delivery.line()));
    })
}

/// Gives `count` events to `handle` in so many threads.
pub fn work(
    builder: ClientBuilder,
    threads: usize,
    count: usize,
    handle: impl Fn(&Delivery) + Sync,
) -> Result<(), Box<dyn std::error::Error>> {
    let client = builder.start()?;
    // The queue is short: what the workers have not taken stays in the client's byte budget.
    let (sender, receiver) = mpsc::sync_channel::<Delivery>(threads);
    // It is the workers' alone: once each of them has failed, nothing can be sent.
    let receiver = Arc::new(Mutex::new(receiver));
    let handle = &handle;
    thread::scope(|scope| {
        for receiver in vec![receiver; threads] {
            scope.spawn(move || {
                loop {
                    let Ok(next) = receiver.lock().map(|receiver| receiver.recv()) else {
                        return;
                    };
                    let Ok(delivery) = next else { return };
                    handle(&delivery);
                    delivery.ack();
                }
            });
        }
        for delivery in client.deliveries().take(count) {
            if sender.send(delivery).is_err() {
                break;
            }
        }
        drop(sender);
    });
    client.shutdown(Duration::from_secs(5))?;
    Ok(())
}
