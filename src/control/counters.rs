//! What control counts about itself.

use crate::live::{Counter, Gauge, Histogram};
use crate::model::{Layer, Observation, Outcome};

/// Control's counters; control is their one writer, anyone may read.
#[derive(Debug, Default)]
pub struct Counters {
    /// The generation of the published table.
    pub generation: Counter,
    /// Tables published after the first.
    pub swaps: Counter,
    /// Old tables that something still holds.
    pub tables_held: Gauge,
    /// Reloads carried out.
    pub reloads_ok: Counter,
    /// Reloads refused.
    pub reloads_failed: Counter,
    /// Hostname lookups that gave addresses.
    pub lookups_ok: Counter,
    /// Hostname lookups that failed or came back empty.
    pub lookups_failed: Counter,
    probes: [ProbeCounters; Layer::ALL.len()],
}

/// How the probes of one layer ended.
#[derive(Debug, Default)]
pub struct ProbeCounters {
    /// As expected.
    pub passed: Counter,
    /// Not as expected.
    pub failed: Counter,
    /// Not to be judged.
    pub void: Counter,
    /// How long those took that could be judged.
    pub latency: Histogram,
}

impl Counters {
    /// The probe results of one layer.
    #[must_use]
    pub fn probes(&self, layer: Layer) -> &ProbeCounters {
        &self.probes[layer as usize]
    }

    /// Counts one probe's result.
    pub(super) fn count_probe(&self, seen: &Observation) {
        let counters = self.probes(seen.layer);
        match seen.outcome {
            Outcome::Pass => counters.passed.add(1),
            Outcome::Fail(_) => counters.failed.add(1),
            Outcome::Void(_) => return counters.void.add(1),
        }
        let micros = u64::try_from(seen.latency.as_micros()).unwrap_or(u64::MAX);
        counters.latency.record_us(micros);
    }
}
