//! Backends on their way back to their whole weight.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::State;
use crate::decision::start::{Start, Starts};
use crate::decision::{Change, Member};
use crate::health::can_spare_one;
use crate::model::{Admin, Health};

/// The least time between two steps.
const STEP: Duration = Duration::from_millis(100);

impl State {
    /// A member takes traffic (again): slowly, if its pool wants that and others of its zone are
    /// beyond it. When a process begins, all come at once, and none is spared at the others' cost.
    pub(super) fn start(&mut self, (pool, place): (usize, usize), was: Health, now: Instant) {
        let wanted = self.config.pools.get(pool).is_some_and(|pool| pool.slow_start.is_some());
        let newcomer = |member: &Member| was != Health::Unknown || member.newcomer;
        let member = self.pools.get(pool).and_then(|members| members.get(place));
        if !wanted || !member.is_some_and(newcomer) || !self.others_take(pool, place) {
            return;
        }
        let member = &mut self.pools[pool][place];
        member.start = Some(Start::new(member.start.as_ref(), now));
        self.starts.follow((pool, self.cores[pool].zone_at(place)), place);
        self.next_start = Some(now);
    }

    /// Whether others of its zone take their whole part.
    fn others_take(&self, pool: usize, place: usize) -> bool {
        self.cores.get(pool).and_then(|core| core.zone_of(place)).is_some_and(|zone| {
            let others = zone.members.clone().filter(|other| *other != place);
            others.into_iter().any(|other| {
                let member = &self.pools[pool][other];
                member.start.is_none() && member.health.health().0.factor() > 0.0
            })
        })
    }

    /// Finds those who start, after the members were gathered anew.
    pub(super) fn follow_starts(&mut self, now: Instant) {
        self.starts = Starts::default();
        for (pool, (members, core)) in self.pools.iter().zip(&self.cores).enumerate() {
            let starting = members.iter().enumerate().filter(|(_, member)| member.start.is_some());
            for (place, _) in starting {
                self.starts.follow((pool, core.zone_at(place)), place);
                self.next_start = Some(now);
            }
        }
    }

    /// Sets those back who turned out to be worse than those beside them, as far as their pools can
    /// spare them.
    pub(super) fn judge_starts(&mut self, now: Instant, changes: &mut Vec<Change>) {
        let (config, pools) = (&self.config, &mut self.pools);
        let mut set_back = Vec::new();
        self.starts.tell(|(pool, place), own, others| {
            let (Some(settings), Some(members)) = (config.pools.get(pool), pools.get_mut(pool))
            else {
                return;
            };
            let Some(start) = members.get_mut(place).and_then(|member| member.start.as_mut())
            else {
                return;
            };
            // Whoever wants no proof of zones wants none of backends.
            if !settings.restoration.stages.is_empty() {
                start.judge(own, others, &settings.restoration.gate);
            }
            if let Some(why) = start.worse().map(Arc::from)
                && can_spare(members)
            {
                set_back.push(((pool, place), why));
            }
        });
        for ((pool, place), why) in set_back {
            let member = &mut self.pools[pool][place];
            member.start.iter_mut().for_each(|start| start.set_back(now));
            changes.push(Change::SetBack(member.backend.key.clone(), why));
            self.touch((pool, place));
            self.pace.at_once(now);
            self.next_start = Some(now);
        }
    }

    /// Lets members that start slowly take their next step. Who is left alone in its zone is needed
    /// whole.
    pub(super) fn keep_starting(&mut self, now: Instant) {
        if self.next_start.is_none_or(|next| next > now) {
            return;
        }
        self.next_start = None;
        for pool in 0..self.pools.len() {
            for place in 0..self.pools[pool].len() {
                let settings = &self.config.pools[pool];
                let Some(start) = &self.pools[pool][place].start else { continue };
                if start.part(settings, now).is_some() && self.others_take(pool, place) {
                    let next = now + start.step(settings).max(STEP);
                    self.next_start = Some(self.next_start.map_or(next, |due| due.min(next)));
                } else {
                    self.pools[pool][place].start = None;
                    self.starts.leave((pool, self.cores[pool].zone_at(place)), place);
                }
                self.touch((pool, place));
                self.pace.soon(now);
            }
        }
    }
}

/// Whether one of these may be held back.
fn can_spare(members: &[Member]) -> bool {
    let takes_part =
        |member: &&Member| member.backend.weight > 0 && member.ordered.admin == Admin::Ready;
    let all = members.iter().filter(takes_part);
    let serving = all.clone().filter(|member| member.health.health().0.factor() > 0.0);
    can_spare_one(serving.count(), all.count())
}
