//! A connection to the chosen backend: a kept one if it will do, else a new one.

use std::future::{Future, poll_fn};
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::time::Instant;

use crate::l7::client::Upstream;
use crate::l7::error::Failure;
use crate::l7::waits::Stay;
use crate::l7::worker::Worker;
use crate::model::{Address, printable};
use crate::net::{Stream, is_local};
use crate::table::Lease;

use super::deadline::Deadline;
use super::rescue::{Called, Rescue};
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
    if !fresh {
        // What must not be sent twice takes no risk with a connection that may be stale.
        let age = (!job.terms.idempotent).then_some(job.policy.unsafe_reuse_age);
        if let Some(stream) = parties.worker.idle.take(lease, age, now) {
            counters.reused.add(1);
            let connect = Duration::ZERO;
            return Obtained::Connection(Upstream { stream, reused: true, connect, at: now });
        }
    }
    let begun = Instant::now();
    deadline.set(job.policy.connect);
    let failure = match connect(parties, job, lease, deadline, rescue).await {
        Some(Opened::Connected(Ok(stream)) | Opened::Secured(Ok(stream))) => {
            counters.connects.add(1);
            let at = Instant::now();
            let connect = at - begun;
            return Obtained::Connection(Upstream { stream, reused: false, connect, at });
        }
        Some(Opened::Secured(Err(error))) => {
            counters.connects.add(1);
            counters.tls_failures.add(1);
            tell(parties.worker, lease, &error);
            return Obtained::Failed(Failure::Tls);
        }
        Some(Opened::Called(called)) => return Obtained::Called(called),
        Some(Opened::Left) => return Obtained::ClientLeft,
        // What this machine lacks says nothing about the backend.
        Some(Opened::Connected(Err(error))) if is_local(&error) => {
            return Obtained::Failed(Failure::Connect);
        }
        Some(Opened::Connected(Err(_))) => Failure::Connect,
        None if deadline.is_over() => return Obtained::Failed(Failure::Total),
        None => Failure::ConnectTimeout,
    };
    counters.connect_failures.add(1);
    parties.worker.suspects.notify_one();
    Obtained::Failed(failure)
}

enum Opened {
    Connected(io::Result<Stream>),
    /// It was connected to, and then TLS was begun.
    Secured(io::Result<Stream>),
    Called(Called),
    Left,
}

/// Opens a connection on the backend's terms.
async fn open(worker: &Worker, lease: &Lease) -> Opened {
    let connected = Stream::connect(&lease.address, true).await;
    let Some(server) = &lease.tls else { return Opened::Connected(connected) };
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
    lease: &Lease,
    deadline: &Deadline<'_>,
    rescue: &Rescue<'_>,
) -> Option<Opened> {
    let (peer, started) = (parties.peer, Instant::now());
    let (mut client, _) = parties.client.split();
    let mut connecting = pin!(open(parties.worker, lease));
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
