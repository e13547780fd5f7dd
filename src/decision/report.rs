//! What a decision did and because of what, step by step, for people.

use std::fmt;
use std::sync::Arc;

use crate::model::{PoolName, ZonePlan};

/// What one decision did.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    /// One entry per pool, in config order.
    pub pools: Vec<Arc<PoolReport>>,
}

/// What it did to one pool.
#[derive(Clone, Debug, PartialEq)]
pub struct PoolReport {
    /// The pool's name.
    pub pool: PoolName,
    /// In the order of the steps. What is as it should be is not mentioned.
    pub entries: Vec<Entry>,
}

/// One thing that a step did, or that it waits for.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The step.
    pub stage: Stage,
    /// What was done.
    pub did: String,
    /// Because of what, or waiting for what.
    pub why: Why,
}

/// The steps of a decision, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Which backends count.
    Eligibility,
    /// Whether backups are called in.
    Backups,
    /// Which zones and regions go out.
    Failover,
    /// Where those stand that are out or on their way back.
    Standing,
    /// Who gets which share.
    Shares,
    /// What is done because nothing can take traffic.
    AllDown,
    /// What differs from the plan before.
    Moves,
}

impl Stage {
    /// The closed set of names used in logs and views.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Eligibility => "eligibility",
            Self::Backups => "backups",
            Self::Failover => "failover",
            Self::Standing => "standing",
            Self::Shares => "shares",
            Self::AllDown => "all-down",
            Self::Moves => "moves",
        }
    }
}

/// Why something was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// The cause.
    Because(String),
    /// What would change it.
    WaitsFor(String),
    /// It follows from the steps before.
    Follows,
}

impl PoolReport {
    pub(super) fn new(pool: &PoolName) -> Self {
        Self { pool: pool.clone(), entries: Vec::new() }
    }

    pub(super) fn add(&mut self, stage: Stage, did: String, why: Why) {
        self.entries.push(Entry { stage, did, why });
    }

    pub(super) fn moved(&mut self, zone: &ZonePlan, from: f64) {
        let (from, to) = (from * 100.0, zone.share * 100.0);
        let did = format!("{}/{} {from:.1} % -> {to:.1} %", zone.region, zone.zone);
        self.add(Stage::Moves, did, Why::Follows);
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.pools.iter().try_for_each(|pool| write!(f, "{pool}"))
    }
}

impl fmt::Display for PoolReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "pool {}", self.pool)?;
        self.entries.iter().try_for_each(|entry| writeln!(f, "  {entry}"))
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.stage.name(), self.did)?;
        match &self.why {
            Why::Because(cause) => write!(f, ", because {cause}"),
            Why::WaitsFor(what) => write!(f, ", waits for {what}"),
            Why::Follows => Ok(()),
        }
    }
}
