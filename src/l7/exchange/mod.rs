//! One request, from its first backend to its last byte.
//!
//! ```text
//! run ── for each backend tried ──> obtain (a kept or new connection) ──> attempt
//!                                                                          ├── inbound: head, body, then watch the client
//!                                                                          └── answer: head, relay the body
//! ```
//!
//! Both directions of an attempt run at once in one task: a response may begin, and even end,
//! while the request's body is still on its way.
//!
//! A request is tried again only if nobody can tell the difference: no byte of a response has been
//! sent, all of the request is still held, and either its method may be repeated or not one byte
//! of it ever left (RFC 9110 §9.2.2). Whether it is to be is for [`retry`](super::retry) to say.

mod answer;
mod attempt;
mod backend;
mod client;
mod coded;
mod deadline;
mod fault;
mod inbound;
mod job;
mod obtain;
mod opened;
mod pace;
mod pause;
mod places;
mod relay;
mod rescue;
mod room;
mod tunnel;
mod upload;
mod websocket;

use std::cell::Cell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::l7::chunked::ChunkError;
use crate::l7::client::{Link, Upstream, http1};
use crate::l7::error::Failure;
use crate::l7::local::Local;
use crate::l7::record::Record;
use crate::l7::retry::{Cause, Retry};
use crate::l7::version::Version;
use crate::l7::worker::Worker;
use crate::live::PoolId;
use crate::model::{BadRequest, Ended};
use crate::net::Timer;
use crate::table::{Backend, Lease};

use attempt::{Attempted, attempt};
use deadline::Deadline;
use obtain::{Obtained, obtain};
use pause::{Paused, pause};
use places::Unplaced;
use rescue::{Called, Rescue};

pub(crate) use backend::{Answering, Asking, HeadMax, NoHead};
pub(crate) use client::{Client, Sink, Source};
pub(crate) use fault::Fault;
pub(crate) use job::{Job, Terms};
pub(crate) use upload::Upload;

/// The client's side of an exchange.
pub(crate) struct Parties<'c, C> {
    /// The worker it runs on.
    pub(crate) worker: &'c Rc<Worker>,
    /// The client.
    pub(crate) client: &'c mut C,
    /// Its timer.
    pub(crate) timer: &'c Timer,
    /// Tells its listener from others, see [`listener_id`](crate::worker::listener_id).
    pub(crate) listener: usize,
    /// Where the client is.
    pub(crate) peer: SocketAddr,
    /// Its listener was removed: it ends after this exchange.
    pub(crate) removed: &'c Cell<bool>,
}

/// What becomes of the client's connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum After {
    /// It takes the next request.
    KeepAlive,
    /// It is closed.
    Close,
    /// It is closed gently: the client may still be sending.
    Linger,
    /// It is reset: what the client got is not the whole.
    Reset,
}

/// What came of one backend.
enum Next {
    /// The exchange is over.
    Over(After, Ended),
    /// No response; another backend could be tried, or not.
    Failed(Failure, bool),
    /// No response, or one that is not passed on; after a pause another backend is to be asked,
    /// as there is one.
    Again(Failure, Cause),
    /// The backend went down; the request is to be sent to this one.
    Elsewhere(Lease),
}

/// Backends tried so far; bounded by the attempts a route may configure.
#[derive(Default)]
struct Tried {
    ids: [u64; 10],
    len: usize,
}

impl Tried {
    fn push(&mut self, id: u64) {
        if let Some(slot) = self.ids.get_mut(self.len) {
            *slot = id;
            self.len += 1;
        }
    }

    fn ids(&self) -> &[u64] {
        &self.ids[..self.len]
    }
}

/// Runs a request to its end.
pub(crate) async fn run(
    mut parties: Parties<'_, impl Client>,
    job: &mut Job,
    record: &mut Record,
) -> (After, Ended) {
    let total = job.terms.route.policy.timeouts.total.into_iter().chain(job.budget.waits()).min();
    let deadline = Deadline::new(parties.timer, total.map(|total| record.started + total));
    let next = match absorb(&mut parties, job) {
        Ok(absorbed) => {
            record.bytes_in += absorbed;
            enter(&mut parties, job, &deadline, record).await
        }
        Err(reason) => Err(Failure::Request(reason)),
    };
    let (after, ended) = match next {
        Ok((after, ended)) => (after, ended),
        Err(failure) => refuse(&mut parties, job, failure, record).await,
    };
    parties.worker.buffers.put_vec(std::mem::take(&mut job.head));
    (after, ended)
}

/// What came of the body with the request's head is held with it.
fn absorb(parties: &mut Parties<'_, impl Client>, job: &mut Job) -> Result<u64, BadRequest> {
    let (mut source, _) = parties.client.split();
    let absorbed = job.upload.absorb(&mut source, &mut job.head)?;
    source.rest(&parties.worker.buffers);
    Ok(absorbed)
}

/// Takes the places it needs, then a backend after the other.
async fn enter(
    parties: &mut Parties<'_, impl Client>,
    job: &mut Job,
    deadline: &Deadline<'_>,
    record: &mut Record,
) -> Result<(After, Ended), Failure> {
    // Boxed: hardly a request suffers one, and all would carry the room for it.
    if !job.fault.is_none()
        && let Some(end) = Box::pin(fault::suffer(parties, job, deadline)).await
    {
        return end;
    }
    if job.policy.concurrent.is_none() && job.terms.route.queue.is_none() {
        return try_backends(parties, job, deadline, record).await;
    }
    // What was chosen before it waited may not be the best any more, nor even be up.
    job.lease = None;
    match places::enter(parties, job, deadline, record).await {
        Ok(_held) => try_backends(parties, job, deadline, record).await,
        Err(why) => why.end(),
    }
}

async fn try_backends(
    parties: &mut Parties<'_, impl Client>,
    job: &mut Job,
    deadline: &Deadline<'_>,
    record: &mut Record,
) -> Result<(After, Ended), Failure> {
    let mut tried = Tried::default();
    let mut failure = Failure::NoBackend;
    let mut failed: Option<Arc<Backend>> = None;
    let attempts_max = job.terms.route.policy.retries.attempts;
    while record.attempts < attempts_max {
        let newest = || {
            let (worker, tried) = (parties.worker, tried.ids());
            let last =
                || if tried.is_empty() { None } else { last_resort(worker, job.pool, tried) };
            choose(worker, job.pool, job.key, tried).or_else(last)
        };
        let Some(lease) = job.lease.take().or_else(newest) else { break };
        let (lease, place) = match lease.limits.requests {
            None => (lease, None),
            Some(_) => {
                match places::seat(parties, job, lease, tried.ids(), deadline, record).await {
                    Ok(seat) => seat,
                    Err(Unplaced::Failed(Failure::NoBackend)) => break,
                    Err(why) => return why.end(),
                }
            }
        };
        if let Some(failed) = failed.take() {
            failed.live.worker(parties.worker.index).retries.add(1);
            record.retried_after = Some(failure.ended());
        }
        tried.push(lease.live.id);
        record.attempts += 1;
        record.backend = record.is_logged().then(|| Arc::clone(lease.backend()));
        let wait = parties.worker.waits.begin(lease.live.id, parties.listener, parties.timer);
        let spare = record.attempts < attempts_max;
        let rescue = Rescue::new(parties.worker, wait, job, &tried, spare);
        deadline.begin_try(job.terms.route.policy.retries.per_try);
        let next = on_backend(parties, job, &lease, deadline, &rescue, record).await;
        deadline.end_try();
        drop(place);
        let retry = rescue.retry(&job.terms.route.policy.retries);
        failure = match again(next, &retry) {
            Next::Over(after, ended) => return Ok((after, ended)),
            Next::Failed(why, _) => return Err(why),
            Next::Again(why, cause) => {
                let length = retry.pause(cause);
                match pause(parties, job, deadline, length).await {
                    Paused::Over => why,
                    Paused::TooLong => return Err(why),
                    Paused::ClientLeft => return Ok((After::Close, Ended::ClientLeft)),
                }
            }
            Next::Elsewhere(other) => {
                lease.live.worker(parties.worker.index).rescues.add(1);
                job.lease = Some(other);
                Failure::Down
            }
        };
        failed = Some(Arc::clone(lease.backend()));
    }
    Err(failure)
}

/// What follows a failure: another try, if there may be one.
fn again(next: Next, retry: &Retry<'_>) -> Next {
    match next {
        Next::Failed(why, true) => match Cause::of(why) {
            Some(cause) if retry.follows(cause) => Next::Again(why, cause),
            _ => Next::Failed(why, false),
        },
        other => other,
    }
}

/// Chooses from the newest table, which may know more than the one the request began with.
fn choose(worker: &Worker, pool: PoolId, key: Option<u64>, tried: &[u64]) -> Option<Lease> {
    worker.with_table(|table, picker| table.pool(pool)?.choose(picker, key, tried))
}

/// Chooses for a request that failed wherever it was sent.
fn last_resort(worker: &Worker, pool: PoolId, tried: &[u64]) -> Option<Lease> {
    worker.with_table(|table, _| table.pool(pool)?.last_resort(tried))
}

async fn on_backend(
    parties: &mut Parties<'_, impl Client>,
    job: &mut Job,
    lease: &Lease,
    deadline: &Deadline<'_>,
    rescue: &Rescue<'_>,
    record: &mut Record,
) -> Next {
    let mut fresh = false;
    loop {
        // The request's start is as good as now, but not after another backend was waited for.
        let now = if record.attempts > 1 { Instant::now() } else { record.started };
        let mut upstream = match obtain(parties, job, lease, deadline, rescue, now, fresh).await {
            Obtained::Connection(upstream) => upstream,
            Obtained::Failed(failure) => return Next::Failed(failure, !deadline.is_over()),
            Obtained::Called(called) => return called.into(),
            Obtained::ClientLeft => return Next::Over(After::Close, Ended::ClientLeft),
        };
        record.connect_us = (!upstream.reused).then_some(upstream.connect.as_micros() as u64);
        let connection = &mut upstream;
        let attempted = on_connection(parties, job, lease, connection, deadline, rescue, record);
        let attempted = attempted.await;
        match used(parties, job, lease, upstream, attempted, fresh) {
            // A kept connection that the backend had closed says nothing about the backend, nor does
            // one that it is about to leave: the same one is asked at once, on a connection that
            // cannot be stale.
            Used::Again => fresh = true,
            Used::Next(next) => return next,
        }
    }
}

impl From<Called> for Next {
    fn from(called: Called) -> Self {
        match called {
            Called::Elsewhere(lease) => Self::Elsewhere(lease),
            Called::Close(failure) => Self::Failed(failure, false),
        }
    }
}

/// What came of one connection.
enum Used {
    /// In vain, though nothing is wrong.
    Again,
    Next(Next),
}

async fn on_connection(
    parties: &mut Parties<'_, impl Client>,
    job: &mut Job,
    lease: &Lease,
    upstream: &mut Upstream,
    deadline: &Deadline<'_>,
    rescue: &Rescue<'_>,
    record: &mut Record,
) -> Attempted {
    let counters = lease.live.worker(parties.worker.index);
    counters.requests.add(1);
    if let Some(left) = deadline.left() {
        job.budget.tell(&mut job.head, left);
    }
    let (at, worker) = (upstream.at, parties.worker);
    let mut attempted = match &mut upstream.link {
        Link::Http1(stream) => {
            let (asking, answering) = &mut http1::split(stream, &worker.buffers);
            let sides = (asking, answering);
            attempt(parties, job, lease, sides, at, deadline, rescue, record).await
        }
        // What a stream needs is not carried along by connections of HTTP/1.1.
        Link::Http2(stream) => {
            let (asking, answering) = &mut stream.split();
            let sides = (asking, answering);
            Box::pin(attempt(parties, job, lease, sides, at, deadline, rescue, record)).await
        }
    };
    let (Attempted::Upgraded(leftover), Link::Http1(stream)) = (&mut attempted, &mut upstream.link)
    else {
        return attempted;
    };
    // It keeps its places, but an open tunnel is no load by which others could be judged.
    job.under_way = None;
    let terms = (rescue, &job.terms);
    Box::pin(tunnel::tunnel(parties, stream, std::mem::take(leftover), terms, record)).await;
    attempted
}

/// What follows from what came of a connection, on which was tried `again` what another was lost for.
fn used(
    parties: &Parties<'_, impl Client>,
    job: &Job,
    lease: &Lease,
    upstream: Upstream,
    attempted: Attempted,
    again: bool,
) -> Used {
    let counters = lease.live.worker(parties.worker.index);
    Used::Next(match attempted {
        Attempted::Done { after, keep, at } => {
            keep_idle(parties, job, lease, upstream, keep, at);
            Next::Over(after, Ended::Done)
        }
        Attempted::Unwanted { cause, keep, at } => {
            keep_idle(parties, job, lease, upstream, keep, at);
            Next::Again(Failure::Status, cause)
        }
        Attempted::Upgraded(_) => Next::Over(After::Close, Ended::Tunnel),
        Attempted::Early { repeatable: true } if !again && upstream.was_stale() => {
            parties.worker.counters().pooled_stale.add(1);
            return Used::Again;
        }
        Attempted::Unprocessed { repeatable: true } if !again => return Used::Again,
        Attempted::Unprocessed { repeatable } => Next::Failed(Failure::Reset, repeatable),
        Attempted::Early { repeatable } => {
            counters.resets.add(1);
            Next::Failed(Failure::Reset, repeatable)
        }
        Attempted::Called(called) => called.into(),
        Attempted::Refused => Next::Failed(Failure::Response, false),
        Attempted::BadRequest(reason) => Next::Failed(Failure::Request(reason), false),
        Attempted::Late { failure, repeatable } => {
            if failure == Failure::Timeout {
                counters.timeouts.add(1);
                if let Link::Http2(stream) = &upstream.link {
                    stream.suspect();
                }
            }
            Next::Failed(failure, repeatable)
        }
        Attempted::Broken(after, ended) => Next::Over(after, ended),
    })
}

/// Keeps a connection that is idle since `at`, if it may be kept.
fn keep_idle(
    parties: &Parties<'_, impl Client>,
    job: &Job,
    lease: &Lease,
    upstream: Upstream,
    keep: Option<Duration>,
    at: Instant,
) {
    if let (Some(keep), Link::Http1(stream)) = (keep, upstream.link) {
        let max = job.policy.idle_connections as usize;
        parties.worker.idle.put(lease, stream, keep, max, at);
    }
}

/// Answers a failure ourselves.
async fn refuse(
    parties: &mut Parties<'_, impl Client>,
    job: &Job,
    failure: Failure,
    record: &mut Record,
) -> (After, Ended) {
    let mut local = Local::failure(parties.worker, failure);
    local.to_head = job.terms.to_head;
    local.hsts = job.terms.hsts.clone();
    local.to_call = job.terms.is_call;
    local.unread |= !job.upload.is_done();
    let plain = job.terms.version == Version::Http10;
    local.close |= !job.terms.keep_alive || plain || parties.removed.get();
    let after = parties.client.answer(parties.worker, parties.timer, &local, record).await;
    (after, local.ended())
}

/// The reason a body is refused by.
fn chunk_reason(error: ChunkError) -> BadRequest {
    match error {
        ChunkError::Chunk => BadRequest::Chunk,
        ChunkError::Trailer => BadRequest::Trailer,
    }
}
