//! What an operator has ordered about requests themselves: which are done without for a while, and
//! which meet a fault on purpose.
//!
//! Nearly always there is nothing of the kind, and then a request looks at one pointer.

use std::sync::Arc;

use super::Picker;
use crate::config::{Config, DegradationLevel};
use crate::model::{FaultKind, Plan, PriorityClass, RouteFault};

/// Orders about requests.
#[derive(Debug)]
pub struct Exceptions {
    /// What is done without.
    pub degradation: Option<Arc<DegradationLevel>>,
    /// What is done on purpose.
    faults: Vec<RouteFault>,
}

impl Exceptions {
    /// Those of a plan that the configuration knows of and allows.
    pub(super) fn of(config: &Config, plan: &Plan) -> Option<Box<Self>> {
        let named = |name: &Arc<str>| config.degradation.iter().find(|level| level.name == *name);
        let degradation = plan.degradation.as_ref().and_then(named).cloned();
        // An order that was given before does not outlast the permission.
        let faults = if config.admin.faults.is_some() { plan.faults.clone() } else { Vec::new() };
        let any = degradation.is_some() || !faults.is_empty();
        any.then(|| Box::new(Self { degradation, faults }))
    }

    /// The level that refuses what is of this class and came by this route, if one does.
    #[must_use]
    pub fn refuses(
        &self,
        listener: &str,
        route: &str,
        class: PriorityClass,
    ) -> Option<&DegradationLevel> {
        self.degradation.as_deref().filter(|level| level.refuses(listener, route, class))
    }

    /// The fault of this route.
    #[must_use]
    pub fn fault_of(&self, listener: &str, route: &str) -> Option<&RouteFault> {
        let on = |it: &&RouteFault| *it.listener == *listener && *it.route == *route;
        self.faults.iter().find(on)
    }

    /// What is done to a request of this route, which chance decides.
    #[must_use]
    pub fn meets(&self, listener: &str, route: &str, picker: &mut Picker) -> Option<FaultKind> {
        let fault = self.fault_of(listener, route)?.fault;
        (picker.part() < fault.part).then_some(fault.kind)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::model::Fault;
    use crate::table::fixture;

    fn plan() -> Plan {
        let fault = Fault { kind: FaultKind::Reset, part: 0.25 };
        let faults = vec![RouteFault { listener: "web".into(), route: "api".into(), fault }];
        Plan { faults, degradation: Some("lean".into()), ..Plan::default() }
    }

    #[test]
    fn without_orders_or_permission_there_is_nothing() {
        let config = fixture::config(vec![], vec![]);
        assert!(Exceptions::of(&config, &Plan::default()).is_none());
        assert!(Exceptions::of(&config, &plan()).is_none(), "no such level, and no faults allowed");
    }

    #[test]
    fn a_fault_meets_its_part_of_its_route() {
        let mut config = fixture::config(vec![], vec![]);
        config.admin.faults = Some(Duration::from_secs(60));
        let exceptions = Exceptions::of(&config, &plan()).unwrap();
        let mut picker = Picker::new(7);
        let mut met = |route| {
            let meets = (0..10_000).filter_map(|_| exceptions.meets("web", route, &mut picker));
            meets.count()
        };
        assert!(met("api").abs_diff(2_500) < 200);
        assert_eq!(met("other"), 0);
        assert!(exceptions.refuses("web", "api", PriorityClass::Low).is_none());
    }
}
