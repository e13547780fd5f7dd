//! What another configuration would change, before it is in force.
//!
//! Most outages are changes. So a change is put to a copy of the decision core first, with every backend
//! as it is now, and what comes of it is told: which listeners, routes, pools and backends come, go
//! or change, which connections stay, which part of each pool's traffic moves from where to where, and what
//! is left to lose.
//!
//! Both configurations are decided by the same core from the same evidence, and nothing else is
//! told to either; so what differs follows from the configuration. New backends count as passing
//! their checks: what matters is where a change leads, not the second until their first probe.

mod shares;
#[cfg(test)]
mod tests;
mod text;
mod things;
pub mod view;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::assume::follow;
use crate::config::Config;
use crate::decision::{Input, State};
use crate::health::probe_plan;
use crate::model::{BackendKey, Health, Observation, Outcome};
use view::Plan;

/// What a running core would do under another configuration, with its backends as they are.
#[must_use]
pub fn plan(state: &State, config: &Arc<Config>, now: Instant) -> Plan {
    let (mut before, mut after) = (state.clone(), state.clone());
    follow(&mut before, now);
    after.step([Input::Configured(Arc::clone(config))], now);
    welcome(&mut after, state, now);
    follow(&mut after, now);
    between(&before, &after, "as it is now")
}

/// What differs between two cores, each by its own configuration; `health`: how their backends are.
#[must_use]
pub fn between(before: &State, after: &State, health: &str) -> Plan {
    let things = things::differences(before.config(), after.config());
    let pools = shares::moves(before, after);
    let mut warnings = shares::warnings(before, after);
    warnings.extend(things.iter().filter_map(view::Thing::needs_restart));
    Plan { health: health.to_owned(), things, pools, warnings }
}

/// Lets every backend pass its checks once that is not known because of the change.
fn welcome(after: &mut State, before: &State, now: Instant) {
    let unseen = |state: &State| -> HashSet<BackendKey> {
        let members = state.pools().flat_map(|(_, members)| members);
        let unseen = members.filter(|member| member.health.health().0 == Health::Unknown);
        unseen.map(|member| member.backend.key.clone()).collect()
    };
    let (were, are) = (unseen(before), unseen(after));
    let new = |key: &BackendKey| are.contains(key) && !were.contains(key);
    let probes = probe_plan(after.config(), after.addresses()).probes;
    let passes = probes.into_iter().filter(|probe| new(&probe.backend)).map(|probe| {
        Input::Observed(Observation {
            backend: probe.backend,
            layer: probe.layer,
            check: probe.check,
            at: now,
            latency: Duration::ZERO,
            outcome: Outcome::Pass,
            agent: None,
        })
    });
    after.step(passes.collect::<Vec<_>>(), now);
}
