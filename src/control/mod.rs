//! The one writer: everything that happens is folded into state here, and nowhere else.
//!
//! Probes, live traffic, DNS, operators and files all want to change what the data plane does. If
//! each of them could, no order of events could be told afterwards and no request could be sure of
//! seeing a consistent table. So they all send to one task. It feeds the pure core
//! ([`decision`](crate::decision)), builds one table from its plan, publishes it, and tells
//! everybody who asks what it did and why, through [`Client`].

mod client;
mod clock;
mod command;
mod counters;
mod event;
mod journal;
mod keep;
mod limits;
mod line;
mod listeners;
mod names;
mod order;
mod ordering;
mod outcome;
mod recall;
mod recorder;
mod reload;
mod renewals;
mod sample;
mod snapshot;
mod standings;
mod start;
mod status;
mod task;
#[cfg(test)]
mod tests;
mod versions;
mod view;
mod watch;

pub use client::Client;
pub use clock::WallClock;
pub use command::Actor;
pub use counters::{Counters, ProbeCounters};
pub use listeners::Open;
pub use order::{OrderDone, OrderError, OrderRequest};
pub use outcome::{ReloadError, ReloadReport, Reloaded};
pub use reload::{Fresh, Load};
pub use snapshot::Snapshot;
pub use start::{Control, Ports, StartError, Started};
pub use status::{
    BackendEvidence, BreakerStatus, CertificateStatus, CheckEvidence, Detail, LayerVerdict,
    PlaceStatus, PoolStatus, RegionStatus, Seen, Status, ZoneStatus,
};
