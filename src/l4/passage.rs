//! A connection with a backend behind it: bytes both ways until something ends it.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use crate::config::Protocol;
use crate::config::defaults::{DRAIN_DEADLINE, TCP_IDLE_TIMEOUT};
use crate::live::Place;
use crate::model::ForwardEnded;
use crate::net::{Relay, RelayEnd, Side, Stream, Timer};
use crate::table::Lease;

use super::client::Client;
use super::dial::Upstream;

/// A connection's whole state while bytes move. There are as many of these as connections, most of
/// them waiting, so it is kept small.
#[derive(Debug)]
pub(super) struct Passage {
    relay: Relay,
    backend: Stream,
    client: Client,
    lease: Lease,
    /// Given back when the passage ends.
    _place: Option<Place>,
    idle: Duration,
    /// Runs out when nothing moves.
    timer: Timer,
    /// Runs out however much moves.
    until: Option<Timer>,
    /// Its listener is gone: it may only end by itself until `until`.
    draining: bool,
}

impl Passage {
    /// Bytes may move from now on.
    pub(super) fn new(client: Client, upstream: Upstream, timer: Timer) -> Self {
        let (idle, lifetime) = client.with_listener(|listener| match &listener.settings.protocol {
            Protocol::Tcp(tcp) => (tcp.timeouts.idle, tcp.timeouts.lifetime),
            Protocol::Http => (TCP_IDLE_TIMEOUT, None),
        });
        timer.set(idle);
        let Upstream { stream, lease, place } = upstream;
        let mut passage = Self {
            relay: Relay::default(),
            backend: stream,
            client,
            lease,
            _place: place,
            idle,
            timer,
            until: None,
            draining: false,
        };
        if let Some(lifetime) = lifetime {
            passage.end_within(lifetime.saturating_sub(passage.client.started.elapsed()));
        }
        passage
    }

    fn end_within(&mut self, time: Duration) {
        let timers = &self.client.worker.timers;
        self.until.get_or_insert_with(|| timers.timer()).set(time);
    }

    /// Counts what has moved; says whether anything has.
    fn account(&mut self) -> bool {
        let (up, down) = self.relay.moved();
        let record = &mut self.client.record;
        if (up, down) == (record.bytes_in, record.bytes_out) {
            return false;
        }
        let counters = self.lease.live.worker(self.client.worker.index);
        counters.bytes_sent.add(up - record.bytes_in);
        counters.bytes_received.add(down - record.bytes_out);
        (record.bytes_in, record.bytes_out) = (up, down);
        true
    }

    /// Passes a break on to the other side as what it was.
    fn broken(&mut self, side: Side) -> ForwardEnded {
        match side {
            Side::Client => {
                self.backend.reset_on_close();
                ForwardEnded::ClientReset
            }
            Side::Backend => {
                self.client.stream.reset_on_close();
                if self.client.record.bytes_out == 0 {
                    self.lease.live.worker(self.client.worker.index).resets.add(1);
                }
                ForwardEnded::BackendReset
            }
        }
    }

    /// Why it must end although both sides would go on.
    fn overdue(&mut self, cx: &mut Context<'_>) -> Option<ForwardEnded> {
        if self.client.acceptor.removed.get() && !self.draining && !self.client.worker.closing.get()
        {
            self.draining = true;
            self.end_within(DRAIN_DEADLINE);
        }
        if self.timer.poll_expired(cx).is_ready() {
            return Some(ForwardEnded::Idle);
        }
        let over = self.until.as_ref().is_some_and(|until| until.poll_expired(cx).is_ready());
        let ended = if self.draining { ForwardEnded::Drained } else { ForwardEnded::Lifetime };
        over.then_some(ended)
    }
}

impl Future for Passage {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        let Client { worker, stream, .. } = &mut this.client;
        let end = this.relay.poll(cx, stream, &mut this.backend, &worker.buffers);
        if this.account() {
            this.timer.set(this.idle);
        }
        let ended = match end {
            Poll::Ready(RelayEnd::Done) => Some(ForwardEnded::Done),
            Poll::Ready(RelayEnd::Broken(side)) => Some(this.broken(side)),
            Poll::Pending => this.overdue(cx),
        };
        let Some(ended) = ended else { return Poll::Pending };
        this.client.ended = ended;
        std::mem::take(&mut this.relay).give_back(&this.client.worker.buffers);
        Poll::Ready(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_idle_connection_fits_into_little_memory() {
        let size = size_of::<Passage>();
        assert!(size <= 640, "a passage has {size} bytes");
    }
}
