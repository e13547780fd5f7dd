//! Which pools have a business failure in every zone: one alert instead of a failover each.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::Member;
use super::member::Changes;
use crate::config::{Cadence, Pool};
use crate::health::{CommonCause, Symptom, Turn, zone_shows};
use crate::model::PoolName;

/// The watches that found something; a pool in which all is well has none.
#[derive(Clone, Debug, Default)]
pub(super) struct Watches(HashMap<PoolName, CommonCause>);

impl Watches {
    /// Judges one pool; on a turn its members follow, and their changes are told.
    pub(super) fn judge(
        &mut self,
        pool: &Pool,
        members: &mut [Member],
        now: Instant,
    ) -> Option<(Turn, Changes)> {
        let recovery = members.iter().filter_map(|member| {
            Some(recovery(&member.backend.checks(pool).business.as_ref()?.cadence))
        });
        let recovery = recovery.max()?;
        let mut watch = self.0.remove(&pool.name).unwrap_or_default();
        let same_zone = |a: &Member, b: &Member| {
            (&a.backend.region, &a.backend.zone) == (&b.backend.region, &b.backend.zone)
        };
        let zones = members
            .chunk_by(same_zone)
            .filter_map(|zone| zone_shows(zone.iter().map(|member| member.health.symptom())));
        let turn = watch.judge(zones, recovery, now);
        if watch.active().is_some() {
            self.0.insert(pool.name.clone(), watch);
        }
        let turn = turn?;
        Some((turn, excuse(members, matches!(turn, Turn::Began(_)), now)))
    }

    /// Lets new members of a pool be excused as the others are.
    pub(super) fn follow(&self, pool: &Pool, members: &mut [Member], now: Instant) -> Changes {
        if self.0.contains_key(&pool.name) { excuse(members, true, now) } else { Changes::new() }
    }

    /// Forgets pools that are not there, or are not asked, any more.
    pub(super) fn retain(&mut self, pools: &[Pool]) {
        self.0.retain(|name, _| {
            let mut pools = pools.iter().filter(|pool| pool.name == *name);
            pools.any(|pool| pool.checks().any(|checks| checks.business.is_some()))
        });
    }

    /// Whether somebody who is well again would be news in this pool.
    pub(super) fn awaits_end(&self, pool: &PoolName) -> bool {
        self.0.get(pool).is_some_and(|watch| watch.due().is_none())
    }

    /// What every zone of a pool shows, and since when.
    pub(super) fn active(&self, pool: &PoolName) -> Option<(Symptom, Instant)> {
        self.0.get(pool)?.active()
    }

    /// When a pool must be judged although nothing was seen.
    pub(super) fn due(&self) -> Option<Instant> {
        self.0.values().filter_map(CommonCause::due).min()
    }

    /// A pool whose time has come.
    pub(super) fn overdue(&self, now: Instant) -> Option<PoolName> {
        let due = |watch: &CommonCause| watch.due().is_some_and(|due| due <= now);
        self.0.iter().find(|(_, watch)| due(watch)).map(|(name, _)| name.clone())
    }
}

/// How long it takes at most until a backend that is well again is up again, too.
fn recovery(cadence: &Cadence) -> Duration {
    let round = cadence.interval.mul_f64(1.0 + cadence.jitter);
    round.saturating_mul(cadence.rise) + cadence.timeout
}

fn excuse(members: &mut [Member], excused: bool, now: Instant) -> Changes {
    let change = |member: &mut Member| {
        Some((member.backend.key.clone(), member.health.excuse(excused, now)?))
    };
    members.iter_mut().filter_map(change).collect()
}
