//! Reads every counter once and fills the metric families.

mod backends;
mod latency;
mod process;
mod protections;
mod traffic;

pub(super) use latency::PoolLatencies;

use std::sync::atomic::Ordering::Relaxed;

use super::{Source, State};
use crate::control::Status;
use crate::events::Rotated;
use crate::metrics::{Exposition, names};

/// All families. What only control knows is left out once it has ended (`status` is `None`).
pub(super) fn collect<C: Source>(state: &State<C>, status: Option<&Status>) -> Exposition {
    let mut out = Exposition::default();
    process::collect(&mut out, &state.control, status);
    traffic::listeners(&mut out, &state.live.listeners());
    protections::rate_limits(&mut out, &state.live);
    traffic::workers(&mut out, &state.live, &state.tallies.access_log);
    out.family(&names::EVENTS_LOST).add(&[], state.tallies.event_log.lines() as f64);
    let mut rotations = out.family(&names::EVENT_LOG_ROTATIONS);
    for ended in Rotated::ALL {
        rotations.add(&[ended.name()], state.tallies.rotations.count(ended) as f64);
    }
    let mut webhooks = out.family(&names::WEBHOOKS);
    webhooks.add(&["heeded"], state.hooks.heeded() as f64);
    webhooks.add(&["refused"], state.hooks.refused() as f64);
    let (told, untold) = (&state.tallies.told, state.tallies.untold.lines());
    let mut notices = out.family(&names::NOTICES);
    notices.add(&["delivered"], told.delivered.load(Relaxed) as f64);
    notices.add(&["failed"], told.failed.load(Relaxed) as f64);
    notices.add(&["dropped"], (told.dropped.load(Relaxed) + untold) as f64);
    if let Some(status) = status {
        protections::exceptions(&mut out, status);
        backends::arrivals(&mut out, status, &state.live);
        protections::retries(&mut out, status, &state.live);
        protections::queues(&mut out, status, &state.live);
        protections::breakers(&mut out, status, &state.live);
        protections::loads(&mut out, status, &state.live);
        backends::zones(&mut out, status);
        backends::phases(&mut out, status);
        let backends = backends::Backends::of(status, &state.live);
        backends::latency(&mut out, &backends, &state.latencies);
        backends::states(&mut out, &backends);
        backends::evidence(&mut out, &backends);
        backends::counters(&mut out, &backends);
    }
    out
}
