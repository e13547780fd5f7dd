//! A listener that forwards datagrams.

use std::time::Duration;

use super::Forward;

/// How a `protocol: udp` listener forwards datagrams.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Udp {
    /// A flow ends when neither side has said anything for so long.
    pub idle: Duration,
    /// Where flows go: the first; at least one, and none asks for anything.
    pub forwards: Vec<Forward>,
}
