//! What if: an assumption, put to a copy of the decision core.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::nearest;
use crate::decision::{Input, State};
use crate::health::probe_plan;
use crate::model::{
    Action, BackendKey, Failure, Observation, Order, Outcome, Reason, Scope, Traffic,
};

/// How long the core is given to follow an assumption; it decides within a moment.
const FOLLOW: Duration = Duration::from_secs(2);
/// Results of each check that an assumption stands for; more than any threshold.
const RESULTS: u32 = 200;

/// Something that is taken to be so.
#[derive(Clone, Debug, PartialEq)]
pub struct Assumption {
    scope: Scope,
    what: What,
    text: String,
}

#[derive(Clone, Debug, PartialEq)]
enum What {
    Down,
    Up,
    Ordered(Action),
}

const FORM: &str = "expected zone=NAME=down, region=NAME=…, pool=NAME=… or backend=POOL/NAME=…, \
                    with down, up, drain, maint, ready, fail or weight:N";

impl Assumption {
    /// Reads an assumption as typed: `zone=us-east-1a=down`.
    ///
    /// # Errors
    /// One line that says what is wrong with it, with the nearest name.
    pub fn parse(text: &str, state: &State) -> Result<Self, String> {
        let wrong = || {
            let text: String = text.escape_debug().take(80).collect();
            format!("the assumption `{text}` is not understood ({FORM})")
        };
        let (place, what) = text.rsplit_once('=').ok_or_else(wrong)?;
        let (kind, name) = place.split_once('=').ok_or_else(wrong)?;
        let what = match what {
            "down" => What::Down,
            "up" => What::Up,
            "drain" => What::Ordered(Action::Drain { over: None }),
            "maint" => What::Ordered(Action::Maint),
            "ready" => What::Ordered(Action::Ready),
            "fail" => What::Ordered(Action::Fail { to: None }),
            other => {
                let weight = other.strip_prefix("weight:").and_then(|weight| weight.parse().ok());
                What::Ordered(Action::Weight(Some(weight.ok_or_else(wrong)?)))
            }
        };
        let scope = scope(kind, name, state).ok_or_else(wrong)??;
        Ok(Self { scope, what, text: text.to_owned() })
    }

    /// As typed.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }
}

/// `None` = no such kind of place.
fn scope(kind: &str, name: &str, state: &State) -> Option<Result<Scope, String>> {
    let pools = &state.config().pools;
    let regions = || pools.iter().flat_map(|pool| &pool.regions);
    let zones = || regions().flat_map(|region| &region.zones);
    Some(match kind {
        "pool" => pools
            .iter()
            .find(|pool| *pool.name == *name)
            .map(|pool| Scope::Pool(Arc::clone(&pool.name)))
            .ok_or_else(|| nearest(kind, name, pools.iter().map(|pool| &pool.name))),
        "region" => regions()
            .find(|region| *region.name == *name)
            .map(|region| Scope::Region { pool: None, region: Arc::clone(&region.name) })
            .ok_or_else(|| nearest(kind, name, regions().map(|region| &region.name))),
        "zone" => zones()
            .find(|zone| *zone.name == *name)
            .map(|zone| Scope::Zone { pool: None, region: None, zone: Arc::clone(&zone.name) })
            .ok_or_else(|| nearest(kind, name, zones().map(|zone| &zone.name))),
        "backend" => {
            let (pool, backend) = name.split_once('/')?;
            let key = BackendKey { pool: Arc::from(pool), name: Arc::from(backend) };
            let mut members = state.pools().flat_map(|(_, members)| members);
            if members.any(|member| member.backend.key == key) {
                Ok(Scope::Backend(key))
            } else {
                let names: Vec<Arc<str>> = state
                    .pools()
                    .flat_map(|(_, members)| members)
                    .map(|member| member.backend.key.to_string().into())
                    .collect();
                Err(nearest(kind, name, names.iter()))
            }
        }
        _ => return None,
    })
}

/// Makes it so, and lets the core follow; returns the moment it has.
pub fn assume(state: &mut State, assumptions: &[Assumption], now: Instant) -> Instant {
    let mut inputs = Vec::new();
    for assumption in assumptions {
        match &assumption.what {
            What::Down => inputs.extend(seen(state, &assumption.scope, false, now)),
            What::Up => inputs.extend(seen(state, &assumption.scope, true, now)),
            What::Ordered(action) => inputs.push(Input::Ordered(Order {
                scope: assumption.scope.clone(),
                action: action.clone(),
                actor: "assumption".into(),
                why: Arc::from(""),
                since: now,
                until: None,
            })),
        }
    }
    // What the results stand for takes its time; the core is told so.
    let at = now + Duration::from_millis(u64::from(RESULTS));
    state.step(inputs, at);
    follow(state, at)
}

/// Lets the core come to rest; returns the moment it has.
pub(super) fn follow(state: &mut State, now: Instant) -> Instant {
    let (mut at, end) = (now, now + FOLLOW);
    while let Some(due) = state.due().filter(|due| *due <= end) {
        at = at.max(due);
        state.step([], at);
        if state.due() == Some(due) {
            break;
        }
    }
    at
}

/// What the probes of a place would see: every check passes, or every one fails. Where nothing is
/// asked, traffic sees it.
fn seen(state: &State, scope: &Scope, up: bool, now: Instant) -> Vec<Input> {
    let mut inputs = Vec::new();
    let covered = |key: &BackendKey| {
        let mut members = state.pools().flat_map(|(_, members)| members);
        members.any(|member| {
            let backend = &member.backend;
            backend.key == *key && scope.covers_backend(key, &backend.region, &backend.zone)
        })
    };
    let probes = probe_plan(state.config(), state.addresses()).probes;
    for probe in probes.iter().filter(|probe| covered(&probe.backend)) {
        for result in 0..RESULTS {
            let reason = Reason { failure: Failure::Timeout, detail: "assumed".into() };
            inputs.push(Input::Observed(Observation {
                backend: probe.backend.clone(),
                layer: probe.layer,
                check: probe.check,
                at: now + Duration::from_millis(u64::from(result)),
                latency: Duration::ZERO,
                outcome: if up { Outcome::Pass } else { Outcome::Fail(reason) },
                agent: None,
            }));
        }
    }
    if inputs.is_empty() && !up {
        let members = state.pools().flat_map(|(_, members)| members);
        let covered = members.filter(|member| covered(&member.backend.key));
        let failing =
            |key: &BackendKey| Traffic { connect_failures: 1, ..Traffic::none(key.clone()) };
        inputs.extend(covered.map(|member| Input::Sampled(failing(&member.backend.key))));
    }
    inputs
}
