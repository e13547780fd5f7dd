//! How one backend's health is judged where its pool's way does not fit: a health port beside the
//! serving one, a name of its own, a layer that it lacks.

use std::sync::Arc;

use super::{BusinessAsk, HealthChecks, Pool, ProcessAsk};
use crate::model::Address;

/// What a backend says of its own health.
#[derive(Clone, Debug, PartialEq)]
pub struct OwnHealth {
    /// Where its probes connect; `None` = where it listens.
    pub place: Option<ProbePlace>,
    /// What its probes call it; `None` = as its pool's do.
    pub host: Option<Arc<str>>,
    /// All it is judged by: what it names itself, and what its pool does for the rest.
    pub checks: HealthChecks,
}

/// Where probes connect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProbePlace {
    /// To this port of the host that the backend is on.
    Port(u16),
    /// To this address.
    Address(Address),
}

/// What a pool asks of its backends, for a backend that is called `host` by its probes.
pub(super) fn called(pool: &HealthChecks, host: Option<&Arc<str>>) -> HealthChecks {
    let mut checks = pool.clone();
    let Some(host) = host else { return checks };
    let process = checks.process.as_mut().map(|check| &mut check.ask);
    if let Some(ProcessAsk::Http { host: name, .. } | ProcessAsk::Grpc { host: name, .. }) = process
    {
        *name = Some(Arc::clone(host));
    }
    if let Some(application) = &mut checks.application {
        application.host = Some(Arc::clone(host));
    }
    let business = checks.business.as_mut().map(|check| &mut check.ask);
    if let Some(BusinessAsk::Transaction { host: name, .. }) = business {
        *name = Some(Arc::clone(host));
    }
    checks
}

impl Pool {
    /// What each of its backends is judged by, in config order.
    pub fn checks(&self) -> impl Iterator<Item = &HealthChecks> {
        let zones = self.regions.iter().flat_map(|region| &region.zones);
        let own = zones.flat_map(|zone| &zone.backends).map(|backend| backend.own_health.as_ref());
        own.map(|own| own.map_or(&self.health, |own| &own.checks))
    }
}
