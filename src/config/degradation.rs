//! What can be done without when there is not enough for everything.

use std::sync::Arc;

use super::FixedResponse;
use crate::model::{PRIORITY_CLASSES, PriorityClass};

/// A level of degraded service that an operator may order: what is refused meanwhile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DegradationLevel {
    /// Its name, unique in the config.
    pub name: Arc<str>,
    /// Which classes are refused, indexed by [`PriorityClass`].
    pub classes: [bool; PRIORITY_CLASSES],
    /// Which routes are refused.
    pub routes: Vec<RouteName>,
    /// What refused requests are answered with; `None` = 503. Connections are reset, datagrams dropped.
    pub respond: Option<FixedResponse>,
}

/// A route by its names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteName {
    /// The listener's.
    pub listener: Arc<str>,
    /// Its own.
    pub route: Arc<str>,
}

impl DegradationLevel {
    /// Does it refuse what is of this class and came by this route?
    #[must_use]
    pub fn refuses(&self, listener: &str, route: &str, class: PriorityClass) -> bool {
        let named = |name: &RouteName| *name.listener == *listener && *name.route == *route;
        self.classes[class as usize] || self.routes.iter().any(named)
    }
}
