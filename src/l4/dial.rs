//! From an accepted connection to one with a backend behind it.
//!
//! While nothing was sent a failure costs nothing but time, so another backend is tried, within a
//! number of tries and a deadline for all of them. Backends that have as many connections as they
//! may are passed over; when all have, the connection waits in the pool's queue.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Poll, ready};
use std::time::Duration;

use tokio::time::Instant;

use crate::balance::ip_hash;
use crate::config::Queue;
use crate::live::{self, Place, PoolId};
use crate::model::{ForwardEnded, ProxyVersion};
use crate::net::proxy_protocol;
use crate::net::{Stream, Timer, is_local};
use crate::table::{Guest, Lease, Limited, Seating};

use super::client::Client;
use super::hello;
use super::passage::Passage;

/// A connection to a backend, in use.
#[derive(Debug)]
pub(super) struct Upstream {
    pub(super) stream: Stream,
    pub(super) lease: Lease,
    pub(super) place: Option<Place>,
}

/// Where a connection goes, as the table said when it came.
struct Terms {
    pool: PoolId,
    key: u64,
    attempts: u32,
    deadline: Instant,
}

/// A backend, a place there where places are limited, and how long connecting may take.
struct Chosen {
    lease: Lease,
    place: Option<Place>,
    within: Duration,
    /// In which form the backend is told who the client is.
    announced: Option<ProxyVersion>,
}

/// Why no backend was chosen.
enum Unchosen {
    /// None that was not tried can take it.
    None,
    /// Those that could have as many connections as they may.
    Full(Arc<live::Queue>, Queue),
}

/// Serves a connection from accept to close.
pub(super) async fn serve(mut client: Client) {
    let timer = client.worker.timers.timer();
    match dial(&mut client, &timer).await {
        // What dialling needed is not carried along for hours: the passage has a task of its own.
        Ok(upstream) => drop(tokio::task::spawn_local(Passage::new(client, upstream, timer))),
        Err(ended) => {
            client.ended = ended;
            // An orderly end would say that this was all there is.
            client.stream.reset_on_close();
        }
    }
}

async fn dial(client: &mut Client, timer: &Timer) -> Result<Upstream, ForwardEnded> {
    hello::look(client, timer).await?;
    let terms = terms(client)?;
    let mut tried = Vec::new();
    loop {
        let Chosen { lease, place, within, announced } =
            obtain(client, &terms, timer, &tried).await?;
        client.record.attempts += 1;
        if client.is_logged() {
            client.record.backend = Some(Arc::clone(lease.backend()));
        }
        let counters = lease.live.worker(client.worker.index);
        counters.requests.add(1);
        let begun = Instant::now();
        timer.set(within.min(terms.deadline - begun));
        let speaks = announced.is_some() || client.stream.has_arrivals();
        match connect(client, &lease, speaks, timer).await {
            Some(Opened::Connected(Ok(mut stream))) => {
                counters.connects.add(1);
                client.record.connect = Some(begun.elapsed());
                if let Some(version) = announced {
                    announce(client, &mut stream, version).await?;
                }
                return Ok(Upstream { stream, lease, place });
            }
            Some(Opened::Left) => return Err(ForwardEnded::ClientLeft),
            // What this machine lacks says nothing about the backend.
            Some(Opened::Connected(Err(error))) if is_local(&error) => {
                return Err(ForwardEnded::ConnectFailed);
            }
            Some(Opened::Connected(Err(_))) | None => {}
        }
        counters.connect_failures.add(1);
        client.worker.suspects.notify_one();
        tried.push(lease.live.id);
        if tried.len() >= terms.attempts as usize || Instant::now() >= terms.deadline {
            return Err(ForwardEnded::ConnectFailed);
        }
        counters.retries.add(1);
    }
}

fn terms(client: &mut Client) -> Result<Terms, ForwardEnded> {
    let (forward, pool, tcp) = client.worker.with_table(|table, picker| {
        client.acceptor.with_listener(table, |listener, _| {
            let tcp = listener.settings.tcp().ok_or(ForwardEnded::NoRoute)?;
            let forward = listener.forward(client.hello.as_deref()).ok_or(ForwardEnded::NoRoute)?;
            let pool = forward.split.choose(picker);
            let (class, worker) = (forward.policy.priority, client.worker.index);
            if table.pool(pool).is_some_and(|pool| !pool.admits(class, picker, worker)) {
                return Err(ForwardEnded::Shed);
            }
            let logged = client.is_logged().then(|| Arc::clone(forward));
            Ok((logged, pool, (tcp.attempts, tcp.timeouts)))
        })
    })?;
    let (attempts, timeouts) = tcp;
    client.record.forward = forward;
    Ok(Terms {
        pool,
        key: ip_hash::address_key(client.peer.ip()),
        attempts,
        deadline: client.started + timeouts.connect_total,
    })
}

/// Chooses a backend, and waits for a place there if need be.
async fn obtain(
    client: &mut Client,
    terms: &Terms,
    timer: &Timer,
    tried: &[u64],
) -> Result<Chosen, ForwardEnded> {
    let (queue, limits) = match choose(client, terms, tried, false) {
        Ok(chosen) => return Ok(chosen),
        Err(Unchosen::Full(queue, limits)) => (queue, limits),
        Err(Unchosen::None) if tried.is_empty() => return Err(ForwardEnded::NoBackend),
        Err(Unchosen::None) => return Err(ForwardEnded::ConnectFailed),
    };
    let turn = queue.stand(limits.length).ok_or(ForwardEnded::QueueFull)?;
    timer.set(limits.timeout.min(terms.deadline - Instant::now()));
    loop {
        called(client, &turn, timer).await?;
        match choose(client, terms, tried, true) {
            Ok(chosen) => return Ok(chosen),
            Err(Unchosen::Full(..)) => {}
            Err(Unchosen::None) => return Err(ForwardEnded::NoBackend),
        }
    }
}

/// Waits for its turn.
async fn called(client: &mut Client, turn: &live::Turn, timer: &Timer) -> Result<(), ForwardEnded> {
    let mut called = pin!(turn.called());
    let (reading, _) = client.stream.split();
    let mut leaving = pin!(reading.broken());
    let turn = poll_fn(|cx| {
        if called.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Ok(()));
        }
        if leaving.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Err(ForwardEnded::ClientLeft));
        }
        timer.poll_expired(cx).map(|()| Err(ForwardEnded::QueueTimeout))
    });
    turn.await
}

/// Chooses a backend in the pool as it is now.
fn choose(
    client: &mut Client,
    terms: &Terms,
    tried: &[u64],
    in_line: bool,
) -> Result<Chosen, Unchosen> {
    let logged = client.is_logged();
    let Client { worker, record, .. } = client;
    worker.with_table(|table, picker| {
        let pool = table.pool(terms.pool).ok_or(Unchosen::None)?;
        if logged && record.pool.is_none() {
            record.pool = Some(Arc::clone(&pool.name));
        }
        let (within, announced) = (pool.timeouts.connect, pool.proxy_protocol);
        let (takes, key) = (Limited::Connections, Some(terms.key));
        match pool.seat(picker, &Guest { takes, key, tried, in_line }) {
            Seating::Taken(lease, place) => Ok(Chosen { lease, place, within, announced }),
            Seating::Full => Err(Unchosen::Full(Arc::clone(&pool.waiting), pool.queue)),
            Seating::None => Err(Unchosen::None),
        }
    })
}

/// Tells the backend who the client is, before the client's first byte.
async fn announce(
    client: &mut Client,
    stream: &mut Stream,
    version: ProxyVersion,
) -> Result<(), ForwardEnded> {
    let told = client.introduction();
    let mut header = client.worker.buffers.take_vec();
    proxy_protocol::write(&mut header, version, &told);
    let (_, mut writer) = stream.split();
    let mut at = 0;
    let sent = poll_fn(|cx| {
        while at < header.len() {
            match ready!(writer.poll_write(cx, &header[at..])) {
                Ok(n) if n > 0 => at += n,
                _ => return Poll::Ready(Err(ForwardEnded::BackendReset)),
            }
        }
        Poll::Ready(Ok(()))
    });
    let sent = sent.await;
    client.worker.buffers.put_vec(header);
    sent
}

enum Opened {
    Connected(io::Result<Stream>),
    Left,
}

/// Connects, unless the client leaves or the deadline passes (`None`) first.
async fn connect(
    client: &mut Client,
    lease: &Lease,
    speaks: bool,
    timer: &Timer,
) -> Option<Opened> {
    let (reading, _) = client.stream.split();
    let mut connecting = pin!(Stream::connect(&lease.address, speaks));
    let mut leaving = pin!(reading.broken());
    poll_fn(|cx| {
        if let Poll::Ready(result) = connecting.as_mut().poll(cx) {
            return Poll::Ready(Some(Opened::Connected(result)));
        }
        if leaving.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Some(Opened::Left));
        }
        timer.poll_expired(cx).map(|()| None)
    })
    .await
}
