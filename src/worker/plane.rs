//! What a worker does with the connections of a listener: the seam between listening and serving.

use std::fmt::Debug;
use std::io;
use std::net::UdpSocket;
use std::pin::Pin;
use std::rc::Rc;

use crate::config::Listener;
use crate::live::Drain;
use crate::table::Table;

use super::{Acceptor, Arrival};

/// One way to serve connections, on one worker.
pub trait Plane: Debug {
    /// Are this listener's connections served here, or, if `sealed`, those whose TLS it does not end?
    /// Exactly one plane says so.
    fn serves(&self, listener: &Listener, sealed: bool) -> bool;

    /// Serves a connection, on a task of its own.
    fn serve(&self, arrival: Arrival);

    /// Serves a socket that datagrams come in at, until its address is closed and all is over.
    ///
    /// # Errors
    /// What the system says of the socket.
    fn receive<'a>(
        &'a self,
        _acceptor: &'a Rc<Acceptor>,
        _socket: UdpSocket,
    ) -> Pin<Box<dyn Future<Output = io::Result<()>> + 'a>> {
        Box::pin(std::future::ready(Err(io::ErrorKind::Unsupported.into())))
    }

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
