//! From how an attempt ended to what is reported: whether a timeout is believed.

use std::sync::Arc;
use std::time::Duration;

use crate::model::{AgentState, Failure, Outcome, Reason};
use crate::probe::Answer;
use crate::probe::attempt::Attempt;
use crate::probe::fault::Fault;

/// The outcome of an attempt that was given `limit`.
///
/// `stalled` is the longest time this runtime was not attentive while the attempt ran, or as it
/// was begun. If that, or the lateness of the attempt's own timer, is more than half of the limit,
/// silence is no evidence: the backend had less time than it looks. An answer always is.
pub(super) fn judge(attempt: &Attempt<Answer>, limit: Duration, stalled: Duration) -> Outcome {
    match &attempt.result {
        Some(Ok(Some(report))) if report.state == AgentState::Down => {
            let detail = Arc::clone(&report.reason);
            Outcome::Fail(Reason { failure: Failure::Rejected, detail })
        }
        Some(Ok(_)) => Outcome::Pass,
        Some(Err(Fault::Peer(reason))) => Outcome::Fail(reason.clone()),
        Some(Err(Fault::Local(what))) => Outcome::Void(what.clone()),
        None => {
            let late = stalled.max(attempt.late);
            if late > limit / 2 {
                Outcome::Void(format!("the prober was {} ms late", late.as_millis()).into())
            } else {
                let detail = format!("no answer in {} ms", limit.as_millis()).into();
                Outcome::Fail(Reason { failure: Failure::Timeout, detail })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;

    const LIMIT: Duration = Duration::from_millis(50);

    fn silence(late: Duration) -> Attempt<Answer> {
        let now = Instant::now();
        Attempt { started: now, ended: now + LIMIT + late, result: None, late }
    }

    #[tokio::test(start_paused = true)]
    async fn silence_is_believed_only_from_an_attentive_prober() {
        let half = LIMIT / 2;
        let more = half + Duration::from_millis(1);
        assert!(matches!(judge(&silence(half), LIMIT, half), Outcome::Fail(_)));
        assert!(matches!(judge(&silence(more), LIMIT, Duration::ZERO), Outcome::Void(_)));
        assert!(matches!(judge(&silence(Duration::ZERO), LIMIT, more), Outcome::Void(_)));
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_is_evidence_however_late_the_prober_was() {
        let refused = Err(Fault::peer(Failure::Refused));
        let answered = |result| Attempt { result: Some(result), ..silence(LIMIT * 9) };
        assert_eq!(judge(&answered(Ok(None)), LIMIT, LIMIT * 9), Outcome::Pass);
        assert!(matches!(judge(&answered(refused), LIMIT, LIMIT * 9), Outcome::Fail(_)));
    }

    #[tokio::test(start_paused = true)]
    async fn what_this_machine_lacks_is_void() {
        let local = Err(Fault::Local("too many open files".into()));
        let attempt = Attempt { result: Some(local), ..silence(Duration::ZERO) };
        assert_eq!(
            judge(&attempt, LIMIT, Duration::ZERO),
            Outcome::Void("too many open files".into())
        );
    }
}
