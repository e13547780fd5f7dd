//! What a worker does with the connections of a listener: the seam between listening and serving.

use std::fmt::Debug;
use std::pin::Pin;
use std::rc::Rc;

use crate::config::Listener;
use crate::live::Drain;
use crate::table::Table;

use super::{Acceptor, Arrival};

/// One way to serve connections, on one worker.
pub trait Plane: Debug {
    /// Are this listener's connections served here? Exactly one plane says so.
    fn serves(&self, listener: &Listener) -> bool;

    /// Serves a connection, on a task of its own.
    fn serve(&self, acceptor: &Rc<Acceptor>, arrival: Arrival);

    /// Looks at a new table, for what no request would do.
    fn follow(&self, table: &Table);

    /// What is being drained here, and what holds it open.
    fn ledger(&self) -> Pin<Box<dyn Future<Output = Vec<Drain>> + '_>> {
        Box::pin(async { Vec::new() })
    }

    /// Looks after what is idle; called about once a second.
    fn sweep(&self) {}

    /// Brings its counters up to date, and ends what is due; called every [`UPKEEP`](super::UPKEEP).
    fn count(&self) {}
}
