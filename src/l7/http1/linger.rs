//! Closes a connection without losing the response that was just sent.
//!
//! Closing a socket with unread bytes makes the kernel send a reset, and a reset may erase a 400
//! or 413 before the client has read it (RFC 9112 §9.6). So the proxy ends its own direction, then
//! reads and discards, within bounds, until the client ends too.

use std::time::Duration;

use crate::l7::io::read;
use crate::net::{Buffer, Buffers, Stream, Timer};

/// How long a client may take to notice.
const TIME_MAX: Duration = Duration::from_secs(2);
/// How much it may still send.
const BYTES_MAX: usize = 1024 * 1024;

/// Ends the connection gently.
pub(super) async fn linger(
    stream: &mut Stream,
    timer: &Timer,
    input: &mut Option<Buffer>,
    stock: &Buffers,
) {
    let input = input.get_or_insert_with(|| stock.take(0));
    timer.set(TIME_MAX);
    timer.limit(discard(stream, input)).await;
}

async fn discard(stream: &mut Stream, buffer: &mut Buffer) {
    let (mut reader, writer) = stream.split();
    if writer.shutdown().is_err() {
        return;
    }
    let mut discarded = 0;
    while discarded < BYTES_MAX {
        buffer.clear();
        match read(&mut reader, buffer).await {
            Ok(n @ 1..) => discarded += n,
            Ok(0) | Err(_) => return,
        }
    }
}
