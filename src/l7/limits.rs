//! Whether a request comes too soon: the rate limits on its way, one after the other.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::live::Excess;
use crate::net::tls::ClientIdentity;
use crate::table::{Headers, RateLimit};

/// A request beyond a limit.
#[derive(Debug)]
pub(crate) struct TooMany {
    /// The limit's name.
    pub(crate) limit: Arc<str>,
    /// How much beyond.
    pub(crate) excess: Excess,
}

impl TooMany {
    /// Puts `Retry-After` (RFC 9110 §10.2.3) and the `RateLimit` fields
    /// (draft-ietf-httpapi-ratelimit-headers-10): what may come, and in how many seconds.
    pub(crate) fn fields(&self, put: &mut dyn FnMut(&str, &[u8])) {
        let Self { limit, excess } = self;
        let Excess { burst, retry_after, reset } = *excess;
        put("Retry-After", seconds(retry_after).to_string().as_bytes());
        put("RateLimit-Policy", format!("\"{limit}\";q={burst}").as_bytes());
        put("RateLimit", format!("\"{limit}\";r=0;t={}", seconds(reset)).as_bytes());
    }
}

/// Whole seconds, rounded up: who comes then does not come too soon.
fn seconds(time: Duration) -> u64 {
    time.as_secs() + u64::from(time.subsec_nanos() > 0)
}

/// The first of these limits that refuses the request; those before it have counted it.
pub(crate) fn too_many<H: Headers>(
    limits: &[RateLimit],
    client: impl Fn() -> IpAddr,
    headers: &H,
    proved: Option<&ClientIdentity>,
    now: Instant,
) -> Option<TooMany> {
    limits.iter().find_map(|limit| {
        let excess = limit.take(&client, headers, proved, now).err()?;
        Some(TooMany { limit: Arc::clone(&limit.policy.name), excess })
    })
}
