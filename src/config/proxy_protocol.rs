//! The PROXY protocol: who may say who the client is, and what backends are told.

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

/// In which form backends are told who the client is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProxyVersion {
    /// One line of text.
    V1,
    /// Binary, with server name and protocol where they are known.
    V2,
}

impl ProxyVersion {
    /// The name in config.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::V1 => "v1",
            Self::V2 => "v2",
        }
    }
}
