//! A client connection, from accept to close.
//!
//! Thousands of connections wait for their next request at any time, so waiting must be cheap:
//! a connection that has lingered for a moment lets go of its task, whose memory has room for a
//! whole exchange, and *dozes* in a small one until there is something to read.

use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use tokio::time::Instant;

use crate::l7::error::Failure;
use crate::l7::exchange::{self, After, Parties};
use crate::l7::io::{give_back, read_lazily};
use crate::l7::record::{Logged, Record, Texts};
use crate::l7::worker::Worker;
use crate::model::{BadRequest, Ended};
use crate::net::{Buffer, Buffers, Stream, Timer};
use crate::worker::Acceptor;
use crate::worker::listener_id;

use super::doze::Doze;
use super::head::{BareNewline, HeadScan};
use super::local::Local;
use super::prepare::{Prepared, prepare};

/// How long a connection waits for its next request before it dozes.
pub(super) const LINGER: Duration = Duration::from_millis(40);
/// Connections that may linger at once on a worker; beyond, they doze at once.
const LINGERING_MAX: usize = 256;

/// A client connection.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(super) worker: Rc<Worker>,
    pub(super) acceptor: Rc<Acceptor>,
    pub(super) stream: Stream,
    pub(super) peer: SocketAddr,
    pub(super) timer: Timer,
    /// Nothing was waited for yet: what its client has sent may just not be known here.
    fresh: bool,
}

/// What a listener asks of a request head.
#[derive(Clone, Copy)]
struct HeadLimits {
    head_bytes: usize,
    within: Duration,
}

/// What ended the wait for a request.
enum Woken {
    Readable,
    Doze,
    Close,
}

impl Connection {
    /// Takes an accepted connection over.
    pub(crate) fn new(
        worker: &Rc<Worker>,
        acceptor: &Rc<Acceptor>,
        stream: Stream,
        peer: SocketAddr,
    ) -> Self {
        acceptor.opened(worker);
        Self {
            worker: Rc::clone(worker),
            acceptor: Rc::clone(acceptor),
            stream,
            peer,
            timer: worker.timers.timer(),
            fresh: true,
        }
    }

    /// Serves requests until the connection ends or goes to doze.
    pub(crate) async fn serve(mut self) {
        let mut input: Option<Buffer> = None;
        let end = loop {
            let limits = self.limits();
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
                After::KeepAlive => {}
                after => break after,
            }
        };
        let unread =
            input.as_ref().is_some_and(|input| !input.is_empty()) || !self.stream.is_quiet();
        if end == After::Reset {
            self.stream.reset_on_close();
        } else if end == After::Linger || unread {
            let Self { worker, stream, timer, .. } = &mut self;
            super::linger::linger(stream, timer, &mut input, &worker.buffers).await;
        } else {
            self.stream.say_goodbye();
        }
        if let Some(input) = input {
            self.worker.buffers.put(input);
        }
    }

    fn limits(&self) -> HeadLimits {
        self.worker.with_table(|table, _| {
            self.acceptor.with_listener(table, |listener, _| {
                let settings = &listener.settings;
                HeadLimits {
                    head_bytes: settings.limits.head_bytes,
                    within: settings.timeouts.head,
                }
            })
        })
    }

    /// Waits a moment for the next request's first bytes.
    async fn linger(&mut self, input: &mut Option<Buffer>, head_bytes: usize) -> Woken {
        let Self { worker, acceptor, stream, timer, fresh, .. } = self;
        let fresh = std::mem::take(fresh);
        let unwanted = || worker.closing.get() || acceptor.removed.get();
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
    async fn request(&mut self, input: &mut Option<Buffer>, limits: HeadLimits) -> After {
        let head = match self.read_head(input, limits).await {
            Ok(head) => head,
            Err(HeadEnd::Gone) => return After::Close,
            Err(HeadEnd::TimedOut) => {
                self.worker.counters().clients_timed_out.add(1);
                return self.refuse_head(Failure::SlowHead).await;
            }
            Err(HeadEnd::Refused(reason)) => {
                return self.refuse_head(Failure::Request(reason)).await;
            }
        };
        let mut record = Record::new(Instant::now());
        let Some(buffer) = input.as_mut() else { return After::Close };
        let prepared = prepare(self, &buffer.filled()[..head], &mut record);
        buffer.consume(head);
        let (after, ended) = match prepared {
            Prepared::Forward(mut job) => {
                let parties = Parties {
                    worker: &self.worker,
                    client: &mut self.stream,
                    timer: &self.timer,
                    listener: listener_id(&self.acceptor.live),
                    peer: self.peer,
                    removed: &self.acceptor.removed,
                    input,
                };
                exchange::run(parties, &mut job, &mut record).await
            }
            Prepared::Local(local) => {
                let Self { worker, stream, timer, .. } = self;
                (local.send(worker, stream, timer, &mut record).await, local.ended())
            }
        };
        self.finish(&mut record, ended);
        after
    }

    /// Answers a head that never became a request.
    async fn refuse_head(&mut self, failure: Failure) -> After {
        let mut record = Record::new(Instant::now());
        let local = Local::failure(&self.worker, failure);
        let logs = self.worker.with_table(|table, _| {
            self.acceptor.with_listener(table, |listener, _| listener.settings.access_log.is_some())
        });
        if logs {
            let logged = Logged::unreadable((self.worker.clock)(), self.peer);
            record.texts = Some(Texts::new(self.worker.buffers.take_vec(), &logged));
        }
        let Self { worker, stream, timer, .. } = self;
        let after = local.send(worker, stream, timer, &mut record).await;
        self.finish(&mut record, local.ended());
        after
    }

    fn finish(&self, record: &mut Record, ended: Ended) {
        self.worker.with_table(|table, _| {
            self.acceptor.with_listener(table, |listener, socket| {
                record.finish(&self.worker, listener, socket, ended);
            });
        });
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
            let stock = &self.worker.buffers;
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

impl Drop for Connection {
    fn drop(&mut self) {
        self.acceptor.closed(&self.worker);
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
        assert!(serving <= 4096, "a serving connection's future has {serving} bytes");
    }
}
