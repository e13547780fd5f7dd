//! What the pools' protections did.

use crate::control::Status;
use crate::live::Live;
use crate::metrics::{Exposition, names};

/// What was sent again, and what was not.
pub(super) fn retries(out: &mut Exposition, status: &Status, live: &Live) {
    let counted: Vec<_> =
        status.pools.iter().map(|it| (&it.name, live.retries(&it.name).counted())).collect();
    let mut sent = out.family(&names::POOL_RETRIES);
    for (pool, (count, _)) in &counted {
        sent.add(&[pool], *count as f64);
    }
    let mut refused = out.family(&names::POOL_RETRIES_REFUSED);
    for (pool, (_, count)) in &counted {
        refused.add(&[pool], *count as f64);
    }
}
