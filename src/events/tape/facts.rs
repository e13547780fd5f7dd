//! Between what the process knows and what is written down of it, both ways.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::wire;
use crate::events::{self, Anchor};
use crate::model::{
    AgentReport, AgentState, Arrivals, BackendKey, Failure, LATENCY_BUCKETS, Layer, Lookup,
    LookupSpec, Observation, Order, Outcome, Phase, PlaceKey, Reason, Standing, Traffic,
    UnixMillis, printable,
};

/// The moment that times are counted from.
#[derive(Clone, Copy, Debug)]
pub struct Epoch(pub Instant);

impl Epoch {
    /// Nanoseconds from it to a moment.
    #[must_use]
    pub fn to(self, moment: Instant) -> i64 {
        let ns = |time: Duration| i64::try_from(time.as_nanos()).unwrap_or(i64::MAX);
        match moment.checked_duration_since(self.0) {
            Some(later) => ns(later),
            None => -ns(self.0.duration_since(moment)),
        }
    }

    /// The moment so many nanoseconds from it; it itself if the clock does not reach there.
    #[must_use]
    pub fn at(self, t: i64) -> Instant {
        let apart = Duration::from_nanos(t.unsigned_abs());
        let moment = if t < 0 { self.0.checked_sub(apart) } else { self.0.checked_add(apart) };
        moment.unwrap_or(self.0)
    }
}

/// A probe's end, written down.
#[must_use]
pub fn seen_of(seen: &Observation, epoch: Epoch) -> wire::Seen {
    let (failure, void, detail) = match &seen.outcome {
        Outcome::Pass => (None, None, String::new()),
        Outcome::Fail(reason) => (Some(reason.failure.name()), None, clean(&reason.detail)),
        Outcome::Void(why) => (None, Some(clean(why)), String::new()),
    };
    wire::Seen {
        pool: clean(&seen.backend.pool),
        backend: clean(&seen.backend.name),
        layer: Layer::ALL.iter().position(|layer| *layer == seen.layer).unwrap_or_default(),
        check: seen.check,
        t: epoch.to(seen.at),
        took: u64::try_from(seen.latency.as_nanos()).unwrap_or(u64::MAX),
        failure: failure.map(str::to_owned),
        void,
        detail,
        agent: seen.agent.as_ref().map(|agent| wire::Agent {
            state: agent_state(agent.state).to_owned(),
            weight: agent.weight,
            reason: clean(&agent.reason),
        }),
    }
}

/// A probe's end, read back.
///
/// # Errors
/// A name that this version does not know.
pub fn seen(seen: &wire::Seen, epoch: Epoch) -> Result<Observation, String> {
    let detail = shared(&seen.detail);
    let outcome = match (&seen.failure, &seen.void) {
        (Some(name), _) => {
            let failure = Failure::ALL.into_iter().find(|failure| failure.name() == name);
            let failure = failure.ok_or_else(|| format!("unknown failure `{name}`"))?;
            Outcome::Fail(Reason { failure, detail })
        }
        (None, Some(why)) => Outcome::Void(shared(why)),
        (None, None) => Outcome::Pass,
    };
    let layer = Layer::ALL.get(seen.layer).copied();
    Ok(Observation {
        backend: BackendKey { pool: shared(&seen.pool), name: shared(&seen.backend) },
        layer: layer.ok_or_else(|| format!("unknown layer {}", seen.layer))?,
        check: seen.check,
        at: epoch.at(seen.t),
        latency: Duration::from_nanos(seen.took),
        outcome,
        agent: seen.agent.as_ref().map(agent).transpose()?,
    })
}

const AGENTS: [AgentState; 3] = [AgentState::Up, AgentState::Drain, AgentState::Down];

fn agent_state(state: AgentState) -> &'static str {
    match state {
        AgentState::Up => "up",
        AgentState::Drain => "drain",
        AgentState::Down => "down",
    }
}

fn agent(agent: &wire::Agent) -> Result<AgentReport, String> {
    let state = AGENTS.into_iter().find(|state| agent_state(*state) == agent.state);
    let state = state.ok_or_else(|| format!("unknown state of an agent `{}`", agent.state))?;
    Ok(AgentReport { state, weight: agent.weight, reason: shared(&agent.reason) })
}

/// A sample of traffic, written down.
#[must_use]
pub fn traffic_of(seen: &Traffic) -> wire::Traffic {
    let latency = seen.latency.iter().copied().enumerate().filter(|(_, count)| *count > 0);
    wire::Traffic {
        pool: clean(&seen.backend.pool),
        backend: clean(&seen.backend.name),
        counts: [
            seen.connect_failures,
            seen.connects,
            seen.requests,
            seen.answered,
            seen.server_errors,
            seen.resets,
            seen.timeouts,
            seen.bad_responses,
            seen.in_flight,
        ],
        latency: latency.collect(),
    }
}

/// A sample of traffic, read back.
///
/// # Errors
/// A bucket that there is not.
pub fn sampled(seen: &wire::Traffic) -> Result<Traffic, String> {
    let [connect_failures, connects, requests, answered, server_errors, resets, timeouts, bad, now] =
        seen.counts;
    let mut latency = [0; LATENCY_BUCKETS];
    for (bucket, count) in &seen.latency {
        let slot = latency.get_mut(*bucket);
        *slot.ok_or_else(|| format!("there is no bucket {bucket}"))? = *count;
    }
    Ok(Traffic {
        backend: BackendKey { pool: shared(&seen.pool), name: shared(&seen.backend) },
        connect_failures,
        connects,
        requests,
        answered,
        server_errors,
        resets,
        timeouts,
        bad_responses: bad,
        latency,
        in_flight: now,
    })
}

/// A sample of what arrived, written down.
#[must_use]
pub fn arrivals_of(seen: &Arrivals) -> wire::Arrivals {
    wire::Arrivals { pool: clean(&seen.pool), by_class: seen.by_class }
}

/// A sample of what arrived, read back.
#[must_use]
pub fn arrived(seen: &wire::Arrivals) -> Arrivals {
    Arrivals { pool: shared(&seen.pool), by_class: seen.by_class }
}

/// A lookup's end, written down.
#[must_use]
pub fn lookup_of(lookup: &Lookup) -> wire::Lookup {
    wire::Lookup {
        pool: clean(&lookup.spec.pool),
        backend: clean(&lookup.spec.backend),
        host: clean(&lookup.spec.host),
        port: lookup.spec.port,
        outcome: lookup.outcome.clone().map_err(|why| clean(&why)),
    }
}

/// A lookup's end, read back.
#[must_use]
pub fn looked_up(lookup: &wire::Lookup) -> Lookup {
    Lookup {
        spec: LookupSpec {
            pool: shared(&lookup.pool),
            backend: shared(&lookup.backend),
            host: shared(&lookup.host),
            port: lookup.port,
        },
        outcome: lookup.outcome.clone().map_err(|why| shared(&why)),
    }
}

/// An order, written down.
#[must_use]
pub fn order_of(order: &Order, epoch: Epoch) -> wire::Order {
    // Its times by the wall clock are of no use here, and would be rounded.
    let anchor = Anchor { instant: epoch.0, wall: UnixMillis(0) };
    wire::Order {
        order: events::written(order, anchor),
        since: epoch.to(order.since),
        until: order.until.map(|until| epoch.to(until)),
    }
}

/// An order, read back.
#[must_use]
pub fn order_given(order: &wire::Order, epoch: Epoch) -> Order {
    let anchor = Anchor { instant: epoch.0, wall: UnixMillis(0) };
    let (since, until) = (epoch.at(order.since), order.until.map(|until| epoch.at(until)));
    Order { since, until, ..events::read_back(&order.order, anchor) }
}

/// How a place stands, written down.
#[must_use]
pub fn standing_of((key, standing): &(PlaceKey, Standing), epoch: Epoch) -> wire::Standing {
    wire::Standing {
        pool: clean(&key.pool),
        region: clean(&key.region),
        zone: key.zone.as_deref().map(clean),
        phase: standing.phase.name().to_owned(),
        stage: match standing.phase {
            Phase::Restoring { stage } => stage,
            _ => 0,
        },
        since: standing.since.map(|since| epoch.to(since)),
        cause: clean(&standing.cause),
        held_until: standing.held_until.map(|until| epoch.to(until)),
        flaps: standing.flaps,
        escalated: standing.escalated,
    }
}

/// How a place stood, read back.
///
/// # Errors
/// A phase that this version does not know.
pub fn stood(place: &wire::Standing, epoch: Epoch) -> Result<(PlaceKey, Standing), String> {
    let phases = [
        Phase::Active,
        Phase::Draining,
        Phase::Out,
        Phase::Proving,
        Phase::Restoring { stage: place.stage },
        Phase::Watching,
    ];
    let phase = phases.into_iter().find(|phase| phase.name() == place.phase);
    let key = PlaceKey {
        pool: shared(&place.pool),
        region: shared(&place.region),
        zone: place.zone.as_ref().map(shared),
    };
    let standing = Standing {
        phase: phase.ok_or_else(|| format!("unknown phase `{}`", place.phase))?,
        since: place.since.map(|since| epoch.at(since)),
        cause: shared(&place.cause),
        held_until: place.held_until.map(|until| epoch.at(until)),
        flaps: place.flaps,
        escalated: place.escalated,
    };
    Ok((key, standing))
}

fn clean(text: &str) -> String {
    printable(text).into_owned()
}

fn shared(text: &(impl AsRef<str> + ?Sized)) -> Arc<str> {
    Arc::from(text.as_ref())
}
