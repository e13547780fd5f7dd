//! A client connection, from accept to close.
//!
//! Thousands of connections wait for their next request at any time, so waiting must be cheap:
//! a connection that has lingered for a moment lets go of its task, whose memory has room for a
//! whole exchange, and *dozes* in a small one until there is something to read.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use tokio::time::Instant;

use crate::l7::caller::Caller;
use crate::l7::desk::Prepared;
use crate::l7::error::Failure;
use crate::l7::exchange::{self, After, Parties};
use crate::l7::http2::{self, PREFACE_HEAD};
use crate::l7::io::{give_back, read_lazily};
use crate::l7::local::Local;
use crate::l7::record::Record;
use crate::l7::seat::{Seats, Work};
use crate::l7::worker::Worker;
use crate::model::{BadRequest, ConnectionRefused, SlowClient};
use crate::net::{Buffer, Buffers, Pressure, Stream, Timer};
use crate::worker::listener_id;

use super::doze::Doze;
use super::head::{BareNewline, HeadScan};
use super::peer::Peer;
use super::prepare::prepare;

/// How long a connection waits for its next request before it dozes.
pub(super) const LINGER: Duration = Duration::from_millis(40);
/// Connections that may linger at once on a worker; beyond, they doze at once.
const LINGERING_MAX: usize = 256;

/// A client connection.
#[derive(Debug)]
pub(crate) struct Connection {
    /// Dropped before what counts it: who waits for a file descriptor finds it free.
    pub(super) stream: Stream,
    pub(super) caller: Caller,
    pub(super) timer: Timer,
    /// Nothing was waited for yet: what its client has sent may just not be known here.
    fresh: bool,
    /// No request came yet.
    first: bool,
}

/// What a listener asks of a request head.
#[derive(Clone, Copy)]
struct HeadLimits {
    head_bytes: usize,
    within: Duration,
    /// A client may begin to speak HTTP/2 instead.
    http2: bool,
}

/// What came of a turn to read a request.
enum Turn {
    /// It was answered, or there was none.
    Over(After),
    /// The client speaks HTTP/2; what it sent is still there.
    Http2,
}

/// What ended the wait for a request.
enum Woken {
    Readable,
    Doze,
    Close,
}

impl Work for Connection {
    fn worker(&self) -> &Rc<Worker> {
        &self.caller.worker
    }

    fn seats(worker: &Worker) -> &Seats<Self> {
        &worker.connections
    }

    fn work(self) -> impl Future<Output = ()> {
        self.serve()
    }
}

impl Connection {
    /// Takes an accepted connection over.
    pub(crate) fn new(caller: Caller, stream: Stream) -> Self {
        let timer = caller.worker.timers.timer();
        Self { stream, caller, timer, fresh: true, first: true }
    }

    /// Serves requests until the connection ends or goes to doze.
    async fn serve(mut self) {
        let mut input: Option<Buffer> = None;
        let end = loop {
            let limits = self.limits();
            if input.is_none() && self.caller.worker.buffers.pressure() == Pressure::Full {
                self.caller.acceptor.refused(ConnectionRefused::Memory);
                return self.stream.reset_on_close();
            }
            if input.as_ref().is_none_or(Buffer::is_empty) {
                match self.linger(&mut input, limits.head_bytes).await {
                    Woken::Readable => {}
                    Woken::Doze => {
                        tokio::task::spawn_local(Doze::new(self));
                        return;
                    }
                    Woken::Close => return,
                }
            }
            match self.request(&mut input, limits).await {
                Turn::Over(After::KeepAlive) => self.first = false,
                Turn::Over(after) => break after,
                Turn::Http2 => return http2::serve(self.caller, self.stream, input),
            }
        };
        let unread =
            input.as_ref().is_some_and(|input| !input.is_empty()) || !self.stream.is_quiet();
        if end == After::Reset {
            self.stream.reset_on_close();
        } else if end == After::Linger || unread {
            let Self { caller, stream, timer, .. } = &mut self;
            super::linger::linger(stream, timer, &mut input, &caller.worker.buffers).await;
        } else {
            self.stream.say_goodbye();
        }
        if let Some(input) = input {
            self.caller.worker.buffers.put(input);
        }
    }

    fn limits(&self) -> HeadLimits {
        self.caller.worker.with_table(|table, _| {
            self.caller.acceptor.with_listener(table, |listener, _| {
                let settings = &listener.settings;
                HeadLimits {
                    head_bytes: settings.limits.head_bytes,
                    within: settings.timeouts.head,
                    // By TLS it would have been agreed on (RFC 9113 §3.2).
                    http2: settings.http2.is_some() && settings.tls.is_none(),
                }
            })
        })
    }

    /// Waits a moment for the next request's first bytes.
    async fn linger(&mut self, input: &mut Option<Buffer>, head_bytes: usize) -> Woken {
        let Self { caller, stream, timer, fresh, .. } = self;
        let worker = &caller.worker;
        let fresh = std::mem::take(fresh);
        let unwanted = || caller.is_unwanted();
        // One that came at the last moment gets the chance that all others had.
        let patient = worker.lingering.get() < LINGERING_MAX || (fresh && unwanted());
        worker.lingering.set(worker.lingering.get() + 1);
        timer.set(LINGER);
        let (mut read, _) = stream.split();
        let take = |stock: &Buffers| stock.take(head_bytes);
        let woken = {
            let mut reading = pin!(read_lazily(&mut read, input, &worker.buffers, take));
            poll_fn(|cx| match reading.as_mut().poll(cx) {
                Poll::Ready(Ok(1..)) => Poll::Ready(Woken::Readable),
                Poll::Ready(Ok(0) | Err(_)) => Poll::Ready(Woken::Close),
                Poll::Pending if !fresh && unwanted() => Poll::Ready(Woken::Close),
                Poll::Pending if !patient => Poll::Ready(Woken::Doze),
                Poll::Pending => timer.poll_expired(cx).map(|()| Woken::Doze),
            })
            .await
        };
        worker.lingering.set(worker.lingering.get() - 1);
        give_back(input, &worker.buffers);
        woken
    }

    /// Reads one request and answers it.
    async fn request(&mut self, input: &mut Option<Buffer>, limits: HeadLimits) -> Turn {
        let head = match self.read_head(input, limits).await {
            Ok(head) => head,
            Err(HeadEnd::Gone) => return Turn::Over(After::Close),
            Err(HeadEnd::TimedOut) => {
                self.caller.was_slow(SlowClient::Head);
                return Turn::Over(self.refuse_head(Failure::SlowHead).await);
            }
            Err(HeadEnd::Refused(reason)) => {
                return Turn::Over(self.refuse_head(Failure::Request(reason)).await);
            }
        };
        let mut record = Record::new(Instant::now());
        let Some(buffer) = input.as_mut() else { return Turn::Over(After::Close) };
        if self.first && limits.http2 && &buffer.filled()[..head] == PREFACE_HEAD {
            return Turn::Http2;
        }
        let prepared = prepare(self, &buffer.filled()[..head], &mut record);
        buffer.consume(head);
        let (after, ended) = match prepared {
            Prepared::Forward(mut job) => {
                let parties = Parties {
                    worker: &self.caller.worker,
                    client: &mut Peer { stream: &mut self.stream, input },
                    timer: &self.timer,
                    listener: listener_id(&self.caller.acceptor.live),
                    peer: self.caller.peer,
                    removed: &self.caller.acceptor.removed,
                };
                exchange::run(parties, &mut job, &mut record).await
            }
            Prepared::Local(local) => {
                let Self { caller, stream, timer, .. } = self;
                (local.send(&caller.worker, stream, timer, &mut record).await, local.ended())
            }
        };
        self.caller.finish(&mut record, ended);
        Turn::Over(after)
    }

    /// Answers a head that never became a request.
    async fn refuse_head(&mut self, failure: Failure) -> After {
        let mut record = Record::new(Instant::now());
        let local = Local::failure(&self.caller.worker, failure);
        self.caller.log_unreadable(&mut record);
        let Self { caller, stream, timer, .. } = self;
        let after = local.send(&caller.worker, stream, timer, &mut record).await;
        self.caller.finish(&mut record, local.ended());
        after
    }

    /// Reads until a whole head is in the buffer; returns its length.
    async fn read_head(
        &mut self,
        input: &mut Option<Buffer>,
        limits: HeadLimits,
    ) -> Result<usize, HeadEnd> {
        let bytes_max = limits.head_bytes;
        let mut scan = HeadScan::default();
        let (mut read, _) = self.stream.split();
        let mut timed = false;
        loop {
            if let Some(buffer) = input.as_mut() {
                if skip_empty_line(buffer) {
                    scan = HeadScan::default();
                }
                match scan.find_end(buffer.filled()) {
                    Ok(Some(end)) if end <= bytes_max => return Ok(end),
                    // A buffer from before a reload may be smaller than the limit.
                    Ok(None) if buffer.filled().len() < bytes_max.min(buffer.capacity()) => {}
                    Ok(_) => return Err(HeadEnd::Refused(BadRequest::HeadTooLarge)),
                    Err(BareNewline) => return Err(HeadEnd::Refused(BadRequest::BareNewline)),
                }
            }
            if !timed {
                // The clock runs from the head's first bytes, not from each read.
                timed = true;
                self.timer.set(limits.within);
            }
            let stock = &self.caller.worker.buffers;
            match self
                .timer
                .limit(read_lazily(&mut read, input, stock, |stock| stock.take(bytes_max)))
                .await
            {
                Some(Ok(1..)) => {}
                Some(Ok(0) | Err(_)) => return Err(HeadEnd::Gone),
                None => return Err(HeadEnd::TimedOut),
            }
        }
    }
}

/// Why there is no head.
enum HeadEnd {
    Gone,
    TimedOut,
    Refused(BadRequest),
}

/// Some clients send an empty line after a body; one before a request is ignored
/// (RFC 9112 §2.2). Says whether there was one.
fn skip_empty_line(buffer: &mut Buffer) -> bool {
    let there = buffer.filled().starts_with(b"\r\n");
    if there {
        buffer.consume(2);
    }
    there
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The size of the future that an asynchronous function makes, in bytes.
    fn future_size<A, F>(_: impl FnOnce(A) -> F) -> usize {
        size_of::<F>()
    }

    #[test]
    fn an_idle_connection_fits_into_little_memory() {
        let (dozing, serving) = (size_of::<Doze>(), future_size(Connection::serve));
        assert!(dozing <= 128, "a dozing connection's future has {dozing} bytes");
        assert!(serving <= 5120, "a serving connection's future has {serving} bytes");
    }
}
