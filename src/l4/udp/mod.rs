//! Forwarding datagrams: which belong together, and where they go.
//!
//! UDP has no connections, but what is spoken over it often has state at the backend: all of one
//! client's datagrams must reach the same one, and its answers must come from the address that
//! was asked. `flows` says which datagrams belong together; `service` is the dull rest: sockets,
//! the table, the counters and the log.
//!
//! ```text
//! client -> one socket per worker and address -> flow -> a socket of its own, connected to its backend
//! ```

mod flow;
mod flows;
mod service;
#[cfg(test)]
mod simulation;

pub(super) use service::Service;
