//! One request on one connection: both directions at once, until one of them ends it.

use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::time::Instant;

use crate::l7::error::Failure;
use crate::l7::record::Record;
use crate::l7::retry::Cause;
use crate::l7::waits::Stay;
use crate::l7::worker::Worker;
use crate::live::BackendCounters;
use crate::model::{BadRequest, BadResponse, Ended};
use crate::table::Lease;

use super::answer::{AnswerEnd, answer};
use super::backend::{Answering, Asking};
use super::deadline::Deadline;
use super::inbound::{InboundEnd, Shared, inbound};
use super::rescue::{Called, Rescue};
use super::{After, Client, Job, Parties};

/// What came of an attempt.
pub(super) enum Attempted {
    /// The whole response was delivered; the connection, idle since then, may be kept for
    /// so long.
    Done { after: After, keep: Option<Duration>, at: Instant },
    /// The backend changed the protocol; these bytes of the new one came with its answer.
    Upgraded(Vec<u8>),
    /// The backend closed or reset before its response.
    Early { repeatable: bool },
    /// The backend has not processed the request.
    Unprocessed { repeatable: bool },
    /// The backend went down.
    Called(Called),
    /// The backend's response is refused.
    Refused,
    /// The request is refused, in its body or for what it cannot be said in.
    BadRequest(BadRequest),
    /// The backend's answer is one after which another is to be asked.
    Unwanted { cause: Cause, keep: Option<Duration>, at: Instant },
    /// A deadline passed before the response.
    Late { failure: Failure, repeatable: bool },
    /// It ended after a part of the response, or because the client left.
    Broken(After, Ended),
}

enum First {
    Inbound(InboundEnd),
    Answer(AnswerEnd),
    Called(Called),
    Deadline,
}

/// Sends the request and relays the response, over both directions of what was obtained `at` that time.
#[expect(clippy::too_many_arguments, reason = "all of them are what an attempt is made of")]
pub(super) async fn attempt(
    parties: &mut Parties<'_, impl Client>,
    job: &mut Job,
    lease: &Lease,
    (asking, answering): (&mut impl Asking, &mut impl Answering),
    at: Instant,
    deadline: &Deadline<'_>,
    rescue: &Rescue<'_>,
    record: &mut Record,
) -> Attempted {
    let counters = lease.live.worker(parties.worker.index);
    let (started, peer) = (record.started, parties.peer);
    let shared = Shared::new(parties, &job.terms, rescue, deadline, (job.policy.idle, at));
    let (mut source, mut sink) = parties.client.split();
    let first = {
        let mut inbound = pin!(inbound(
            &shared,
            &mut source,
            asking,
            &mut job.head,
            &mut job.upload,
            job.policy.abort_on_close,
        ));
        let mut answer = pin!(answer(&shared, counters, answering, &mut sink));
        poll_fn(|cx| {
            if let Poll::Ready(end) = inbound.as_mut().poll(cx) {
                return Poll::Ready(First::Inbound(end));
            }
            if let Poll::Ready(end) = answer.as_mut().poll(cx) {
                return Poll::Ready(First::Answer(end));
            }
            let stay = || stay(&shared, started, peer);
            if let Some(called) = rescue.called(|| shared.is_repeatable(), stay) {
                return Poll::Ready(First::Called(called));
            }
            shared.deadline.timer.poll_expired(cx).map(|()| First::Deadline)
        })
        .await
    };
    record.bytes_in += shared.bytes_in.get();
    record.bytes_out += shared.bytes_out.get();
    if shared.sent.get() {
        // All of it: what was held is sent at each try, and what is streamed is tried once.
        counters.bytes_sent.add(record.bytes_in);
    }
    counters.bytes_received.add(shared.bytes_out.get());
    record.first_byte_us = shared.first_byte_us.get();
    record.status = shared.status.get();
    count_refusal(parties.worker, counters, &first, shared.begun.get());
    judge(&shared, first)
}

/// Counts what was refused. A request that is still answered is counted with its answer.
fn count_refusal(worker: &Worker, counters: &BackendCounters, first: &First, begun: bool) {
    let reason = match first {
        First::Answer(AnswerEnd::Refused(reason)) => *reason,
        First::Answer(AnswerEnd::Truncated) => BadResponse::Truncated,
        First::Inbound(InboundEnd::Refused(reason)) if begun => {
            worker.counters().bad_requests[*reason as usize].add(1);
            return;
        }
        _ => return,
    };
    worker.counters().bad_responses[reason as usize].add(1);
    counters.bad_responses.add(1);
}

fn judge(shared: &Shared<'_>, first: First) -> Attempted {
    let begun = shared.begun.get();
    match first {
        First::Answer(AnswerEnd::Done { close, keep }) => {
            let after = match (shared.uploaded.get(), close) {
                // The client may still be sending a body that nobody reads any more.
                (false, _) => After::Linger,
                (true, true) => After::Close,
                (true, false) => After::KeepAlive,
            };
            Attempted::Done { after, keep, at: shared.answered_at.get() }
        }
        First::Answer(AnswerEnd::Unwanted { cause, keep }) => {
            Attempted::Unwanted { cause, keep, at: shared.answered_at.get() }
        }
        First::Answer(AnswerEnd::Upgraded(leftover)) => Attempted::Upgraded(leftover),
        First::Answer(AnswerEnd::Closed) => Attempted::Early { repeatable: shared.is_repeatable() },
        First::Answer(AnswerEnd::Unprocessed) => {
            Attempted::Unprocessed { repeatable: shared.is_held() }
        }
        First::Answer(AnswerEnd::Unsendable(reason)) => Attempted::BadRequest(reason),
        First::Answer(AnswerEnd::Refused(_)) if begun => {
            Attempted::Broken(After::Reset, Ended::BadResponse)
        }
        First::Answer(AnswerEnd::Refused(_)) => Attempted::Refused,
        First::Answer(AnswerEnd::Truncated) => Attempted::Broken(After::Reset, Ended::Truncated),
        First::Answer(AnswerEnd::ClientGone) | First::Inbound(InboundEnd::Left) => {
            Attempted::Broken(After::Close, Ended::ClientLeft)
        }
        First::Inbound(InboundEnd::Refused(_)) if begun => {
            Attempted::Broken(After::Reset, Ended::BadRequest)
        }
        First::Inbound(InboundEnd::Refused(reason)) => Attempted::BadRequest(reason),
        First::Called(Called::Close(failure)) if begun => {
            Attempted::Broken(After::Reset, failure.ended())
        }
        First::Called(called) => Attempted::Called(called),
        First::Deadline => late(shared, begun),
    }
}

/// How an exchange stands that holds a drain open.
fn stay(shared: &Shared<'_>, started: Instant, client: SocketAddr) -> Stay {
    Stay {
        client,
        protocol: shared.terms.version.word().into(),
        route: Arc::clone(&shared.terms.route),
        started,
        long_lived: shared.events.get(),
        bytes_in: shared.bytes_in.get(),
        bytes_out: shared.bytes_out.get(),
        told: Instant::now(),
    }
}

fn late(shared: &Shared<'_>, begun: bool) -> Attempted {
    let failure = match (shared.deadline.is_over(), shared.on_client.get()) {
        (true, _) => Failure::Total,
        (false, Some(slow)) => {
            shared.worker.counters().slow_clients[slow as usize].add(1);
            Failure::SlowBody
        }
        (false, None) => Failure::Timeout,
    };
    if begun {
        return Attempted::Broken(After::Reset, failure.ended());
    }
    let repeatable = failure == Failure::Timeout && shared.is_repeatable();
    Attempted::Late { failure, repeatable }
}
