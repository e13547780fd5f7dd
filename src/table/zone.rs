//! A zone of a pool, and its members.

use std::sync::Arc;
use std::time::Duration;

use super::chooser::Chooser;
use super::{Backend, Lease, Picker};
use crate::live::ZoneId;
use crate::model::{Admin, BackendPlan, Phase, ZonePlan};

/// A zone of a pool.
#[derive(Debug)]
pub struct Zone {
    /// Its number, the same in every table.
    pub id: ZoneId,
    /// The region it is in.
    pub region: Arc<str>,
    /// Its name.
    pub name: Arc<str>,
    /// The part of the pool's traffic it gets, 0..=1.
    pub share: f64,
    /// Its identity as a hash, for ip-hash.
    pub(super) identity: u64,
    pub(super) members: Arc<Members>,
}

/// A backend that is drained.
#[derive(Clone, Copy, Debug)]
pub struct Leaving<'z> {
    /// It.
    pub backend: &'z Arc<Backend>,
    /// How long what it still has may take.
    pub deadline: Duration,
}

/// A zone's backends; the same from table to table while nothing about them changes.
#[derive(Debug)]
pub(super) struct Members {
    /// What they were built from.
    pub(super) plan: Arc<[BackendPlan]>,
    /// In plan order, also those that get no traffic.
    pub(super) backends: Vec<Arc<Backend>>,
    /// The weight each has now, in the same order.
    pub(super) weights: Vec<f64>,
    pub(super) chooser: Chooser,
    /// The places of those that are better than nobody.
    pub(super) last_resorts: Vec<u32>,
}

impl Zone {
    /// All its backends in plan order, also those that get no traffic now.
    #[must_use]
    pub fn backends(&self) -> &[Arc<Backend>] {
        &self.members.backends
    }

    /// The backends that get traffic now.
    pub fn taking(&self) -> impl Iterator<Item = &Arc<Backend>> {
        self.weighed()
            .filter(|(_, weight)| self.share > 0.0 && *weight > 0.0)
            .map(|(backend, _)| backend)
    }

    /// Its backends that are drained and get nothing any more.
    pub(super) fn leaving<'z>(
        &'z self,
        plan: &'z ZonePlan,
        deadline: Duration,
    ) -> impl Iterator<Item = Leaving<'z>> {
        let drained = matches!(plan.standing.phase, Phase::Draining | Phase::Out);
        let ordered = self.weighed().zip(&*plan.backends).filter(move |((_, weight), plan)| {
            let idle = self.share <= 0.0 || *weight <= 0.0;
            idle && (drained || plan.admin != Admin::Ready)
        });
        ordered.map(move |((backend, _), plan)| {
            let at_once = plan.admin == Admin::Maint;
            Leaving { backend, deadline: if at_once { Duration::ZERO } else { deadline } }
        })
    }

    /// All its backends in plan order, each with the weight it has now.
    pub(super) fn weighed(&self) -> impl Iterator<Item = (&Arc<Backend>, f64)> {
        self.members.backends.iter().zip(self.members.weights.iter().copied())
    }

    /// Leases one that is out for nothing but how it answers, and not in `tried`.
    pub(super) fn last_resort(&self, tried: &[u64]) -> Option<Lease> {
        let places = self.members.last_resorts.iter();
        let mut backends = places.map(|place| &self.members.backends[*place as usize]);
        let found = backends.find(|backend| !tried.contains(&backend.live.id))?;
        Some(Lease::new(found, None))
    }

    /// Leases one of its backends that is not in `tried`.
    pub(super) fn choose(&self, picker: &mut Picker, key: u64, tried: &[u64]) -> Option<Lease> {
        let backends = &self.members.backends;
        match &self.members.chooser {
            Chooser::RoundRobin(turns) => turns.choose(backends, picker.zone(self.id), tried),
            Chooser::LeastConnections(loads) => loads.choose(backends, picker.zone(self.id), tried),
            Chooser::IpHash(ring) => ring.choose(backends, key, tried),
        }
    }
}
