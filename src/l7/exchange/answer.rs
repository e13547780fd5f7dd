//! The direction from backend to client: heads until the final one, then the body.

use std::time::Duration;

use tokio::time::Instant;

use crate::l7::client::ResponseBody;
use crate::l7::grpc;
use crate::l7::retry::Cause;
use crate::live::BackendCounters;
use crate::model::{BadRequest, BadResponse, Coding};

use super::backend::{Answering, HeadMax, NoHead};
use super::client::Sink;
use super::coded::Coded;
use super::inbound::Shared;
use super::opened::{Kind, Opened, open};
use super::relay::Relay;

/// How a response ended.
pub(super) enum AnswerEnd {
    /// The whole of it was delivered.
    Done {
        /// The client's connection ends.
        close: bool,
        /// How long the backend's connection may be kept, if at all.
        keep: Option<Duration>,
    },
    /// The protocol changed; these bytes of the new one are already there.
    Upgraded(Vec<u8>),
    /// It is one after which another backend is to be asked.
    Unwanted {
        cause: Cause,
        /// How long the backend's connection may be kept, if at all.
        keep: Option<Duration>,
    },
    /// The backend closed or reset before the final head was whole.
    Closed,
    /// The backend has not processed the request.
    Unprocessed,
    /// The request cannot be said to the backend.
    Unsendable(BadRequest),
    /// The backend's bytes are refused.
    Refused(BadResponse),
    /// The backend broke off within the body.
    Truncated,
    /// The client takes no more.
    ClientGone,
}

/// Relays a response.
pub(super) async fn answer(
    shared: &Shared<'_>,
    counters: &BackendCounters,
    backend: &mut impl Answering,
    client: &mut impl Sink,
) -> AnswerEnd {
    let stock = &shared.worker.buffers;
    let mut out = stock.take_vec();
    let end = match final_head(shared, backend, client, &mut out).await {
        Ok(opened) => {
            count(shared, counters, &opened);
            if let Some(cause) = to_be_retried(shared, &opened) {
                Ok(unwanted(&opened, cause, shared.uploaded.get(), backend.bytes()))
            } else {
                let end = match opened.coding {
                    None => Relay::new(shared, backend, client, &mut out).body(opened).await,
                    Some(coding) => {
                        Box::pin(coded(shared, backend, client, &mut out, (opened, coding))).await
                    }
                };
                if end.is_ok() {
                    count_outcome(shared, counters, &opened);
                }
                end
            }
        }
        Err(end) => Err(end),
    };
    stock.put_vec(out);
    end.unwrap_or_else(|end| end)
}

/// Delivers a response in another coding than it comes in.
async fn coded(
    shared: &Shared<'_>,
    backend: &mut impl Answering,
    client: &mut impl Sink,
    out: &mut Vec<u8>,
    (opened, coding): (Opened, Coding),
) -> Result<AnswerEnd, AnswerEnd> {
    let worker = shared.worker;
    worker.counters().compressed[coding as usize].add(1);
    let end = {
        // Nothing has been sent: what cannot be coded from its first byte is answered as a bad answer.
        let coded = Coded::new(backend, opened.body, coding, &worker.compressing);
        let mut coded = coded.map_err(|_| AnswerEnd::Refused(BadResponse::Chunk))?;
        let as_stream = Opened { body: ResponseBody::Stream, ..opened };
        Relay::new(shared, &mut coded, client, out).body(as_stream).await?
    };
    Ok(match end {
        AnswerEnd::Done { close, keep } => {
            AnswerEnd::Done { close, keep: keep.filter(|_| backend.bytes().is_empty()) }
        }
        other => other,
    })
}

/// Why the client need not see this answer, if there is another backend to ask.
fn to_be_retried(shared: &Shared<'_>, opened: &Opened) -> Option<Cause> {
    let retries = &shared.terms.route.policy.retries;
    let cause = opened.code.map_or(Cause::Status(opened.status), Cause::Code);
    let asked_for = cause.is_among(retries) && shared.is_repeatable();
    (asked_for && shared.rescue.retry(retries).follows(cause)).then_some(cause)
}

/// The connection is good for another request if nothing more is to come on it.
fn unwanted(opened: &Opened, cause: Cause, uploaded: bool, input: &[u8]) -> AnswerEnd {
    let there = input.len() as u64;
    let whole = match opened.body {
        ResponseBody::None | ResponseBody::Empty => there == 0,
        ResponseBody::Length(length) => there == length,
        ResponseBody::Chunked | ResponseBody::Close | ResponseBody::Stream => false,
    };
    let keep = opened.keep.filter(|_| whole && uploaded);
    AnswerEnd::Unwanted { cause, keep }
}

fn count(shared: &Shared<'_>, counters: &BackendCounters, opened: &Opened) {
    let now = Instant::now();
    shared.answered_at.set(now);
    let us = now.duration_since(shared.sent_at.get()).as_micros() as u64;
    shared.first_byte_us.set(Some(us));
    counters.latency.record_us(us);
    shared.status.set(opened.status);
    let class = match opened.code {
        Some(code) => grpc::class(code),
        // How it ended is not known before its trailers.
        None if is_call(shared, opened) => return,
        None => usize::from(opened.status / 100) - 1,
    };
    counters.responses[class].add(1);
}

/// A call whose outcome was still to come when its answer began.
fn is_call(shared: &Shared<'_>, opened: &Opened) -> bool {
    shared.terms.is_call && opened.status == 200 && opened.code.is_none()
}

/// Counts how a call ended of which the answer's end had to tell that. One that does not tell, its
/// client takes for a failure.
fn count_outcome(shared: &Shared<'_>, counters: &BackendCounters, opened: &Opened) {
    if is_call(shared, opened) {
        let code = shared.code.get().unwrap_or(grpc::UNTOLD);
        counters.responses[grpc::class(code)].add(1);
    }
}

/// Reads heads until the final one, passing interim ones on; leaves the final one in `out`.
async fn final_head(
    shared: &Shared<'_>,
    backend: &mut impl Answering,
    client: &mut impl Sink,
    out: &mut Vec<u8>,
) -> Result<Opened, AnswerEnd> {
    loop {
        let max = HeadMax { bytes: shared.terms.head_bytes, fields: shared.terms.headers };
        let kind = backend.head(max, |response| open(shared, response, client, out)).await;
        match kind.and_then(|kind| kind.map_err(NoHead::Refused))? {
            Kind::Final(opened) => return Ok(opened),
            Kind::Interim => pass_interim(shared, client, out).await?,
            Kind::Dropped => {}
        }
    }
}

impl From<NoHead> for AnswerEnd {
    fn from(why: NoHead) -> Self {
        match why {
            NoHead::Closed => Self::Closed,
            NoHead::Refused(reason) => Self::Refused(reason),
            NoHead::Unprocessed => Self::Unprocessed,
            NoHead::Unsendable(reason) => Self::Unsendable(reason),
        }
    }
}

async fn pass_interim(
    shared: &Shared<'_>,
    client: &mut impl Sink,
    out: &mut Vec<u8>,
) -> Result<(), AnswerEnd> {
    shared.interim.set(true);
    // Cut short, it cannot be followed by anything.
    shared.begun.set(true);
    client.write(out, &[], false, |_| {}).await.map_err(|_| AnswerEnd::ClientGone)?;
    shared.begun.set(false);
    out.clear();
    Ok(())
}
