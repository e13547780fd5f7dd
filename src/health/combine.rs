//! The truth table of the module's documentation, in code.

use super::detector::Verdict;
use crate::model::{Health, Layer};

/// Who decided that a backend is not up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cause {
    /// A layer of probes.
    Layer(Layer),
    /// Live traffic.
    Traffic,
}

impl Cause {
    /// The closed set of names used in metrics, logs and views.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Layer(layer) => layer.name(),
            Self::Traffic => "traffic",
        }
    }
}

/// The backend's verdict from those of the layers asked, lowest first, and from live traffic.
pub(super) fn combine(
    layers: &(impl Iterator<Item = (Layer, Verdict)> + Clone),
    ejected: bool,
) -> (Health, Option<Cause>) {
    if layers.clone().next().is_none() {
        return (Health::Up, None);
    }
    let first =
        |verdict| layers.clone().find_map(|(layer, said)| (said == verdict).then_some(layer));
    let down = first(Verdict::Down);
    if let Some(cause) = match down {
        Some(Layer::Network) => Some(Cause::Layer(Layer::Network)),
        _ if ejected => Some(Cause::Traffic),
        other => other.map(Cause::Layer),
    } {
        return (Health::Down, Some(cause));
    }
    match first(Verdict::Unknown) {
        Some(layer) => (Health::Unknown, Some(Cause::Layer(layer))),
        None => (Health::Up, None),
    }
}
