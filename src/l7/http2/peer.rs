//! A client that speaks HTTP/2, as the exchange sees it: one stream.
//!
//! Flow control goes from end to end. What came of a body is acknowledged once the backend has taken
//! it, and an answer is taken from the backend only as far as the client's window allows; between
//! the two there is one buffer on each way, however large the body and however slow the reader.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Buf, Bytes};
use h2::server::SendResponse;
use h2::{Reason, RecvStream, SendStream};
use hyper::{HeaderMap, Response as Head, StatusCode};

use crate::l7::chunked::may_trail;
use crate::l7::client::Response;
use crate::l7::exchange::{After, Client, Sink, Source};
use crate::l7::headers::{ClientFraming, ClientSide, response_fields};
use crate::l7::local::Local;
use crate::l7::record::Record;
use crate::l7::worker::Worker;
use crate::net::{Buffers, Timer};

use super::body::{fields, poll_room};
use super::meter::Meter;

/// How long a client may take to accept a response of ours.
const SEND_MAX: Duration = Duration::from_secs(10);
/// Interim responses that are passed on of one exchange: they are not held back by any window.
const INTERIM_MAX: u32 = 16;

/// A client during one exchange.
pub(super) struct Peer<'m> {
    meter: &'m Meter,
    body: Body,
    answer: RefCell<Answer>,
}

/// What comes from it.
pub(super) struct Coming<'a> {
    body: &'a mut Body,
    answer: &'a RefCell<Answer>,
}

/// What goes to it.
pub(super) struct Going<'a> {
    meter: &'a Meter,
    answer: &'a RefCell<Answer>,
    head: Option<Head<()>>,
    trailers: Option<HeaderMap>,
    interim: u32,
}

struct Body {
    stream: RecvStream,
    /// Came, and was not consumed.
    held: Bytes,
    trailers: Option<HeaderMap>,
    /// The client has ended it.
    over: bool,
}

enum Answer {
    /// Its head is owed.
    Owed(SendResponse<Bytes>),
    /// Its head was sent.
    Begun(SendStream<Bytes>),
}

impl<'m> Peer<'m> {
    /// On a connection that is metered so.
    pub(super) fn new(meter: &'m Meter, stream: RecvStream, respond: SendResponse<Bytes>) -> Self {
        let body = Body { stream, held: Bytes::new(), trailers: None, over: false };
        Self { meter, body, answer: RefCell::new(Answer::Owed(respond)) }
    }

    /// Takes the beginning of the body if it is there; always ready.
    pub(super) fn poll_what_came(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Body { stream, held, .. } = &mut self.body;
        if let Poll::Ready(Some(Ok(bytes))) = stream.poll_data(cx) {
            *held = bytes;
        }
        Poll::Ready(())
    }

    /// Ends the stream. An answer that is whole has ended it already; the frame layer tells a client
    /// that goes on sending that nobody listens.
    pub(super) fn close(self, after: After) {
        if after == After::Reset {
            match self.answer.into_inner() {
                Answer::Owed(mut respond) => respond.send_reset(Reason::INTERNAL_ERROR),
                Answer::Begun(mut stream) => stream.send_reset(Reason::INTERNAL_ERROR),
            }
        }
    }
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
        let Self { meter, body, answer } = self;
        let going = Going { meter, answer, head: None, trailers: None, interim: 0 };
        (Coming { body, answer }, going)
    }

    async fn answer(
        &mut self,
        worker: &Worker,
        timer: &Timer,
        local: &Local,
        record: &mut Record,
    ) -> After {
        record.status = local.status();
        let text = local.text();
        let (_, mut going) = self.split();
        going.head = head(local.said_status(), |put| local.fields((worker.clock)(), put));
        timer.set(SEND_MAX);
        let body = if local.has_body() { text.as_bytes() } else { &[] };
        match timer.limit(going.write(&[], body, true, |_| {})).await {
            Some(Ok(())) => {
                record.bytes_out += body.len() as u64;
                After::KeepAlive
            }
            _ => After::Reset,
        }
    }
}

/// A response's head, from its status and what `fill` says of its fields.
fn head(status: u16, fill: impl FnOnce(&mut dyn FnMut(&str, &[u8]))) -> Option<Head<()>> {
    let mut head = Head::new(());
    *head.status_mut() = StatusCode::from_u16(status).ok()?;
    *head.headers_mut() = fields(fill);
    Some(head)
}

impl Source for Coming<'_> {
    fn bytes(&self) -> &[u8] {
        &self.body.held
    }

    fn consume(&mut self, n: usize) {
        self.body.held.advance(n);
        // A stream that is gone needs no window.
        let _ = self.body.stream.flow_control().release_capacity(n);
    }

    async fn more(&mut self, _: &Worker, _: usize) -> io::Result<usize> {
        let Body { stream, held, trailers, over } = &mut *self.body;
        loop {
            match poll_fn(|cx| stream.poll_data(cx)).await {
                Some(Ok(bytes)) if bytes.is_empty() => {}
                Some(Ok(bytes)) => {
                    *held = bytes;
                    return Ok(held.len());
                }
                Some(Err(error)) => return Err(io::Error::other(error)),
                None => break,
            }
        }
        *trailers = poll_fn(|cx| stream.poll_trailers(cx)).await.map_err(io::Error::other)?;
        *over = true;
        Ok(0)
    }

    fn is_over(&self) -> bool {
        self.body.over || self.body.stream.is_end_stream()
    }

    fn trailers(&self, put: &mut dyn FnMut(&str, &[u8])) {
        for (name, value) in self.body.trailers.iter().flatten() {
            put(name.as_str(), value.as_bytes());
        }
    }

    async fn left(&mut self, _: &Worker, _: &Timer, _: usize, _: bool) {
        // Whether the stream was reset or its connection broke is the same to a backend.
        let _ = poll_fn(|cx| self.answer.borrow_mut().poll_reset(cx)).await;
    }

    fn rest(&mut self, _: &Buffers) {}
}

impl Sink for Going<'_> {
    fn head(&mut self, _: &mut Vec<u8>, response: &Response<'_, '_>, side: &ClientSide<'_>) {
        if side.framing != ClientFraming::Upgrade {
            self.head = head(response.status, |put| response_fields(response, side, put));
            return;
        }
        // The stream is the tunnel, and that is said by a success (RFC 8441 §5).
        let of_http1 = ["upgrade", "connection", "sec-websocket-accept"];
        self.head = head(200, |put| {
            response_fields(response, side, |name, value| {
                if !of_http1.iter().any(|it| it.eq_ignore_ascii_case(name)) {
                    put(name, value);
                }
            });
        });
    }

    fn end(&mut self, _: &mut Vec<u8>, give: impl FnOnce(&mut dyn FnMut(&str, &[u8]))) {
        let fields = fields(|put| {
            give(&mut |name, value| {
                if may_trail(name) {
                    put(name, value);
                }
            });
        });
        self.trailers = (!fields.is_empty()).then_some(fields);
    }

    async fn write(
        &mut self,
        out: &[u8],
        body: &[u8],
        last: bool,
        progress: impl Fn(usize),
    ) -> io::Result<()> {
        let trailers = self.trailers.take_if(|_| last);
        let mut ends = last && trailers.is_none();
        if let Some(head) = self.head.take() {
            if head.status().is_informational() {
                return self.inform(head);
            }
            let bare = ends && out.is_empty() && body.is_empty();
            self.answer.borrow_mut().begin(head, bare)?;
            ends &= !bare;
        }
        self.data(out, ends && body.is_empty(), &progress).await?;
        if !body.is_empty() {
            self.data(body, ends, &progress).await?;
        }
        match trailers {
            Some(trailers) => self.answer.borrow_mut().end(trailers),
            None => Ok(()),
        }
    }

    /// A stream that is dropped before its end is reset in any case.
    fn break_on_close(&self, _: bool) {}

    fn shutdown(&mut self) -> io::Result<()> {
        self.answer.borrow_mut().send(Bytes::new(), true)
    }
}

impl Going<'_> {
    fn inform(&mut self, head: Head<()>) -> io::Result<()> {
        self.interim += 1;
        match &mut *self.answer.borrow_mut() {
            Answer::Owed(respond) if self.interim <= INTERIM_MAX => {
                respond.send_informational(head).map_err(io::Error::other)
            }
            _ => Ok(()),
        }
    }

    /// Sends a piece of the body as far as the client's window goes, then waits for more of it.
    async fn data(&self, bytes: &[u8], ends: bool, progress: &impl Fn(usize)) -> io::Result<()> {
        if bytes.is_empty() {
            return if ends { self.answer.borrow_mut().send(Bytes::new(), true) } else { Ok(()) };
        }
        // Some clients measure the way with a PING for each piece that comes, gRPC's among them.
        self.meter.earn();
        let mut rest = Bytes::copy_from_slice(bytes);
        self.answer.borrow_mut().reserve(rest.len());
        loop {
            let room = poll_fn(|cx| self.answer.borrow_mut().poll_room(cx)).await?;
            let piece = rest.split_to(room.min(rest.len()));
            let taken = piece.len();
            let done = rest.is_empty();
            self.answer.borrow_mut().send(piece, ends && done)?;
            if done {
                return Ok(());
            }
            progress(taken);
        }
    }
}

impl Answer {
    fn poll_reset(&mut self, cx: &mut Context<'_>) -> Poll<Result<Reason, h2::Error>> {
        match self {
            Self::Owed(respond) => respond.poll_reset(cx),
            Self::Begun(stream) => stream.poll_reset(cx),
        }
    }

    /// Sends the head; `ends` = there is no body.
    fn begin(&mut self, head: Head<()>, ends: bool) -> io::Result<()> {
        let Self::Owed(respond) = self else { return Err(io::ErrorKind::BrokenPipe.into()) };
        *self = Self::Begun(respond.send_response(head, ends).map_err(io::Error::other)?);
        Ok(())
    }

    fn begun(&mut self) -> io::Result<&mut SendStream<Bytes>> {
        match self {
            Self::Begun(stream) => Ok(stream),
            Self::Owed(_) => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }

    /// Asks for room for so many bytes.
    fn reserve(&mut self, bytes: usize) {
        if let Self::Begun(stream) = self {
            stream.reserve_capacity(bytes);
        }
    }

    /// Ready with how many bytes may be sent now, at least one.
    fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        poll_room(self.begun()?, cx)
    }

    fn send(&mut self, bytes: Bytes, ends: bool) -> io::Result<()> {
        self.begun()?.send_data(bytes, ends).map_err(io::Error::other)
    }

    fn end(&mut self, trailers: HeaderMap) -> io::Result<()> {
        self.begun()?.send_trailers(trailers).map_err(io::Error::other)
    }
}
