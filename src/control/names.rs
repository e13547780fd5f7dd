//! Whether what an order is about exists, and what was probably meant if not.
//!
//! An order for a zone that does not exist would stand there and do nothing, while whoever gave it
//! believes that the zone is being emptied.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use crate::config::{self, Config, Pool, Region, nearest};
use crate::decision::State;
use crate::model::{Action, BackendKey, Scope};

/// Names told when none of them is near to what was typed.
const TOLD: usize = 12;

/// Everything in an order that names nothing; one line each.
pub(super) fn unknown(config: &Config, scope: &Scope, action: &Action) -> Vec<String> {
    let mut problems = Vec::new();
    let mut check = |known: Result<(), String>| problems.extend(known.err());
    match scope {
        Scope::All => {}
        Scope::Listener(name) => {
            check(named("listener", name, config.listeners.iter().map(|it| &*it.name)));
        }
        Scope::Route { listener, route } => check(forwarding(config, listener, route)),
        Scope::Pool(name) => check(pool(config, name)),
        Scope::Region { pool: of, region } => {
            of.iter().for_each(|name| check(pool(config, name)));
            check(named("region", region, pools(config, of).flat_map(region_names)));
        }
        Scope::Zone { pool: of, region, zone } => {
            of.iter().for_each(|name| check(pool(config, name)));
            if let Some(region) = region {
                check(named("region", region, pools(config, of).flat_map(region_names)));
            }
            let regions = pools(config, of).flat_map(|pool| &pool.regions);
            let within = regions.filter(|it| is(region, &it.name)).flat_map(zone_names);
            check(named("zone", zone, within));
        }
        Scope::Backend(key) => {
            check(pool(config, &key.pool));
            let of = config.pools.iter().filter(|pool| pool.name == key.pool);
            let zones = of.flat_map(|pool| &pool.regions).flat_map(|region| &region.zones);
            let backends = zones.flat_map(|zone| &zone.backends);
            check(named("backend", of_host(&key.name), backends.map(|backend| &*backend.name)));
        }
    }
    if let Action::Degrade { level: Some(level) } = action {
        let levels = config.degradation.iter().map(|level| &*level.name);
        check(named("level in `degradation`", level, levels));
    }
    if let (Action::ResetBreaker, Scope::Pool(name)) = (action, scope)
        && config.pools.iter().any(|pool| pool.name == *name && pool.breaker.is_none())
    {
        check(Err(format!("pool `{name}` has no `breaker`")));
    }
    if let Action::Fail { to: Some(to) } = action {
        match scope {
            Scope::Region { pool: of, .. } => {
                check(named("region", to, pools(config, of).flat_map(region_names)));
            }
            Scope::Zone { pool: of, .. } => {
                let regions = pools(config, of).flat_map(|pool| &pool.regions);
                check(named("zone", to, regions.flat_map(zone_names)));
            }
            _ => {}
        }
    }
    problems
}

/// Whether there is a backend that is meant by this name.
///
/// # Errors
/// There is none; one line with what was probably meant.
pub(super) fn backend(state: &State, typed: &str) -> Result<(), String> {
    let resolved = state.pools().flat_map(|(_, members)| members).map(|it| it.backend.key.clone());
    let configured = state.config().pools.iter().flat_map(|pool| {
        let zones = pool.regions.iter().flat_map(|region| &region.zones);
        let backends = zones.flat_map(|zone| &zone.backends);
        backends.map(|it| BackendKey { pool: pool.name.clone(), name: it.name.clone() })
    });
    let keys: Vec<BackendKey> = resolved.chain(configured).collect();
    if keys.iter().any(|key| is_meant(typed, key)) {
        return Ok(());
    }
    // Who names a pool is told pools, too.
    let told = |key: &BackendKey| {
        if typed.contains('/') { key.to_string() } else { key.name.to_string() }
    };
    let names: Vec<String> = keys.iter().map(told).collect();
    named("backend", typed, names.iter().map(String::as_str))
}

/// Whether a backend is meant by a name: its own or its host's, with its pool or without.
pub(super) fn is_meant(typed: &str, key: &BackendKey) -> bool {
    let names = [&*key.name, of_host(&key.name)];
    let in_pool = typed.strip_prefix(&*key.pool).and_then(|rest| rest.strip_prefix('/'));
    names.iter().any(|name| *name == typed || in_pool == Some(*name))
}

/// What an order cannot be about, though it exists.
pub(super) fn unfit(scope: &Scope, action: &Action) -> Option<String> {
    let place = matches!(scope, Scope::Region { .. } | Scope::Zone { .. });
    let part = place || matches!(scope, Scope::Backend(_));
    let (fits, about) = match action {
        Action::Drain { .. } | Action::Maint | Action::Ready => (
            !matches!(scope, Scope::All | Scope::Route { .. }),
            "a backend, zone, region, pool or listener",
        ),
        Action::Weight(_) => (part, "a backend, zone or region"),
        Action::Fail { .. } | Action::Restore { .. } => (place, "a zone or region"),
        Action::Pause | Action::Resume => (
            !matches!(scope, Scope::Listener(_) | Scope::Route { .. } | Scope::Backend(_)),
            "a zone, region, pool or all",
        ),
        Action::Traffic(_) | Action::ResetBreaker => (matches!(scope, Scope::Pool(_)), "a pool"),
        Action::Degrade { .. } => (*scope == Scope::All, "everything"),
        Action::Fault(_) | Action::ClearFault => {
            (matches!(scope, Scope::Route { .. }), "a route of an `http` listener")
        }
        Action::Stop => (matches!(scope, Scope::Region { .. }), "a region"),
    };
    let itself = match (scope, action) {
        (Scope::Region { region: from, .. }, Action::Fail { to }) => Some(from) == to.as_ref(),
        (Scope::Zone { zone: from, .. }, Action::Fail { to }) => Some(from) == to.as_ref(),
        _ => false,
    };
    if !fits {
        return Some(format!("{} is for {about}, not for {scope}", action.name()));
    }
    itself.then(|| format!("{scope} cannot take over its own traffic"))
}

/// Why a fault may not be put there, if so: whoever forgets one must not find it next week.
pub(super) fn forbidden(
    config: &Config,
    action: &Action,
    lasts: Option<Duration>,
) -> Option<String> {
    let Action::Fault(fault) = action else { return None };
    let Some(most) = config.admin.faults else {
        return Some(String::from(
            "faults are not allowed here (`admin.faults` says for how long one may hold)",
        ));
    };
    match lasts {
        None => Some(format!("a fault must have an end, at most {most:?} from now (`for`)")),
        Some(lasts) if lasts > most => {
            Some(format!("a fault holds for at most {most:?} (`admin.faults`), not for {lasts:?}"))
        }
        Some(_) => fault.mistake(),
    }
}

/// A route of an `http` listener that leads to pools.
fn forwarding(config: &Config, listener: &str, route: &str) -> Result<(), String> {
    named("listener", listener, config.listeners.iter().map(|it| &*it.name))?;
    let of = config.listeners.iter().filter(|it| *it.name == *listener);
    let routes = of.flat_map(|it| &it.routes);
    let forwards = routes.filter(|it| matches!(it.action, config::Action::Pools(_)));
    named("route that forwards requests", route, forwards.map(|it| &*it.name))
}

fn pools<'c>(
    config: &'c Config,
    meant: &Option<Arc<str>>,
) -> impl Iterator<Item = &'c Pool> + use<'c> {
    let meant = meant.clone();
    config.pools.iter().filter(move |pool| is(&meant, &pool.name))
}

fn pool(config: &Config, name: &str) -> Result<(), String> {
    named("pool", name, config.pools.iter().map(|pool| &*pool.name))
}

fn region_names(pool: &Pool) -> impl Iterator<Item = &str> {
    pool.regions.iter().map(|region| &*region.name)
}

fn zone_names(region: &Region) -> impl Iterator<Item = &str> {
    region.zones.iter().map(|zone| &*zone.name)
}

fn is(meant: &Option<Arc<str>>, name: &str) -> bool {
    meant.as_ref().is_none_or(|meant| **meant == *name)
}

/// A hostname's backends are called `name/address`, and the name alone is configured.
fn of_host(name: &str) -> &str {
    match name.split_once('/') {
        Some((host, address)) if address.parse::<std::net::SocketAddr>().is_ok() => host,
        _ => name,
    }
}

fn named<'n>(kind: &str, typed: &str, names: impl Iterator<Item = &'n str>) -> Result<(), String> {
    let names: BTreeSet<&str> = names.collect();
    if names.contains(typed) {
        return Ok(());
    }
    let cure = match nearest(typed, names.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => {
            let told: Vec<&str> = names.iter().copied().take(TOLD).collect();
            let more = if names.len() > TOLD { ", …" } else { "" };
            format!("there is {}{more}", told.join(", "))
        }
    };
    Err(format!("there is no {kind} `{typed}` ({cure})"))
}

#[cfg(test)]
mod tests {
    use super::backend as backend_named;
    use super::*;
    use crate::decision::tests::fixture::{backend, config, key, pool, region, zone};

    fn site() -> Config {
        let zones = vec![zone("eu-1", None, vec![backend("a", 1)])];
        config(vec![pool("site", vec![region("eu", None, zones)])])
    }

    fn told(scope: &Scope, action: &Action) -> Vec<String> {
        unknown(&site(), scope, action)
    }

    #[test]
    fn what_exists_is_no_problem() {
        let zone = Scope::Zone { pool: None, region: Some("eu".into()), zone: "eu-1".into() };
        for scope in [Scope::All, zone, Scope::Backend(key("site", "a"))] {
            assert!(told(&scope, &Action::Ready).is_empty(), "{scope}");
        }
    }

    #[test]
    fn what_does_not_exist_is_told_with_what_was_meant() {
        let (eu, site) = (|| Some("eu".into()), || Some("site".into()));
        let to = Action::Fail { to: Some("us".into()) };
        for (scope, action, expected) in [
            (Scope::Pool("sitr".into()), Action::Ready, "no pool `sitr` (did you mean `site`?)"),
            (Scope::Listener("web".into()), Action::Ready, "no listener `web`"),
            (
                Scope::Region { pool: None, region: "eux".into() },
                Action::Ready,
                "did you mean `eu`",
            ),
            (
                Scope::Zone { pool: site(), region: eu(), zone: "nowhere".into() },
                Action::Ready,
                "no zone `nowhere` (there is eu-1)",
            ),
            (Scope::Backend(key("site", "b")), Action::Ready, "did you mean `a`?"),
            (Scope::Region { pool: None, region: "eu".into() }, to, "no region `us`"),
        ] {
            let problems = told(&scope, &action);
            assert!(problems[0].contains(expected), "{scope}: {problems:?}");
        }
    }

    #[test]
    fn a_backend_is_meant_by_its_name_with_its_pool_or_without() {
        let now = tokio::time::Instant::now().into_std();
        let state = State::new(Arc::new(site()), now);
        for typed in ["a", "site/a"] {
            assert_eq!(backend_named(&state, typed), Ok(()), "{typed}");
        }
        for (typed, expected) in [
            ("b", "there is no backend `b` (did you mean `a`?)"),
            ("site/b", "there is no backend `site/b` (did you mean `site/a`?)"),
            ("nowhere", "there is no backend `nowhere` (there is a)"),
        ] {
            assert_eq!(backend_named(&state, typed), Err(expected.to_owned()));
        }
        let of_host = key("site", "app/10.0.0.1:80");
        let meant = |typed| is_meant(typed, &of_host);
        assert!(
            ["app", "site/app", "app/10.0.0.1:80", "site/app/10.0.0.1:80"]
                .map(meant)
                .iter()
                .all(|it| *it)
        );
        assert!(!["ap", "other/app", "site/", "site"].map(meant).iter().any(|it| *it));
    }

    #[test]
    fn an_order_is_about_what_it_can_change() {
        let region = || Scope::Region { pool: None, region: "eu".into() };
        assert_eq!(unfit(&region(), &Action::Stop), None);
        let over = Some(Duration::from_secs(300));
        assert_eq!(unfit(&Scope::Pool("site".into()), &Action::Drain { over }), None);
        let itself = unfit(&region(), &Action::Fail { to: Some("eu".into()) });
        assert!(itself.is_some_and(|why| why.contains("its own traffic")));
        for (scope, action) in [
            (Scope::All, Action::Stop),
            (Scope::All, Action::Drain { over: None }),
            (Scope::Pool("site".into()), Action::Weight(Some(1))),
            (Scope::Listener("web".into()), Action::Pause),
            (region(), Action::Traffic(Some(0.5))),
            (Scope::Backend(key("site", "a")), Action::Fail { to: None }),
        ] {
            assert!(unfit(&scope, &action).is_some(), "{scope} {}", action.name());
        }
    }
}
