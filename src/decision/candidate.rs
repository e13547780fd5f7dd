//! A backend as the decision sees it.

use super::Ordered;
use crate::config::ResolvedBackend;
use crate::model::{Health, Reason};

/// A backend with what was observed of it and what was ordered for it.
#[derive(Clone, Debug)]
pub struct Candidate<'a> {
    /// Who and where it is.
    pub backend: &'a ResolvedBackend,
    /// What was observed.
    pub health: Health,
    /// Why it is not up, when it is not and something was seen.
    pub reason: Option<Reason>,
    /// Whether it is out for nothing but how it answers.
    pub last_resort: bool,
    /// What was ordered.
    pub ordered: Ordered,
    /// The part of its weight that it takes while it starts slowly, 0..=1.
    pub ramp: f64,
    /// How often it was set back on that way.
    pub setbacks: u32,
}

impl Candidate<'_> {
    /// The weight it is given: as configured, or as ordered instead.
    pub(super) fn weight(&self) -> u32 {
        self.ordered.weight.unwrap_or(self.backend.weight)
    }
}
