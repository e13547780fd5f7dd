//! A connection that carries one HTTP/1.1 request after the other.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};

use super::answer::{Answer, Whole};
use super::connect::Dial;
use super::run::Lane;
use crate::bench::measure::Fault;

/// One read takes at most this much; a body of some size takes few.
const READ_BYTES: usize = 64 * 1024;

/// What all connections of a run share.
#[derive(Debug)]
pub(super) struct Common<D> {
    dial: D,
    /// The request's bytes.
    request: Bytes,
    to_head: bool,
    /// One buffer for all: what is read is looked at within the same poll.
    scratch: RefCell<Box<[u8]>>,
    /// Connections opened after the first ones.
    reopened: Rc<Cell<u64>>,
}

/// A connection, or the place of one that ended.
#[derive(Debug)]
pub(super) struct Http1<D: Dial> {
    common: Rc<Common<D>>,
    stream: Option<D::Stream>,
}

impl<D> Common<D> {
    pub(super) fn new(dial: D, request: Bytes, to_head: bool, reopened: Rc<Cell<u64>>) -> Rc<Self> {
        let scratch = RefCell::new(vec![0; READ_BYTES].into_boxed_slice());
        Rc::new(Self { dial, request, to_head, scratch, reopened })
    }

    fn poll_read<R>(
        &self,
        stream: &mut (impl AsyncRead + Unpin),
        cx: &mut Context<'_>,
        look: impl FnOnce(&[u8]) -> R,
    ) -> Poll<io::Result<R>> {
        let mut bytes = self.scratch.borrow_mut();
        let mut buf = ReadBuf::new(&mut bytes);
        ready!(Pin::new(stream).poll_read(cx, &mut buf))?;
        Poll::Ready(Ok(look(buf.filled())))
    }
}

impl<D: Dial> Http1<D> {
    /// A connection that is open.
    pub(super) fn new(common: &Rc<Common<D>>, stream: D::Stream) -> Self {
        Self { common: Rc::clone(common), stream: Some(stream) }
    }

    async fn stream(&mut self) -> Result<D::Stream, Fault> {
        if let Some(stream) = self.stream.take() {
            return Ok(stream);
        }
        let stream = self.common.dial.dial().await?;
        self.common.reopened.set(self.common.reopened.get() + 1);
        Ok(stream)
    }
}

impl<D: Dial> Lane for Http1<D>
where
    D::Stream: AsyncRead + AsyncWrite + Unpin,
{
    /// If the caller stops waiting the connection is gone, too: its answer could come any time.
    async fn exchange(&mut self) -> Result<u16, Fault> {
        let mut stream = self.stream().await?;
        let common = Rc::clone(&self.common);
        let sent = async {
            stream.write_all(&common.request).await?;
            stream.flush().await
        };
        // A server may refuse a body with an answer before it has read it all, and close.
        let _ = sent.await;
        let mut answer = Answer::new(common.to_head);
        let Whole { status, keep } = loop {
            let read = poll_fn(|cx| common.poll_read(&mut stream, cx, |bytes| answer.feed(bytes)));
            // A reset says no more than an end: both cut the answer where it was.
            let fed = read.await.unwrap_or_else(|_| answer.feed(&[]));
            if let Some(whole) = fed? {
                break whole;
            }
        };
        self.stream = keep.then_some(stream);
        Ok(status)
    }

    /// Nothing is expected now: whatever comes, the connection is not to be used again.
    fn poll_idle(&mut self, cx: &mut Context<'_>) {
        if let Some(stream) = &mut self.stream
            && self.common.poll_read(stream, cx, |_| ()).is_ready()
        {
            self.stream = None;
        }
    }
}
