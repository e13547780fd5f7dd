//! A scenario: what happens to the world that a config serves, for `simulate` to play.
//!
//! A drill is only worth something if everybody reads the same thing out of it. So a scenario is a
//! file like a config, read by the same rules: every mistake in one run, with its line, and a name
//! that the config does not have is one.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::check::scenario as check;
use super::load::text_of;
use super::problem::Report;
use super::{Config, Problem, Problems, raw};
use crate::model::{Action, PoolName, Scope, ZoneKey};

/// What happens, in order.
#[derive(Clone, Debug, PartialEq)]
pub struct Scenario {
    /// What it shows, in one line.
    pub about: Arc<str>,
    /// How long it goes on.
    pub duration: Duration,
    /// How much traffic each pool is offered; a pool that is not here gets none.
    pub loads: Vec<Load>,
    /// What each zone of each pool is like while nothing is wrong, in config order.
    pub zones: Vec<(ZoneKey, Nature)>,
    /// Ordered by time; events of one time stay in file order.
    pub events: Vec<Event>,
}

/// The requests per second that a pool is offered over time.
#[derive(Clone, Debug, PartialEq)]
pub struct Load {
    /// The pool.
    pub pool: PoolName,
    /// Moments and rates, ascending, at least one; straight lines between them, constant before
    /// the first and after the last.
    pub curve: Vec<(Duration, f64)>,
}

/// What a zone's backends are like.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Nature {
    /// The median time from a request to its answer.
    pub latency: Duration,
    /// The round trip from the balancer.
    pub round_trip: Duration,
    /// The part of the answers that are errors, 0..=1.
    pub errors: f64,
    /// Requests per second that its backends can answer, all together; `None` = any number.
    pub rps: Option<f64>,
}

/// One thing that happens.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// When, from the scenario's beginning.
    pub at: Duration,
    /// What it happens to.
    pub place: Scope,
    /// What happens.
    pub verb: Verb,
}

/// What happens to a place.
#[derive(Clone, Debug, PartialEq)]
pub enum Verb {
    /// Its backends are gone.
    Kill {
        /// Connects are not answered at all, as without power or network; else they are refused,
        /// as without the process.
        silent: bool,
    },
    /// Its backends are there again; ends `Kill` and `Flap`.
    Return,
    /// It is killed and returns by turns.
    Flap {
        /// From one kill to the next.
        period: Duration,
        /// How long it is gone in each period.
        gone: Duration,
    },
    /// It becomes slower and fails more, evenly over a time.
    Impair {
        /// The median latency it gets to; `None` = as it is.
        latency: Option<Duration>,
        /// The part of its answers that become errors, 0..=1; `None` = as it is.
        errors: Option<f64>,
        /// How long it takes to get there; zero = at once.
        over: Duration,
    },
    /// It can answer only this part, 0..=1, of the requests it could.
    Capacity(f64),
    /// What all of its backends depend on fails: this part of the answers, 0..=1, are errors, and
    /// so is every answer to a business check.
    Dependency(f64),
    /// It is as in the beginning; ends `Impair`, `Capacity` and `Dependency`.
    Mend,
    /// An operator gives an order about it.
    Order {
        /// What is ordered.
        action: Action,
        /// Why.
        why: Arc<str>,
        /// When it ends by itself.
        lasts: Option<Duration>,
    },
}

impl Scenario {
    /// Reads a scenario for this config.
    ///
    /// # Errors
    /// Every problem of the file at once, or the one reason why it cannot be read.
    pub fn load(path: &Path, config: &Config) -> Result<(Self, Vec<Problem>), Problems> {
        Self::parse(&text_of(path)?, Some(path), config)
    }

    /// Reads a scenario from text that came from `origin`, or from no file; with what is doubtful
    /// about it.
    ///
    /// # Errors
    /// Every problem of the text at once.
    pub fn parse(
        text: &str,
        origin: Option<&Path>,
        config: &Config,
    ) -> Result<(Self, Vec<Problem>), Problems> {
        let report = Report::new(origin);
        let scenario =
            raw::read(text, &report).and_then(|root| check::check(&root, &report, config));
        let Some(scenario) = scenario else { return Err(report.refuse()) };
        let warnings = report.finish()?;
        Ok((scenario, warnings))
    }

    /// A second in which all is well and nobody asks for anything.
    #[must_use]
    pub fn quiet(config: &Config) -> Self {
        Self {
            about: Arc::from("all is well"),
            duration: Duration::from_secs(1),
            loads: Vec::new(),
            zones: check::quiet_zones(config),
            events: Vec::new(),
        }
    }

    /// The config that a scenario names as its own, relative to the scenario's file; `None` if it
    /// names none.
    ///
    /// # Errors
    /// The one reason why the file cannot be read.
    pub fn own_config(path: &Path) -> Result<Option<PathBuf>, Problems> {
        let report = Report::new(Some(path));
        let Some(root) = raw::read(&text_of(path)?, &report) else { return Err(report.refuse()) };
        let named = check::own_config(&root, &report);
        Ok(named.map(|named| path.parent().unwrap_or(Path::new("")).join(named)))
    }
}

impl Load {
    /// The requests per second at a moment.
    #[must_use]
    pub fn at(&self, moment: Duration) -> f64 {
        let after = self.curve.partition_point(|(at, _)| *at <= moment);
        let before = after.checked_sub(1).and_then(|before| self.curve.get(before));
        match (before, self.curve.get(after)) {
            (Some((from, low)), Some((to, high))) => {
                let part = (moment - *from).as_secs_f64() / (*to - *from).as_secs_f64();
                low + (high - low) * part
            }
            (Some((_, rps)), None) | (None, Some((_, rps))) => *rps,
            (None, None) => 0.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_load_goes_in_straight_lines() {
        let second = Duration::from_secs;
        let load = Load { pool: "p".into(), curve: vec![(second(10), 100.0), (second(20), 200.0)] };
        let rates = [0, 10, 15, 20, 30].map(|at| load.at(second(at)));
        assert_eq!(rates, [100.0, 100.0, 150.0, 200.0, 200.0]);
    }
}
