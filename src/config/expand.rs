//! From the backends a person wrote to the backends that exist.
//!
//! A hostname may stand for several addresses, each of which is probed, counted and chosen on its
//! own. Everything that needs a pool's backends (the decision, the probes, the views) takes them
//! from [`expand`], so that a backend has one name everywhere.

use std::sync::Arc;

use super::{Backend, Pool, Target};
use crate::model::{Address, Addresses, BackendKey};

/// A backend with the place and the address it has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResolvedBackend {
    /// Its region's name.
    pub region: Arc<str>,
    /// Its zone's name.
    pub zone: Arc<str>,
    /// Its identity.
    pub key: BackendKey,
    /// Where it listens.
    pub address: Address,
    /// What a request of our own names as `Host`: the configured hostname or address with its
    /// port; `localhost` for a unix socket.
    pub authority: Arc<str>,
    /// As configured, 0 = gets nothing.
    pub weight: u32,
    /// Takes traffic only while no other backend of the pool can.
    pub backup: bool,
}

/// The backends of a pool: regions, zones and backends in config order, addresses sorted.
///
/// A hostname with one address keeps the backend's name; with several, each is named
/// `name/address`; with none known yet, it is left out.
#[must_use]
pub fn expand(pool: &Pool, resolved: &Addresses) -> Vec<ResolvedBackend> {
    let mut all = Vec::new();
    for region in &pool.regions {
        for zone in &region.zones {
            for backend in &zone.backends {
                let authority = authority(&backend.target);
                for (name, address) in addresses(pool, backend, resolved) {
                    all.push(ResolvedBackend {
                        region: Arc::clone(&region.name),
                        zone: Arc::clone(&zone.name),
                        key: BackendKey { pool: Arc::clone(&pool.name), name },
                        address,
                        authority: Arc::clone(&authority),
                        weight: backend.weight,
                        backup: backend.backup,
                    });
                }
            }
        }
    }
    all
}

fn addresses(pool: &Pool, backend: &Backend, resolved: &Addresses) -> Vec<(Arc<str>, Address)> {
    let name = || Arc::clone(&backend.name);
    match &backend.target {
        Target::Inet(address) => vec![(name(), Address::Inet(*address))],
        Target::Unix(path) => vec![(name(), Address::Unix(Arc::clone(path)))],
        Target::Host { .. } => match resolved.get(&pool.name, &backend.name) {
            [] => Vec::new(),
            [only] => vec![(name(), Address::Inet(*only))],
            several => several
                .iter()
                .map(|one| (format!("{}/{one}", backend.name).into(), Address::Inet(*one)))
                .collect(),
        },
    }
}

fn authority(target: &Target) -> Arc<str> {
    match target {
        Target::Inet(address) => address.to_string().into(),
        Target::Unix(_) => "localhost".into(),
        Target::Host { name, port } => format!("{name}:{port}").into(),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::Duration;

    use super::*;
    use crate::config::{
        Algorithm, Drain, Failover, HealthChecks, OnDown, PoolTimeouts, Queue, Region, Restoration,
        Zone,
    };
    use crate::model::Resolution;

    fn backend(name: &str, target: Target) -> Backend {
        Backend { name: name.into(), target, weight: 1, backup: false, max_connections: None }
    }

    fn pool(backends: Vec<Backend>) -> Pool {
        let zone = Zone { name: "z".into(), weight: None, priority: 0, capacity: None, backends };
        Pool {
            name: "site".into(),
            algorithm: Algorithm::RoundRobin,
            regions: vec![Region { name: "r".into(), weight: None, zones: vec![zone] }],
            health: HealthChecks::default(),
            failover: Failover::default(),
            restoration: Restoration::default(),
            slow_start: None,
            drain: Drain::default(),
            timeouts: PoolTimeouts { connect: Duration::ZERO, idle: Duration::ZERO },
            abort_on_close: false,
            unsafe_reuse_age: Duration::ZERO,
            idle_connections: 0,
            on_down: OnDown::Keep,
            queue: Queue { length: 0, timeout: Duration::ZERO },
            proxy_protocol: None,
        }
    }

    fn shown(pool: &Pool, resolved: &Addresses) -> Vec<String> {
        let show = |one: ResolvedBackend| {
            format!("{}/{} {} {} {}", one.region, one.zone, one.key, one.address, one.authority)
        };
        expand(pool, resolved).into_iter().map(show).collect()
    }

    #[test]
    fn fixed_addresses_keep_their_names() {
        let pool = pool(vec![
            backend("a", Target::Inet("10.0.0.1:80".parse().unwrap())),
            backend("b", Target::Unix(Path::new("/run/b.sock").into())),
        ]);
        assert_eq!(
            shown(&pool, &Addresses::default()),
            ["r/z site/a 10.0.0.1:80 10.0.0.1:80", "r/z site/b unix:/run/b.sock localhost"]
        );
    }

    #[test]
    fn a_hostname_is_one_backend_per_address() {
        let pool = pool(vec![backend("app", Target::Host { name: "app.test".into(), port: 80 })]);
        let mut resolved = Addresses::default();
        assert!(shown(&pool, &resolved).is_empty(), "nothing is known yet");

        let answer = |addresses: &[&str]| Resolution {
            pool: "site".into(),
            backend: "app".into(),
            addresses: addresses.iter().map(|text| text.parse().unwrap()).collect(),
        };
        resolved.learn(answer(&["10.0.0.2:80"]));
        assert_eq!(shown(&pool, &resolved), ["r/z site/app 10.0.0.2:80 app.test:80"]);

        resolved.learn(answer(&["10.0.0.2:80", "10.0.0.1:80"]));
        assert_eq!(
            shown(&pool, &resolved),
            [
                "r/z site/app/10.0.0.1:80 10.0.0.1:80 app.test:80",
                "r/z site/app/10.0.0.2:80 10.0.0.2:80 app.test:80"
            ]
        );
    }
}
