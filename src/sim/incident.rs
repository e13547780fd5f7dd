//! Each thing that went wrong: when it was seen, when traffic had moved, when it was back.

use std::sync::Arc;
use std::time::Duration;

use crate::config::ResolvedBackend;
use crate::config::scenario::{Event, Verb};
use crate::model::{Phase, Plan, Scope};

/// A change of share that is worth telling: a tenth of a percent.
pub(super) const SHARE_STEP: f64 = 0.001;

/// One thing that went wrong with a place, and how it went on.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Incident {
    /// When it began.
    pub(super) at: Duration,
    /// What it was, in a few words.
    pub(super) what: Arc<str>,
    pub(super) place: Scope,
    /// When a backend of the place was judged worse, or the place taken out.
    pub(super) detected: Option<Duration>,
    /// When the place got the least it got until it was well again.
    pub(super) moved: Option<Duration>,
    /// What it got before, at the least, 0..=1 of each pool's traffic summed up.
    pub(super) share: (f64, f64),
    /// When the place was well again.
    pub(super) ended: Option<Duration>,
    /// When it had its share again.
    pub(super) restored: Option<Duration>,
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Incidents(pub(super) Vec<Incident>);

impl Incidents {
    /// Something of the scenario happened; `what` tells it.
    pub(super) fn happened(
        &mut self,
        event: &Event,
        what: &str,
        plan: &Plan,
        all: &[ResolvedBackend],
    ) {
        match event.verb {
            Verb::Order { .. } => {}
            Verb::Return | Verb::Mend => {
                for incident in self.0.iter_mut().filter(|incident| incident.ended.is_none()) {
                    if within(&incident.place, &event.place, all) {
                        incident.ended = Some(event.at);
                    }
                }
            }
            _ => {
                let open = |one: &Incident| one.ended.is_none() && one.place == event.place;
                if !self.0.iter().any(open) {
                    let share = share(&event.place, plan);
                    self.0.push(Incident {
                        at: event.at,
                        what: Arc::from(what),
                        place: event.place.clone(),
                        detected: None,
                        moved: None,
                        share: (share, share),
                        ended: None,
                        restored: None,
                    });
                }
            }
        }
    }

    /// A backend was judged worse.
    pub(super) fn worse(&mut self, at: Duration, backend: &ResolvedBackend) {
        let about = |one: &&mut Incident| {
            one.place.covers_backend(&backend.key, &backend.region, &backend.zone)
        };
        for incident in self.0.iter_mut().filter(|one| one.detected.is_none()).filter(about) {
            incident.detected = Some(at);
        }
    }

    /// A zone was taken out.
    pub(super) fn out(&mut self, at: Duration, covers: impl Fn(&Scope) -> bool) {
        for incident in self.0.iter_mut().filter(|one| one.detected.is_none()) {
            if incident.ended.is_none() && covers(&incident.place) {
                incident.detected = Some(at);
            }
        }
    }

    /// There is a new plan.
    pub(super) fn planned(&mut self, at: Duration, plan: &Plan) {
        for incident in &mut self.0 {
            let now = share(&incident.place, plan);
            let (before, least) = incident.share;
            if incident.restored.is_none() && now < least - SHARE_STEP {
                (incident.moved, incident.share.1) = (Some(at), now);
            }
            // A zone that helps out while others cannot carry the load is not back by that.
            let back = incident.ended.is_some() && incident.moved.is_some();
            let back = back && !held_back(&incident.place, plan);
            if back && incident.restored.is_none() && now >= before - SHARE_STEP {
                incident.restored = Some(at);
            }
        }
    }
}

/// Whether all of `inner` lies within `outer`.
fn within(inner: &Scope, outer: &Scope, all: &[ResolvedBackend]) -> bool {
    let covers = |scope: &Scope, one: &ResolvedBackend| {
        scope.covers_backend(&one.key, &one.region, &one.zone)
    };
    all.iter().filter(|one| covers(inner, one)).all(|one| covers(outer, one))
}

/// Whether automation holds any of it back.
fn held_back(place: &Scope, plan: &Plan) -> bool {
    let pools = plan.pools.iter().flat_map(|pool| pool.zones.iter().map(move |zone| (pool, zone)));
    pools.into_iter().any(|(pool, zone)| {
        place.covers_zone(&pool.pool, &zone.region, &zone.zone)
            && matches!(zone.standing.phase, Phase::Out | Phase::Proving | Phase::Restoring { .. })
    })
}

/// What a place gets by the plan: of each pool's traffic, summed up over the pools.
fn share(place: &Scope, plan: &Plan) -> f64 {
    let mut share = 0.0;
    for pool in &plan.pools {
        for zone in &pool.zones {
            if place.covers_zone(&pool.pool, &zone.region, &zone.zone) {
                share += zone.share;
            } else if let Scope::Backend(key) = place
                && key.pool == pool.pool
            {
                let total = zone.backends.iter().map(|one| one.effective_weight).sum::<f64>();
                let own = zone.backends.iter().find(|one| one.name == key.name);
                let own = own.map_or(0.0, |own| own.effective_weight);
                share += if total > 0.0 { zone.share * own / total } else { 0.0 };
            }
        }
    }
    share
}
