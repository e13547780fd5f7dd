//! Bytes both ways between two connections, until both directions have ended.
//!
//! A small exchange is copied through a buffer: one read, one write. Where a read fills its whole
//! buffer there is more where that came from, and the direction moves on through a [`Pipe`] until
//! it runs low again. Nothing is read before what was read last has been written, so a slow
//! receiver slows its sender and nobody else; and nothing is held while there is nothing to move,
//! so a waiting connection costs its two sockets and little more.
//!
//! An end is passed on as an end: a direction that is finished is finished on the other side as
//! well, while the opposite one goes on. A reset is the caller's to pass on: [`RelayEnd`] tells on
//! which side it came.

use std::io;
use std::task::{Context, Poll, ready};

use super::{Buffer, Buffers, Pipe, ReadHalf, Stream, WriteHalf};

/// Rounds of read and write in a row, before others on the thread get their turn.
const ROUNDS: usize = 8;
/// What is taken at once through a pipe, at least; for less it is not worth its system calls.
const BULK_MIN: usize = 16 * 1024;

/// One of the two connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The one that was accepted.
    Client,
    /// The one that was opened.
    Backend,
}

/// How a relay ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RelayEnd {
    /// Both sides have ended in order.
    Done,
    /// This side's connection broke.
    Broken(Side),
}

/// What is on its way between two connections.
#[derive(Debug, Default)]
pub struct Relay {
    up: Way,
    down: Way,
}

/// One direction.
#[derive(Debug, Default)]
struct Way {
    held: Held,
    /// More than a buffer's worth was there at the last look.
    bulk: bool,
    /// The sockets cannot be spliced.
    unspliceable: bool,
    /// The end is known to have arrived: it is read next, and passed on.
    ending: bool,
    ended: bool,
    moved: u64,
}

#[derive(Debug, Default)]
enum Held {
    #[default]
    Nothing,
    Buffer(Buffer),
    Pipe(Pipe),
}

/// Which end of a direction failed.
enum Fault {
    From,
    To,
}

impl Relay {
    /// One whose client has already sent what is in this buffer.
    #[must_use]
    pub fn after(early: Buffer) -> Self {
        let mut relay = Self::default();
        relay.up.held = Held::Buffer(early);
        relay
    }

    /// Bytes moved so far: from the client to the backend, and back.
    #[must_use]
    pub fn moved(&self) -> (u64, u64) {
        (self.up.moved, self.down.moved)
    }

    /// Has all that was taken from one side been given to the other?
    #[must_use]
    pub fn is_at_rest(&self) -> bool {
        [&self.up, &self.down].iter().all(|way| matches!(way.held, Held::Nothing))
    }

    /// Moves what there is to move. Ready when both directions have ended, or one has broken. The
    /// end of the last one is left to the close of both connections, which says it as well.
    pub fn poll(
        &mut self,
        cx: &mut Context<'_>,
        client: &mut Stream,
        backend: &mut Stream,
        stock: &Buffers,
    ) -> Poll<RelayEnd> {
        let (mut client_read, mut client_write) = client.split();
        let (mut backend_read, mut backend_write) = backend.split();
        let last = self.down.ended;
        match self.up.poll(cx, &mut client_read, &mut backend_write, stock, last) {
            Poll::Ready(Err(Fault::From)) => return Poll::Ready(RelayEnd::Broken(Side::Client)),
            Poll::Ready(Err(Fault::To)) => return Poll::Ready(RelayEnd::Broken(Side::Backend)),
            Poll::Ready(Ok(())) | Poll::Pending => {}
        }
        let last = self.up.ended;
        match self.down.poll(cx, &mut backend_read, &mut client_write, stock, last) {
            Poll::Ready(Err(Fault::From)) => return Poll::Ready(RelayEnd::Broken(Side::Backend)),
            Poll::Ready(Err(Fault::To)) => return Poll::Ready(RelayEnd::Broken(Side::Client)),
            Poll::Ready(Ok(())) | Poll::Pending => {}
        }
        if self.up.ended && self.down.ended { Poll::Ready(RelayEnd::Done) } else { Poll::Pending }
    }

    /// Gives back what it holds.
    pub fn give_back(self, stock: &Buffers) {
        for way in [self.up, self.down] {
            if let Held::Buffer(buffer) = way.held {
                stock.put(buffer);
            }
        }
    }
}

impl Way {
    /// Moves bytes until it must wait, or has passed the end on; `last` = the other direction has
    /// ended.
    fn poll(
        &mut self,
        cx: &mut Context<'_>,
        from: &mut ReadHalf<'_>,
        to: &mut WriteHalf<'_>,
        stock: &Buffers,
        last: bool,
    ) -> Poll<Result<(), Fault>> {
        if self.ended {
            return Poll::Ready(Ok(()));
        }
        for _ in 0..ROUNDS {
            if ready!(self.flush(cx, to, stock)).is_err() {
                return Poll::Ready(Err(Fault::To));
            }
            match ready!(self.fill(cx, from, stock)) {
                Ok(0) => {
                    self.ended = true;
                    if last {
                        to.say_goodbye();
                        return Poll::Ready(Ok(()));
                    }
                    return Poll::Ready(to.shutdown().map_err(|_| Fault::To));
                }
                Ok(_) => {}
                Err(_) => {
                    if self.ending {
                        // It was no end in order, and what waits for it would be lost.
                        to.push();
                    }
                    return Poll::Ready(Err(Fault::From));
                }
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Writes what is held.
    fn flush(
        &mut self,
        cx: &mut Context<'_>,
        to: &mut WriteHalf<'_>,
        stock: &Buffers,
    ) -> Poll<io::Result<()>> {
        loop {
            let n = match &mut self.held {
                Held::Buffer(buffer) if !buffer.is_empty() => {
                    let n = ready!(to.poll_write_more(cx, buffer.filled(), self.ending))?;
                    buffer.consume(n);
                    n
                }
                Held::Pipe(pipe) if !pipe.is_empty() => ready!(pipe.poll_drain(cx, to))?,
                _ => break,
            };
            if n == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.moved += n as u64;
        }
        match std::mem::take(&mut self.held) {
            Held::Nothing => {}
            Held::Buffer(buffer) => stock.put(buffer),
            Held::Pipe(pipe) => stock.put_pipe(pipe),
        }
        Poll::Ready(Ok(()))
    }

    /// Reads what there is; 0 = the end. Nothing is held before and, while it waits, after.
    fn fill(
        &mut self,
        cx: &mut Context<'_>,
        from: &mut ReadHalf<'_>,
        stock: &Buffers,
    ) -> Poll<io::Result<usize>> {
        if self.bulk && !self.unspliceable {
            // Without a pipe in stock one would be opened in vain.
            ready!(from.poll_read_ready(cx))?;
        }
        if self.bulk
            && !self.unspliceable
            && let Some(pipe) = stock.take_pipe()
        {
            match self.splice(cx, from, pipe, stock) {
                Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::InvalidInput => {
                    self.unspliceable = true;
                }
                filled => return filled,
            }
        }
        let (mut room, bulk) = (None, self.bulk);
        let take = || if bulk { stock.take_bulk() } else { stock.take(0) };
        let filled = from.poll_read_ending(cx, &mut room, take).map_ok(|(n, ends)| {
            self.ending = ends;
            n
        });
        match room {
            Some(buffer) if buffer.is_empty() => stock.put(buffer),
            Some(mut buffer) => {
                self.bulk = buffer.spare().is_empty() || bulk && buffer.filled().len() > BULK_MIN;
                self.held = Held::Buffer(buffer);
            }
            None => {}
        }
        filled
    }

    fn splice(
        &mut self,
        cx: &mut Context<'_>,
        from: &mut ReadHalf<'_>,
        mut pipe: Pipe,
        stock: &Buffers,
    ) -> Poll<io::Result<usize>> {
        let filled = pipe.poll_fill(cx, from);
        if pipe.is_empty() {
            stock.put_pipe(pipe);
        } else {
            self.held = Held::Pipe(pipe);
        }
        if let Poll::Ready(Ok(n)) = filled {
            self.bulk = n >= BULK_MIN;
        }
        filled
    }
}
