//! Room on a connection that is shared: there is some, or another one is opened, or it is waited for.

use std::cell::Cell;
use std::io;
use std::time::Duration;

use tokio::time::Instant;

use crate::config::{BackendHttp2, Queue};
use crate::l7::client::http2::{Opening, Place, Stream, Ticket, Turn};
use crate::l7::client::{Link, Upstream};
use crate::l7::worker::Worker;
use crate::table::Lease;

use super::Job;
use super::deadline::Deadline;
use super::obtain::{Opened, open};

/// What carries one request on a shared connection; it was opened for it if that took time.
pub(super) fn on_trunk(lease: &Lease, ticket: Ticket, connect: Duration, at: Instant) -> Upstream {
    let link = Link::Http2(Box::new(Stream::new(ticket, lease.tls.is_some())));
    Upstream { link, reused: connect.is_zero(), connect, at }
}

/// Finds room on a shared connection, or opens another one; waits in line while neither can be.
pub(super) async fn place(
    worker: &Worker,
    job: &Job,
    lease: &Lease,
    terms: BackendHttp2,
    deadline: &Deadline<'_>,
    full: &Cell<bool>,
) -> Opened {
    let none = Queue { length: 0, timeout: Duration::ZERO };
    let queue = worker.with_table(|table, _| table.pool(job.pool).map_or(none, |pool| pool.queue));
    let mut turn = None;
    loop {
        match worker.trunks.take(lease, terms, turn.is_some()) {
            Place::Taken(ticket) => return Opened::Shared { ticket, new: false },
            Place::Open(opening) => {
                drop(turn.take());
                if full.replace(false) {
                    deadline.set(job.policy.connect);
                }
                return open_trunk(worker, job, lease, terms, opening).await;
            }
            Place::Wait { line, full: is_full } => {
                if is_full && turn.is_none() && line.waiting() >= queue.length as usize {
                    return Opened::Crowded;
                }
                // For a connection that is being opened it waits no longer than for its own.
                if is_full && !full.replace(true) {
                    deadline.set(queue.timeout);
                }
                // The line it stood in may be no more.
                let here = turn.take().filter(|turn: &Turn| turn.is_in(&line));
                turn.insert(here.unwrap_or_else(|| line.stand())).called().await;
            }
        }
    }
}

async fn open_trunk(
    worker: &Worker,
    job: &Job,
    lease: &Lease,
    terms: BackendHttp2,
    opening: Opening,
) -> Opened {
    let stream = match open(worker, lease, true).await {
        Opened::Connected(Ok(stream)) | Opened::Secured(Ok(stream)) => stream,
        other => return other,
    };
    if stream.is_encrypted() && !stream.speaks_http2() {
        let error = "the backend does not agree on HTTP/2 (`h2`) by ALPN, and its pool says \
                     `protocol: h2`";
        return Opened::Secured(Err(io::Error::other(error)));
    }
    let to = (&**lease, terms);
    match worker.trunks.add(worker, to, stream, opening, job.policy.idle).await {
        Ok(ticket) => Opened::Shared { ticket, new: true },
        Err(error) => Opened::Connected(Err(error)),
    }
}
