//! Health as observed, admin state as ordered, and the reasons for both.

use std::fmt;
use std::sync::Arc;

/// What the evidence says about a backend.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Health {
    /// No verdict yet: a new backend before its first passing check. Gets no traffic.
    #[default]
    Unknown,
    /// Every layer that is asked answers.
    Up,
    /// Serving, but with this factor (0..=1) of its weight.
    Degraded(f64),
    /// Out: gets no traffic.
    Down,
}

impl Health {
    /// The factor on the configured weight, 0..=1.
    #[must_use]
    pub fn factor(self) -> f64 {
        match self {
            Self::Up => 1.0,
            Self::Degraded(factor) => factor,
            Self::Unknown | Self::Down => 0.0,
        }
    }

    /// The closed set of names used in metrics and views.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Up => "up",
            Self::Degraded(_) => "degraded",
            Self::Down => "down",
        }
    }
}

/// What the operator ordered; independent of what is observed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Admin {
    /// Takes part as its health allows.
    #[default]
    Ready,
    /// Finishes what it has and gets nothing new.
    Drain,
    /// Taken out: what it has is cut off at once. Probes go on, traffic does not.
    Maint,
}

impl Admin {
    /// The closed set of names used in metrics and views.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Drain => "drain",
            Self::Maint => "maint",
        }
    }
}

/// The layer a check asks about, lowest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Layer {
    /// L1: can the host and port be reached?
    Network,
    /// L2: does the process answer?
    Process,
    /// L3: does the application say it is well?
    Application,
    /// L4: does a synthetic transaction succeed?
    Business,
}

impl Layer {
    /// All layers, lowest first.
    pub const ALL: [Self; 4] = [Self::Network, Self::Process, Self::Application, Self::Business];

    /// The closed set of names used in config, metrics and views.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Network => "network",
            Self::Process => "process",
            Self::Application => "application",
            Self::Business => "business",
        }
    }
}

/// Why a probe failed: a closed set, so that it can be a metric label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Failure {
    /// The connection was refused.
    Refused,
    /// The peer reset the connection.
    Reset,
    /// Host or network unreachable.
    Unreachable,
    /// No answer within the timeout.
    Timeout,
    /// The peer closed before a whole answer.
    Truncated,
    /// The answer is not valid in the protocol asked.
    Protocol,
    /// A valid answer with a status that was not expected.
    Status,
    /// A valid answer whose header or body was not as expected.
    Content,
    /// The answer exceeds the size the prober reads.
    TooLarge,
    /// The unix socket's file does not exist or may not be opened.
    Missing,
    /// The peer's certificate is not valid for the name asked, or nobody trusted vouches for it.
    Certificate,
    /// The peer understood and said no: an agent, a health service, a database.
    Rejected,
    /// Live traffic could not connect, or was answered badly.
    Traffic,
}

impl Failure {
    /// All kinds.
    pub const ALL: [Self; 13] = [
        Self::Refused,
        Self::Reset,
        Self::Unreachable,
        Self::Timeout,
        Self::Truncated,
        Self::Protocol,
        Self::Status,
        Self::Content,
        Self::TooLarge,
        Self::Missing,
        Self::Certificate,
        Self::Rejected,
        Self::Traffic,
    ];

    /// The closed set of names used in metrics, logs and views.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Reset => "reset",
            Self::Unreachable => "unreachable",
            Self::Timeout => "timeout",
            Self::Truncated => "truncated",
            Self::Protocol => "protocol",
            Self::Status => "status",
            Self::Content => "content",
            Self::TooLarge => "too_large",
            Self::Missing => "missing",
            Self::Certificate => "certificate",
            Self::Rejected => "rejected",
            Self::Traffic => "traffic",
        }
    }
}

/// A failure with what was seen, in words fit for a log line: capped and escaped by its maker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// The kind of failure.
    pub failure: Failure,
    /// What was seen, at most 200 characters, without control characters.
    pub detail: Arc<str>,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.detail.is_empty() {
            f.write_str(self.failure.name())
        } else {
            write!(f, "{}: {}", self.failure.name(), self.detail)
        }
    }
}

/// How one probe ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The answer was as expected.
    Pass,
    /// It was not.
    Fail(Reason),
    /// The prober could not judge (it was late, or the machine lacked a resource): counts for
    /// nothing.
    Void(Arc<str>),
}
