//! What was decided: which backend takes part, and which share of traffic each zone gets.

use std::sync::Arc;

use super::{Address, Admin, Admission, Circuit, Health, PoolName, Reason, RouteFault, Standing};

/// The outcome of one decision: everything `table::build` needs besides the config.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// One entry per pool of the config, in its order. A pool that is as before is shared with the
    /// plan before.
    pub pools: Vec<Arc<PoolPlan>>,
    /// The level of degraded service that is ordered, by its name.
    pub degradation: Option<Arc<str>>,
    /// What is done to requests on purpose, by order.
    pub faults: Vec<RouteFault>,
}

/// One pool's part of a plan.
#[derive(Clone, Debug, PartialEq)]
pub struct PoolPlan {
    /// The pool's name.
    pub pool: PoolName,
    /// One entry per zone, regions in config order, zones in config order within.
    pub zones: Vec<ZonePlan>,
    /// One entry per region, in config order.
    pub regions: Vec<RegionPlan>,
    /// The part of its traffic that is refused because it fits nowhere, 0..=1.
    pub shed: f64,
    /// Who is refused then: the least important first.
    pub admission: Admission,
    /// Whether it is left alone, for how requests before ended.
    pub circuit: Circuit,
}

/// One region's part of a plan.
#[derive(Clone, Debug, PartialEq)]
pub struct RegionPlan {
    /// The region's name.
    pub region: Arc<str>,
    /// What is being done with it as a whole, and why.
    pub standing: Standing,
}

/// One zone's part of a plan.
#[derive(Clone, Debug, PartialEq)]
pub struct ZonePlan {
    /// The region's name.
    pub region: Arc<str>,
    /// The zone's name.
    pub zone: Arc<str>,
    /// What is being done with it, and why.
    pub standing: Standing,
    /// The part of the pool's traffic this zone gets, 0..=1. A pool's shares and what is shed sum
    /// to 1; or the shares to 0 when nothing can take traffic.
    pub share: f64,
    /// One entry per backend; a hostname with several addresses has one for each. Shared with the
    /// plan before if it is as before.
    pub backends: Arc<[BackendPlan]>,
}

/// One backend's part of a plan.
#[derive(Clone, Debug, PartialEq)]
pub struct BackendPlan {
    /// The backend's name, unique in its pool (see [`BackendKey`](super::BackendKey)).
    pub name: Arc<str>,
    /// Where it listens.
    pub address: Address,
    /// The weight it is given: as configured, or as ordered instead.
    pub weight: u32,
    /// The weight it has within its zone now; 0 = gets nothing new.
    pub effective_weight: f64,
    /// What was observed.
    pub health: Health,
    /// What was ordered.
    pub admin: Admin,
    /// Why it is not `Up`, when it is not.
    pub reason: Option<Reason>,
    /// It gets nothing for nothing but how it answers: whatever else was tried in vain, it is better
    /// than nobody.
    pub last_resort: bool,
}
