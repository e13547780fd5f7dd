//! Names of places, as short as they can be without being two-valued.

use std::collections::HashMap;
use std::sync::Arc;

use crate::config::Config;
use crate::model::{PlaceKey, PoolName, ZoneKey};

/// What zones are called in what is printed.
#[derive(Clone, Debug)]
pub(super) struct Names {
    names: HashMap<ZoneKey, Arc<str>>,
    one_pool: bool,
    /// Zones in config order, with what they are called.
    pub(super) zones: Vec<(ZoneKey, Arc<str>)>,
}

impl Names {
    pub(super) fn new(config: &Config) -> Self {
        let mut keys = Vec::new();
        for pool in &config.pools {
            for region in &pool.regions {
                for zone in &region.zones {
                    let (pool, region) = (Arc::clone(&pool.name), Arc::clone(&region.name));
                    keys.push(ZoneKey { pool, region, zone: Arc::clone(&zone.name) });
                }
            }
        }
        let mut by_zone: HashMap<(&PoolName, &str), usize> = HashMap::new();
        for key in &keys {
            *by_zone.entry((&key.pool, &key.zone)).or_default() += 1;
        }
        let one_pool = config.pools.len() == 1;
        let name = |key: &ZoneKey| -> Arc<str> {
            let unique = by_zone.get(&(&key.pool, &*key.zone)) == Some(&1);
            let within =
                if unique { key.zone.to_string() } else { format!("{}/{}", key.region, key.zone) };
            if one_pool { within.into() } else { format!("{}/{within}", key.pool).into() }
        };
        let zones: Vec<_> = keys.iter().map(|key| (key.clone(), name(key))).collect();
        let names = zones.iter().cloned().collect();
        Self { names, one_pool, zones }
    }

    /// What a zone or region is called.
    pub(super) fn place(&self, key: &PlaceKey) -> Arc<str> {
        let PlaceKey { pool, region, zone } = key;
        match zone {
            Some(zone) => {
                let (pool, region, zone) = (Arc::clone(pool), Arc::clone(region), Arc::clone(zone));
                self.zone(&ZoneKey { pool, region, zone })
            }
            None if self.one_pool => Arc::clone(region),
            None => format!("{pool}/{region}").into(),
        }
    }

    /// What a zone is called.
    pub(super) fn zone(&self, key: &ZoneKey) -> Arc<str> {
        self.names.get(key).cloned().unwrap_or_else(|| key.to_string().into())
    }
}
