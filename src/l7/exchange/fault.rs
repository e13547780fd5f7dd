//! A fault that an operator has put on a route, for a drill: what its client feels.

use std::num::NonZeroU32;
use std::time::Duration;

use crate::l7::error::Failure;
use crate::model::{Ended, FaultKind};

use super::deadline::Deadline;
use super::pause::{Paused, wait};
use super::{After, Client, Job, Parties};

/// What a request meets before it goes to a backend; small, because every request carries it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Fault(Option<NonZeroU32>);

impl Fault {
    /// A reset; no delay is as long.
    const RESET: NonZeroU32 = NonZeroU32::MAX;

    /// Of this kind. An abort is answered before there is an exchange.
    pub(crate) fn new(kind: Option<FaultKind>) -> Self {
        Self(match kind {
            Some(FaultKind::Delay(delay)) => {
                let ms = u32::try_from(delay.as_millis()).unwrap_or(u32::MAX);
                NonZeroU32::new(ms.min(u32::MAX - 1))
            }
            Some(FaultKind::Reset) => Some(Self::RESET),
            Some(FaultKind::Abort(_)) | None => None,
        })
    }

    /// Is there none?
    pub(super) fn is_none(self) -> bool {
        self.0.is_none()
    }
}

/// Does it; `Some` = that is the request's end.
pub(super) async fn suffer(
    parties: &mut Parties<'_, impl Client>,
    job: &mut Job,
    deadline: &Deadline<'_>,
) -> Option<Result<(After, Ended), Failure>> {
    let ms = job.fault.0?;
    if ms == Fault::RESET {
        return Some(Ok((After::Reset, Ended::FaultInjected)));
    }
    // What was chosen before it waited may not be the best any more, nor even be up.
    job.lease = None;
    let delay = Duration::from_millis(u64::from(ms.get()));
    let delay = deadline.left().map_or(delay, |left| left.min(delay));
    match wait(parties, job, delay).await {
        Paused::ClientLeft => Some(Ok((After::Close, Ended::ClientLeft))),
        Paused::Over | Paused::TooLong if deadline.is_over() => Some(Err(Failure::Total)),
        Paused::Over | Paused::TooLong => None,
    }
}
