//! What is done to requests on purpose, to see what comes of it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// A fault that an operator has put on a route.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fault {
    /// What is done.
    pub kind: FaultKind,
    /// To which part of the requests, 0..=1.
    pub part: f64,
}

/// A route's fault.
#[derive(Clone, Debug, PartialEq)]
pub struct RouteFault {
    /// The listener.
    pub listener: Arc<str>,
    /// The route.
    pub route: Arc<str>,
    /// The fault.
    pub fault: Fault,
}

/// What is done to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// It waits before it goes to a backend.
    Delay(Duration),
    /// It is answered with this status, 400..=599, and no backend sees it.
    Abort(u16),
    /// Its connection is reset (HTTP/2: its stream), and no backend sees it.
    Reset,
}

impl Fault {
    /// The longest delay.
    pub const DELAY_MAX: Duration = Duration::from_secs(60);

    /// What is wrong with it, if anything is.
    #[must_use]
    pub fn mistake(&self) -> Option<String> {
        match self.kind {
            _ if !(self.part > 0.0 && self.part <= 1.0) => {
                Some(format!("a fault meets a part above 0 and up to 1, not {}", self.part))
            }
            FaultKind::Delay(delay) if delay.is_zero() || delay > Self::DELAY_MAX => {
                Some(format!("a delay is above 0 s and up to 60 s, not {delay:?}"))
            }
            FaultKind::Abort(status) if !(400..=599).contains(&status) => {
                Some(format!("a request is aborted with 400 to 599, not {status}"))
            }
            FaultKind::Delay(_) | FaultKind::Abort(_) | FaultKind::Reset => None,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            FaultKind::Delay(delay) => write!(f, "delay of {delay:?}")?,
            FaultKind::Abort(status) => write!(f, "abort with {status}")?,
            FaultKind::Reset => f.write_str("reset")?,
        }
        write!(f, " for {} %", self.part * 100.0)
    }
}
