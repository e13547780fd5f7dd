//! From the backends a person wrote to the backends that exist.
//!
//! A hostname may stand for several addresses, each of which is probed, counted and chosen on its
//! own. Everything that needs a pool's backends (the decision, the probes, the views) takes them
//! from [`expand`], so that a backend has one name everywhere.

use std::net::SocketAddr;
use std::sync::Arc;

use super::{Backend, HealthChecks, OwnHealth, Pool, ProbePlace, Target};
use crate::model::{Address, Addresses, BackendKey};

/// A backend with the place and the address it has.
#[derive(Clone, Debug, PartialEq)]
pub struct ResolvedBackend {
    /// Its region's name.
    pub region: Arc<str>,
    /// Its zone's name.
    pub zone: Arc<str>,
    /// Its identity.
    pub key: BackendKey,
    /// Where it listens.
    pub address: Address,
    /// The hostname and port it was configured by; `None` = by its address.
    pub host: Option<Arc<str>>,
    /// As configured, 0 = gets nothing.
    pub weight: u32,
    /// Takes traffic only while no other backend of the pool can.
    pub backup: bool,
    /// How its health is judged, where that differs from its pool.
    pub own_health: Option<Arc<OwnHealth>>,
}

impl ResolvedBackend {
    /// What its health is judged by, as a backend of this pool.
    #[must_use]
    pub fn checks<'a>(&'a self, pool: &'a Pool) -> &'a HealthChecks {
        self.own_health.as_ref().map_or(&pool.health, |own| &own.checks)
    }

    /// Where its probes connect.
    #[must_use]
    pub fn probe_address(&self) -> Address {
        match (self.own_health.as_ref().and_then(|own| own.place.as_ref()), &self.address) {
            (Some(ProbePlace::Address(address)), _) => address.clone(),
            (Some(ProbePlace::Port(port)), Address::Inet(own)) => {
                Address::Inet(SocketAddr::new(own.ip(), *port))
            }
            (Some(ProbePlace::Port(_)), Address::Unix(_)) | (None, _) => self.address.clone(),
        }
    }

    /// What a request of our own names as `Host`: the configured hostname or address with its
    /// port; `localhost` for a unix socket.
    #[must_use]
    pub fn authority(&self) -> Arc<str> {
        match (&self.host, &self.address) {
            (Some(host), _) => Arc::clone(host),
            (None, Address::Inet(address)) => address.to_string().into(),
            (None, Address::Unix(_)) => "localhost".into(),
        }
    }

    /// What its probes call it where no layer says otherwise.
    #[must_use]
    pub fn probe_host(&self) -> Arc<str> {
        let own = self.own_health.as_ref().and_then(|own| own.host.clone());
        own.unwrap_or_else(|| self.authority())
    }
}

/// The backends of a pool: regions, zones and backends in config order, addresses sorted.
///
/// A hostname with one address keeps the backend's name; with several, each is named
/// `name/address`; with none known yet, it is left out.
#[must_use]
pub fn expand(pool: &Pool, resolved: &Addresses) -> Vec<ResolvedBackend> {
    let zones = || pool.regions.iter().flat_map(|region| &region.zones);
    let mut all = Vec::with_capacity(zones().map(|zone| zone.backends.len()).sum());
    for region in &pool.regions {
        for zone in &region.zones {
            for backend in &zone.backends {
                let host = host(&backend.target);
                all.extend(addresses(pool, backend, resolved).map(|(name, address)| {
                    ResolvedBackend {
                        region: Arc::clone(&region.name),
                        zone: Arc::clone(&zone.name),
                        key: BackendKey { pool: Arc::clone(&pool.name), name },
                        address,
                        host: host.clone(),
                        weight: backend.weight,
                        backup: backend.backup,
                        own_health: backend.own_health.clone(),
                    }
                }));
            }
        }
    }
    all
}

/// Its addresses, each with the name of the backend that it is.
fn addresses(
    pool: &Pool,
    backend: &Backend,
    resolved: &Addresses,
) -> impl Iterator<Item = (Arc<str>, Address)> {
    let (fixed, found) = match &backend.target {
        Target::Inet(address) => (Some(Address::Inet(*address)), &[][..]),
        Target::Unix(path) => (Some(Address::Unix(Arc::clone(path))), &[][..]),
        Target::Host { .. } => (None, resolved.get(&pool.name, &backend.name)),
    };
    let several = found.len() > 1;
    let name = move |address: &SocketAddr| match several {
        true => format!("{}/{address}", backend.name).into(),
        false => Arc::clone(&backend.name),
    };
    let fixed = fixed.map(|address| (Arc::clone(&backend.name), address));
    fixed.into_iter().chain(found.iter().map(move |one| (name(one), Address::Inet(*one))))
}

fn host(target: &Target) -> Option<Arc<str>> {
    match target {
        Target::Inet(_) | Target::Unix(_) => None,
        Target::Host { name, port } => Some(format!("{name}:{port}").into()),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::Duration;

    use super::*;
    use crate::config::{
        Algorithm, BackendLimits, Drain, Failover, OnDown, PoolTimeouts, Queue, Region,
        Restoration, RetryBudget, Zone,
    };
    use crate::model::Resolution;

    fn backend(name: &str, target: Target) -> Backend {
        Backend {
            name: name.into(),
            target,
            weight: 1,
            backup: false,
            limits: BackendLimits::default(),
            own_health: None,
        }
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
            retries: RetryBudget::DEFAULT,
            concurrent: None,
            queue: Queue { length: 0, timeout: Duration::ZERO },
            proxy_protocol: None,
            breaker: None,
            shed: None,
            tls: None,
            http2: None,
        }
    }

    fn shown(pool: &Pool, resolved: &Addresses) -> Vec<String> {
        let show = |one: ResolvedBackend| {
            format!("{}/{} {} {} {}", one.region, one.zone, one.key, one.address, one.authority())
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
    fn probes_connect_where_a_backend_says() {
        let placed = |target, place| {
            let own = OwnHealth { place, host: None, checks: HealthChecks::default() };
            let backend = Backend { own_health: Some(Arc::new(own)), ..backend("a", target) };
            let [resolved] = &expand(&pool(vec![backend]), &Addresses::default())[..] else {
                panic!("one backend")
            };
            resolved.probe_address().to_string()
        };
        let inet = Target::Inet("[::1]:80".parse().unwrap());
        let socket = Address::Unix(Path::new("/run/health.sock").into());
        assert_eq!(placed(inet.clone(), None), "[::1]:80");
        assert_eq!(placed(inet.clone(), Some(ProbePlace::Port(9000))), "[::1]:9000");
        assert_eq!(placed(inet, Some(ProbePlace::Address(socket))), "unix:/run/health.sock");
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
