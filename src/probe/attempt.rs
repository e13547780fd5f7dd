//! One attempt within its time: the same for every kind of probe.
//!
//! "No answer in time" is the one failure a prober can cause by itself: when its own thread was
//! not running, the answer may long have been there. So before an attempt is given up its runtime
//! is made to ask the kernel for news and the attempt is looked at once more; and it is measured
//! how late the timer itself was, for `schedule` to decide whether to believe the timeout.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::fault::Fault;

/// How one attempt ended.
#[derive(Clone, Debug)]
pub(super) struct Attempt<T> {
    /// When it began.
    pub(super) started: Instant,
    /// When its end was established.
    pub(super) ended: Instant,
    /// What came of it; `None` = nothing in time.
    pub(super) result: Option<Result<T, Fault>>,
    /// How late the timer was that ended it.
    pub(super) late: Duration,
}

/// Runs `work` for at most `limit`.
pub(super) async fn attempt<T>(
    limit: Duration,
    work: impl Future<Output = Result<T, Fault>>,
) -> Attempt<T> {
    let started = Instant::now();
    let deadline = started + limit;
    let mut work = pin!(work);
    if let Ok(result) = timeout_at(deadline, &mut work).await {
        let ended = Instant::now();
        return Attempt { started, ended, result: Some(result), late: Duration::ZERO };
    }
    let late = Instant::now().saturating_duration_since(deadline);
    // Yielding lets the runtime collect what the kernel has ready before this goes on.
    tokio::task::yield_now().await;
    let second_look = poll_fn(|context| match work.as_mut().poll(context) {
        Poll::Ready(result) => Poll::Ready(Some(result)),
        Poll::Pending => Poll::Ready(None),
    });
    let result = second_look.await;
    Attempt { started, ended: Instant::now(), result, late }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_millis(50);

    #[tokio::test(start_paused = true)]
    async fn an_answer_in_time_is_taken_as_it_is() {
        let ended = attempt(LIMIT, async {
            tokio::time::sleep(LIMIT / 2).await;
            Ok(())
        })
        .await;
        assert_eq!(ended.result, Some(Ok(())));
        assert_eq!(ended.ended - ended.started, LIMIT / 2);
    }

    #[tokio::test(start_paused = true)]
    async fn silence_ends_at_the_limit() {
        let ended = attempt::<()>(LIMIT, std::future::pending()).await;
        assert_eq!(ended.result, None);
        assert!(ended.ended - ended.started >= LIMIT);
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_only_the_second_look_finds_counts() {
        let deadline = Instant::now() + LIMIT;
        let mut looks_after = 0;
        let ended = attempt(
            LIMIT,
            poll_fn(|_| {
                looks_after += u32::from(Instant::now() >= deadline);
                if looks_after == 2 { Poll::Ready(Ok(())) } else { Poll::Pending }
            }),
        )
        .await;
        assert_eq!(ended.result, Some(Ok(())));
    }

    #[tokio::test(start_paused = true)]
    async fn a_late_timer_is_measured() {
        let stalled = tokio::spawn(async {
            tokio::time::sleep(LIMIT / 2).await;
            tokio::time::advance(LIMIT * 4).await;
        });
        let ended = attempt::<()>(LIMIT, std::future::pending()).await;
        assert!(ended.late >= LIMIT * 3, "{:?}", ended.late);
        stalled.await.unwrap();
    }
}
