//! Identities: what stays the same when a table is replaced.
//!
//! Counters, health, pooled connections and operator overrides are kept under these keys, so a
//! reload that moves a backend to another line of the file changes nothing about it.

use std::fmt;
use std::sync::Arc;

/// The name of a pool, unique in a config.
pub type PoolName = Arc<str>;

/// A zone of a pool: the pool's name, the region's and the zone's.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ZoneKey {
    /// The pool the zone belongs to.
    pub pool: PoolName,
    /// The region's name; `default` in a pool written in the short form.
    pub region: Arc<str>,
    /// The zone's name; `default` in a pool written in the short form.
    pub zone: Arc<str>,
}

impl fmt::Display for ZoneKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.pool, self.region, self.zone)
    }
}

/// A backend of a pool, under the name the config gives it.
///
/// An unnamed backend is named by its address; a hostname that resolves to several addresses
/// becomes several backends, `name/address` each.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BackendKey {
    /// The pool the backend belongs to.
    pub pool: PoolName,
    /// The backend's name, unique in its pool.
    pub name: Arc<str>,
}

impl fmt::Display for BackendKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.pool, self.name)
    }
}
