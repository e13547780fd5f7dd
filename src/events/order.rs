//! Orders between the process, whose time is its own, and what outlives it, whose time is the
//! wall clock's.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::wire;
use crate::model::{Action, BackendKey, Fault, FaultKind, Order, Scope, UnixMillis, printable};

/// One moment by both clocks.
#[derive(Clone, Copy, Debug)]
pub struct Anchor {
    /// By the process's.
    pub instant: Instant,
    /// By the wall's.
    pub wall: UnixMillis,
}

impl Anchor {
    /// A moment of the process by the wall clock.
    #[must_use]
    pub fn wall(&self, moment: Instant) -> u64 {
        let ms = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        match moment.checked_duration_since(self.instant) {
            Some(later) => self.wall.0.saturating_add(ms(later)),
            None => self.wall.0.saturating_sub(ms(self.instant.duration_since(moment))),
        }
    }

    /// A moment of the wall clock by the process's; one that the process's clock does not reach is
    /// now.
    #[must_use]
    pub fn instant(&self, wall_ms: u64) -> Instant {
        let moment = match wall_ms.checked_sub(self.wall.0) {
            Some(later) => self.instant.checked_add(Duration::from_millis(later)),
            None => self.instant.checked_sub(Duration::from_millis(self.wall.0 - wall_ms)),
        };
        moment.unwrap_or(self.instant)
    }
}

/// An order as it is written down.
#[must_use]
pub fn written(order: &Order, anchor: Anchor) -> wire::Order {
    wire::Order {
        scope: scope_written(&order.scope),
        action: action_written(&order.action),
        actor: clean(&order.actor),
        why: clean(&order.why),
        since_ms: anchor.wall(order.since),
        until_ms: order.until.map(|until| anchor.wall(until)),
    }
}

/// An order as it was written down.
#[must_use]
pub fn read_back(order: &wire::Order, anchor: Anchor) -> Order {
    Order {
        scope: scope(&order.scope),
        action: action(&order.action),
        actor: shared(&order.actor),
        why: shared(&order.why),
        since: anchor.instant(order.since_ms),
        until: order.until_ms.map(|until| anchor.instant(until)),
    }
}

fn scope_written(scope: &Scope) -> wire::Scope {
    let named = |name: &Option<Arc<str>>| name.as_deref().map(clean);
    match scope {
        Scope::All => wire::Scope::All {},
        Scope::Listener(name) => wire::Scope::Listener { listener: clean(name) },
        Scope::Route { listener, route } => {
            wire::Scope::Route { listener: clean(listener), route: clean(route) }
        }
        Scope::Pool(name) => wire::Scope::Pool { pool: clean(name) },
        Scope::Region { pool, region } => {
            wire::Scope::Region { pool: named(pool), region: clean(region) }
        }
        Scope::Zone { pool, region, zone } => {
            wire::Scope::Zone { pool: named(pool), region: named(region), zone: clean(zone) }
        }
        Scope::Backend(key) => {
            wire::Scope::Backend { pool: clean(&key.pool), backend: clean(&key.name) }
        }
    }
}

/// What an order that was written down is about.
#[must_use]
pub fn scope(scope: &wire::Scope) -> Scope {
    let named = |name: &Option<String>| name.as_deref().map(shared);
    match scope {
        wire::Scope::All {} => Scope::All,
        wire::Scope::Listener { listener } => Scope::Listener(shared(listener)),
        wire::Scope::Route { listener, route } => {
            Scope::Route { listener: shared(listener), route: shared(route) }
        }
        wire::Scope::Pool { pool } => Scope::Pool(shared(pool)),
        wire::Scope::Region { pool, region } => {
            Scope::Region { pool: named(pool), region: shared(region) }
        }
        wire::Scope::Zone { pool, region, zone } => {
            Scope::Zone { pool: named(pool), region: named(region), zone: shared(zone) }
        }
        wire::Scope::Backend { pool, backend } => {
            Scope::Backend(BackendKey { pool: shared(pool), name: shared(backend) })
        }
    }
}

fn action_written(action: &Action) -> wire::Action {
    match action {
        Action::Drain { over } => wire::Action::Drain {
            over_ms: over.map(|over| u64::try_from(over.as_millis()).unwrap_or(u64::MAX)),
        },
        Action::Maint => wire::Action::Maint {},
        Action::Ready => wire::Action::Ready {},
        Action::Weight(weight) => wire::Action::Weight { weight: *weight },
        Action::Fail { to } => wire::Action::Fail { to: to.as_deref().map(clean) },
        Action::Restore { advance } => wire::Action::Restore { advance: *advance },
        Action::Pause => wire::Action::Pause {},
        Action::Resume => wire::Action::Resume {},
        Action::Traffic(part) => wire::Action::Traffic { part: *part },
        Action::ResetBreaker => wire::Action::ResetBreaker {},
        Action::Degrade { level } => wire::Action::Degrade { level: level.as_deref().map(clean) },
        Action::Fault(Fault { kind, part }) => {
            wire::Action::Fault { fault: fault_written(*kind), part: *part }
        }
        Action::ClearFault => wire::Action::ClearFault {},
        Action::Stop => wire::Action::Stop {},
    }
}

/// What an order that was written down orders.
#[must_use]
pub fn action(action: &wire::Action) -> Action {
    match action {
        wire::Action::Drain { over_ms } => {
            Action::Drain { over: over_ms.map(Duration::from_millis) }
        }
        wire::Action::Maint {} => Action::Maint,
        wire::Action::Ready {} => Action::Ready,
        wire::Action::Weight { weight } => Action::Weight(*weight),
        wire::Action::Fail { to } => Action::Fail { to: to.as_deref().map(shared) },
        wire::Action::Restore { advance } => Action::Restore { advance: *advance },
        wire::Action::Pause {} => Action::Pause,
        wire::Action::Resume {} => Action::Resume,
        wire::Action::Traffic { part } => Action::Traffic(*part),
        wire::Action::ResetBreaker {} => Action::ResetBreaker,
        wire::Action::Degrade { level } => Action::Degrade { level: level.as_deref().map(shared) },
        wire::Action::Fault { fault: given, part } => {
            Action::Fault(Fault { kind: fault(*given), part: *part })
        }
        wire::Action::ClearFault {} => Action::ClearFault,
        wire::Action::Stop {} => Action::Stop,
    }
}

fn fault_written(kind: FaultKind) -> wire::Fault {
    match kind {
        FaultKind::Delay(delay) => {
            wire::Fault::Delay { delay_ms: u64::try_from(delay.as_millis()).unwrap_or(u64::MAX) }
        }
        FaultKind::Abort(status) => wire::Fault::Abort { status },
        FaultKind::Reset => wire::Fault::Reset {},
    }
}

fn fault(kind: wire::Fault) -> FaultKind {
    match kind {
        wire::Fault::Delay { delay_ms } => FaultKind::Delay(Duration::from_millis(delay_ms)),
        wire::Fault::Abort { status } => FaultKind::Abort(status),
        wire::Fault::Reset {} => FaultKind::Reset,
    }
}

fn clean(text: &str) -> String {
    printable(text).into_owned()
}

fn shared(text: &(impl AsRef<str> + ?Sized)) -> Arc<str> {
    Arc::from(text.as_ref())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Instant {
        tokio::time::Instant::now().into_std()
    }

    #[test]
    fn an_order_comes_back_as_it_was_given() {
        let anchor = Anchor { instant: now(), wall: UnixMillis(1_795_228_024_123) };
        let later = Anchor {
            instant: anchor.instant + Duration::from_secs(60),
            wall: UnixMillis(anchor.wall.0 + 60_000),
        };
        let key = BackendKey { pool: "api".into(), name: "a1".into() };
        let zone = Scope::Zone { pool: None, region: Some("eu".into()), zone: "eu-1".into() };
        let over = Some(Duration::from_secs(300));
        let scopes = [
            Scope::All,
            Scope::Listener("web".into()),
            Scope::Route { listener: "web".into(), route: "api".into() },
            Scope::Pool("api".into()),
            Scope::Region { pool: Some("api".into()), region: "eu".into() },
            zone,
            Scope::Backend(key),
        ];
        let actions = [
            Action::Drain { over },
            Action::Drain { over: None },
            Action::Maint,
            Action::Ready,
            Action::Weight(Some(0)),
            Action::Weight(None),
            Action::Fail { to: Some("us".into()) },
            Action::Restore { advance: true },
            Action::Pause,
            Action::Resume,
            Action::Traffic(Some(0.25)),
            Action::Stop,
            Action::ResetBreaker,
            Action::Degrade { level: Some("lean".into()) },
            Action::Degrade { level: None },
            Action::Fault(Fault { kind: FaultKind::Delay(Duration::from_millis(7)), part: 0.5 }),
            Action::Fault(Fault { kind: FaultKind::Abort(503), part: 1.0 }),
            Action::Fault(Fault { kind: FaultKind::Reset, part: 0.01 }),
            Action::ClearFault,
        ];
        for (scope, action) in scopes.iter().cycle().zip(actions) {
            let order = Order {
                scope: scope.clone(),
                action,
                actor: "admin uid 0".into(),
                why: "because".into(),
                since: anchor.instant - Duration::from_millis(5),
                until: Some(anchor.instant + Duration::from_secs(1_800)),
            };
            let text = serde_json::to_string(&written(&order, anchor)).unwrap();
            let back = read_back(&serde_json::from_str(&text).unwrap(), later);
            assert_eq!(back, order, "{text}");
        }
    }

    #[test]
    fn no_time_that_a_file_may_hold_breaks_anything() {
        let anchor = Anchor { instant: now(), wall: UnixMillis(1_795_228_024_123) };
        assert!(anchor.instant(0) <= anchor.instant);
        assert!(anchor.instant(u64::MAX) >= anchor.instant);
    }
}
