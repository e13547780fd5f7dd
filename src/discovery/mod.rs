//! Hostnames of backends, followed as their DNS records change.
//!
//! A backend named by a hostname is where DNS says it is, and DNS is the least reliable thing this
//! process talks to: it is slow, it fails as a whole, and it sometimes answers with half the truth.
//! So nothing waits for it. Each hostname is asked again when its records expire, a failure is
//! retried with growing pauses, and the last good answer stays in use until a better one comes:
//! an empty, partial or failed answer takes nothing away from a pool.

mod answer;
mod host;
mod resolve;
mod run;
mod system;

pub use answer::{Answer, Family};
pub use resolve::Resolve;
pub use run::run;
pub use system::SystemResolver;
