//! A connection to the chosen backend: a kept one if it will do, else a new one; or room on one that is
//! shared, for which it may have to wait.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::time::Instant;

use crate::config::BackendHttp2;
use crate::l7::client::http2::{Place, Ticket};
use crate::l7::client::{Link, Upstream};
use crate::l7::error::Failure;
use crate::l7::waits::Stay;
use crate::l7::worker::Worker;
use crate::model::{Address, printable};
use crate::net::{Stream, is_local};
use crate::table::Lease;

use super::deadline::Deadline;
use super::rescue::{Called, Rescue};
use super::room::{on_trunk, place};
use super::{Client, Job, Parties, Source};

/// What came of asking for a connection.
pub(super) enum Obtained {
    Connection(Upstream),
    Failed(Failure),
    Called(Called),
    ClientLeft,
}

/// Obtains a connection at about `now`; `fresh` = a kept one will not do.
pub(super) async fn obtain(
    parties: &mut Parties<'_, impl Client>,
    job: &Job,
    lease: &Lease,
    deadline: &Deadline<'_>,
    rescue: &Rescue<'_>,
    now: Instant,
    fresh: bool,
) -> Obtained {
    let counters = lease.live.worker(parties.worker.index);
    // Who changes the protocol needs a connection of its own, on which that can be said.
    let shared = lease.http2.filter(|_| job.terms.upgrade.is_none());
    if let Some(upstream) = at_hand(parties.worker, job, lease, (shared, fresh), now) {
        counters.reused.add(1);
        return Obtained::Connection(upstream);
    }
    let begun = Instant::now();
    deadline.set(job.policy.connect);
    let full = Cell::new(false);
    let opened = match shared {
        None => {
            let opening = open(parties.worker, lease, false);
            connect(parties, job, opening, deadline, rescue).await
        }
        Some(terms) => {
            let placed = place(parties.worker, job, lease, terms, deadline, &full);
            Box::pin(connect(parties, job, placed, deadline, rescue)).await
        }
    };
    let at = Instant::now();
    let failure = match opened {
        Some(Opened::Connected(Ok(stream)) | Opened::Secured(Ok(stream))) => {
            counters.connects.add(1);
            let (link, connect) = (Link::Http1(stream), at - begun);
            return Obtained::Connection(Upstream { link, reused: false, connect, at });
        }
        Some(Opened::Shared { ticket, new }) => {
            if new { &counters.connects } else { &counters.reused }.add(1);
            let connect = if new { at - begun } else { Duration::ZERO };
            return Obtained::Connection(on_trunk(lease, ticket, connect, at));
        }
        Some(Opened::Crowded) => Failure::QueueFull,
        Some(Opened::Secured(Err(error))) => {
            counters.connects.add(1);
            counters.tls_failures.add(1);
            tell(parties.worker, lease, &error);
            Failure::Tls
        }
        Some(Opened::Called(called)) => return Obtained::Called(called),
        Some(Opened::Left) => return Obtained::ClientLeft,
        // What this machine lacks says nothing about the backend.
        Some(Opened::Connected(Err(error))) if is_local(&error) => Failure::Connect,
        None if deadline.is_over() => Failure::Total,
        None if full.get() => Failure::QueueTimeout,
        failed => {
            counters.connect_failures.add(1);
            parties.worker.suspects.notify_one();
            if failed.is_some() { Failure::Connect } else { Failure::ConnectTimeout }
        }
    };
    Obtained::Failed(failure)
}

/// What need not be opened: a kept connection, or room on a `shared` one.
fn at_hand(
    worker: &Worker,
    job: &Job,
    lease: &Lease,
    (shared, fresh): (Option<BackendHttp2>, bool),
    now: Instant,
) -> Option<Upstream> {
    if let Some(terms) = shared {
        let Place::Taken(ticket) = worker.trunks.take(lease, terms, false) else { return None };
        return Some(on_trunk(lease, ticket, Duration::ZERO, now));
    }
    if fresh {
        return None;
    }
    // What must not be sent twice takes no risk with a connection that may be stale.
    let age = (!job.terms.idempotent).then_some(job.policy.unsafe_reuse_age);
    let link = Link::Http1(worker.idle.take(lease, age, now)?);
    Some(Upstream { link, reused: true, connect: Duration::ZERO, at: now })
}

/// What came of opening one.
pub(super) enum Opened {
    Connected(io::Result<Stream>),
    /// It was connected to, and then TLS was begun.
    Secured(io::Result<Stream>),
    /// There is room on a shared connection, which may be `new`.
    Shared {
        ticket: Ticket,
        new: bool,
    },
    /// As many wait for room as may.
    Crowded,
    Called(Called),
    Left,
}

/// Opens a connection on the backend's terms; `shared` = to speak HTTP/2, if the backend does.
pub(super) async fn open(worker: &Worker, lease: &Lease, shared: bool) -> Opened {
    let connected = Stream::connect(&lease.address, true).await;
    let Some(server) = &lease.tls else { return Opened::Connected(connected) };
    let http1 = (lease.http2.is_some() && !shared).then(|| server.over_http1());
    let server = http1.as_ref().unwrap_or(server);
    let mut stream = match connected {
        Ok(stream) => stream,
        Err(error) => return Opened::Connected(Err(error)),
    };
    // What a handshake needs is not carried along by connections in clear.
    let agreed = Box::pin(stream.begin_tls(server, &worker.records)).await;
    Opened::Secured(agreed.map(|()| stream))
}

/// Says why there is no agreement: the client is not told, and the backend's log may say nothing.
fn tell(worker: &Worker, lease: &Lease, error: &io::Error) {
    let source = match &lease.address {
        Address::Inet(address) => address.ip(),
        Address::Unix(_) => IpAddr::from(Ipv4Addr::LOCALHOST),
    };
    if worker.live.tls_refusals.first(source, (worker.clock)()) {
        tracing::warn!(backend = %lease.live.key, error = %printable(&error.to_string()),
            "no agreement with a backend by TLS");
    }
}

/// Connects, unless the client leaves, the backend goes down or the deadline passes (`None`) first.
async fn connect(
    parties: &mut Parties<'_, impl Client>,
    job: &Job,
    opening: impl Future<Output = Opened>,
    deadline: &Deadline<'_>,
    rescue: &Rescue<'_>,
) -> Option<Opened> {
    let (peer, started) = (parties.peer, Instant::now());
    let (mut client, _) = parties.client.split();
    let mut connecting = pin!(opening);
    // Before a request was sent, also to end its own direction means that nobody waits for it.
    let capacity = job.terms.head_bytes;
    let mut leaving = pin!(client.left(parties.worker, parties.timer, capacity, true));
    poll_fn(|cx| {
        if let Poll::Ready(opened) = connecting.as_mut().poll(cx) {
            return Poll::Ready(Some(opened));
        }
        if leaving.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Some(Opened::Left));
        }
        // Nothing of the request was sent on this connection.
        let stay = || Stay {
            client: peer,
            protocol: "http".into(),
            route: Arc::clone(&job.terms.route),
            started,
            long_lived: false,
            bytes_in: 0,
            bytes_out: 0,
            told: Instant::now(),
        };
        if let Some(called) = rescue.called(|| true, stay) {
            return Poll::Ready(Some(Opened::Called(called)));
        }
        deadline.timer.poll_expired(cx).map(|()| None)
    })
    .await
}
