//! A response's body on its way to the client.
//!
//! Bytes are written as they come: nothing is held back to fill a buffer, and nothing is read
//! before the client has taken what was read before.

use tokio::time::Instant;

use crate::l7::chunked::{Decoder, Step, begin_chunk, trailers};
use crate::l7::client::ResponseBody;
use crate::l7::grpc;
use crate::l7::headers::ClientFraming;
use crate::model::BadResponse;

use super::answer::AnswerEnd;
use super::backend::Answering;
use super::client::Sink;
use super::inbound::Shared;
use super::opened::Opened;
use super::pace::Taken;

/// A body with more than this still to come moves through a bulk buffer.
const BULK_MIN: u64 = 32 * 1024;
/// A body of at most this many bytes is copied behind its head: cheaper than a vectored write.
const COPY_MAX: usize = 2048;
/// Re-framed bytes are written once there are this many.
const OUT_MAX: usize = 64 * 1024;

/// A response whose head is waiting in `out`.
pub(super) struct Relay<'r, 'a, B, C> {
    shared: &'r Shared<'a>,
    backend: &'r mut B,
    client: &'r mut C,
    /// Bytes for the client, not yet written.
    out: &'r mut Vec<u8>,
    /// Much is still to come.
    bulk: bool,
    /// The body did not all come with its head.
    waited: bool,
    /// The client takes the connection's end for the body's: until that is true, every other end,
    /// also that of this process, is to be a reset. Taken by the first write.
    fragile: bool,
}

impl<'r, 'a, B: Answering, C: Sink> Relay<'r, 'a, B, C> {
    /// Nothing of it was sent.
    pub(super) fn new(
        shared: &'r Shared<'a>,
        backend: &'r mut B,
        client: &'r mut C,
        out: &'r mut Vec<u8>,
    ) -> Self {
        Self { shared, backend, client, out, bulk: false, waited: false, fragile: false }
    }

    /// Delivers head and body.
    pub(super) async fn body(mut self, opened: Opened) -> Result<AnswerEnd, AnswerEnd> {
        self.shared.deadline.end_try();
        self.shared.deadline.set(self.shared.terms.route.policy.timeouts.body_idle);
        let fragile = opened.framing == ClientFraming::Close;
        self.fragile = fragile;
        match opened.body {
            ResponseBody::None | ResponseBody::Empty => {
                self.write(0, opened.framing != ClientFraming::Upgrade).await?;
            }
            ResponseBody::Length(length) => self.counted(length).await?,
            ResponseBody::Chunked => self.chunked(opened.framing).await?,
            ResponseBody::Close => self.until_the_end(opened.framing).await?,
            ResponseBody::Stream => self.streamed(opened.framing).await?,
        }
        if fragile {
            self.client.break_on_close(false);
        }
        if self.waited {
            self.shared.answered_at.set(Instant::now());
        }
        let surplus = self.backend.bytes();
        if opened.framing == ClientFraming::Upgrade {
            return Ok(AnswerEnd::Upgraded(surplus.to_vec()));
        }
        let proven = self.shared.uploaded.get() && surplus.is_empty();
        Ok(AnswerEnd::Done { close: opened.close, keep: opened.keep.filter(|_| proven) })
    }

    /// Writes `out`, then `n` bytes of what came as they are; `last` = the body ends with them.
    async fn write(&mut self, n: usize, last: bool) -> Result<(), AnswerEnd> {
        let mut body = &self.backend.bytes()[..n];
        if n <= COPY_MAX {
            self.out.extend_from_slice(body);
            body = &[];
        }
        if std::mem::take(&mut self.fragile) {
            self.client.break_on_close(true);
        }
        self.shared.begun.set(true);
        let taken = Taken::begin(self.shared);
        let all = self.out.len() + body.len();
        // A slow client is not an idle one.
        let written = self.client.write(self.out, body, last, |n| taken.some(n)).await;
        taken.rest(all);
        written.map_err(|_| AnswerEnd::ClientGone)?;
        self.out.clear();
        self.count(n);
        self.backend.consume(n);
        Ok(())
    }

    /// Are there bytes for the client, or a head?
    fn has_unwritten(&self) -> bool {
        !self.out.is_empty() || !self.shared.begun.get()
    }

    fn count(&self, n: usize) {
        self.shared.bytes_out.set(self.shared.bytes_out.get() + n as u64);
    }

    /// Reads what comes next; 0 = the backend's end.
    async fn read(&mut self) -> Result<usize, AnswerEnd> {
        self.shared.deadline.set(self.shared.terms.route.policy.timeouts.body_idle);
        self.waited = true;
        self.backend.more(self.bulk).await.map_err(|_| AnswerEnd::Truncated)
    }

    /// A body of known length, passed on without looking at it.
    async fn counted(&mut self, length: u64) -> Result<(), AnswerEnd> {
        let mut left = length;
        loop {
            let n = usize::try_from(left).unwrap_or(usize::MAX).min(self.backend.bytes().len());
            left -= n as u64;
            self.write(n, left == 0).await?;
            if left == 0 {
                return Ok(());
            }
            self.bulk = left >= BULK_MIN;
            if self.read().await? == 0 {
                return Err(AnswerEnd::Truncated);
            }
        }
    }

    /// A chunked body: decoded, and framed anew if the client understands chunks.
    async fn chunked(&mut self, framing: ClientFraming) -> Result<(), AnswerEnd> {
        let mut decoder = Decoder::default();
        loop {
            while !decoder.is_done() {
                let step = decoder.step(self.backend.bytes());
                match step.map_err(|_| AnswerEnd::Refused(BadResponse::Chunk))? {
                    Step::More => break,
                    Step::Framing(n) => self.backend.consume(n),
                    Step::Data(n) => {
                        self.frame(n, framing);
                        if self.out.len() >= OUT_MAX {
                            self.write(0, false).await?;
                        }
                    }
                    Step::End(n) => {
                        let section = &self.backend.bytes()[..n];
                        self.client.end(self.out, |put| trailers(section, put));
                        self.backend.consume(n);
                    }
                }
            }
            if decoder.is_done() {
                return self.write(0, true).await;
            }
            if self.has_unwritten() {
                self.write(0, false).await?;
            }
            if self.read().await? == 0 {
                return Err(AnswerEnd::Truncated);
            }
        }
    }

    /// A body that ends with the connection: in chunks, so that the client can tell its end from
    /// a break, or as it comes for HTTP/1.0.
    async fn until_the_end(&mut self, framing: ClientFraming) -> Result<(), AnswerEnd> {
        loop {
            let n = self.backend.bytes().len();
            if n > 0 {
                self.frame(n, framing);
            }
            if self.has_unwritten() {
                self.write(0, false).await?;
            }
            if self.read().await? == 0 {
                break;
            }
        }
        self.client.end(self.out, |_| {});
        self.write(0, true).await
    }

    /// A body that ends with its stream, and may have trailers there. The frame layer has seen to it
    /// that it is as long as its head said, if it said so.
    async fn streamed(&mut self, framing: ClientFraming) -> Result<(), AnswerEnd> {
        loop {
            let mut n = self.backend.bytes().len();
            if framing == ClientFraming::Chunked && n > 0 {
                self.frame(n, framing);
                n = 0;
            }
            let over = self.backend.is_over();
            if over {
                self.end();
            }
            if over || n > 0 || self.has_unwritten() {
                self.write(n, over).await?;
            }
            if over {
                return Ok(());
            }
            // What comes to nothing is the end: it is over then.
            self.read().await?;
        }
    }

    /// Passes the end on, with the trailers it came with.
    fn end(&mut self) {
        let Self { shared, backend, client, out, .. } = self;
        client.end(out, |put| backend.trailers(put));
        if shared.terms.is_call {
            backend.trailers(&mut |name, value| {
                if name == grpc::STATUS {
                    shared.code.set(Some(grpc::code(value)));
                }
            });
        }
    }

    /// Moves `n` bytes of what came to `out`, as a chunk if the client gets chunks.
    fn frame(&mut self, n: usize, framing: ClientFraming) {
        let chunked = framing == ClientFraming::Chunked;
        if chunked {
            begin_chunk(self.out, n);
        }
        self.out.extend_from_slice(&self.backend.bytes()[..n]);
        if chunked {
            self.out.extend_from_slice(b"\r\n");
        }
        self.backend.consume(n);
        self.count(n);
    }
}
