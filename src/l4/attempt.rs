//! A try to connect to a backend: to which, and its beginning, which waits for nothing.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::balance::ip_hash;
use crate::config::Queue;
use crate::live::{self, Place, PoolId};
use crate::model::{ForwardEnded, ProxyVersion};
use crate::net::{Buffer, Stream, Timer};
use crate::table::{Guest, Lease, Limited, Pool, Seating};

use super::client::Client;

/// Where a connection goes, as the table said when it came.
#[derive(Debug)]
pub(super) struct Terms {
    pool: PoolId,
    key: u64,
    pub(super) attempts: u32,
    pub(super) deadline: Instant,
}

/// A backend, a place there where places are limited, and how long connecting may take.
pub(super) struct Chosen {
    lease: Lease,
    place: Option<Place>,
    within: Duration,
    announced: Option<ProxyVersion>,
}

/// Why no backend was chosen.
pub(super) enum Unchosen {
    /// None that was not tried can take it.
    None,
    /// Those that could have as many connections as they may.
    Full(Arc<live::Queue>, Queue),
}

/// A try under way.
#[derive(Debug)]
pub(super) struct Try {
    pub(super) lease: Lease,
    pub(super) place: Option<Place>,
    /// In which form the backend is told who the client is.
    pub(super) announced: Option<ProxyVersion>,
    /// The connection, which may still be under way.
    pub(super) stream: io::Result<Stream>,
    /// It is not under way any more.
    pub(super) connected: bool,
    /// What was read from the client already.
    pub(super) early: Option<Buffer>,
    begun: Instant,
}

impl Try {
    /// Counts that it has succeeded.
    pub(super) fn succeeded(&self, client: &mut Client) {
        self.lease.live.worker(client.worker.index).connects.add(1);
        if client.is_logged() {
            client.record.connect = Some(self.begun.elapsed());
        }
    }
}

/// Asks the newest table where the client's connection goes.
pub(super) fn terms(client: &mut Client) -> Result<Terms, ForwardEnded> {
    let (forward, pool, tcp) = client.worker.with_table(|table, picker| {
        client.acceptor.with_listener(table, |listener, _| {
            let tcp = listener.settings.tcp().ok_or(ForwardEnded::NoRoute)?;
            let forward = listener.forward(client.hello.as_deref()).ok_or(ForwardEnded::NoRoute)?;
            let pool = forward.split.choose(picker);
            let (class, worker) = (forward.policy.priority, client.worker.index);
            let refused = |pool: &Pool| pool.admits(class, picker, worker).is_err();
            let without = table.exceptions.as_ref().is_some_and(|exceptions| {
                let (listener, route) = (&listener.settings.name, &forward.policy.name);
                exceptions.refuses(listener, route, class).is_some()
            });
            if without || table.pool(pool).is_some_and(refused) {
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

/// Chooses a backend in the pool as it is now.
pub(super) fn choose(
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

/// Begins to connect. `early` is what an earlier try has read from the client.
pub(super) fn begin(
    client: &mut Client,
    chosen: Chosen,
    terms: &Terms,
    timer: &Timer,
    early: Option<Buffer>,
) -> Result<Try, ForwardEnded> {
    let Chosen { lease, place, within, announced } = chosen;
    let (early, spoke) = match early {
        Some(early) => (Some(early), true),
        None => listen(client)?,
    };
    client.record.attempts += 1;
    if client.is_logged() {
        client.record.backend = Some(Arc::clone(lease.backend()));
    }
    lease.live.worker(client.worker.index).requests.add(1);
    let begun = Instant::now();
    timer.set(within.min(terms.deadline - begun));
    let (stream, connected) = match Stream::begin(&lease.address, spoke || announced.is_some()) {
        Ok((stream, connected)) => (Ok(stream), connected),
        Err(error) => (Err(error), true),
    };
    Ok(Try { lease, place, announced, stream, connected, early, begun })
}

/// Has the client spoken? If there is a spare buffer, what it has said is taken at once, by the same
/// call that tells: it has to be read anyway. More than spare ones are not tied up by connections
/// whose backends do not answer.
fn listen(client: &mut Client) -> Result<(Option<Buffer>, bool), ForwardEnded> {
    let stock = &client.worker.buffers;
    let Some(mut buffer) = stock.take_spare() else {
        return Ok((None, client.stream.has_arrivals()));
    };
    let read = client.stream.read_now(&mut buffer).map_err(|_| ForwardEnded::ClientLeft)?;
    // What there was is read: the next try would have to wait.
    client.stream.split().0.watch().map_err(|_| ForwardEnded::ConnectFailed)?;
    if read == 0 {
        stock.put(buffer);
        return Ok((None, false));
    }
    Ok((Some(buffer), true))
}
