//! The PROXY protocol: who may say who the client is.

use std::time::Duration;

use ipnet::IpNet;

/// What a listener makes of PROXY protocol headers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProxyHeaders {
    /// A connection without one is closed.
    pub required: bool,
    /// Who may send one; at least one network.
    pub from: Vec<IpNet>,
    /// How long one may take to arrive.
    pub timeout: Duration,
}
