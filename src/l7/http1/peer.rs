//! A client that speaks HTTP/1.1, as the exchange sees it.
//!
//! Everything it sends comes on one connection, one request after the other. To see it leave, the
//! watch reads ahead into the buffer where the next request begins anyway; when that is full it
//! stops reading, so pipelined bytes are never spun on. The client is left alone for a moment
//! first: most answers are back before a look at it would be worth what it costs.

use std::future::poll_fn;
use std::io;
use std::task::{Poll, ready};

use crate::l7::chunked::end_chunks_with;
use crate::l7::client::Response;
use crate::l7::exchange::{After, Client, Sink, Source};
use crate::l7::headers::{ClientFraming, ClientSide, write_response};
use crate::l7::io::{give_back, read_lazily, write_both};
use crate::l7::local::Local;
use crate::l7::record::Record;
use crate::l7::worker::Worker;
use crate::net::{Buffer, Buffers, ReadHalf, Stream, Timer, WriteHalf};

/// A client during one exchange.
pub(super) struct Peer<'c> {
    /// Its connection.
    pub(super) stream: &'c mut Stream,
    /// What was read from it beyond the request's head.
    pub(super) input: &'c mut Option<Buffer>,
}

/// What comes from it.
pub(super) struct Coming<'a> {
    half: ReadHalf<'a>,
    input: &'a mut Option<Buffer>,
}

/// What goes to it.
pub(super) struct Going<'a> {
    half: WriteHalf<'a>,
    /// It is told the end of the body by chunks.
    chunked: bool,
}

impl Client for Peer<'_> {
    type Source<'a>
        = Coming<'a>
    where
        Self: 'a;
    type Sink<'a>
        = Going<'a>
    where
        Self: 'a;

    fn split(&mut self) -> (Coming<'_>, Going<'_>) {
        let (read, write) = self.stream.split();
        (Coming { half: read, input: self.input }, Going { half: write, chunked: false })
    }

    async fn answer(
        &mut self,
        worker: &Worker,
        timer: &Timer,
        local: &Local,
        record: &mut Record,
    ) -> After {
        local.send(worker, self.stream, timer, record).await
    }
}

impl Source for Coming<'_> {
    fn bytes(&self) -> &[u8] {
        self.input.as_ref().map_or(&[], Buffer::filled)
    }

    fn consume(&mut self, n: usize) {
        if let Some(input) = self.input.as_mut() {
            input.consume(n);
        }
    }

    async fn more(&mut self, worker: &Worker, capacity: usize) -> io::Result<usize> {
        read_lazily(&mut self.half, self.input, &worker.buffers, |stock| stock.take(capacity)).await
    }

    /// A body's framing tells; the connection's end never ends one well.
    fn is_over(&self) -> bool {
        false
    }

    /// They are part of the framing.
    fn trailers(&self, _: &mut dyn FnMut(&str, &[u8])) {}

    async fn left(&mut self, worker: &Worker, timer: &Timer, capacity: usize, half_close: bool) {
        match read_ahead(&mut self.half, self.input, worker, timer, capacity).await {
            Ahead::Reset => {}
            Ahead::End if half_close => {}
            Ahead::End | Ahead::Full => self.half.broken().await,
        }
    }

    fn rest(&mut self, stock: &Buffers) {
        give_back(self.input, stock);
    }
}

impl Sink for Going<'_> {
    fn head(&mut self, out: &mut Vec<u8>, response: &Response<'_, '_>, side: &ClientSide<'_>) {
        self.chunked = side.framing == ClientFraming::Chunked;
        write_response(out, response, side);
    }

    fn end(&mut self, out: &mut Vec<u8>, give: impl FnOnce(&mut dyn FnMut(&str, &[u8]))) {
        if self.chunked {
            end_chunks_with(out, give);
        }
    }

    async fn write(
        &mut self,
        out: &[u8],
        body: &[u8],
        _last: bool,
        progress: impl Fn(usize),
    ) -> io::Result<()> {
        write_both(&mut self.half, out, body, progress).await
    }

    fn break_on_close(&self, on: bool) {
        self.half.reset_on_close(on);
    }

    fn shutdown(&mut self) -> io::Result<()> {
        self.half.shutdown()
    }
}

enum Ahead {
    /// The buffer is full.
    Full,
    /// The client ended its direction.
    End,
    /// The client reset the connection.
    Reset,
}

async fn read_ahead(
    client: &mut ReadHalf<'_>,
    input: &mut Option<Buffer>,
    worker: &Worker,
    timer: &Timer,
    capacity: usize,
) -> Ahead {
    let mut turned = false;
    poll_fn(|cx| {
        if !turned {
            ready!(timer.poll_next_turn(cx));
            turned = true;
            if client.watch().is_err() {
                return Poll::Ready(Ahead::Reset);
            }
        }
        loop {
            if ready!(client.poll_read_ready(cx)).is_err() {
                return Poll::Ready(Ahead::Reset);
            }
            let buffer = input.get_or_insert_with(|| worker.buffers.take(capacity));
            if buffer.spare().is_empty() {
                buffer.compact();
            }
            if buffer.spare().is_empty() {
                return Poll::Ready(Ahead::Full);
            }
            match ready!(client.poll_read(cx, buffer)) {
                Ok(1..) => {}
                Ok(0) => return Poll::Ready(Ahead::End),
                Err(_) => return Poll::Ready(Ahead::Reset),
            }
        }
    })
    .await
}
