//! What the benchmarks that start real proxies share.
//!
//! A figure is only worth something if every contender met the same conditions, so everything that
//! could differ is here once: the backend that answers, the load that asks and checks each answer,
//! how a proxy is configured, pinned to a core, awaited and ended, and where results are written.
//!
//! Each file does one thing and both benchmarks use all of it; what only one needs is with it.

pub(crate) mod backend;
pub(crate) mod exchange;
pub(crate) mod load;
pub(crate) mod process;
pub(crate) mod proxy;
pub(crate) mod response;
pub(crate) mod results;
pub(crate) mod scratch;
pub(crate) mod tally;
