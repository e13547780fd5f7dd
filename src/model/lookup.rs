//! The messages between control and discovery: which hostnames to follow, and what was learnt.

use std::net::SocketAddr;
use std::sync::Arc;

use super::PoolName;

/// Every hostname that shall be kept resolved; replaces the plan before it.
///
/// What is known of a hostname in both plans is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LookupPlan {
    /// One entry per backend that is configured by hostname.
    pub lookups: Vec<LookupSpec>,
}

/// A backend that is configured by hostname.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LookupSpec {
    /// Its pool.
    pub pool: PoolName,
    /// Its name in the config.
    pub backend: Arc<str>,
    /// The hostname, in lower case, without trailing dot.
    pub host: Arc<str>,
    /// The port of all its addresses.
    pub port: u16,
}

/// How one lookup ended, for one backend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lookup {
    /// What was asked: an answer to what is no longer asked is recognised by it.
    pub spec: LookupSpec,
    /// The addresses in use from now on, sorted and at least one; or why there are no new ones, at
    /// most 200 characters, without control characters.
    pub outcome: Result<Vec<SocketAddr>, Arc<str>>,
}
