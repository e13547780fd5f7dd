//! A backend that speaks HTTP/2, as the exchange sees it: one stream.
//!
//! Flow control goes from end to end, as it does towards clients: what came of an answer is
//! acknowledged once the client has taken it, and a request's body moves as far as the backend's window
//! allows. A stream that is dropped before its end is reset at once.

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use h2::client::ResponseFuture;
use h2::{Reason, RecvStream, SendStream};
use httparse::Header;
use hyper::HeaderMap;
use hyper::http::response::Parts;

use crate::l7::client::Response;
use crate::l7::exchange::{Answering, Asking, HeadMax, NoHead};
use crate::l7::headers::{Known, Lengths, known};
use crate::l7::http2::poll_room;
use crate::l7::version::Version;
use crate::model::BadResponse;

use super::request::{Body, head};
use super::trunk::Ticket;

/// What a field counts for beyond its bytes (RFC 9113 §6.5.2).
const FIELD_BYTES: usize = 32;

/// One exchange's part of a trunk.
#[derive(Debug)]
pub(crate) struct Stream {
    ticket: Ticket,
    /// By TLS.
    secure: bool,
    phase: RefCell<Phase>,
    /// What had come on the connection when it began.
    heard: u32,
}

#[derive(Debug)]
enum Phase {
    /// The head is still to be sent.
    Unsent,
    /// It could not be.
    Unsendable(NoHead),
    /// It was, and an answer may come.
    Asked(ResponseFuture),
}

/// The direction of the request.
pub(crate) struct Requests<'a> {
    stream: &'a Stream,
    /// Once the head was sent.
    to: Option<SendStream<Bytes>>,
    body: Body,
}

/// The direction of the answer.
pub(crate) struct Answers<'a> {
    stream: &'a Stream,
    /// Once its head has come.
    from: Option<RecvStream>,
    /// Came, and was not consumed.
    held: Bytes,
    trailers: Option<HeaderMap>,
    /// The backend has ended it.
    over: bool,
}

impl Stream {
    /// One for which there is room.
    pub(crate) fn new(ticket: Ticket, secure: bool) -> Self {
        let heard = ticket.heard();
        Self { ticket, secure, phase: RefCell::new(Phase::Unsent), heard }
    }

    /// Both directions, usable at once.
    pub(crate) fn split(&mut self) -> (Requests<'_>, Answers<'_>) {
        let requests = Requests { stream: self, to: None, body: Body::Over };
        let (held, trailers) = (Bytes::new(), None);
        (requests, Answers { stream: self, from: None, held, trailers, over: false })
    }

    /// Has nothing at all come on the connection since the exchange began?
    pub(crate) fn is_silent(&self) -> bool {
        self.ticket.heard() == self.heard
    }

    /// No answer came in time. If nothing else has come either, the connection may be dead, and it
    /// would be for all who share it.
    pub(crate) fn suspect(&self) {
        if self.is_silent() {
            self.ticket.retire_trunk();
        }
    }
}

impl Requests<'_> {
    /// Sends the head that `bytes` begin with; returns what follows it.
    fn open<'b>(&mut self, bytes: &'b [u8], sent: &Cell<bool>) -> io::Result<&'b [u8]> {
        let fail = |why| {
            *self.stream.phase.borrow_mut() = Phase::Unsendable(why);
            io::Error::from(io::ErrorKind::BrokenPipe)
        };
        let read = head(bytes, self.stream.secure);
        let (request, body, rest) = read.map_err(|reason| fail(NoHead::Unsendable(reason)))?;
        let ends = matches!(body, Body::Over);
        let opened = self.stream.ticket.sender().send_request(request, ends);
        let (response, to) = opened.map_err(|_| fail(NoHead::Unprocessed))?;
        sent.set(true);
        *self.stream.phase.borrow_mut() = Phase::Asked(response);
        (self.to, self.body) = (Some(to), body);
        Ok(rest)
    }

    /// Sends a piece of the body as far as the backend's window goes, then waits for more of it.
    async fn data(&mut self, bytes: &[u8], ends: bool) -> io::Result<()> {
        let to = self.to.as_mut().ok_or(io::ErrorKind::BrokenPipe)?;
        self.stream.ticket.earn();
        let mut rest = Bytes::copy_from_slice(bytes);
        to.reserve_capacity(rest.len());
        while !rest.is_empty() {
            let room = poll_fn(|cx| poll_room(to, cx)).await?;
            let piece = rest.split_to(room.min(rest.len()));
            let last = ends && rest.is_empty();
            to.send_data(piece, last).map_err(io::Error::other)?;
        }
        Ok(())
    }

    fn end(&mut self, trailers: HeaderMap) -> io::Result<()> {
        let to = self.to.as_mut().ok_or(io::ErrorKind::BrokenPipe)?;
        let ended = if trailers.is_empty() {
            to.send_data(Bytes::new(), true)
        } else {
            to.send_trailers(trailers)
        };
        ended.map_err(io::Error::other)
    }
}

impl Asking for Requests<'_> {
    async fn send(&mut self, bytes: &[u8], sent: &Cell<bool>) -> io::Result<()> {
        let mut rest = if self.to.is_none() { self.open(bytes, sent)? } else { bytes };
        while !rest.is_empty() {
            let next = self.body.next(rest)?;
            let bare = next.end.as_ref().is_some_and(HeaderMap::is_empty);
            let ends_with_data = bare && !next.data.is_empty();
            self.data(next.data, ends_with_data).await?;
            if let Some(trailers) = next.end.filter(|_| !ends_with_data) {
                self.end(trailers)?;
            }
            rest = next.rest;
        }
        Ok(())
    }
}

impl Answers<'_> {
    /// Ready with the next head, interim ones included.
    fn poll_head(&mut self, cx: &mut Context<'_>) -> Poll<Result<Parts, NoHead>> {
        let mut phase = self.stream.phase.borrow_mut();
        let asked = match &mut *phase {
            // The other direction sends it, in the same task and before this one looks again.
            Phase::Unsent => return Poll::Pending,
            Phase::Unsendable(why) => return Poll::Ready(Err(*why)),
            Phase::Asked(response) => response,
        };
        if let Some(interim) = ready!(asked.poll_informational(cx)) {
            let interim = interim.map_err(|error| why(&error))?;
            return Poll::Ready(Ok(interim.into_parts().0));
        }
        let (parts, body) =
            ready!(Pin::new(asked).poll(cx)).map_err(|error| why(&error))?.into_parts();
        self.over = body.is_end_stream();
        self.from = Some(body);
        Poll::Ready(Ok(parts))
    }
}

/// What it means that no head comes.
fn why(error: &h2::Error) -> NoHead {
    let refused = error.is_reset() && error.reason() == Some(Reason::REFUSED_STREAM);
    if error.is_remote() && (refused || error.is_go_away()) {
        // Streams that a GOAWAY does not leave behind are not told of it (RFC 9113 §6.8, §8.7).
        return NoHead::Unprocessed;
    }
    if error.is_library() && error.is_reset() {
        return NoHead::Refused(BadResponse::Header);
    }
    NoHead::Closed
}

impl Answering for Answers<'_> {
    async fn head<T>(
        &mut self,
        max: HeadMax,
        look: impl FnOnce(&Response<'_, '_>) -> T,
    ) -> Result<T, NoHead> {
        let parts = poll_fn(|cx| self.poll_head(cx)).await?;
        let response = read(&parts, max).map_err(NoHead::Refused);
        let (lengths, fields) = response?;
        Ok(look(&Response {
            status: parts.status.as_u16(),
            reason: parts.status.canonical_reason().unwrap_or_default(),
            version: Version::Http2,
            headers: &fields,
            lengths,
            keep_alive: true,
            lists: false,
            keep_alive_timeout: None,
            ended: self.over,
        }))
    }

    fn bytes(&self) -> &[u8] {
        &self.held
    }

    fn consume(&mut self, n: usize) {
        self.held.advance(n);
        if let Some(from) = &mut self.from {
            // A stream that is gone needs no window.
            let _ = from.flow_control().release_capacity(n);
        }
    }

    async fn more(&mut self, _: bool) -> io::Result<usize> {
        let from = self.from.as_mut().ok_or(io::ErrorKind::BrokenPipe)?;
        loop {
            match poll_fn(|cx| from.poll_data(cx)).await {
                Some(Ok(bytes)) if bytes.is_empty() => {}
                Some(Ok(bytes)) => {
                    self.held = bytes;
                    return Ok(self.held.len());
                }
                Some(Err(error)) => return Err(io::Error::other(error)),
                None => break,
            }
        }
        self.trailers = poll_fn(|cx| from.poll_trailers(cx)).await.map_err(io::Error::other)?;
        self.over = true;
        Ok(0)
    }

    fn is_over(&self) -> bool {
        self.over || self.from.as_ref().is_some_and(RecvStream::is_end_stream)
    }

    fn trailers(&self, put: &mut dyn FnMut(&str, &[u8])) {
        for (name, value) in self.trailers.iter().flatten() {
            put(name.as_str(), value.as_bytes());
        }
    }
}

/// Reads what a head means, as strictly as one of HTTP/1.1. What HTTP/2 forbids in any head, the frame
/// layer has refused.
fn read(parts: &Parts, max: HeadMax) -> Result<(Lengths, Vec<Header<'_>>), BadResponse> {
    if !(100..=599).contains(&parts.status.as_u16()) {
        return Err(BadResponse::StatusLine);
    }
    let mut lengths = Lengths::default();
    let mut bytes = 0;
    let mut fields = Vec::with_capacity(parts.headers.len());
    for (name, value) in &parts.headers {
        let (name, value) = (name.as_str(), value.as_bytes());
        bytes += name.len() + value.len() + FIELD_BYTES;
        match known(name) {
            Some(Known::ContentLength) => {
                lengths.content_length(value).map_err(|_| BadResponse::Framing)?;
            }
            Some(
                Known::TransferEncoding | Known::Connection | Known::KeepAlive | Known::Upgrade,
            ) => return Err(BadResponse::Header),
            _ => {}
        }
        fields.push(Header { name, value });
    }
    if fields.len() > max.fields || bytes > max.bytes {
        return Err(BadResponse::TooLarge);
    }
    Ok((lengths, fields))
}
