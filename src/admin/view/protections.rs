//! What a pool's protections did: the part of `GET /status` that tells when one acts.

use serde::{Deserialize, Serialize};

use crate::live::Live;
use crate::model::PoolName;

/// What a pool's protections did since the process began.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Protections {
    /// What was sent again.
    #[serde(default)]
    pub retries: Retries,
}

/// What was sent again, of the requests that a backend had been sent already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retries {
    /// Requests that were.
    pub sent: u64,
    /// Requests that were not, because the retry budget was spent.
    pub refused: u64,
}

/// Those of the pool of this name.
pub(super) fn protections(live: &Live, pool: &PoolName) -> Protections {
    let (sent, refused) = live.retries(pool).counted();
    Protections { retries: Retries { sent, refused } }
}
