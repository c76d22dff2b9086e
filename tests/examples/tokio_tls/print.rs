//! Whoever takes events and needs time for them; here it prints them.

use std::io;

use noti_proto::AckToken;
use tokio::io::AsyncWriteExt;
use tokio::sync::mpsc::{Receiver, Sender};

/// Prints lines until there are no more, or nobody wants to know what is printed.
pub(crate) async fn print(
    mut lines: Receiver<(Vec<u8>, AckToken)>,
    printed: Sender<AckToken>,
) -> io::Result<()> {
    let mut stdout = tokio::io::stdout();
    while let Some((mut line, token)) = lines.recv().await {
        line.push(b'\n');
        stdout.write_all(&line).await?;
        stdout.flush().await?;
        if printed.send(token).await.is_err() {
            break;
        }
    }
    Ok(())
}
