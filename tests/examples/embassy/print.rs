//! Whoever takes events and needs time for them; here it prints them. Lines go there through one queue, what is to be acked
//! comes back through another.

use embassy_sync::{blocking_mutex::raw::CriticalSectionRawMutex, channel::Channel};
use noti_proto::AckToken;

/// The longest line, and how many may be un-acked: for so many there is room.
pub(crate) const LINE: usize = 1024;
pub(crate) const WINDOW: usize = 5;

type Queue<T> = Channel<CriticalSectionRawMutex, T, WINDOW>;

pub(crate) static TO_PRINT: Queue<(heapless::Vec<u8, LINE>, AckToken)> = Queue::new();
pub(crate) static PRINTED: Queue<AckToken> = Queue::new();

#[embassy_executor::task]
pub(crate) async fn print() {
    loop {
        let (line, token) = TO_PRINT.receive().await;
        println!("{}", String::from_utf8_lossy(&line));
        PRINTED.send(token).await;
    }
}
