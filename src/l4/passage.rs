//! A connection with a backend behind it: bytes both ways until something ends it.

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::Instant;

use crate::config::defaults::{DRAIN_DEADLINE, TCP_IDLE_TIMEOUT};
use crate::live::Place;
use crate::model::ForwardEnded;
use crate::net::{Relay, RelayEnd, Side, Stream, Timer};
use crate::table::Lease;
use crate::worker::{DrainKey, listener_id};

use super::client::Client;
use super::dial::Upstream;
use super::stays::{Stay, ends_at};

/// What has moved nothing for so long is not in the middle of something.
const AT_REST: Duration = Duration::from_secs(1);

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
    /// It is drained: it may only end by itself until then.
    leaving: Option<Box<Leaving>>,
}

/// A passage that holds a drain open, or whose listener is gone.
#[derive(Debug)]
struct Leaving {
    /// The drain; `None` = nobody ordered one.
    drain: Option<DrainKey>,
    since: Instant,
    until: Instant,
    /// Its number among the [`Stays`](super::stays::Stays).
    stay: u32,
    /// When it was last seen to move anything.
    moved: Instant,
    /// Runs out when it must end.
    timer: Timer,
}

impl Passage {
    /// Bytes may move from now on.
    pub(super) fn new(client: Client, upstream: Upstream, timer: Timer) -> Self {
        let (idle, lifetime) = client.with_listener(|listener| {
            let timeouts = listener.settings.tcp().map(|tcp| tcp.timeouts);
            timeouts.map_or((TCP_IDLE_TIMEOUT, None), |it| (it.idle, it.lifetime))
        });
        timer.set(idle);
        let Upstream { stream, lease, place, early } = upstream;
        let mut passage = Self {
            relay: early.map(Relay::after).unwrap_or_default(),
            backend: stream,
            client,
            lease,
            _place: place,
            idle,
            timer,
            until: None,
            leaving: None,
        };
        if let Some(lifetime) = lifetime {
            let until = passage.client.worker.timers.timer();
            until.set(lifetime.saturating_sub(passage.client.started.elapsed()));
            passage.until = Some(until);
        }
        passage
    }

    /// Moves what there is to move. Ready when it is over.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Client { worker, stream, .. } = &mut self.client;
        let end = self.relay.poll(cx, stream, &mut self.backend, &worker.buffers);
        if self.account() {
            self.timer.set(self.idle);
        }
        let ended = match end {
            Poll::Ready(RelayEnd::Done) => Some(ForwardEnded::Done),
            Poll::Ready(RelayEnd::Broken(side)) => Some(self.broken(side)),
            Poll::Pending => self.overdue(cx),
        };
        let Some(ended) = ended else { return Poll::Pending };
        self.client.ended = ended;
        std::mem::take(&mut self.relay).give_back(&self.client.worker.buffers);
        Poll::Ready(())
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
        if let Some(leaving) = &mut self.leaving {
            leaving.moved = Instant::now();
            self.client.worker.stays.moved(leaving.stay, up, down);
        }
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
        self.heed_drains();
        if self.client.worker.is_dead(self.lease.live.id) {
            self.client.stream.reset_on_close();
            return Some(ForwardEnded::BackendDown);
        }
        if self.timer.poll_expired(cx).is_ready() {
            return Some(ForwardEnded::Idle);
        }
        if self.until.as_ref().is_some_and(|until| until.poll_expired(cx).is_ready()) {
            return Some(ForwardEnded::Lifetime);
        }
        let leaving = self.leaving.as_ref().filter(|it| it.timer.poll_expired(cx).is_ready())?;
        if leaving.moved.elapsed() < AT_REST || !self.relay.is_at_rest() {
            // It is cut off: an orderly end would say that this was all there is.
            self.client.stream.reset_on_close();
            self.backend.reset_on_close();
        }
        Some(ForwardEnded::Drained)
    }

    /// Sees whether it is drained, and until when it may stay.
    fn heed_drains(&mut self) {
        let Client { worker, acceptor, started, .. } = &self.client;
        let drain = worker.drains.of(listener_id(&acceptor.live), self.lease.live.id);
        let (drain, since, until) = match (drain, &self.leaving) {
            (Some((key, since, until)), _) => (Some(key), since, until),
            (None, Some(leaving)) if leaving.drain.is_none() => return,
            // Gone from the configuration.
            (None, _) if acceptor.removed.get() && !worker.closing.get() => {
                let now = Instant::now();
                (None, now, now + DRAIN_DEADLINE)
            }
            (None, _) => return self.stay_on(),
        };
        if let Some(leaving) = &self.leaving
            && (leaving.drain, leaving.since, leaving.until) == (drain, since, until)
        {
            return;
        }
        let started = *started;
        self.stay_on();
        let stay = self.stay(drain);
        let worker = &self.client.worker;
        let (stay, timer) = (worker.stays.enter(stay), worker.timers.timer());
        let now = Instant::now();
        timer.set(ends_at(started, since, until, stay).saturating_duration_since(now));
        self.leaving = Some(Box::new(Leaving { drain, since, until, stay, moved: now, timer }));
    }

    /// Nothing drains it any more.
    fn stay_on(&mut self) {
        if let Some(leaving) = self.leaving.take() {
            self.client.worker.stays.leave(leaving.stay);
        }
    }

    fn stay(&self, drain: Option<DrainKey>) -> Stay {
        let Client { record, hello, .. } = &self.client;
        let route = self.client.with_listener(|listener| {
            listener.forward(hello.as_deref()).map(|forward| Arc::clone(&forward.policy.name))
        });
        Stay {
            drain,
            client: self.client.peer,
            protocol: "tcp",
            route: route.unwrap_or_default(),
            started: self.client.started,
            bytes_in: record.bytes_in,
            bytes_out: record.bytes_out,
        }
    }
}

impl Drop for Passage {
    fn drop(&mut self) {
        self.stay_on();
    }
}
