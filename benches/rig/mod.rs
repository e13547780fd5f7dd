//! What the benchmarks that start real proxies share.
//!
//! A figure is only worth something if every contender met the same conditions, so everything that
//! could differ is here once: the backend that answers, the load that asks and checks each answer,
//! how a proxy is configured, pinned to a core, awaited and ended, and where results are written.
//!
//! Each file does one thing and all of these benchmarks use it; `cpu`, `crowd` and `plane`, which only some
//! need, are included by those, and what only one needs is with it.

pub(crate) mod backend;
pub(crate) mod datagrams;
pub(crate) mod exchange;
pub(crate) mod load;
pub(crate) mod process;
pub(crate) mod proxy;
pub(crate) mod response;
pub(crate) mod results;
pub(crate) mod scratch;
pub(crate) mod streams;
pub(crate) mod tally;
pub(crate) mod wire;
