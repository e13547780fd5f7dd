//! Small asynchronous steps on a stream's halves.

use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::task::{Poll, ready};

use crate::net::{Buffer, Buffers, ReadHalf, WriteHalf};

/// Reads into the buffer's room; 0 = the peer's end.
pub(crate) async fn read(half: &mut ReadHalf<'_>, buffer: &mut Buffer) -> io::Result<usize> {
    poll_fn(|cx| half.poll_read(cx, buffer)).await
}

/// Waits for something to read, then takes a buffer for it if there is none. Meanwhile an empty
/// buffer goes back to the stock.
pub(crate) async fn read_lazily(
    half: &mut ReadHalf<'_>,
    buffer: &mut Option<Buffer>,
    stock: &Buffers,
    take: impl Fn(&Buffers) -> Buffer,
) -> io::Result<usize> {
    give_back(buffer, stock);
    poll_fn(|cx| {
        let read = half.poll_read_lazily(cx, buffer, || take(stock));
        if read.is_pending() {
            give_back(buffer, stock);
        }
        read
    })
    .await
}

/// Gives a buffer back if there is nothing in it.
pub(crate) fn give_back(buffer: &mut Option<Buffer>, stock: &Buffers) {
    if let Some(empty) = buffer.take_if(|buffer| buffer.is_empty()) {
        stock.put(empty);
    }
}

/// Writes all of `bytes`.
pub(crate) async fn write_all(half: &mut WriteHalf<'_>, bytes: &[u8]) -> io::Result<()> {
    write_rest(half, bytes, 0, |_| {}).await
}

/// Writes `bytes` from `at` on.
async fn write_rest(
    half: &mut WriteHalf<'_>,
    bytes: &[u8],
    mut at: usize,
    progress: impl Fn(usize),
) -> io::Result<()> {
    poll_fn(|cx| {
        while at < bytes.len() {
            match ready!(half.poll_write(cx, &bytes[at..]))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                n => {
                    at += n;
                    if at < bytes.len() {
                        progress(n);
                    }
                }
            }
        }
        Poll::Ready(Ok(()))
    })
    .await
}

/// Writes all of `first` and `second`, in one system call if the socket takes it; tells `progress`
/// how much it took each time it took a part only.
pub(crate) async fn write_both(
    half: &mut WriteHalf<'_>,
    first: &[u8],
    second: &[u8],
    progress: impl Fn(usize),
) -> io::Result<()> {
    let mut at = 0;
    poll_fn(|cx| {
        while at < first.len() && !second.is_empty() {
            let slices = [IoSlice::new(&first[at..]), IoSlice::new(second)];
            match ready!(half.poll_write_vectored(cx, &slices))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                n => {
                    at += n;
                    if at < first.len() + second.len() {
                        progress(n);
                    }
                }
            }
        }
        Poll::Ready(io::Result::Ok(()))
    })
    .await?;
    match at.checked_sub(first.len()) {
        Some(sent) if !second.is_empty() => write_rest(half, second, sent, progress).await,
        _ => write_rest(half, first, at, progress).await,
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::pin::pin;

    use tokio::net::UnixStream;

    use super::*;
    use crate::net::Stream;

    #[tokio::test]
    async fn a_reader_that_takes_a_little_is_progress() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let mut ours = Stream::new(ours.into_std().unwrap().into());
        let (_, mut writer) = ours.split();
        let (head, body) = (vec![b'h'; 1000], vec![b'b'; 4 << 20]);
        let parts = Cell::new(0);
        let mut writing =
            pin!(write_both(&mut writer, &head, &body, |_| parts.set(parts.get() + 1)));
        let (mut taken, mut room) = (0, vec![0; 64 * 1024]);
        loop {
            tokio::select! {
                biased;
                written = &mut writing => break written.unwrap(),
                ready = theirs.readable() => ready.unwrap(),
            }
            taken += theirs.try_read(&mut room).unwrap_or_default();
        }
        assert!(parts.get() > 2, "{} parts", parts.get());
        while taken < head.len() + body.len() {
            theirs.readable().await.unwrap();
            taken += theirs.try_read(&mut room).unwrap_or_default();
        }
    }
}
