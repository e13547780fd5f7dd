//! A connection, as the frame layer reads and writes it.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

use crate::l7::io::give_back;
use crate::net::{Buffer, Buffers, Stream};

use super::meter::Meter;

/// Whose connection it is.
pub(crate) trait Metered {
    /// Watches what its peer sends.
    fn meter(&self) -> &Meter;
    /// Where buffers come from.
    fn stock(&self) -> &Buffers;
}

/// A connection. It holds a buffer only while there is something in it.
pub(crate) struct Wire<S: Metered> {
    session: Rc<S>,
    stream: Stream,
    input: Option<Buffer>,
}

impl<S: Metered> Wire<S> {
    /// `input` = what was read already.
    pub(crate) fn new(session: &Rc<S>, stream: Stream, input: Option<Buffer>) -> Self {
        Self { session: Rc::clone(session), stream, input }
    }
}

impl<S: Metered> AsyncRead for Wire<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Self { session, stream, input } = &mut *self;
        let (stock, meter) = (session.stock(), session.meter());
        if meter.abuse().is_some() {
            // Nothing more is taken; the connection is about to be ended.
            return Poll::Pending;
        }
        if input.is_none() {
            let (mut half, _) = stream.split();
            let read = half.poll_read_lazily(cx, input, || stock.take(0));
            if !matches!(read, Poll::Ready(Ok(1..))) {
                give_back(input, stock);
                return read.map_ok(drop);
            }
        }
        if let Some(buffer) = input {
            let n = buffer.filled().len().min(into.remaining());
            if meter.read(&buffer.filled()[..n], Instant::now) {
                return Poll::Pending;
            }
            into.put_slice(&buffer.filled()[..n]);
            buffer.consume(n);
        }
        give_back(input, stock);
        Poll::Ready(Ok(()))
    }
}

impl<S: Metered> AsyncWrite for Wire<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.stream.split().1.poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let mut half = self.stream.split().1;
        match slices {
            // Without a list of buffers the kernel has less to check.
            [one] => half.poll_write(cx, one),
            more => half.poll_write_vectored(cx, more),
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.stream.split().1.shutdown())
    }
}

impl<S: Metered> Drop for Wire<S> {
    fn drop(&mut self) {
        if let Some(input) = self.input.take() {
            self.session.stock().put(input);
        }
    }
}
