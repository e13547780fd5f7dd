//! The truth table of the module's documentation, in code.

use super::detector::Verdict;
use super::ejection::Standing;
use crate::model::{Health, Layer};

/// Who decided that a backend is not wholly up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cause {
    /// A layer of probes.
    Layer(Layer),
    /// The backend's own agent, by draining or by asking for a part of its weight.
    Agent,
    /// Live traffic.
    Traffic,
}

impl Cause {
    /// The closed set of names used in metrics, logs and views.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Layer(layer) => layer.name(),
            Self::Agent => "agent",
            Self::Traffic => "traffic",
        }
    }
}

/// What one layer says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Said {
    pub(super) layer: Layer,
    pub(super) verdict: Verdict,
    /// What is left of the weight if the verdict is down; `None` = the backend is out then.
    pub(super) keeps: Option<f64>,
}

/// The backend's verdict from those of the layers asked, lowest first, from the part of its weight
/// that its agent asks for, and from live traffic.
pub(super) fn combine(said: &[Said], agent: f64, traffic: Standing) -> (Health, Option<Cause>) {
    if said.is_empty() {
        return (Health::Up, None);
    }
    let removing = |verdict| {
        let mut found = said.iter().filter(|it| it.keeps.is_none() && it.verdict == verdict);
        found.next().map(|it| it.layer)
    };
    let down = match removing(Verdict::Down) {
        Some(Layer::Network) => Some(Cause::Layer(Layer::Network)),
        _ if traffic == Standing::Out => Some(Cause::Traffic),
        other => other.map(Cause::Layer),
    };
    if down.is_some() {
        return (Health::Down, down);
    }
    if let Some(layer) = awaited(said) {
        return (Health::Unknown, Some(Cause::Layer(layer)));
    }
    let (mut least, mut cause) = least(said);
    if let Standing::Trial(share) = traffic
        && share < least
    {
        (least, cause) = (share, Some(Cause::Traffic));
    }
    let cause = if agent < least { Some(Cause::Agent) } else { cause };
    match cause {
        Some(_) => (Health::Degraded(least * agent), cause),
        None => (Health::Up, None),
    }
}

/// The layer whose first verdict is waited for: one that may remove, or the lowest of all. A layer
/// that can only lower the weight is not worth the wait.
fn awaited(said: &[Said]) -> Option<Layer> {
    let mut awaited = said.iter().enumerate().filter(|(index, it)| {
        it.verdict == Verdict::Unknown && (*index == 0 || it.keeps.is_none())
    });
    awaited.next().map(|(_, it)| it.layer)
}

/// The least of what is kept, and by whom: of equals the lowest layer; 1 and nobody, if all is.
fn least(said: &[Said]) -> (f64, Option<Cause>) {
    let mut least = (1.0, None);
    for it in said.iter().filter(|it| it.verdict == Verdict::Down) {
        if let Some(kept) = it.keeps.filter(|kept| *kept < least.0) {
            least = (kept, Some(Cause::Layer(it.layer)));
        }
    }
    least
}
