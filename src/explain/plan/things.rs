//! Which parts of the configuration come, go or change, and what follows for connections.

use std::collections::{BTreeMap, HashMap};

use super::view::{Change, Setting, Thing};
use crate::config::{self, Config};

/// The kind and the name of a part.
type Id = (&'static str, String);

/// A part of a config, by the keys that lead to it.
struct Part {
    /// What it comes and goes with.
    within: Option<Id>,
    /// Its settings, by the rest of their keys.
    settings: BTreeMap<String, String>,
}

/// The parts of a config: their names in the order of the file, and what they are.
struct Parts {
    order: Vec<Id>,
    by_name: HashMap<Id, Part>,
    /// Each listener's routes: the first one that matches wins.
    routes: HashMap<String, Vec<String>>,
}

/// All parts that differ: as in the new file, then those that go. What is in a pool or listener that
/// comes or goes as a whole is not told by itself.
pub(super) fn differences(before: &Config, after: &Config) -> Vec<Thing> {
    let (old, new) = (Parts::of(before), Parts::of(after));
    let mut things = Vec::new();
    for (id, part) in new.all() {
        match old.by_name.get(id) {
            None if old.has_place_of(part) => {
                things.push(thing(id, Change::Added, Vec::new()));
            }
            None => {}
            Some(was) => {
                let mut settings = changed(was, part);
                settings.extend(old.reordered(&new, id));
                if !settings.is_empty() {
                    things.push(thing(id, Change::Changed, settings));
                }
            }
        }
    }
    let gone =
        old.all().filter(|(id, part)| !new.by_name.contains_key(*id) && new.has_place_of(part));
    things.extend(gone.map(|(id, _)| thing(id, Change::Removed, Vec::new())));
    things
}

impl Parts {
    fn all(&self) -> impl Iterator<Item = (&Id, &Part)> {
        self.order.iter().filter_map(|id| Some((id, self.by_name.get(id)?)))
    }

    /// Whether what the part is within is there.
    fn has_place_of(&self, part: &Part) -> bool {
        part.within.as_ref().is_none_or(|within| self.by_name.contains_key(within))
    }

    fn of(config: &Config) -> Self {
        let routes = config.listeners.iter().map(|listener| {
            let names = listener.routes.iter().map(|route| route.name.to_string());
            (listener.name.to_string(), names.collect())
        });
        let (order, by_name) = (Vec::new(), HashMap::new());
        let mut parts = Self { order, by_name, routes: routes.collect() };
        for config::Setting { path, value } in config::settings(config) {
            let keys: Vec<&str> = path.iter().map(String::as_str).collect();
            let (id, within, rest) = part_of(&keys);
            if !parts.by_name.contains_key(&id) {
                parts.order.push(id.clone());
            }
            let part = || Part { within, settings: place_of(&keys) };
            let part = parts.by_name.entry(id).or_insert_with(part);
            part.settings.insert(rest.join("."), value);
        }
        parts
    }

    /// Routes of a listener that are in another order than before.
    fn reordered(&self, after: &Self, (kind, listener): &Id) -> Option<Setting> {
        let (old, new) = (self.routes.get(listener)?, after.routes.get(listener)?);
        let common = |of: &[String], other: &[String]| -> Vec<String> {
            of.iter().filter(|name| other.contains(name)).cloned().collect()
        };
        let (before, after) = (common(old, new), common(new, old));
        let joined = |names: Vec<String>| Some(names.join(", "));
        (*kind == "listener" && before != after).then(|| Setting {
            key: "order of routes".to_owned(),
            before: joined(before),
            after: joined(after),
        })
    }
}

/// What part a setting is of, what that is within, and the setting's own keys.
fn part_of<'k>(keys: &'k [&'k str]) -> (Id, Option<Id>, &'k [&'k str]) {
    let listener = |name: &str| ("listener", name.to_owned());
    let pool = |name: &str| ("pool", name.to_owned());
    match keys {
        ["listeners", name, "routes", route, rest @ ..] => {
            (("route", format!("{name}/{route}")), Some(listener(name)), rest)
        }
        ["listeners", name, rest @ ..] => (listener(name), None, rest),
        ["pools", name, "regions", _, "zones", _, "backends", backend, rest @ ..] => {
            (("backend", format!("{name}/{backend}")), Some(pool(name)), rest)
        }
        ["pools", name, "regions", region, "zones", zone, rest @ ..] => {
            (("zone", format!("{name}/{region}/{zone}")), Some(pool(name)), rest)
        }
        ["pools", name, "regions", region, rest @ ..] => {
            (("region", format!("{name}/{region}")), Some(pool(name)), rest)
        }
        ["pools", name, rest @ ..] => (pool(name), None, rest),
        [section, rest @ ..] => (("process", (*section).to_owned()), None, rest),
        [] => (("process", String::new()), None, &[]),
    }
}

/// Where a backend is: one that moves to another zone is still the same.
fn place_of(keys: &[&str]) -> BTreeMap<String, String> {
    match keys {
        ["pools", _, "regions", region, "zones", zone, "backends", ..] => {
            [("zone".to_owned(), format!("{region}/{zone}"))].into()
        }
        _ => BTreeMap::new(),
    }
}

/// The settings that differ, in the order of their keys.
fn changed(before: &Part, after: &Part) -> Vec<Setting> {
    let gone = before.settings.keys().filter(|key| !after.settings.contains_key(*key));
    let mut keys: Vec<&String> = after.settings.keys().chain(gone).collect();
    keys.sort_unstable();
    let of = |part: &Part, key: &str| part.settings.get(key).cloned();
    let setting = |key: &String| {
        let (before, after) = (of(before, key), of(after, key));
        (before != after).then(|| Setting { key: key.clone(), before, after })
    };
    keys.into_iter().filter_map(setting).collect()
}

fn thing((kind, name): &Id, change: Change, settings: Vec<Setting>) -> Thing {
    let follows = follows(kind, change, &settings).map(str::to_owned).into_iter().collect();
    Thing { kind: (*kind).to_owned(), name: name.clone(), change, follows, settings }
}

/// What follows for connections and traffic.
fn follows(kind: &str, change: Change, settings: &[Setting]) -> Option<&'static str> {
    let changes = |key: &str| settings.iter().any(|setting| setting.key == key);
    Some(match (kind, change) {
        ("listener", Change::Added) => "opens its addresses",
        ("listener", Change::Removed) => {
            "accepts no more; its connections end after their current response"
        }
        ("listener", Change::Changed) if changes("bind") => {
            "opens what is new; at an address that goes, connections end after their current response"
        }
        ("listener", Change::Changed) => "its connections stay",
        ("backend", Change::Added) => "gets traffic once its checks have passed",
        ("backend", Change::Removed) => {
            "gets nothing new; what is under way finishes, idle connections to it close"
        }
        ("backend", Change::Changed) if changes("address") => {
            "idle connections to the old address close; the new one has to pass its checks"
        }
        ("pool", Change::Removed) => "requests under way finish, idle connections close",
        _ => return None,
    })
}
