//! A zone's backends, and what its algorithm needs to choose one of them.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use rustls::pki_types::ServerName;

use crate::balance::ip_hash::{Member, Ring};
use crate::balance::round_robin::Schedule;
use crate::balance::weight_parts;
use crate::config::{self, Algorithm, BackendHttp2, BackendLimits, Target};
use crate::live::{Live, LoadSummary};
use crate::model::{Address, BackendKey, BackendPlan, ZonePlan};
use crate::net::tls::Server;
use crate::table::Backend;
use crate::table::chooser::{ByKey, Chooser, InTurn, LeastLoaded};
use crate::table::pool::Secured;
use crate::table::zone::Members;

/// What a pool's config says of each of its backends beyond the plan.
pub(super) struct Terms<'a> {
    /// Those that something is said of, by name; empty for most pools.
    by_name: HashMap<&'a str, &'a config::Backend>,
    tls: Option<&'a Secured>,
    http2: Option<BackendHttp2>,
    /// The table before was built by the same.
    as_before: bool,
}

impl<'a> Terms<'a> {
    pub(super) fn of(
        settings: &'a config::Pool,
        tls: Option<&'a Secured>,
        as_before: bool,
    ) -> Self {
        let zones = settings.regions.iter().flat_map(|region| &region.zones);
        let backends = zones.flat_map(|zone| &zone.backends);
        let bare = BackendLimits::default();
        let told = backends.filter(|it| it.limits != bare || tls.is_some());
        Self {
            by_name: told.map(|it| (&*it.name, it)).collect(),
            tls,
            http2: settings.http2,
            as_before,
        }
    }

    /// One of several addresses of a hostname is named after its backend, as `name/address`.
    fn get(&self, name: &str) -> Option<&'a config::Backend> {
        let of = |name| self.by_name.get(name).copied();
        if self.by_name.is_empty() {
            None
        } else {
            of(name).or_else(|| of(name.rsplit_once('/')?.0))
        }
    }

    fn limits(&self, name: &str) -> BackendLimits {
        self.get(name).map(|backend| backend.limits).unwrap_or_default()
    }

    /// Who a backend has to prove to be, if TLS is spoken with it.
    fn server(&self, plan: &BackendPlan) -> Option<Server> {
        let Secured { terms, context, .. } = self.tls?;
        let host = match (&terms.server_name, self.get(&plan.name).map(|backend| &backend.target)) {
            (Some(name), _) | (None, Some(Target::Host { name, .. })) => name,
            (None, Some(Target::Unix(_))) => "localhost",
            (None, _) => "",
        };
        let name = ServerName::try_from(host.to_owned()).unwrap_or_else(|_| match &plan.address {
            Address::Inet(address) => ServerName::from(address.ip()),
            Address::Unix(_) => ServerName::from(IpAddr::from(Ipv4Addr::LOCALHOST)),
        });
        Some(Server::new(context, name))
    }
}

/// The members by the plan; those of the table before if nothing about them differs.
pub(super) fn build(
    live: &Live,
    settings: &config::Pool,
    terms: &Terms<'_>,
    plan: &ZonePlan,
    before: Option<&Arc<Members>>,
) -> Arc<Members> {
    if let Some(before) = before.filter(|before| unchanged(before, settings, terms, plan)) {
        return Arc::clone(before);
    }
    let backends =
        backends(live, settings, terms, plan, before.map_or(&[], |before| &before.backends));
    let weights: Vec<f64> = plan.backends.iter().map(|backend| backend.effective_weight).collect();
    let chooser = match settings.algorithm {
        Algorithm::RoundRobin => {
            let parts: Vec<u32> = weights.iter().map(|weight| weight_parts(*weight)).collect();
            Chooser::RoundRobin(InTurn(Schedule::new(&parts)))
        }
        Algorithm::LeastConnections => Chooser::LeastConnections(least_loaded(&backends, &weights)),
        Algorithm::IpHash(_) => Chooser::IpHash(by_key(&backends, &weights, before)),
    };
    let last_resorts = last_resorts(&plan.backends).collect();
    let plan = Arc::clone(&plan.backends);
    Arc::new(Members { plan, backends, weights, chooser, last_resorts })
}

fn last_resorts(plan: &[BackendPlan]) -> impl Iterator<Item = u32> {
    let idle = |backend: &BackendPlan| backend.last_resort && backend.effective_weight <= 0.0;
    plan.iter().enumerate().filter(move |(_, backend)| idle(backend)).map(|(at, _)| at as u32)
}

fn unchanged(
    before: &Members,
    settings: &config::Pool,
    terms: &Terms<'_>,
    plan: &ZonePlan,
) -> bool {
    let same_algorithm = matches!(
        (&before.chooser, &settings.algorithm),
        (Chooser::RoundRobin(_), Algorithm::RoundRobin)
            | (Chooser::LeastConnections(_), Algorithm::LeastConnections)
            | (Chooser::IpHash(_), Algorithm::IpHash(_))
    );
    let weights = plan.backends.iter().map(|backend| &backend.effective_weight);
    same_algorithm
        && (terms.as_before && Arc::ptr_eq(&before.plan, &plan.backends)
            || before.backends.len() == plan.backends.len()
                && before.weights.iter().eq(weights)
                && before.last_resorts.iter().copied().eq(last_resorts(&plan.backends))
                && before
                    .backends
                    .iter()
                    .zip(&*plan.backends)
                    .all(|(before, plan)| is_as_in(before, terms, plan)))
}

/// Whether the backend is as the plan has it, but for its effective weight.
fn is_as_in(backend: &Backend, terms: &Terms<'_>, plan: &BackendPlan) -> bool {
    backend.weight == plan.weight
        && backend.address == plan.address
        && backend.name == plan.name
        && backend.limits == terms.limits(&plan.name)
        && backend.http2 == terms.http2
        && same_server(backend.tls.as_ref(), terms.server(plan).as_ref())
}

fn same_server(a: Option<&Server>, b: Option<&Server>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => a.is(b),
        (None, None) => true,
        _ => false,
    }
}

fn backends(
    live: &Live,
    settings: &config::Pool,
    terms: &Terms<'_>,
    zone: &ZonePlan,
    before: &[Arc<Backend>],
) -> Vec<Arc<Backend>> {
    let backends = zone.backends.iter().enumerate();
    backends
        .map(|(at, plan)| match before.get(at).filter(|before| is_as_in(before, terms, plan)) {
            Some(before) => Arc::clone(before),
            None => Arc::new(backend(live, settings, terms, zone, plan)),
        })
        .collect()
}

fn backend(
    live: &Live,
    settings: &config::Pool,
    terms: &Terms<'_>,
    zone: &ZonePlan,
    plan: &BackendPlan,
) -> Backend {
    let key = BackendKey { pool: Arc::clone(&settings.name), name: Arc::clone(&plan.name) };
    Backend {
        live: live.backend(&key),
        address: plan.address.clone(),
        name: Arc::clone(&plan.name),
        region: Arc::clone(&zone.region),
        zone: Arc::clone(&zone.zone),
        weight: plan.weight,
        limits: terms.limits(&plan.name),
        tls: terms.server(plan),
        http2: terms.http2,
    }
}

fn least_loaded(backends: &[Arc<Backend>], weights: &[f64]) -> LeastLoaded {
    let members = backends.iter().zip(weights).enumerate();
    let (members, loads): (Vec<u32>, Vec<_>) = members
        .map(|(member, (backend, weight))| (member as u32, (backend, weight_parts(*weight))))
        .filter(|(_, (_, parts))| *parts > 0)
        .map(|(member, (backend, parts))| (member, (Arc::clone(&backend.live), parts)))
        .unzip();
    LeastLoaded { members, loads: LoadSummary::new(&loads) }
}

fn by_key(backends: &[Arc<Backend>], weights: &[f64], before: Option<&Arc<Members>>) -> ByKey {
    let members: Vec<Member> = backends
        .iter()
        .map(|backend| Member { name: Arc::clone(&backend.name), weight: backend.weight })
        .collect();
    let ring = match before.map(|before| &before.chooser) {
        Some(Chooser::IpHash(before)) if before.ring.members() == members => {
            Arc::clone(&before.ring)
        }
        _ => Arc::new(Ring::new(members)),
    };
    let part = |(backend, weight): (&Arc<Backend>, &f64)| match backend.weight {
        0 => 0.0,
        configured => weight / f64::from(configured),
    };
    let parts: Vec<f64> = backends.iter().zip(weights).map(part).collect();
    let taking = parts.iter().filter(|part| **part > 0.0).count();
    ByKey { ring, parts, taking }
}
