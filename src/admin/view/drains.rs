//! The ledger: what holds a drain open.

use serde::{Deserialize, Serialize};

use crate::live::{self, Drained};
use crate::model::printable;

/// `GET /drains`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drains {
    /// Listeners and backends that are being drained, also those that nothing holds open any more.
    pub drains: Vec<Drain>,
}

/// One drain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drain {
    /// `backend` or `listener`.
    pub of: String,
    /// Its name; a backend's as `pool/backend`.
    pub name: String,
    /// How long it has been drained.
    pub age_ms: u64,
    /// Until what is left is cut off.
    pub left_ms: u64,
    /// How many exchanges hold it open.
    pub open: usize,
    /// Them, as far as they have answered; at most 1,000 of each worker.
    pub connections: Vec<Connection>,
}

/// An exchange that holds a drain open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Connection {
    /// The client's address.
    pub client: String,
    /// What is spoken: `http/1.1`, or what the connection was upgraded to.
    pub protocol: String,
    /// The route it came by.
    pub route: String,
    /// How long it has taken so far.
    pub age_ms: u64,
    /// Bytes from the client so far.
    pub bytes_in: u64,
    /// Bytes to the client so far.
    pub bytes_out: u64,
}

/// The view of what the workers told.
#[must_use]
pub fn drains(drains: &[live::Drain]) -> Drains {
    Drains { drains: drains.iter().map(drain).collect() }
}

fn drain(drain: &live::Drain) -> Drain {
    let (of, name) = match &drain.what {
        Drained::Backend(key) => ("backend", key.to_string()),
        Drained::Listener(name) => ("listener", name.to_string()),
    };
    let connections = drain.holders.iter().map(|holder| Connection {
        client: holder.client.to_string(),
        protocol: printable(&holder.protocol).into_owned(),
        route: printable(&holder.route).into_owned(),
        age_ms: ms(holder.age),
        bytes_in: holder.bytes_in,
        bytes_out: holder.bytes_out,
    });
    Drain {
        of: of.to_owned(),
        name: printable(&name).into_owned(),
        age_ms: ms(drain.age),
        left_ms: ms(drain.left),
        open: drain.count,
        connections: connections.collect(),
    }
}

fn ms(time: std::time::Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
