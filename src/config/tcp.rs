//! A listener that forwards bytes: where to, and for how long.

use std::sync::Arc;
use std::time::Duration;

/// How a `protocol: tcp` listener forwards connections.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tcp {
    /// Deadlines of a connection.
    pub timeouts: TcpTimeouts,
    /// Backends tried for one connection, the first included, ≥ 1.
    pub attempts: u32,
    /// Where connections go; at least one.
    pub forwards: Vec<Forward>,
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
    /// Indices into the config's pools, with their weights; at least one weight is above 0.
    pub pools: Vec<(usize, u32)>,
}
