//! What an operator orders, for whom, and for how long.
//!
//! An order says *what shall be*, never what was seen: it is kept beside the evidence, so that
//! taking it back restores exactly what the evidence says. Every order carries who gave it and
//! why, because the question after an outage is never only "what was out?".

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{BackendKey, Fault, PoolName};

/// What an order is about. Where a pool or region is left out, every one is meant.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scope {
    /// Everything this process balances.
    All,
    /// A listener; the decision leaves it to those who accept connections.
    Listener(Arc<str>),
    /// A route of a listener.
    Route {
        /// The listener's name.
        listener: Arc<str>,
        /// The route's.
        route: Arc<str>,
    },
    /// A pool.
    Pool(PoolName),
    /// A region, of one pool or of all.
    Region {
        /// The pool, or all.
        pool: Option<PoolName>,
        /// The region's name.
        region: Arc<str>,
    },
    /// A zone, of one pool or of all.
    Zone {
        /// The pool, or all.
        pool: Option<PoolName>,
        /// The region, or whichever has a zone of this name.
        region: Option<Arc<str>>,
        /// The zone's name.
        zone: Arc<str>,
    },
    /// A backend.
    Backend(BackendKey),
}

impl Scope {
    /// Whether a pool as a whole lies within it.
    #[must_use]
    pub fn covers_pool(&self, name: &str) -> bool {
        match self {
            Self::All => true,
            Self::Pool(pool) => **pool == *name,
            Self::Listener(_)
            | Self::Route { .. }
            | Self::Region { .. }
            | Self::Zone { .. }
            | Self::Backend(_) => false,
        }
    }

    /// Whether a region as a whole lies within it.
    #[must_use]
    pub fn covers_region(&self, pool: &str, name: &str) -> bool {
        match self {
            Self::Region { pool: of, region } => is(of.as_deref(), pool) && **region == *name,
            _ => self.covers_pool(pool),
        }
    }

    /// Whether a zone as a whole lies within it.
    #[must_use]
    pub fn covers_zone(&self, pool: &str, region: &str, name: &str) -> bool {
        match self {
            Self::Zone { pool: of, region: within, zone } => {
                is(of.as_deref(), pool) && is(within.as_deref(), region) && **zone == *name
            }
            _ => self.covers_region(pool, region),
        }
    }

    /// Whether a backend of that region and zone lies within it.
    #[must_use]
    pub fn covers_backend(&self, backend: &BackendKey, region: &str, zone: &str) -> bool {
        match self {
            Self::Backend(key) => key == backend,
            _ => self.covers_zone(&backend.pool, region, zone),
        }
    }
}

/// Whether a name is the one that is meant, where one is.
fn is(meant: Option<&str>, name: &str) -> bool {
    meant.is_none_or(|meant| meant == name)
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let within = |pool: &Option<PoolName>| match pool {
            Some(pool) => format!(" of pool {pool}"),
            None => String::new(),
        };
        match self {
            Self::All => f.write_str("everything"),
            Self::Listener(name) => write!(f, "listener {name}"),
            Self::Route { listener, route } => write!(f, "route {listener}/{route}"),
            Self::Pool(name) => write!(f, "pool {name}"),
            Self::Region { pool, region } => write!(f, "region {region}{}", within(pool)),
            Self::Zone { pool, region: Some(region), zone } => {
                write!(f, "zone {region}/{zone}{}", within(pool))
            }
            Self::Zone { pool, region: None, zone } => write!(f, "zone {zone}{}", within(pool)),
            Self::Backend(key) => write!(f, "backend {key}"),
        }
    }
}

/// What is ordered.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Nothing new goes there; what is in flight ends by itself.
    Drain {
        /// Go down to nothing evenly over this time; `None` = at once.
        over: Option<Duration>,
    },
    /// Out: like a drain, but not expected back by itself.
    Maint,
    /// Ends `Drain`, `Maint` and `Stop` there: it takes part again at once.
    Ready,
    /// Weighs this much instead of what is configured (a backend, zone or region). 0 is absolute.
    /// `None` = as configured again.
    Weight(Option<u32>),
    /// A zone or region counts as failed, whatever is observed.
    Fail {
        /// The zone or region that takes over its traffic as far as it can; `None` = whoever would.
        to: Option<Arc<str>>,
    },
    /// Ends `Drain`, `Maint`, `Stop` and `Fail` there, and brings a zone or region back the way of a
    /// recovery: by proof and in stages.
    Restore {
        /// Go to the next stage now, whatever the evidence: for services with too little traffic.
        advance: bool,
    },
    /// Nothing there is taken out or advanced by automation. Backends that are down get nothing
    /// all the same, and worse evidence in a restoration still rolls it back.
    Pause,
    /// Ends `Pause` there.
    Resume,
    /// A pool takes this part of its traffic, 0..=1, and sheds the rest. `None` = all again.
    Traffic(Option<f64>),
    /// Closes a pool's circuit breaker, whatever was seen.
    ResetBreaker,
    /// Does without what a level of degraded service names. `None` = with everything again.
    Degrade {
        /// The level.
        level: Option<Arc<str>>,
    },
    /// Does this to the requests of a route.
    Fault(Fault),
    /// Ends `Fault` there.
    ClearFault,
    /// Emergency stop: no share, open connections are closed, and automation changes nothing there.
    Stop,
}

impl Action {
    /// The closed set of names used in logs and views.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Drain { .. } => "drain",
            Self::Maint => "maint",
            Self::Ready => "ready",
            Self::Weight(_) => "weight",
            Self::Fail { .. } => "fail",
            Self::Restore { .. } => "restore",
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Traffic(_) => "traffic",
            Self::ResetBreaker => "reset-breaker",
            Self::Degrade { .. } => "degrade",
            Self::Fault(_) => "fault",
            Self::ClearFault => "clear-fault",
            Self::Stop => "stop",
        }
    }
}

/// One order.
#[derive(Clone, Debug, PartialEq)]
pub struct Order {
    /// What it is about.
    pub scope: Scope,
    /// What is ordered.
    pub action: Action,
    /// Who gave it; capped and escaped by its maker.
    pub actor: Arc<str>,
    /// Why, in the words of who gave it; capped and escaped by its maker. May be empty.
    pub why: Arc<str>,
    /// When it was given.
    pub since: Instant,
    /// When it ends by itself; `None` = by another order only.
    pub until: Option<Instant>,
}

impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.action {
            Action::Degrade { level: Some(level) } => write!(f, "degraded service `{level}`")?,
            Action::Degrade { level: None } => f.write_str("end of degraded service")?,
            Action::Fault(fault) => write!(f, "{fault} of {}", self.scope)?,
            action => write!(f, "{} of {}", action.name(), self.scope)?,
        }
        write!(f, " ordered by {}", self.actor)?;
        if self.why.is_empty() { Ok(()) } else { write!(f, ": {}", self.why) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_means_every_one() {
        let zone = |pool: Option<&str>, region: Option<&str>| Scope::Zone {
            pool: pool.map(Arc::from),
            region: region.map(Arc::from),
            zone: "a".into(),
        };
        let key = BackendKey { pool: "api".into(), name: "one".into() };
        for scope in [zone(None, None), zone(Some("api"), None), zone(None, Some("east"))] {
            assert!(scope.covers_backend(&key, "east", "a"), "{scope}");
            assert!(!scope.covers_region("api", "east"), "{scope}");
        }
        assert!(!zone(Some("other"), None).covers_zone("api", "east", "a"));
        assert!(!zone(None, Some("west")).covers_zone("api", "east", "a"));
        assert!(Scope::All.covers_backend(&key, "east", "a"));
        assert!(!Scope::Listener("api".into()).covers_pool("api"));
    }
}
