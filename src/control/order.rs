//! What an operator asks for, and how control answers.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::Actor;
use crate::events::wire::Move;
use crate::model::{Action, Scope};

/// An order on its way in.
#[derive(Clone, Debug, PartialEq)]
pub struct OrderRequest {
    /// What it is about.
    pub scope: Scope,
    /// What is ordered.
    pub action: Action,
    /// Why; at most 200 characters, without control characters.
    pub why: Arc<str>,
    /// How long it holds; `None` = until another order.
    pub lasts: Option<Duration>,
    /// Also if a pool is left without capacity.
    pub force: bool,
    /// Only tell what would follow; change nothing.
    pub rehearse: bool,
    /// Who gives it.
    pub actor: Actor,
}

/// What followed from an order, or would.
#[derive(Clone, Debug, PartialEq)]
pub struct OrderDone {
    /// The generation in force after it.
    pub generation: u64,
    /// Zones whose share changed, or would. A gradual drain is told as it ends.
    pub moves: Vec<Move>,
    /// What the one who gave it should know, one line of text each.
    pub warnings: Vec<String>,
}

/// Why an order was refused; nothing changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OrderError {
    /// It names what does not exist, or what it cannot be about; one line each.
    Senseless(Vec<String>),
    /// It would leave these pools without any capacity, and nobody said that this is meant.
    Starves(Vec<String>),
    /// Control has ended.
    Ended,
}

impl fmt::Display for OrderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Senseless(problems) => f.write_str(&problems.join("\n")),
            Self::Starves(pools) => {
                write!(f, "nothing would be left to serve {}", pools.join(", "))
            }
            Self::Ended => f.write_str("shutting down"),
        }
    }
}

impl std::error::Error for OrderError {}
