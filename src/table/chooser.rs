//! Choosing one of a zone's members by the pool's algorithm.
//!
//! Each algorithm brings what it keeps about the members, laid out when the table is built, and a
//! `choose` that leases the one it finds, never one in `tried` (live ids).

use std::sync::Arc;

use super::{Backend, Lease};
use crate::balance::ip_hash::{self, Ring};
use crate::balance::least_connections::{self, Without};
use crate::balance::round_robin::Schedule;
use crate::live::LoadSummary;

/// What an algorithm keeps about the members.
#[derive(Debug)]
pub(super) enum Chooser {
    RoundRobin(InTurn),
    LeastConnections(LeastLoaded),
    IpHash(ByKey),
}

/// Round-robin: the members' turns.
#[derive(Debug)]
pub(super) struct InTurn(pub(super) Schedule);

/// Least-connections: the members that take traffic, and their loads.
#[derive(Debug)]
pub(super) struct LeastLoaded {
    /// Their indices in the zone.
    pub(super) members: Vec<u32>,
    pub(super) loads: LoadSummary,
}

/// Ip-hash: a ring of all members, and the part of its keys that each takes now.
#[derive(Debug)]
pub(super) struct ByKey {
    pub(super) ring: Arc<Ring>,
    pub(super) parts: Vec<f64>,
    /// How many members take any.
    pub(super) taking: usize,
}

impl InTurn {
    /// Leases the member whose turn it is, or the next one in order.
    pub(super) fn choose(
        &self,
        backends: &[Arc<Backend>],
        cursor: &mut u64,
        tried: &[u64],
    ) -> Option<Lease> {
        let next = self.0.next(cursor)?;
        std::iter::once(next)
            .chain(self.0.after(*cursor))
            .map(|member| &backends[member])
            .find(|backend| !tried.contains(&backend.live.id))
            .map(|backend| Lease::new(backend, None))
    }
}

impl LeastLoaded {
    /// Leases the least loaded member that is not in `tried`; equals are used in turn.
    pub(super) fn choose(
        &self,
        backends: &[Arc<Backend>],
        cursor: &mut u64,
        tried: &[u64],
    ) -> Option<Lease> {
        // The low half is where the search starts, the high half counts the choices.
        let (start, turn) = (*cursor as u32, (*cursor >> 32) as u32);
        self.loads.heal(turn as usize);
        let mut chosen = least_connections::choose(&self.loads, start as usize)?;
        let mut excluded = Vec::new();
        while tried.contains(&self.backend(backends, chosen).live.id) {
            excluded.push(chosen);
            let loads = Without { loads: &self.loads, excluded: &excluded };
            chosen = least_connections::choose(&loads, start as usize)?;
        }
        *cursor = u64::from(turn.wrapping_add(1)) << 32 | (chosen as u64 + 1);
        Some(Lease::new(self.backend(backends, chosen), self.loads.seat(chosen)))
    }

    fn backend<'a>(&self, backends: &'a [Arc<Backend>], candidate: usize) -> &'a Arc<Backend> {
        &backends[self.members[candidate] as usize]
    }
}

impl ByKey {
    /// Leases the first member on the ring from `key` on that takes the key. A key that every
    /// degraded member would rather not take goes to the first of them.
    pub(super) fn choose(
        &self,
        backends: &[Arc<Backend>],
        key: u64,
        tried: &[u64],
    ) -> Option<Lease> {
        let usable = |member: &usize| {
            self.parts[*member] > 0.0 && !tried.contains(&backends[*member].live.id)
        };
        // Without this, a zone with nothing left to try would be walked all around in vain.
        if self.taking <= tried.len() && !(0..backends.len()).any(|member| usable(&member)) {
            return None;
        }
        let takes = |member: &usize| {
            let part = self.parts[*member];
            part >= 1.0 || ip_hash::takes(key, self.ring.identity(*member), part)
        };
        let willing = self.ring.walk(key).find(|member| usable(member) && takes(member));
        let member = willing.or_else(|| self.ring.walk(key).find(usable))?;
        Some(Lease::new(&backends[member], None))
    }
}
