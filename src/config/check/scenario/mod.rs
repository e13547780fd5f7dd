//! A scenario, read against the config it is for.

mod place;
mod verb;

use std::sync::Arc;
use std::time::Duration;

use self::place::Places;
use crate::config::Config;
use crate::config::problem::Report;
use crate::config::raw::Node;
use crate::config::read::{Cursor, Fields};
use crate::config::scenario::{Event, Load, Nature, Scenario};
use crate::config::shape::{DAY_MS, Kind, Shape, duration, key, required};
use crate::model::ZoneKey;

/// The whole file.
static ROOT: Shape = Shape {
    name: "scenario",
    about: "What happens to the world that a config serves.",
    keys: &[
        required("version", Kind::Integer { min: 1, max: 1 }, "The version of the file's form."),
        required("about", Kind::Text("one line of text"), "What it shows."),
        key("config", Kind::Text(super::PATH), "Its config, relative to this file."),
        required("duration", duration(1_000, DAY_MS), "How long it goes on."),
        required(
            "load",
            Kind::Map { of: "pool", values: &Kind::Shape(&LOAD), x_keys: false },
            "The requests that each pool is offered.",
        ),
        key("world", Kind::Shape(&WORLD), "What zones are like while nothing is wrong."),
        key("events", Kind::List(&Kind::Shape(&verb::SHAPE)), "What happens."),
    ],
    later: &[],
};

static LOAD: Shape = Shape {
    name: "scenario_load",
    about: "The requests that a pool is offered.",
    keys: &[
        key("rps", RPS, "Requests per second, all the time."),
        key("curve", Kind::List(&Kind::Shape(&POINT)), "Requests per second over time."),
    ],
    later: &[],
};

static POINT: Shape = Shape {
    name: "scenario_load_point",
    about: "A point of a load curve; straight lines lead from one to the next.",
    keys: &[
        required("at", MOMENT, "From the scenario's beginning."),
        required("rps", RPS, "Requests per second."),
    ],
    later: &[],
};

static WORLD: Shape = Shape {
    name: "scenario_world",
    about: "What zones are like while nothing is wrong.",
    keys: &[
        key("default", Kind::Shape(&NATURE), "Every zone that is not named."),
        key(
            "zones",
            Kind::Map { of: "zone", values: &Kind::Shape(&NATURE), x_keys: false },
            "Zones that differ.",
        ),
    ],
    later: &[],
};

static NATURE: Shape = Shape {
    name: "scenario_nature",
    about: "What a zone's backends are like.",
    keys: &[
        key("latency", duration(1, 60_000), "The median time to answer; default 20ms."),
        key("round_trip", duration(0, 10_000), "From the balancer; default 1ms."),
        key("errors", Kind::Ratio, "The part of the answers that are errors; default 0%."),
        key("rps", RPS, "What it can answer per second, all backends; default any number."),
    ],
    later: &[],
};

const RPS: Kind = Kind::Integer { min: 0, max: 10_000_000 };

/// A moment of a scenario.
const MOMENT: Kind = duration(0, DAY_MS);

/// Reads the whole file.
pub(in crate::config) fn check(node: &Node, report: &Report, config: &Config) -> Option<Scenario> {
    let fields = Cursor::root(node, report).fields(&ROOT)?;
    fields.integer::<u32>("version");
    fields.text("config");
    let about = fields.text("about").map(|(_, text)| Arc::from(text));
    let duration = fields.duration("duration");
    let places = Places::new(config);
    let mut events = Vec::new();
    for cursor in fields.list("events").unwrap_or_default() {
        verb::check(&cursor, &places, duration, &mut events);
    }
    events.sort_by_key(|event: &Event| event.at);
    let loads = loads(&fields, &places);
    let zones = zones(fields.fields("world").as_ref(), &places);
    Some(Scenario { about: about?, duration: duration?, loads, zones, events })
}

/// The config that the file names as its own.
pub(in crate::config) fn own_config<'a>(node: &'a Node, report: &'a Report) -> Option<&'a str> {
    let fields = Cursor::root(node, report).fields(&ROOT)?;
    fields.text("config").map(|(_, path)| path)
}

fn loads(fields: &Fields<'_>, places: &Places<'_>) -> Vec<Load> {
    let mut loads = Vec::new();
    for named in fields.entries("load").unwrap_or_default() {
        let Some(pool) = places.pools().find(|pool| *pool.name == *named.name) else {
            let names = places.pools().map(|pool| &*pool.name);
            named.problem(place::unknown("pool", named.name, names));
            continue;
        };
        let Some(fields) = named.value.fields(&LOAD) else { continue };
        let curve = match (fields.integer::<u32>("rps"), fields.list("curve")) {
            (Some(rps), None) => vec![(Duration::ZERO, f64::from(rps))],
            (None, Some(points)) => curve(&fields, &points),
            (Some(_), Some(_)) => {
                named.problem("both `rps` and `curve` are given (expected one of them)");
                continue;
            }
            (None, None) => {
                if !fields.has("rps") {
                    named.problem("the load is missing (expected `rps` or `curve`)");
                }
                continue;
            }
        };
        loads.push(Load { pool: Arc::clone(&pool.name), curve });
    }
    loads
}

fn curve(fields: &Fields<'_>, points: &[Cursor<'_>]) -> Vec<(Duration, f64)> {
    let mut curve: Vec<(Duration, f64)> = Vec::new();
    for cursor in points {
        let Some(point) = cursor.fields(&POINT) else { continue };
        let (at, rps) = (point.duration("at"), point.integer::<u32>("rps"));
        let (Some(at), Some(rps)) = (at, rps) else { continue };
        if curve.last().is_some_and(|(before, _)| *before >= at) {
            cursor.problem("`at` is not after the point before (expected ascending times)");
        }
        curve.push((at, f64::from(rps)));
    }
    if points.is_empty() {
        fields.cursor().problem("the curve has no point (expected at least one)");
    }
    curve
}

fn zones(world: Option<&Fields<'_>>, places: &Places<'_>) -> Vec<(ZoneKey, Nature)> {
    let usual = Nature {
        latency: Duration::from_millis(20),
        round_trip: Duration::from_millis(1),
        errors: 0.0,
        rps: None,
    };
    let default = world.and_then(|world| world.fields("default"));
    let default = default.map_or(usual, |fields| nature(&fields, usual));
    let mut differing = Vec::new();
    for named in world.and_then(|world| world.entries("zones")).unwrap_or_default() {
        if !places.zones().any(|key| *key.zone == *named.name) {
            let zones: Vec<ZoneKey> = places.zones().collect();
            let names = zones.iter().map(|key| &*key.zone);
            named.problem(place::unknown("zone", named.name, names));
        }
        if let Some(fields) = named.value.fields(&NATURE) {
            differing.push((named.name, nature(&fields, default)));
        }
    }
    let of = |key: ZoneKey| {
        let found = differing.iter().find(|(name, _)| *key.zone == **name);
        let nature = found.map_or(default, |(_, nature)| *nature);
        (key, nature)
    };
    places.zones().map(of).collect()
}

/// Every zone, answering at once.
pub(in crate::config) fn quiet_zones(config: &Config) -> Vec<(ZoneKey, Nature)> {
    let soon = Duration::from_millis(1);
    let nature = Nature { latency: soon, round_trip: Duration::ZERO, errors: 0.0, rps: None };
    Places::new(config).zones().map(|key| (key, nature)).collect()
}

fn nature(fields: &Fields<'_>, default: Nature) -> Nature {
    Nature {
        latency: fields.duration("latency").unwrap_or(default.latency),
        round_trip: fields.duration("round_trip").unwrap_or(default.round_trip),
        errors: fields.ratio("errors").unwrap_or(default.errors),
        rps: fields.integer::<u32>("rps").map(f64::from).or(default.rps),
    }
}
