//! A backend that speaks HTTP/1.1, as the exchange sees it: a connection that is its alone for as long
//! as the exchange lasts.

use std::cell::Cell;
use std::future::poll_fn;
use std::io;
use std::mem::MaybeUninit;
use std::task::{Poll, ready};

use httparse::Header;

use crate::l7::exchange::{Answering, Asking, HeadMax, NoHead};
use crate::l7::http1::HeadScan;
use crate::l7::io::read_lazily;
use crate::model::BadResponse;
use crate::net::{Buffer, Buffers, ReadHalf, Stream, WriteHalf};

use super::{Response, parse_response};

/// Header fields that fit on the stack; configured limits above take a heap allocation.
const FIELDS: usize = 128;

/// The direction of requests.
pub(crate) struct Requests<'a>(WriteHalf<'a>);

/// The direction of answers.
pub(crate) struct Answers<'a> {
    half: ReadHalf<'a>,
    stock: &'a Buffers,
    input: Option<Buffer>,
}

/// Both directions of a connection, usable at once.
pub(crate) fn split<'a>(stream: &'a mut Stream, stock: &'a Buffers) -> (Requests<'a>, Answers<'a>) {
    let (read, write) = stream.split();
    (Requests(write), Answers { half: read, stock, input: None })
}

impl Asking for Requests<'_> {
    async fn send(&mut self, bytes: &[u8], sent: &Cell<bool>) -> io::Result<()> {
        let mut rest = bytes;
        poll_fn(|cx| {
            while !rest.is_empty() {
                match ready!(self.0.poll_write(cx, rest))? {
                    0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                    n => rest = &rest[n..],
                }
                sent.set(true);
            }
            Poll::Ready(Ok(()))
        })
        .await
    }
}

impl Answering for Answers<'_> {
    async fn head<T>(
        &mut self,
        max: HeadMax,
        look: impl FnOnce(&Response<'_, '_>) -> T,
    ) -> Result<T, NoHead> {
        let mut scan = HeadScan::default();
        loop {
            // There may be one behind the last.
            if let Some(buffer) = self.input.as_mut() {
                let end = scan.find_end(buffer.filled());
                match end.map_err(|_| NoHead::Refused(BadResponse::Header))? {
                    Some(end) if end <= max.bytes => {
                        let looked = with_head(&buffer.filled()[..end], max.fields, look);
                        buffer.consume(end);
                        return looked.map_err(NoHead::Refused);
                    }
                    None if buffer.filled().len() < max.bytes => {}
                    _ => return Err(NoHead::Refused(BadResponse::TooLarge)),
                }
            }
            let Self { half, stock, input } = self;
            match read_lazily(half, input, stock, |stock| stock.take(max.bytes)).await {
                Ok(1..) => {}
                Ok(0) | Err(_) => return Err(NoHead::Closed),
            }
        }
    }

    fn bytes(&self) -> &[u8] {
        self.input.as_ref().map_or(&[], Buffer::filled)
    }

    fn consume(&mut self, n: usize) {
        if let Some(input) = self.input.as_mut() {
            input.consume(n);
        }
    }

    async fn more(&mut self, much: bool) -> io::Result<usize> {
        let take = |stock: &Buffers| if much { stock.take_bulk() } else { stock.take(0) };
        read_lazily(&mut self.half, &mut self.input, self.stock, take).await
    }

    /// A body's framing tells.
    fn is_over(&self) -> bool {
        false
    }

    /// They are part of the framing.
    fn trailers(&self, _: &mut dyn FnMut(&str, &[u8])) {}
}

impl Drop for Answers<'_> {
    fn drop(&mut self) {
        if let Some(input) = self.input.take() {
            self.stock.put(input);
        }
    }
}

/// Parses a whole head without waiting, so that the room for its fields is on the stack.
fn with_head<T>(
    head: &[u8],
    fields: usize,
    look: impl FnOnce(&Response<'_, '_>) -> T,
) -> Result<T, BadResponse> {
    let mut few = [const { MaybeUninit::uninit() }; FIELDS];
    let mut many = Vec::new();
    let room: &mut [MaybeUninit<Header<'_>>] = if fields <= FIELDS {
        &mut few[..fields]
    } else {
        many.resize_with(fields, MaybeUninit::uninit);
        &mut many
    };
    Ok(look(&parse_response(head, room)?))
}
