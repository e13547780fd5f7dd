//! The pause before a request is sent again.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use super::deadline::Deadline;
use super::{Client, Job, Parties, Source};

/// What came of a pause.
pub(super) enum Paused {
    /// It is over.
    Over,
    /// There is not as much time left.
    TooLong,
    /// The client left.
    ClientLeft,
}

/// Waits this long, unless the client leaves or has not as much time.
pub(super) async fn pause(
    parties: &mut Parties<'_, impl Client>,
    job: &Job,
    deadline: &Deadline<'_>,
    length: Duration,
) -> Paused {
    if length.is_zero() {
        return Paused::Over;
    }
    if !deadline.leaves(length) {
        return Paused::TooLong;
    }
    wait(parties, job, length).await
}

/// Waits this long, unless the client leaves.
pub(super) async fn wait(
    parties: &mut Parties<'_, impl Client>,
    job: &Job,
    length: Duration,
) -> Paused {
    let (worker, timer) = (parties.worker, parties.timer);
    let (mut client, _) = parties.client.split();
    timer.set(length);
    let abort_on_close = job.policy.abort_on_close;
    let bytes = job.terms.head_bytes;
    let mut leaving = pin!(client.left(worker, timer, bytes, abort_on_close));
    poll_fn(|cx| {
        if leaving.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Paused::ClientLeft);
        }
        timer.poll_expired(cx).map(|()| Paused::Over)
    })
    .await
}
