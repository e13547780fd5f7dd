//! What a worker does with the connections of a listener: the seam between listening and serving.

use std::fmt::Debug;
use std::net::SocketAddr;
use std::rc::Rc;

use crate::config::Listener;
use crate::net::Stream;
use crate::table::Table;

use super::Acceptor;

/// One way to serve connections, on one worker.
pub trait Plane: Debug {
    /// Are this listener's connections served here? Exactly one plane says so.
    fn serves(&self, listener: &Listener) -> bool;

    /// Serves a connection, on a task of its own.
    fn serve(&self, acceptor: &Rc<Acceptor>, stream: Stream, peer: SocketAddr);

    /// Looks at a new table, for what no request would do.
    fn follow(&self, table: &Table);

    /// Looks after what is idle; called about once a second.
    fn sweep(&self) {}

    /// Brings its counters up to date; called several times a second.
    fn count(&self) {}
}
