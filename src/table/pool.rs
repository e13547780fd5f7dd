//! A pool: choosing the zone by share, and a backend in it.

use std::sync::Arc;
use std::time::Duration;

use super::{Budget, Door, Lease, Picker, Refused, Zone};
use crate::balance::ip_hash;
use crate::balance::round_robin::Schedule;
use crate::config::{self, Algorithm, BackendTls, FixedResponse, OnDown, PoolTimeouts};
use crate::live::{self, PoolId, UnderWay};
use crate::model::{PoolPlan, PriorityClass, ProxyVersion};
use crate::net::tls::ClientContext;

/// TLS with a pool's backends.
#[derive(Clone, Debug)]
pub(super) struct Secured {
    pub(super) terms: BackendTls,
    pub(super) context: ClientContext,
    /// HTTP/2 is what is spoken.
    pub(super) http2: bool,
}

/// A pool of backends.
#[derive(Debug)]
pub struct Pool {
    /// Its number, the same in every table.
    pub id: PoolId,
    /// Its name.
    pub name: Arc<str>,
    /// How a backend is chosen within a zone.
    pub algorithm: Algorithm,
    /// Deadlines of upstream connections.
    pub timeouts: PoolTimeouts,
    /// A client that half-closes after its request was sent counts as gone.
    pub abort_on_close: bool,
    /// Idle upstream connections older than this are not used for unsafe requests.
    pub unsafe_reuse_age: Duration,
    /// Idle upstream connections kept per backend and worker.
    pub idle_connections: usize,
    /// What becomes of requests on a backend that goes down and may not be sent elsewhere.
    pub on_down: OnDown,
    /// How many requests may be sent again.
    pub budget: Budget,
    /// How many requests it has at once at most.
    pub concurrent: Option<u32>,
    /// How many may wait for a free place, and how long.
    pub queue: config::Queue,
    /// In which form backends are told who the client is.
    pub proxy_protocol: Option<ProxyVersion>,
    /// HTTP/2 is spoken with its backends.
    pub http2: bool,
    /// How TLS is spoken with its backends.
    pub(super) tls: Option<Secured>,
    /// Those that wait.
    pub waiting: Arc<live::Queue>,
    /// What requests are answered with when nothing can take them; `None` = they are refused.
    pub when_down: Option<FixedResponse>,
    /// Regions in config order, zones in config order within.
    pub zones: Vec<Zone>,
    /// Who is let in.
    pub door: Door,
    /// What it was built from.
    pub(super) plan: Option<Arc<PoolPlan>>,
    /// The zones' turns by share.
    pub(super) turns: Schedule,
}

impl Pool {
    /// Lets a request of this class in, or not; asked once for each request, before its first choice.
    /// `worker` is the asking worker's index. Where it is counted how much is under way, the request
    /// is for as long as what is returned lives.
    ///
    /// # Errors
    /// It is refused.
    pub fn admits(
        &self,
        class: PriorityClass,
        picker: &mut Picker,
        worker: usize,
    ) -> Result<Option<UnderWay>, Refused> {
        self.door.admits(self.id, class, picker, worker)
    }

    /// Chooses a backend for one try of a request and counts the request in flight there.
    ///
    /// `key` is what ip-hash hashes ([`ip_hash::key`], [`ip_hash::address_key`]); other algorithms
    /// ignore it, and ip-hash without one chooses at random. `tried` holds the live ids of backends
    /// this request was sent to before: none of them is chosen again, so the answer is another
    /// backend of the zone whose turn it is, or else one of another zone that has a share.
    ///
    /// `None`: nothing untried can take traffic. Where `tried` is to blame, a caller that may try
    /// the same backend again (a kept connection was stale, and this is the only backend) asks
    /// with an empty `tried`.
    pub fn choose(&self, picker: &mut Picker, key: Option<u64>, tried: &[u64]) -> Option<Lease> {
        if matches!(self.algorithm, Algorithm::IpHash(_)) {
            let key = key.unwrap_or_else(|| picker.key());
            self.choose_by_key(picker, key, tried)
        } else {
            self.choose_in_turn(picker, tried)
        }
    }

    /// Chooses a backend for a request that nobody could take who should: one that is out only for
    /// how it answered before, in a zone that has a share.
    ///
    /// Between the end of the last one that served and the decision that follows, such a backend is
    /// the only one that may still answer.
    pub fn last_resort(&self, tried: &[u64]) -> Option<Lease> {
        let mut zones = self.zones.iter().filter(|zone| zone.share > 0.0);
        zones.find_map(|zone| zone.last_resort(tried))
    }

    fn choose_in_turn(&self, picker: &mut Picker, tried: &[u64]) -> Option<Lease> {
        let turn = self.turns.next(picker.pool(self.id))?;
        let (before, rest) = self.zones.split_at(turn);
        let zones = rest.iter().chain(before).filter(|zone| zone.share > 0.0);
        zones.into_iter().find_map(|zone| zone.choose(picker, 0, tried))
    }

    fn choose_by_key(&self, picker: &mut Picker, key: u64, tried: &[u64]) -> Option<Lease> {
        let mut below = f64::INFINITY;
        loop {
            let zones = self.zones.iter().map(|zone| (zone.identity, zone.share));
            let (winner, score) = ip_hash::rendezvous(key, zones, below)?;
            if let Some(lease) = self.zones[winner].choose(picker, key, tried) {
                return Some(lease);
            }
            below = score;
        }
    }
}
