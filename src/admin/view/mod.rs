//! The JSON the admin API speaks: a contract with scripts, dashboards and the command line.
//!
//! Keys may be added; none changes its name or meaning. Times are RFC 3339 in UTC, durations are
//! milliseconds (`_ms`), shares are 0..=1, counters count from the process's start. All texts are
//! free of control characters.

mod alerts;
mod build;
mod drains;
mod order;
mod protections;
mod reload;
mod standing;
mod status;

pub use alerts::{Alert, AlertStatus, Alerts, Heeded};
pub use build::status;
pub use drains::{Connection, Drain, Drains, drains};
pub use order::{Give, Given, Orders};
pub use protections::{Breaker, Protections, Queue, RateLimit, Retries, Shed};
pub use reload::{Confirmed, Events, Failed, LastReload, Ready, Reloaded};
pub use standing::Standing;
pub use status::{
    Address, Backend, Buffers, Certificate, Check, Classes, Counters, Ejected, Layer, Listener,
    Pool, Region, Seen, Status, Zone,
};
