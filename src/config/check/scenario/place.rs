//! What an event happens to: names that the config must have.

use std::sync::Arc;

use crate::config::problem::{nearest, shown};
use crate::config::read::{Cursor, Fields};
use crate::config::shape::{Key, Kind, key};
use crate::config::{Config, Pool};
use crate::model::{BackendKey, PoolName, Scope, ZoneKey};

/// The keys that name a place.
pub(super) const POOL: Key = key("pool", Kind::Text(NAME), "The pool; default every one.");
pub(super) const REGION: Key = key("region", Kind::Text(NAME), "A region.");
pub(super) const ZONE: Key = key("zone", Kind::Text(NAME), "A zone.");
pub(super) const BACKEND: Key = key("backend", Kind::Text(NAME), "A backend.");

const NAME: &str = "a name that the config has";

/// The names of a config.
#[derive(Clone, Copy, Debug)]
pub(super) struct Places<'a> {
    config: &'a Config,
}

impl<'a> Places<'a> {
    pub(super) fn new(config: &'a Config) -> Self {
        Self { config }
    }

    pub(super) fn pools(self) -> impl Iterator<Item = &'a Pool> {
        self.config.pools.iter()
    }

    /// Every zone of every pool, in config order.
    pub(super) fn zones(self) -> impl Iterator<Item = ZoneKey> + 'a {
        self.pools().flat_map(|pool| {
            pool.regions.iter().flat_map(|region| {
                region.zones.iter().map(|zone| ZoneKey {
                    pool: Arc::clone(&pool.name),
                    region: Arc::clone(&region.name),
                    zone: Arc::clone(&zone.name),
                })
            })
        })
    }

    fn backends(self) -> impl Iterator<Item = (&'a Pool, &'a Arc<str>)> {
        self.pools().flat_map(|pool| {
            let zones = pool.regions.iter().flat_map(|region| &region.zones);
            let backends = zones.flat_map(|zone| &zone.backends);
            backends.map(move |backend| (pool, &backend.name))
        })
    }

    /// What the keys of `fields` name; `None` = it was reported what is wrong.
    pub(super) fn read(self, fields: &Fields<'_>) -> Option<Scope> {
        let pool = self.name(fields, "pool", |name| self.pools().any(|pool| is(name, &pool.name)));
        let within = |key: &ZoneKey| pool.as_deref().is_none_or(|pool| *pool == *key.pool);
        let region = self.name(fields, "region", |name| {
            self.zones().any(|key| within(&key) && is(name, &key.region))
        });
        let within =
            |key: &ZoneKey| within(key) && region.as_deref().is_none_or(|it| *it == *key.region);
        let zone = self.name(fields, "zone", |name| {
            self.zones().any(|key| within(&key) && is(name, &key.zone))
        });
        let backend = self.name(fields, "backend", |name| {
            self.backends().any(|(of, backend)| {
                pool.as_deref().is_none_or(|pool| is(pool, &of.name)) && is(name, backend)
            })
        });
        let wrong = |key, found: &Option<Arc<str>>| fields.has(key) && found.is_none();
        if wrong("pool", &pool)
            || wrong("region", &region)
            || wrong("zone", &zone)
            || wrong("backend", &backend)
        {
            return None;
        }
        match (backend, zone, region, pool) {
            (Some(_), zone, region, _) if zone.is_some() || region.is_some() => {
                fields.cursor().problem("a backend is named by its pool and its name alone");
                None
            }
            (Some(backend), _, _, pool) => self.backend(fields.cursor(), &backend, pool.as_ref()),
            (None, Some(zone), region, pool) => Some(Scope::Zone { pool, region, zone }),
            (None, None, Some(region), pool) => Some(Scope::Region { pool, region }),
            (None, None, None, Some(pool)) => Some(Scope::Pool(pool)),
            (None, None, None, None) => Some(Scope::All),
        }
    }

    /// A backend's name is unique in its pool only.
    fn backend(self, cursor: &Cursor<'_>, name: &str, pool: Option<&PoolName>) -> Option<Scope> {
        let of = |(of, backend): &(&Pool, &Arc<str>)| {
            is(name, backend) && pool.is_none_or(|pool| is(pool, &of.name))
        };
        let mut found = self.backends().filter(of);
        let (pool, name) = found.next()?;
        if let Some((other, _)) = found.next() {
            let (one, other) = (&pool.name, &other.name);
            cursor.problem(format!(
                "there is a backend {} in pool `{one}` and in pool `{other}` (add `pool`)",
                shown(name)
            ));
            return None;
        }
        let key = BackendKey { pool: Arc::clone(&pool.name), name: Arc::clone(name) };
        Some(Scope::Backend(key))
    }

    /// The name under this key, if the config has it where the keys before say.
    fn name(
        self,
        fields: &Fields<'_>,
        key: &'static str,
        exists: impl Fn(&str) -> bool,
    ) -> Option<Arc<str>> {
        if !fields.knows(key) {
            return None;
        }
        let (cursor, name) = fields.text(key)?;
        if exists(name) {
            return Some(Arc::from(name));
        }
        let zones: Vec<ZoneKey> = self.zones().collect();
        let names: Vec<&str> = match key {
            "pool" => self.pools().map(|pool| &*pool.name).collect(),
            "region" => zones.iter().map(|zone| &*zone.region).collect(),
            "zone" => zones.iter().map(|zone| &*zone.zone).collect(),
            _ => self.backends().map(|(_, name)| &**name).collect(),
        };
        if names.contains(&name) {
            let place = if key == "zone" { "region or pool" } else { "pool" };
            cursor.problem(format!("there is no {key} {} in that {place}", shown(name)));
        } else {
            cursor.problem(unknown(key, name, names));
        }
        None
    }
}

fn is(name: &str, other: &str) -> bool {
    name == other
}

/// That there is nothing of this name, with the nearest that there is.
pub(super) fn unknown<'n>(
    what: &str,
    name: &str,
    names: impl IntoIterator<Item = &'n str>,
) -> String {
    let mut names: Vec<&str> = names.into_iter().collect();
    names.sort_unstable();
    names.dedup();
    let cure = match nearest(name, names.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None if names.len() > 8 => format!("the config has {} others", names.len()),
        None => format!("expected one of: {}", names.join(", ")),
    };
    format!("the config has no {what} {} ({cure})", shown(name))
}
