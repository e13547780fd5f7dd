//! What facts change, besides the plan: what is worth telling.

use std::sync::Arc;

use super::pool::Moved;
use crate::health::{self, Symptom};
use crate::model::{BackendKey, Circuit, LookupSpec, Order, PoolName};

/// What a fact changed, besides the plan.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// A backend's verdict.
    Health(BackendKey, health::Change),
    /// A business failure shows in every zone of a pool, or (`None`) not any more.
    CommonCause(PoolName, Option<Symptom>),
    /// A backend that starts slowly turned out to be worse than those beside it, and begins again.
    SetBack(BackendKey, Arc<str>),
    /// A hostname's addresses: how many it has now.
    Resolved(LookupSpec, usize),
    /// A hostname can no longer be resolved, or for another reason than before.
    Unresolved(LookupSpec, Arc<str>),
    /// How a zone or region stands.
    Moved(Moved),
    /// A pool could no longer lose its largest zone, or can again: what it carries without that one, of
    /// what is asked of it.
    Headroom {
        /// The pool.
        pool: PoolName,
        /// Whether it is too little.
        low: bool,
        /// How much, from 0.
        headroom: f64,
    },
    /// A pool's circuit breaker has another state.
    Circuit {
        /// The pool.
        pool: PoolName,
        /// Before.
        from: Circuit,
        /// Now.
        to: Circuit,
        /// What led to it.
        cause: Arc<str>,
    },
    /// The time of an order is over.
    Expired(Order),
    /// Which backends there are, where they are, or what is asked of them: probes, lookups and
    /// samples must follow.
    Members,
}
