//! Beginning with what a process before has seen.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use super::State;
use crate::config::{Backend, Config, Target};
use crate::decision::member::Changes;
use crate::decision::start::Start;
use crate::decision::{Change, Member};
use crate::health::Kept;
use crate::model::BackendKey;

/// What is kept of one backend.
#[derive(Clone, Debug, PartialEq)]
pub struct Recalled {
    /// Where it listens.
    pub address: String,
    /// Where it is probed.
    pub probed: String,
    /// What was observed.
    pub health: Kept,
    /// Since when it starts slowly, and how often it was set back; `None` = it does not.
    pub start: Option<(Instant, u32)>,
}

impl State {
    /// Takes over what was kept of these backends, as far as they are the same: by name, and by
    /// where they listen and are probed. What is kept of a hostname's addresses waits until it is
    /// resolved, or until there is another configuration.
    pub fn recall(&mut self, kept: HashMap<BackendKey, Recalled>, now: Instant) -> Vec<Change> {
        self.recalled = kept;
        let changes = self.resumed(now);
        self.follow_starts(now);
        let config = Arc::clone(&self.config);
        self.recalled.retain(|key, _| awaits_address(&config, key));
        for (key, _) in &changes {
            if let Some(place) = self.index.get(key) {
                self.touch(place);
            }
        }
        self.pace.at_once(now);
        changes.into_iter().map(|(key, change)| Change::Health(key, change)).collect()
    }

    /// All that the next process should recall.
    pub fn memories(&self) -> impl Iterator<Item = (BackendKey, Recalled)> {
        let members = self.pools.iter().flatten();
        let known = members.map(|member| (member.backend.key.clone(), Recalled::of(member)));
        known.chain(self.recalled.iter().map(|(key, kept)| (key.clone(), kept.clone())))
    }

    /// Lets the members that there are now take over what is kept of them.
    pub(super) fn resumed(&mut self, now: Instant) -> Changes {
        let mut changes = Changes::new();
        if self.recalled.is_empty() {
            return changes;
        }
        for (pool, members) in self.pools.iter_mut().enumerate() {
            for (place, member) in members.iter_mut().enumerate() {
                let kept = self.recalled.remove(&member.backend.key);
                if let Some(kept) = kept.filter(|kept| kept.is_of(member)) {
                    let change = member.health.resume(&kept.health, now);
                    changes.extend(change.map(|change| (member.backend.key.clone(), change)));
                    self.alarms.set((pool, place), member.health.due());
                    member.start = kept.start.map(|(since, times)| Start::resumed(since, times));
                }
            }
        }
        changes
    }
}

impl Recalled {
    /// What is to be kept of a member.
    fn of(member: &Member) -> Self {
        let (address, probed) = (member.backend.address.clone(), member.backend.probe_address());
        Self {
            address: address.to_string(),
            probed: probed.to_string(),
            health: member.health.keep(),
            start: member.start.as_ref().map(|start| (start.since, start.setbacks)),
        }
    }

    /// Whether the member is still where this was seen.
    fn is_of(&self, member: &Member) -> bool {
        self.address == member.backend.address.to_string()
            && self.probed == member.backend.probe_address().to_string()
    }
}

/// Whether it is an address of a hostname.
fn awaits_address(config: &Config, key: &BackendKey) -> bool {
    let pools = config.pools.iter().filter(|pool| pool.name == key.pool);
    let zones = pools.flat_map(|pool| &pool.regions).flat_map(|region| &region.zones);
    let named = |backend: &Backend| {
        let address = key.name.strip_prefix(&*backend.name);
        matches!(backend.target, Target::Host { .. })
            && address.is_some_and(|rest| rest.starts_with('/'))
    };
    zones.flat_map(|zone| &zone.backends).any(named)
}
