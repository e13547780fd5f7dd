//! `degradation`: the levels of degraded service that an operator may order.

use std::collections::HashMap;
use std::sync::Arc;

use super::{action, name, priority};
use crate::config::problem::{nearest, shown};
use crate::config::read::{Cursor, Fields};
use crate::config::shape::{Kind, Shape, key, required};
use crate::config::{Action, DegradationLevel, Listener, Protocol, RouteName};
use crate::model::{PRIORITY_CLASSES, PriorityClass};

/// An item of `degradation`.
pub(super) static SHAPE: Shape = Shape {
    name: "degradation_level",
    about: "What is refused while an operator orders it (`pulsegate degrade NAME`).",
    keys: &[
        required("name", Kind::Text(name::NAME), "Its name, by which it is ordered."),
        required("refuse", Kind::Shape(&REFUSE), "What is refused."),
        key(
            "respond",
            Kind::Shape(&action::RESPOND),
            "What refused requests are answered with; default 503 with `Retry-After`.",
        ),
    ],
    later: &[],
};

static REFUSE: Shape = Shape {
    name: "refuse",
    about: "What is refused: all of these priority classes, and all of these routes.",
    keys: &[
        key("priority", Kind::OneOrMany(&priority::CLASS), "Priority classes."),
        key("routes", Kind::OneOrMany(&Kind::Text(ROUTE)), "Routes, as `listener/route`."),
    ],
    later: &[],
};

const ROUTE: &str = "a route as listener/route";

/// Reads `degradation`.
pub(super) fn check(root: &Fields<'_>, listeners: &[&Listener]) -> Vec<Arc<DegradationLevel>> {
    let cursors = root.list("degradation").unwrap_or_default();
    let mut lines: HashMap<Arc<str>, u32> = HashMap::new();
    let mut levels = Vec::new();
    for cursor in &cursors {
        let Some(level) = level(cursor, listeners) else { continue };
        if let Some(line) = lines.insert(Arc::clone(&level.name), cursor.line()) {
            cursor.problem(format!(
                "there is a level `{}` already, in line {line} (give one another name)",
                level.name
            ));
        }
        levels.push(Arc::new(level));
    }
    levels
}

fn level(cursor: &Cursor<'_>, listeners: &[&Listener]) -> Option<DegradationLevel> {
    let fields = cursor.fields(&SHAPE)?;
    let name = fields.get("name").and_then(|cursor| name::of_value(&cursor));
    if let (Some("off"), Some(cursor)) = (name.as_deref(), fields.get("name")) {
        cursor.problem("`off` ends the level that was ordered (give it another name)");
    }
    let respond = fields.get("respond").and_then(|cursor| action::fixed(&cursor, 503));
    let refuse = fields.fields("refuse")?;
    let mut classes = [false; PRIORITY_CLASSES];
    for cursor in refuse.list("priority").unwrap_or_default() {
        classes[priority::class(&cursor) as usize] = true;
    }
    if classes == [true; PRIORITY_CLASSES] {
        refuse.cursor().problem(
            "every class is refused, and so is everything: that is no degraded service (expected one \
             class less, or `pulsegate traffic POOL --percent 0`)",
        );
    }
    let critical = classes[PriorityClass::Critical as usize];
    let above = PriorityClass::ALL.into_iter().take(3).find(|class| !classes[*class as usize]);
    if let (true, Some(class)) = (critical, above) {
        refuse.cursor().warning(format!(
            "`critical` is refused and `{}` is not: what must work while everything else does not \
             goes first",
            class.name()
        ));
    }
    let typed = refuse.list("routes").unwrap_or_default();
    if refuse.is_empty() || (classes == [false; PRIORITY_CLASSES] && typed.is_empty()) {
        refuse.cursor().problem("nothing is refused (expected `priority` or `routes`)");
    }
    let routes = typed.iter().filter_map(|cursor| route(cursor, listeners)).collect();
    Some(DegradationLevel { name: name?, classes, routes, respond })
}

/// A route that forwards, by its names.
fn route(cursor: &Cursor<'_>, listeners: &[&Listener]) -> Option<RouteName> {
    let text = cursor.text(ROUTE)?;
    let Some((listener, route)) = text.split_once('/') else {
        cursor.mismatch(ROUTE);
        return None;
    };
    let names = listeners.iter().map(|it| &*it.name);
    let Some(found) = listeners.iter().find(|it| *it.name == *listener) else {
        unknown(cursor, "listener", listener, names);
        return None;
    };
    let routes = forwarding(found);
    if !routes.iter().any(|(name, _)| *name == route) {
        unknown(cursor, "route", route, routes.iter().map(|(name, _)| *name));
        return None;
    }
    if routes.iter().any(|(name, forwards)| *name == route && !forwards) {
        cursor.problem("only what is forwarded can be refused (expected a route to `pool`s)");
    }
    Some(RouteName { listener: Arc::from(listener), route: Arc::from(route) })
}

/// The routes of a listener, and whether each forwards.
fn forwarding(listener: &Listener) -> Vec<(&str, bool)> {
    let requests = listener.routes.iter();
    let requests = requests.map(|it| (&*it.name, matches!(it.action, Action::Pools(_))));
    let bytes = match &listener.protocol {
        Protocol::Udp(udp) => &udp.forwards[..],
        Protocol::Http | Protocol::Tcp(_) => listener.tcp().map_or(&[][..], |tcp| &tcp.forwards),
    };
    requests.chain(bytes.iter().map(|it| (&*it.name, true))).collect()
}

fn unknown<'n>(
    cursor: &Cursor<'_>,
    what: &str,
    typed: &str,
    names: impl Iterator<Item = &'n str> + Clone,
) {
    let cure = match nearest(typed, names.clone()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("expected one of: {}", names.collect::<Vec<_>>().join(", ")),
    };
    cursor.problem(format!("there is no {what} {} ({cure})", shown(typed)));
}
