//! Orders: how they are given, and what follows from them.

use serde::{Deserialize, Serialize};

use crate::events::wire::{Action, Move, Order, Scope};

/// The body of `POST /orders`.
///
/// ```json
/// { "scope": { "of": "zone", "zone": "us-east-1a" }, "action": { "do": "drain" },
///   "why": "kernel update", "for_ms": 1800000 }
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Give {
    /// What it is about.
    pub scope: Scope,
    /// What is ordered.
    pub action: Action,
    /// Why, in the words of who gives it; shown to whoever asks later.
    #[serde(default)]
    pub why: String,
    /// How long it holds; absent = until another order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub for_ms: Option<u64>,
    /// Also if a pool is left without capacity.
    #[serde(default)]
    pub force: bool,
    /// Only tell what would follow.
    #[serde(default)]
    pub dry_run: bool,
    /// For `stop`: the region's name again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirm: Option<String>,
}

/// What followed from an order, or would.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Given {
    /// Whether it was only asked what would follow.
    pub dry_run: bool,
    /// The generation in force.
    pub generation: u64,
    /// Zones whose share changed, or would; a gradual drain is told as it ends.
    pub moves: Vec<Move>,
    /// What should be known: one line each.
    pub warnings: Vec<String>,
}

/// `GET /orders`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Orders {
    /// Those that stand, oldest first.
    pub orders: Vec<Order>,
}
