//! The words of the domain, shared by every layer above.
//!
//! Nothing here does anything: these are the nouns that messages, decisions and tables are made
//! of. What was *observed* ([`Health`]) and what was *ordered* ([`Admin`]) are two types, so that an
//! operator's override can never erase what the probes saw.

mod address;
mod agent;
mod circuit;
mod coding;
mod fault;
mod health;
mod http_ask;
mod identity;
mod lookup;
mod message;
mod order;
mod plan;
mod printable;
mod priority;
mod probe;
mod proxy_version;
mod query;
mod reject;
mod resolved;
mod secret;
mod standing;
mod time;
mod transport;

pub use address::Address;
pub use agent::{AgentReport, AgentState};
pub use circuit::Circuit;
pub use coding::Coding;
pub use fault::{Fault, FaultKind, RouteFault};
pub use health::{Admin, Failure, Health, Layer, Outcome, Reason};
pub use http_ask::{
    BodyTest, Expect, HeaderTest, HttpAsk, HttpMethod, HttpRequest, Part, Pattern, Source,
    Template, Transaction, TransactionStep,
};
pub use identity::{BackendKey, PoolName, ZoneKey};
pub use lookup::{Lookup, LookupPlan, LookupSpec};
pub use message::{
    Arrivals, LATENCY_BOUNDS_US, LATENCY_BUCKETS, Observation, ProbePlan, ProbeSpec, Resolution,
    Traffic,
};
pub use order::{Action, Order, Scope};
pub use plan::{BackendPlan, Plan, PoolPlan, RegionPlan, ZonePlan};
pub use printable::{misleads, printable};
pub use priority::{Admission, PRIORITY_CLASSES, PriorityClass};
pub use probe::{GrpcAsk, Identity, ProbeKind, TlsAsk, TrustedRoots};
pub use proxy_version::ProxyVersion;
pub use query::{PostgresAsk, RedisAsk};
pub use reject::{
    AcceptPause, BadProxyHeader, BadRequest, BadResponse, ConnectionRefused, DatagramDropped,
    Ended, ForwardEnded, Http2Abuse, SlowClient, TlsFailure,
};
pub use resolved::Addresses;
pub use secret::Secret;
pub use standing::{Phase, PlaceKey, Standing};
pub use time::UnixMillis;
pub use transport::Transport;
