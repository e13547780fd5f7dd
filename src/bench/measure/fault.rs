//! Why a request has no good answer: a small closed set, so that runs can be compared.

use std::fmt;

/// A kind of failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// No connection.
    Connect,
    /// No TLS session on the connection.
    Tls,
    /// The connection ended after the request was sent and before any byte of the answer.
    Unanswered,
    /// The connection ended within the answer.
    Truncated,
    /// The answer breaks the protocol, or is longer than it said.
    Malformed,
    /// The server ended this one stream (HTTP/2).
    StreamReset,
    /// No whole answer in time, counted from when the request was due.
    Timeout,
    /// A whole answer with a status 400 to 499.
    ClientError,
    /// A whole answer with a status 500 to 599.
    ServerError,
}

impl Fault {
    /// Every kind, in declaration order.
    pub const ALL: [Self; 9] = [
        Self::Connect,
        Self::Tls,
        Self::Unanswered,
        Self::Truncated,
        Self::Malformed,
        Self::StreamReset,
        Self::Timeout,
        Self::ClientError,
        Self::ServerError,
    ];

    /// Its name in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::Unanswered => "unanswered",
            Self::Truncated => "truncated",
            Self::Malformed => "malformed",
            Self::StreamReset => "stream-reset",
            Self::Timeout => "timeout",
            Self::ClientError => "status-4xx",
            Self::ServerError => "status-5xx",
        }
    }

    /// What a whole answer with this status is; `None` = good.
    #[must_use]
    pub fn of_status(status: u16) -> Option<Self> {
        match status {
            400..=499 => Some(Self::ClientError),
            500.. => Some(Self::ServerError),
            _ => None,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
