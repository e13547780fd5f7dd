//! A run as JSON, for programs.

use serde::Serialize;
use std::time::Duration;

use super::run::Run;
use super::text;
use super::timeline::What;
use crate::model::Phase;

#[derive(Serialize)]
struct RunView {
    about: String,
    duration_ms: u64,
    seed: u64,
    totals: TotalsView,
    incidents: Vec<IncidentView>,
    timeline: Vec<EntryView>,
    /// The zones of `samples`, in their order.
    zones: Vec<String>,
    samples: Vec<SampleView>,
}

#[derive(Serialize)]
struct TotalsView {
    requests: u64,
    failed: u64,
    shed: u64,
    tried_again: u64,
    transitions: u64,
    worst_load: Option<WorstView>,
    overloaded_zone_seconds: u64,
}

#[derive(Serialize)]
struct WorstView {
    zone: String,
    load: f64,
    at_ms: u64,
}

#[derive(Serialize)]
struct IncidentView {
    at_ms: u64,
    what: String,
    place: String,
    detected_after_ms: Option<u64>,
    moved_after_ms: Option<u64>,
    share_before: f64,
    share_least: f64,
    well_again_at_ms: Option<u64>,
    restored_after_ms: Option<u64>,
}

#[derive(Serialize)]
struct EntryView {
    at_ms: u64,
    kind: &'static str,
    text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    place: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    phase: Option<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    shares: Vec<MoveView>,
}

#[derive(Serialize)]
struct MoveView {
    zone: String,
    from: f64,
    to: f64,
}

#[derive(Serialize)]
struct SampleView {
    at_ms: u64,
    offered_rps: f64,
    failed_rps: f64,
    shed_rps: f64,
    zones: Vec<ZoneView>,
}

#[derive(Serialize)]
struct ZoneView {
    share: f64,
    rps: f64,
    capacity_rps: Option<f64>,
    phase: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    stage: Option<usize>,
    there: f64,
}

/// The whole run, with a newline at the end.
pub(super) fn json(run: &Run) -> String {
    let view = RunView {
        about: run.about.to_string(),
        duration_ms: ms(run.duration),
        seed: run.seed,
        totals: totals(run),
        incidents: incidents(run),
        timeline: timeline(run),
        zones: run.names.zones.iter().map(|(_, name)| name.to_string()).collect(),
        samples: samples(run),
    };
    let mut text = serde_json::to_string_pretty(&view).unwrap_or_default();
    text.push('\n');
    text
}

fn totals(run: &Run) -> TotalsView {
    let totals = &run.totals;
    let worst = totals.worst.as_ref();
    TotalsView {
        requests: totals.offered,
        failed: totals.failed,
        shed: totals.shed,
        tried_again: totals.retried,
        transitions: totals.transitions,
        worst_load: worst.map(|(zone, load, at)| WorstView {
            zone: zone.to_string(),
            load: *load,
            at_ms: ms(*at),
        }),
        overloaded_zone_seconds: totals.overloaded,
    }
}

fn incidents(run: &Run) -> Vec<IncidentView> {
    let after = |from: Option<Duration>, to: Option<Duration>| {
        from.zip(to).map(|(from, to)| ms(to.saturating_sub(from)))
    };
    let view = |one: &super::incident::Incident| IncidentView {
        at_ms: ms(one.at),
        what: one.what.to_string(),
        place: one.place.to_string(),
        detected_after_ms: after(Some(one.at), one.detected),
        moved_after_ms: after(Some(one.at), one.moved),
        share_before: one.share.0,
        share_least: one.share.1,
        well_again_at_ms: one.ended.map(ms),
        restored_after_ms: after(one.ended, one.restored),
    };
    run.incidents.iter().map(view).collect()
}

fn timeline(run: &Run) -> Vec<EntryView> {
    let view = |entry: &super::timeline::Entry| {
        let (mut place, mut to, mut shares) = (None, None, Vec::new());
        match &entry.what {
            What::Phase { place: of, to: into, .. } => {
                (place, to) = (Some(of.to_string()), Some(into.name()));
            }
            What::Health { zone, .. } | What::Overload { zone, .. } => {
                place = Some(zone.to_string());
            }
            What::Shares { moved, .. } => {
                let view = |(zone, from, to): &(std::sync::Arc<str>, f64, f64)| MoveView {
                    zone: zone.to_string(),
                    from: *from,
                    to: *to,
                };
                shares = moved.iter().map(view).collect();
            }
            _ => {}
        }
        let text = text::what(entry);
        EntryView { at_ms: ms(entry.at), kind: entry.what.kind(), text, place, phase: to, shares }
    };
    run.timeline.iter().map(view).collect()
}

fn samples(run: &Run) -> Vec<SampleView> {
    let zone = |zone: &super::sample::ZoneSample| ZoneView {
        share: zone.share,
        rps: zone.rps,
        capacity_rps: zone.capacity,
        phase: zone.phase.name(),
        stage: match zone.phase {
            Phase::Restoring { stage } => Some(stage),
            _ => None,
        },
        there: zone.there,
    };
    let view = |sample: &super::sample::Sample| SampleView {
        at_ms: ms(sample.at),
        offered_rps: sample.rates.offered,
        failed_rps: sample.rates.failed,
        shed_rps: sample.rates.shed,
        zones: sample.zones.iter().map(zone).collect(),
    };
    run.samples.iter().map(view).collect()
}

fn ms(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
