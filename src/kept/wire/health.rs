//! The shape of the file that health is kept in.
//!
//! Times are milliseconds before `written_ms`. Each backend is understood or refused by itself.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::decision::Recalled;
use crate::events::Anchor;
use crate::health::{
    Charge, Detector, HISTORY, Kept, KeptCheck, KeptEjections, KeptLayer, Sample, Verdict,
};
use crate::model::{
    AgentReport, AgentState, BackendKey, Failure, Health, Layer, Outcome, Reason, UnixMillis,
    printable,
};
use crate::state_dir;

/// Changes with the meaning of what is kept.
const VERSION: u32 = 1;
/// Characters of a text that a peer may have chosen.
const TEXT: usize = 200;

#[derive(Serialize, Deserialize)]
struct File<B> {
    written_ms: u64,
    backends: Vec<B>,
}

#[derive(Serialize, Deserialize)]
struct Backend {
    pool: String,
    name: String,
    address: String,
    probed: String,
    health: String,
    factor: f64,
    since: u64,
    flips: u64,
    ejections: Ejections,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    agent: Option<Agent>,
    layers: Vec<OneLayer>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    start: Option<Start>,
}

/// A slow start under way.
#[derive(Serialize, Deserialize)]
struct Start {
    since: u64,
    setbacks: u32,
}

#[derive(Serialize, Deserialize)]
struct Ejections {
    count: u64,
    row: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    returned: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    charge: Option<Ejected>,
}

#[derive(Serialize, Deserialize)]
struct Ejected {
    since: u64,
    /// Time that is left, not past.
    left: u64,
    failure: String,
    detail: String,
    by_trial: bool,
}

#[derive(Serialize, Deserialize)]
struct Agent {
    state: String,
    weight: Option<f64>,
    reason: String,
}

#[derive(Serialize, Deserialize)]
struct OneLayer {
    layer: String,
    verdict: String,
    since: u64,
    checks: Vec<Check>,
}

#[derive(Serialize, Deserialize)]
struct Check {
    name: String,
    verdict: String,
    since: u64,
    passes: u32,
    fails: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    decided_by: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    failing_since: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last_failure: Option<Failed>,
    results: Vec<Seen>,
}

#[derive(Serialize, Deserialize)]
struct Failed {
    failure: String,
    detail: String,
}

/// One result; there are very many of them, so the names are short.
#[derive(Serialize, Deserialize)]
struct Seen {
    ago: u64,
    us: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    fail: Option<Failed>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    void: Option<String>,
}

/// The whole file.
pub(in crate::kept) fn written(
    known: &[(BackendKey, Recalled)],
    anchor: Anchor,
) -> Result<Vec<u8>, String> {
    let writer = Written(anchor.instant);
    let backends: Vec<Backend> =
        known.iter().map(|(key, recalled)| writer.backend(key, recalled)).collect();
    state_dir::encode(VERSION, &File { written_ms: anchor.wall.0, backends })
}

/// Turns moments into how long ago they were.
struct Written(Instant);

impl Written {
    fn ago(&self, moment: Instant) -> u64 {
        ms(self.0.saturating_duration_since(moment))
    }

    fn backend(&self, key: &BackendKey, recalled: &Recalled) -> Backend {
        let Recalled { address, probed, health, start } = recalled;
        let start = start.map(|(since, setbacks)| Start { since: self.ago(since), setbacks });
        Backend {
            pool: key.pool.to_string(),
            name: key.name.to_string(),
            address: address.clone(),
            probed: probed.clone(),
            health: health.health.name().to_owned(),
            factor: health.health.factor(),
            since: self.ago(health.since),
            flips: health.flips,
            ejections: self.ejections(&health.ejections),
            agent: health.agent.as_ref().map(agent),
            layers: health.layers.iter().map(|layer| self.layer(layer)).collect(),
            start,
        }
    }

    fn ejections(&self, kept: &KeptEjections) -> Ejections {
        let charge = kept.charge.as_ref().map(|charge| Ejected {
            since: self.ago(charge.since),
            left: ms(charge.until.saturating_duration_since(self.0)),
            failure: charge.reason.failure.name().to_owned(),
            detail: charge.reason.detail.to_string(),
            by_trial: charge.by_trial,
        });
        let returned = kept.returned.map(|at| self.ago(at));
        Ejections { count: kept.count, row: kept.row, returned, charge }
    }

    fn layer(&self, kept: &KeptLayer) -> OneLayer {
        OneLayer {
            layer: kept.layer.name().to_owned(),
            verdict: kept.verdict.name().to_owned(),
            since: self.ago(kept.since),
            checks: kept.checks.iter().map(|check| self.check(check)).collect(),
        }
    }

    fn check(&self, kept: &KeptCheck) -> Check {
        Check {
            name: kept.name.clone(),
            verdict: kept.verdict.name().to_owned(),
            since: self.ago(kept.since),
            passes: kept.passes,
            fails: kept.fails,
            decided_by: kept.decided_by.map(|by| by.name().to_owned()),
            failing_since: kept.failing_since.map(|at| self.ago(at)),
            last_failure: kept.last_failure.as_ref().map(failed),
            results: kept.results.iter().map(|sample| self.seen(sample)).collect(),
        }
    }

    fn seen(&self, sample: &Sample) -> Seen {
        let us = u64::try_from(sample.latency.as_micros()).unwrap_or(u64::MAX);
        let (fail, void) = match &sample.outcome {
            Outcome::Pass => (None, None),
            Outcome::Fail(reason) => (Some(failed(reason)), None),
            Outcome::Void(why) => (None, Some(why.to_string())),
        };
        Seen { ago: self.ago(sample.at), us, fail, void }
    }
}

fn agent(report: &AgentReport) -> Agent {
    let AgentReport { state, weight, reason } = report;
    Agent { state: state.name().to_owned(), weight: *weight, reason: reason.to_string() }
}

fn failed(reason: &Reason) -> Failed {
    Failed { failure: reason.failure.name().to_owned(), detail: reason.detail.to_string() }
}

fn ms(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// What a file holds.
#[derive(Default)]
pub(in crate::kept) struct ReadBack {
    pub(in crate::kept) known: HashMap<BackendKey, Recalled>,
    /// Backends that were not understood.
    pub(in crate::kept) refused: usize,
}

/// What a file of this text holds, for a process that knows this moment by both clocks.
///
/// # Errors
/// It is not such a file, or is of another version.
pub(in crate::kept) fn read_back(text: &[u8], anchor: Anchor) -> Result<ReadBack, String> {
    let file: File<Box<RawValue>> = state_dir::decode(VERSION, text)?;
    let reader = Reader { anchor, written: UnixMillis(file.written_ms) };
    let mut back = ReadBack::default();
    for raw in &file.backends {
        match serde_json::from_str(raw.get()).ok().and_then(|it| reader.backend(it)) {
            Some((key, recalled)) => drop(back.known.insert(key, recalled)),
            None => back.refused += 1,
        }
    }
    Ok(back)
}

/// Turns how long ago into moments of this process.
struct Reader {
    anchor: Anchor,
    written: UnixMillis,
}

impl Reader {
    /// Never after now, whatever the file or the clock says.
    fn at(&self, ago: u64) -> Instant {
        let wall_ms = self.written.0.saturating_sub(ago);
        self.anchor.instant(wall_ms).min(self.anchor.instant)
    }

    /// What was written at a time that is yet to come was written by another clock: who knows how
    /// old it is. It is shown and no verdict rests on it.
    fn is_dated(&self) -> bool {
        self.written <= self.anchor.wall
    }

    fn backend(&self, it: Backend) -> Option<(BackendKey, Recalled)> {
        let key = BackendKey { pool: it.pool.into(), name: it.name.into() };
        let health = match &*it.health {
            "unknown" => Health::Unknown,
            "up" => Health::Up,
            "degraded" => Health::Degraded(part(it.factor)?),
            "down" => Health::Down,
            _ => return None,
        };
        let kept = Kept {
            health,
            since: self.at(it.since),
            flips: it.flips,
            ejections: self.ejections(it.ejections)?,
            agent: it.agent.as_ref().map(agent_back).map_or(Some(None), |agent| agent.map(Some))?,
            layers: it.layers.into_iter().map(|it| self.layer(it)).collect::<Option<_>>()?,
        };
        let start = it.start.map(|start| (self.at(start.since), start.setbacks));
        Some((key, Recalled { address: it.address, probed: it.probed, health: kept, start }))
    }

    fn ejections(&self, it: Ejections) -> Option<KeptEjections> {
        let charge = match it.charge {
            Some(it) => Some(Charge {
                since: self.at(it.since),
                until: self.until(it.left),
                reason: reason(&Failed { failure: it.failure, detail: it.detail })?,
                by_trial: it.by_trial,
            }),
            None => None,
        };
        let returned = it.returned.map(|ago| self.at(ago));
        Some(KeptEjections { count: it.count, row: it.row, returned, charge })
    }

    /// The end of what had so much time left when it was written: never more than that from now.
    fn until(&self, left: u64) -> Instant {
        let end = self.anchor.instant(self.written.0.saturating_add(left));
        let latest = self.anchor.instant.checked_add(Duration::from_millis(left));
        latest.map_or(self.anchor.instant, |latest| end.min(latest))
    }

    fn layer(&self, it: OneLayer) -> Option<KeptLayer> {
        Some(KeptLayer {
            layer: Layer::ALL.into_iter().find(|layer| layer.name() == it.layer)?,
            verdict: verdict(&it.verdict)?,
            since: self.at(it.since),
            checks: it.checks.into_iter().map(|it| self.check(it)).collect::<Option<_>>()?,
        })
    }

    fn check(&self, it: Check) -> Option<KeptCheck> {
        let by = |name: String| Detector::ALL.into_iter().find(|by| by.name() == name);
        let skipped = it.results.len().saturating_sub(HISTORY);
        let results = it.results.into_iter().skip(skipped);
        let kept = KeptCheck {
            name: it.name,
            verdict: verdict(&it.verdict)?,
            since: self.at(it.since),
            passes: it.passes,
            fails: it.fails,
            decided_by: it.decided_by.and_then(by),
            failing_since: it.failing_since.map(|ago| self.at(ago)),
            last_failure: it.last_failure.as_ref().and_then(reason),
            results: results.map(|it| self.seen(it)).collect::<Option<_>>()?,
        };
        Some(if self.is_dated() { kept } else { kept.without_verdict() })
    }

    fn seen(&self, it: Seen) -> Option<Sample> {
        let outcome = match (it.fail, it.void) {
            (None, None) => Outcome::Pass,
            (Some(failed), _) => Outcome::Fail(reason(&failed)?),
            (None, Some(why)) => Outcome::Void(shown(&why)),
        };
        Some(Sample { at: self.at(it.ago), latency: Duration::from_micros(it.us), outcome })
    }
}

fn verdict(name: &str) -> Option<Verdict> {
    Verdict::ALL.into_iter().find(|verdict| verdict.name() == name)
}

fn agent_back(it: &Agent) -> Option<AgentReport> {
    let state = AgentState::ALL.into_iter().find(|state| state.name() == it.state)?;
    let weight = it.weight.map_or(Some(None), |weight| part(weight).map(Some))?;
    Some(AgentReport { state, weight, reason: shown(&it.reason) })
}

fn reason(it: &Failed) -> Option<Reason> {
    let failure = Failure::ALL.into_iter().find(|failure| failure.name() == it.failure)?;
    Some(Reason { failure, detail: shown(&it.detail) })
}

/// A part, 0..=1.
fn part(value: f64) -> Option<f64> {
    (0.0..=1.0).contains(&value).then_some(value)
}

/// A text that a peer may have chosen, or whoever wrote the file.
fn shown(text: &str) -> Arc<str> {
    printable(text).chars().take(TEXT).collect::<String>().into()
}

#[cfg(test)]
mod tests;
