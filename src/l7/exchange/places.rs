//! Places of which there are only so many: on the route, in the pool, at a backend.
//!
//! A request takes the route's and the pool's before its first try and keeps them to its end, and a
//! backend's for one try. Who finds none waits in line, for as long as the queue allows; who waits
//! for a backend keeps its place in the pool meanwhile, since those behind it could not use it. A
//! client that leaves gives up its stand.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use tokio::time::Instant;

use crate::config::Queue;
use crate::l7::error::Failure;
use crate::l7::record::Record;
use crate::live::{self, Place};
use crate::model::Ended;
use crate::table::{Guest, Lease, Limited, Seating};

use super::deadline::Deadline;
use super::{After, Client, Job, Parties, Source};

/// Why there is no place.
pub(super) enum Unplaced {
    /// The request is refused.
    Failed(Failure),
    /// The client did not wait for it.
    ClientLeft,
}

impl Unplaced {
    /// What the exchange ends with.
    pub(super) fn end(self) -> Result<(After, Ended), Failure> {
        match self {
            Self::Failed(failure) => Err(failure),
            Self::ClientLeft => Ok((After::Close, Ended::ClientLeft)),
        }
    }
}

/// What a request holds from its first try to its end.
#[derive(Debug, Default)]
pub(super) struct Held {
    _route: Option<Place>,
    _pool: Option<Place>,
}

/// Takes the places of the route and the pool, where there are only so many.
pub(super) async fn enter(
    parties: &mut Parties<'_, impl Client>,
    job: &Job,
    deadline: &Deadline<'_>,
    record: &mut Record,
) -> Result<Held, Unplaced> {
    let mut held = Held::default();
    let route = Arc::clone(&job.terms.route);
    if let (Some(queue), Some(limit)) = (&route.queue, &route.policy.concurrent) {
        let (max, terms) = (limit.requests, limit.queue);
        held._route = Some(place(parties, job, (queue, max, terms), deadline, record).await?);
    }
    if let Some(max) = job.policy.concurrent
        && let Some((queue, terms)) = line(parties, job)
    {
        held._pool = Some(place(parties, job, (&queue, max, terms), deadline, record).await?);
    }
    Ok(held)
}

/// Where one waits for a place in the pool or at its backends.
fn line(parties: &Parties<'_, impl Client>, job: &Job) -> Option<(Arc<live::Queue>, Queue)> {
    parties.worker.with_table(|table, _| {
        let pool = table.pool(job.pool)?;
        Some((Arc::clone(&pool.waiting), pool.queue))
    })
}

/// One of `max` places that this queue is for.
async fn place(
    parties: &mut Parties<'_, impl Client>,
    job: &Job,
    (queue, max, terms): (&Arc<live::Queue>, u32, Queue),
    deadline: &Deadline<'_>,
    record: &mut Record,
) -> Result<Place, Unplaced> {
    let free = || queue.enter(max);
    if !queue.is_busy()
        && let Some(place) = free()
    {
        return Ok(place);
    }
    // Boxed: few requests wait, and all would carry the room for it.
    Box::pin(wait(parties, job, (queue, terms), deadline, record, |_| Ok(free()))).await
}

/// A place at this backend, or at another one that was not tried.
pub(super) async fn seat(
    parties: &mut Parties<'_, impl Client>,
    job: &Job,
    lease: Lease,
    tried: &[u64],
    deadline: &Deadline<'_>,
    record: &mut Record,
) -> Result<(Lease, Option<Place>), Unplaced> {
    let guest = Guest { takes: Limited::Requests, key: job.key, tried, in_line: false };
    let worker = parties.worker;
    let mut lease = Some(lease);
    let mut look = |in_line| {
        worker.with_table(|table, picker| {
            let pool = table.pool(job.pool).ok_or(Unplaced::Failed(Failure::NoBackend))?;
            let guest = Guest { in_line, ..guest };
            let first = lease.take().map(|lease| pool.take_place(lease, &guest));
            let seating = match first {
                Some(taken @ Seating::Taken(..)) => taken,
                _ => pool.seat(picker, &guest),
            };
            match seating {
                Seating::Taken(lease, place) => Ok(Some((lease, place))),
                Seating::Full => Ok(None),
                Seating::None => Err(Unplaced::Failed(Failure::NoBackend)),
            }
        })
    };
    if let Some(seat) = look(false)? {
        return Ok(seat);
    }
    let Some((queue, terms)) = line(parties, job) else {
        return Err(Unplaced::Failed(Failure::NoBackend));
    };
    Box::pin(wait(parties, job, (&queue, terms), deadline, record, look)).await
}

/// Waits in line until there is what it waits for.
async fn wait<T>(
    parties: &mut Parties<'_, impl Client>,
    job: &Job,
    (queue, terms): (&Arc<live::Queue>, Queue),
    deadline: &Deadline<'_>,
    record: &mut Record,
    mut look: impl FnMut(bool) -> Result<Option<T>, Unplaced>,
) -> Result<T, Unplaced> {
    let since = Instant::now();
    let Some(turn) = queue.stand(terms.length) else {
        return Err(Unplaced::Failed(Failure::QueueFull));
    };
    deadline.set(terms.timeout);
    let found = loop {
        match called(parties, job, &turn).await {
            Called::Turn => match look(true) {
                Ok(None) => {}
                Ok(Some(found)) => break Ok(found),
                Err(why) => break Err(why),
            },
            Called::Left => break Err(Unplaced::ClientLeft),
            Called::Late if deadline.is_over() => break Err(Unplaced::Failed(Failure::Total)),
            Called::Late => {
                queue.count_expired();
                break Err(Unplaced::Failed(Failure::QueueTimeout));
            }
        }
    };
    let waited = since.elapsed().as_micros() as u64;
    record.queued_us = Some(record.queued_us.unwrap_or(0).saturating_add(waited));
    found
}

/// What ended one wait in line.
enum Called {
    /// It is its turn to look.
    Turn,
    /// The client left.
    Left,
    /// It waited too long.
    Late,
}

async fn called(parties: &mut Parties<'_, impl Client>, job: &Job, turn: &live::Turn) -> Called {
    let (worker, timer) = (parties.worker, parties.timer);
    let (mut client, _) = parties.client.split();
    let mut calling = pin!(turn.called());
    // Nothing was sent: also to end its own direction means that nobody waits for it.
    let mut leaving = pin!(client.left(worker, timer, job.terms.head_bytes, true));
    poll_fn(|cx| {
        if calling.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Called::Turn);
        }
        if leaving.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Called::Left);
        }
        timer.poll_expired(cx).map(|()| Called::Late)
    })
    .await
}
