//! The orders that stand, and what they come to for one backend or zone.
//!
//! Of orders that say something about the same question in the same scope, the last one given
//! holds. Of orders in different scopes, for a drain the one that takes more away does, and for a
//! weight or a failover the last one given.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::config::ResolvedBackend;
use crate::model::{Action, Admin, Order, RouteFault, Scope};

/// How often a gradual drain takes a step.
const FADE_STEP: Duration = Duration::from_secs(1);

/// What the orders come to for one backend.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ordered {
    /// Whether it takes part.
    pub admin: Admin,
    /// The weight to use instead of the configured one.
    pub weight: Option<u32>,
    /// The part of its weight that a drain leaves it now, 0..=1.
    pub remains: f64,
}

impl Default for Ordered {
    fn default() -> Self {
        Self { admin: Admin::Ready, weight: None, remains: 1.0 }
    }
}

/// The orders that stand, in the order they were given.
#[derive(Clone, Debug, Default)]
pub struct Orders(Vec<Order>);

impl Orders {
    /// The orders that stand, oldest first.
    #[must_use]
    pub fn all(&self) -> &[Order] {
        &self.0
    }

    /// Takes an order in; it replaces those it answers, and stands itself unless it only ends
    /// others.
    pub(super) fn give(&mut self, order: Order) {
        let ends = |standing: &Order| {
            contains(&order.scope, &standing.scope) && ends(&order.action, &standing.action)
        };
        let replaces = |standing: &Order| {
            order.scope == standing.scope && question(&order.action) == question(&standing.action)
        };
        self.0.retain(|standing| !ends(standing) && !replaces(standing));
        let stands = !matches!(
            order.action,
            Action::Ready
                | Action::ResetBreaker
                | Action::Restore { .. }
                | Action::Resume
                | Action::Weight(None)
                | Action::Traffic(None)
                | Action::Degrade { level: None }
                | Action::ClearFault
        );
        if stands {
            self.0.push(order);
        }
    }

    /// Ends the orders whose time is over; returns them.
    pub(super) fn expire(&mut self, now: Instant) -> Vec<Order> {
        self.0.extract_if(.., |order| order.until.is_some_and(|until| until <= now)).collect()
    }

    /// When an order ends by itself, or a gradual drain takes its next step.
    pub(super) fn due(&self, now: Instant) -> Option<Instant> {
        let step = |order: &Order| {
            let fading = matches!(order.action, Action::Drain { over: Some(_) });
            let next = now + FADE_STEP;
            (fading && remains(order, now) > 0.0).then_some(next)
        };
        self.0.iter().flat_map(|order| order.until.into_iter().chain(step(order))).min()
    }

    /// What they come to for one backend.
    pub(super) fn of_backend(&self, backend: &ResolvedBackend, now: Instant) -> Ordered {
        let covers = |order: &&Order| {
            order.scope.covers_backend(&backend.key, &backend.region, &backend.zone)
        };
        let mut ordered = Ordered::default();
        for order in self.0.iter().filter(covers) {
            match order.action {
                Action::Maint | Action::Stop => {
                    (ordered.admin, ordered.remains) = (Admin::Maint, 0.0);
                }
                Action::Drain { .. } => {
                    if ordered.admin == Admin::Ready {
                        ordered.admin = Admin::Drain;
                    }
                    ordered.remains = ordered.remains.min(remains(order, now));
                }
                Action::Weight(weight) if matches!(order.scope, Scope::Backend(_)) => {
                    ordered.weight = weight;
                }
                _ => {}
            }
        }
        ordered
    }

    /// The newest order about a zone as a whole, among those that `about` picks.
    pub(super) fn of_zone(
        &self,
        (pool, region, zone): (&str, &str, &str),
        about: impl Fn(&Action) -> bool,
    ) -> Option<&Order> {
        let covers = |order: &&Order| order.scope.covers_zone(pool, region, zone);
        self.0.iter().rev().filter(covers).find(|order| about(&order.action))
    }

    /// The newest order about this zone and no more than it, among those that `about` picks.
    pub(super) fn of_zone_alone(
        &self,
        (pool, region, zone): (&str, &str, &str),
        about: impl Fn(&Action) -> bool,
    ) -> Option<&Order> {
        let covers = |order: &&Order| {
            matches!(order.scope, Scope::Zone { .. }) && order.scope.covers_zone(pool, region, zone)
        };
        self.0.iter().rev().filter(covers).find(|order| about(&order.action))
    }

    /// The newest order about a region as a whole, among those that `about` picks.
    pub(super) fn of_region(
        &self,
        (pool, region): (&str, &str),
        about: impl Fn(&Action) -> bool,
    ) -> Option<&Order> {
        let covers = |order: &&Order| order.scope.covers_region(pool, region);
        self.0.iter().rev().filter(covers).find(|order| about(&order.action))
    }

    /// The part of its traffic that a pool takes, 0..=1.
    pub(super) fn traffic(&self, pool: &str) -> f64 {
        let covers = |order: &&Order| order.scope.covers_pool(pool);
        let part = |order: &Order| match order.action {
            Action::Traffic(part) => part,
            _ => None,
        };
        self.0.iter().rev().filter(covers).find_map(part).map_or(1.0, |part| part.clamp(0.0, 1.0))
    }

    /// The level of degraded service.
    pub(super) fn degradation(&self) -> Option<Arc<str>> {
        let level = |order: &Order| match &order.action {
            Action::Degrade { level } => level.clone(),
            _ => None,
        };
        self.0.iter().rev().find_map(level)
    }

    /// What is done to requests on purpose.
    pub(super) fn faults(&self) -> Vec<RouteFault> {
        let fault = |order: &Order| match (&order.scope, &order.action) {
            (Scope::Route { listener, route }, Action::Fault(fault)) => Some(RouteFault {
                listener: Arc::clone(listener),
                route: Arc::clone(route),
                fault: *fault,
            }),
            _ => None,
        };
        self.0.iter().filter_map(fault).collect()
    }

    /// The weight a zone is given instead of its configured one.
    pub(super) fn zone_weight(&self, (pool, region, zone): (&str, &str, &str)) -> Option<u32> {
        let covers = |order: &&Order| {
            matches!(order.scope, Scope::Zone { .. }) && order.scope.covers_zone(pool, region, zone)
        };
        self.0.iter().rev().filter(covers).find_map(weight)
    }

    /// The weight a region is given instead of its configured one.
    pub(super) fn region_weight(&self, (pool, region): (&str, &str)) -> Option<u32> {
        let covers = |order: &&Order| {
            matches!(order.scope, Scope::Region { .. }) && order.scope.covers_region(pool, region)
        };
        self.0.iter().rev().filter(covers).find_map(weight)
    }
}

fn weight(order: &Order) -> Option<u32> {
    match order.action {
        Action::Weight(weight) => weight,
        _ => None,
    }
}

/// What a draining order leaves of a weight.
fn remains(order: &Order, now: Instant) -> f64 {
    match order.action {
        Action::Drain { over: Some(over) } if !over.is_zero() => {
            let passed = now.saturating_duration_since(order.since);
            (1.0 - passed.as_secs_f64() / over.as_secs_f64()).max(0.0)
        }
        _ => 0.0,
    }
}

/// The questions orders answer; of each, one answer per scope stands.
#[derive(PartialEq)]
enum Question {
    Admin,
    Weight,
    Failed,
    Automation,
    Traffic,
    Breaker,
    Degradation,
    Fault,
}

fn question(action: &Action) -> Question {
    match action {
        Action::Drain { .. } | Action::Maint | Action::Ready | Action::Stop => Question::Admin,
        Action::Weight(_) => Question::Weight,
        Action::Fail { .. } | Action::Restore { .. } => Question::Failed,
        Action::Pause | Action::Resume => Question::Automation,
        Action::Traffic(_) => Question::Traffic,
        Action::ResetBreaker => Question::Breaker,
        Action::Degrade { .. } => Question::Degradation,
        Action::Fault(_) | Action::ClearFault => Question::Fault,
    }
}

/// Whether an order ends one that stands within its scope.
fn ends(given: &Action, standing: &Action) -> bool {
    match given {
        Action::Ready => question(standing) == Question::Admin,
        Action::Restore { .. } => {
            matches!(question(standing), Question::Admin | Question::Failed)
        }
        Action::Resume => question(standing) == Question::Automation,
        _ => false,
    }
}

/// Whether all that the inner scope is about lies within the outer one.
fn contains(outer: &Scope, inner: &Scope) -> bool {
    let wider = |a: &Option<_>, b: &Option<_>| a.is_none() || a == b;
    match (outer, inner) {
        (Scope::All, _) => true,
        (Scope::Pool(name), Scope::Region { pool, .. } | Scope::Zone { pool, .. }) => {
            pool.as_ref() == Some(name)
        }
        (Scope::Pool(name), Scope::Backend(key)) => key.pool == *name,
        (Scope::Region { pool, region }, Scope::Region { pool: of, region: name }) => {
            wider(pool, of) && region == name
        }
        (Scope::Region { pool, region }, Scope::Zone { pool: of, region: name, .. }) => {
            wider(pool, of) && Some(region) == name.as_ref()
        }
        (
            Scope::Zone { pool, region, zone },
            Scope::Zone { pool: of, region: within, zone: name },
        ) => wider(pool, of) && wider(region, within) && zone == name,
        _ => outer == inner,
    }
}
