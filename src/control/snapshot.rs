//! What explains a request: the table it is routed by and what led to it, of one moment.

use std::sync::Arc;

use crate::decision::{Report, State};
use crate::table::Table;

/// What is known at one moment.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// The table in force.
    pub table: Arc<Table>,
    /// What the decision it was built from did and why.
    pub report: Report,
    /// A copy of the decision core, to put assumptions to; only where it was asked for, as it holds
    /// all evidence.
    pub core: Option<Box<State>>,
}
