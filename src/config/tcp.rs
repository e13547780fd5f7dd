//! A listener that forwards bytes: where to, and for how long.

use std::sync::Arc;
use std::time::Duration;

use super::HostMatch;
use crate::model::PriorityClass;

/// How connections are forwarded: of a `protocol: tcp` listener all, of one that speaks TLS those
/// that are passed through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tcp {
    /// Deadlines of a connection.
    pub timeouts: TcpTimeouts,
    /// Backends tried for one connection, the first included, ≥ 1.
    pub attempts: u32,
    /// How the client's TLS hello is read, where a route asks for it.
    pub hello: HelloTerms,
    /// Where connections go: the first that matches; at least one.
    pub forwards: Vec<Forward>,
}

impl Tcp {
    /// Does any route depend on the client's TLS hello?
    #[must_use]
    pub fn asks_for_hello(&self) -> bool {
        self.forwards.iter().any(|forward| !forward.matches.is_everything())
    }
}

/// How a TLS hello is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HelloTerms {
    /// How long it may take to arrive.
    pub timeout: Duration,
    /// What becomes of a connection that does not begin with one.
    pub otherwise: Otherwise,
}

/// What becomes of a connection that does not begin with a TLS hello.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Otherwise {
    /// It is closed.
    Close,
    /// It goes where routes lead that ask for nothing.
    Default,
}

/// What a client's TLS hello must ask for; all that is given must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HelloMatch {
    /// One of these server names; empty = any, or none.
    pub names: Vec<HostMatch>,
    /// Or no server name at all.
    pub nameless: bool,
    /// One of these protocols; empty = any.
    pub alpn: Vec<Arc<str>>,
}

impl HelloMatch {
    /// Does it match whatever comes, TLS or not?
    #[must_use]
    pub fn is_everything(&self) -> bool {
        self.names.is_empty() && !self.nameless && self.alpn.is_empty()
    }
}

/// Deadlines of a forwarded connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TcpTimeouts {
    /// Without a byte in either direction.
    pub idle: Duration,
    /// From accept to close, however busy it is.
    pub lifetime: Option<Duration>,
    /// All tries to connect to a backend together, waiting for a free place included.
    pub connect_total: Duration,
}

/// Where connections go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forward {
    /// In the log; unique in its listener.
    pub name: Arc<str>,
    /// Whose connections.
    pub matches: HelloMatch,
    /// Indices into the config's pools, with their weights; at least one weight is above 0.
    pub pools: Vec<(usize, u32)>,
    /// Who goes first when not all can be served.
    pub priority: PriorityClass,
}
