//! One run of a scenario, from beginning to end.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::drive::Driver;
use super::incident::Incident;
use super::place::Names;
use super::record::Recorder;
use super::sample::Sample;
use super::timeline::Entry;
use super::{svg, text, view};
use crate::config::Config;
use crate::config::scenario::Scenario;

/// What came of a scenario.
#[derive(Clone, Debug)]
pub struct Run {
    pub(super) about: Arc<str>,
    pub(super) duration: Duration,
    pub(super) seed: u64,
    pub(super) names: Names,
    pub(super) timeline: Vec<Entry>,
    pub(super) samples: Vec<Sample>,
    pub(super) incidents: Vec<Incident>,
    pub(super) totals: Totals,
}

/// The whole run in numbers.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Totals {
    /// Requests that clients sent.
    pub(super) offered: u64,
    /// Requests that were answered with an error, or not at all.
    pub(super) failed: u64,
    /// Requests that were refused because nobody had room for them.
    pub(super) shed: u64,
    /// Requests that were tried more than once.
    pub(super) retried: u64,
    /// How often a zone's phase changed.
    pub(super) transitions: u64,
    /// The zone that got the most for its capacity, load over capacity, and when.
    pub(super) worst: Option<(Arc<str>, f64, Duration)>,
    /// Seconds in which a zone got more than its capacity, summed over the zones.
    pub(super) overloaded: u64,
}

/// Plays a scenario. The result depends on the arguments alone; `epoch` is any moment, and only
/// differences to it are used.
#[must_use]
pub fn simulate(config: &Arc<Config>, scenario: &Scenario, seed: u64, epoch: Instant) -> Run {
    let names = Names::new(config);
    let mut recorder = Recorder::new(&names, scenario.duration);
    Driver::new(config, scenario, seed, epoch).run(&mut recorder);
    let Recorder { timeline, samples, incidents, totals, .. } = recorder;
    Run {
        about: Arc::clone(&scenario.about),
        duration: scenario.duration,
        seed,
        timeline,
        samples: samples.into_all(),
        incidents: incidents.0,
        totals,
        names,
    }
}

impl Run {
    /// The timeline and the totals, for people.
    #[must_use]
    pub fn text(&self) -> String {
        text::run(self)
    }

    /// Everything, for programs; the fields are documented in the README.
    #[must_use]
    pub fn json(&self) -> String {
        view::json(self)
    }

    /// Shares, load and states of every zone over time, as an SVG file.
    #[must_use]
    pub fn svg(&self) -> String {
        svg::picture(self)
    }
}
