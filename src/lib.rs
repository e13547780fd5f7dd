//! Pulsegate: a health-aware load balancer whose decisions can be explained.
//!
//! Data goes one way. Everything that happens (a probe's result, an operator's command, a changed
//! file, what live traffic shows) reaches [`control`], the only writer. Control asks the pure core
//! ([`health`], [`decision`], [`table`]'s build) what follows from it and publishes one immutable
//! [`table::Table`]. The data plane ([`l7`]) reads the newest table and reports back by counters
//! in [`live`] only.
//!
//! ```text
//!  config file   commands   probes    live traffic   DNS
//!       |           |         |            |          |
//!       v           v         v            v          v
//!  +------------- control: one task, the only writer ------------+
//!  |  health (pure) -> decision (pure) -> table::build (pure)    |
//!  +--------------------------- publish -------------------------+
//!                               |  one immutable table
//!                +--------------+--------------+
//!                v per request                 v per scrape
//!               l7                           admin, metrics
//! ```
//!
//! # Where to start reading
//!
//! - *What happens to a request*: [`l7`] takes it off the wire, [`table::Listener::route`] and
//!   [`table::Pool::choose`] say where it goes, and [`access_log`] tells afterwards how it went.
//! - *What happens when a backend dies*: [`probe`] or a failed connect reports it, [`health`]
//!   gives the verdict, [`decision::State`] the new shares, [`table::build()`] the next table.
//! - *What happens to a config file*: [`config`] checks it whole, [`control`] puts it in force.
//! - *How fast it is, for whom*: [`mod@bench`] loads any server and judges its latency.
//! - *How a process is put together*: [`app`], called by [`cli`].
//!
//! Each module may import only modules of a lower layer; `tests/tidy.rs` holds the list and fails
//! when an import goes the other way.

pub mod access_log;
pub mod admin;
pub mod app;
pub mod balance;
pub mod bench;
pub mod cli;
pub mod config;
pub mod control;
pub mod decision;
pub mod discovery;
pub mod events;
pub mod explain;
pub mod health;
pub mod kept;
pub mod l4;
pub mod l7;
pub mod live;
pub mod metrics;
pub mod model;
pub mod net;
pub mod notify;
pub mod probe;
pub mod sim;
pub mod state_dir;
pub mod table;
pub mod worker;
