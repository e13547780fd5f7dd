//! The verbs of a scenario: each an event's one key besides `at`, with a place and its own terms.

use std::sync::Arc;
use std::time::Duration;

use super::MOMENT;
use super::place::{BACKEND, POOL, Places, REGION, ZONE};
use crate::config::read::{Cursor, Fields};
use crate::config::scenario::{Event, Verb};
use crate::config::shape::{DAY_MS, Key, Kind, Shape, duration, key, required};
use crate::config::value;
use crate::model::{Action, Scope};

/// An item of `events`.
pub(super) static SHAPE: Shape = Shape {
    name: "scenario_event",
    about: "Something that happens: `at`, and one verb.",
    keys: &[
        required("at", MOMENT, "When, from the scenario's beginning."),
        key("kill", Kind::Shape(&KILL), "Its backends are gone."),
        key("return", Kind::Shape(&PLAIN), "They are there again."),
        key("flap", Kind::Shape(&FLAP), "It is gone and back by turns."),
        key("impair", Kind::Shape(&IMPAIR), "It becomes slow, or fails."),
        key("leak", Kind::Shape(&LEAK), "It becomes slow, or fails, little by little."),
        key("capacity", Kind::Shape(&CAPACITY), "It can answer only a part of what it could."),
        key("dependency", Kind::Shape(&DEPENDENCY), "What all of it depends on fails."),
        key("mend", Kind::Shape(&PLAIN), "It is as in the beginning."),
        key("drain", Kind::Shape(&DRAIN), "Order: nothing new goes there."),
        key("maint", Kind::Shape(&ORDER), "Order: it is out."),
        key("undrain", Kind::Shape(&ORDER), "Order: it takes part again."),
        key("fail", Kind::Shape(&FAIL), "Order: it counts as failed."),
        key("restore", Kind::Shape(&RESTORE), "Order: bring it back in stages."),
        key("weight", Kind::Shape(&WEIGHT), "Order: another weight."),
        key("traffic", Kind::Shape(&TRAFFIC), "Order: a pool takes only this part."),
        key("pause", Kind::Shape(&ORDER), "Order: automation rests there."),
        key("resume", Kind::Shape(&ORDER), "Order: automation goes on there."),
        key("stop", Kind::Shape(&ORDER), "Order: emergency stop."),
    ],
    later: &[],
};

const FOR: Key = key("for", duration(1, DAY_MS), "It ends by itself after this time.");
const WHY: Key = key("why", Kind::Text("one line of text"), "Why, for the log.");
const LATENCY: Key = key("latency", duration(1, 60_000), "The median time to answer.");
const ERRORS: Key = key("errors", Kind::Ratio, "The part of the answers that are errors.");

static PLAIN: Shape = Shape {
    name: "scenario_place",
    about: "A place.",
    keys: &[POOL, REGION, ZONE, BACKEND],
    later: &[],
};

static KILL: Shape = Shape {
    name: "scenario_kill",
    about: "A place whose backends are gone.",
    keys: &[
        POOL,
        REGION,
        ZONE,
        BACKEND,
        FOR,
        key("silent", Kind::Boolean, "Not even refused; default `false` for a backend alone."),
    ],
    later: &[],
};

static FLAP: Shape = Shape {
    name: "scenario_flap",
    about: "A place that is gone and back by turns.",
    keys: &[
        POOL,
        REGION,
        ZONE,
        BACKEND,
        FOR,
        required("period", duration(100, DAY_MS), "From one loss to the next."),
        key("gone", duration(1, DAY_MS), "How long each time; default half the period."),
    ],
    later: &[],
};

static IMPAIR: Shape = Shape {
    name: "scenario_impair",
    about: "A place that is slow, or fails.",
    keys: &[POOL, REGION, ZONE, BACKEND, FOR, LATENCY, ERRORS],
    later: &[],
};

static LEAK: Shape = Shape {
    name: "scenario_leak",
    about: "A place that becomes slow, or fails, little by little.",
    keys: &[
        POOL,
        REGION,
        ZONE,
        BACKEND,
        FOR,
        LATENCY,
        ERRORS,
        required("over", duration(1, DAY_MS), "How long it takes to get there."),
    ],
    later: &[],
};

static CAPACITY: Shape = Shape {
    name: "scenario_capacity",
    about: "A place that can answer less.",
    keys: &[
        POOL,
        REGION,
        ZONE,
        BACKEND,
        FOR,
        required("left", Kind::Ratio, "The part of its requests per second that is left."),
    ],
    later: &[],
};

static DEPENDENCY: Shape = Shape {
    name: "scenario_dependency",
    about: "A place that depends on something that fails.",
    keys: &[POOL, REGION, ZONE, FOR, ERRORS],
    later: &[],
};

static ORDER: Shape = Shape {
    name: "scenario_order",
    about: "What an operator orders something for.",
    keys: &[POOL, REGION, ZONE, BACKEND, FOR, WHY],
    later: &[],
};

static DRAIN: Shape = Shape {
    name: "scenario_drain",
    about: "What shall get nothing new.",
    keys: &[
        POOL,
        REGION,
        ZONE,
        BACKEND,
        FOR,
        WHY,
        key("over", duration(1, DAY_MS), "Down to nothing evenly over this time."),
    ],
    later: &[],
};

static FAIL: Shape = Shape {
    name: "scenario_fail",
    about: "What counts as failed.",
    keys: &[
        POOL,
        REGION,
        ZONE,
        FOR,
        WHY,
        key("to", Kind::Text("the name of a zone or region"), "Who takes over; default anybody."),
    ],
    later: &[],
};

static RESTORE: Shape = Shape {
    name: "scenario_restore",
    about: "What is brought back.",
    keys: &[
        POOL,
        REGION,
        ZONE,
        WHY,
        key("advance", Kind::Boolean, "Go to the next stage whatever the evidence."),
    ],
    later: &[],
};

static WEIGHT: Shape = Shape {
    name: "scenario_weight",
    about: "What weighs differently.",
    keys: &[
        POOL,
        REGION,
        ZONE,
        BACKEND,
        FOR,
        WHY,
        required("is", Kind::Integer { min: 0, max: 65_535 }, "The weight; 0 = nothing at all."),
    ],
    later: &[],
};

static TRAFFIC: Shape = Shape {
    name: "scenario_traffic",
    about: "A pool that takes only a part of its traffic.",
    keys: &[POOL, FOR, WHY, required("share", Kind::Ratio, "The part that it takes.")],
    later: &[],
};

/// Reads one event; one that ends by itself becomes two.
pub(super) fn check(
    cursor: &Cursor<'_>,
    places: &Places<'_>,
    end: Option<Duration>,
    events: &mut Vec<Event>,
) -> Option<()> {
    let fields = cursor.fields(&SHAPE)?;
    let verbs = SHAPE.keys.iter().map(|key| key.name).filter(|name| *name != "at");
    let given: Vec<&str> = verbs.filter(|name| fields.has(name)).collect();
    let name = match given[..] {
        [name] => name,
        [] => {
            if fields.len() < 2 {
                cursor.problem("nothing happens here (expected a verb such as `kill`)");
            }
            return None;
        }
        [one, other, ..] => {
            cursor.problem(format!("`{one}` and `{other}` in one event (expected one verb)"));
            return None;
        }
    };
    let at = fields.duration("at");
    if let (Some(at), Some(end)) = (at, end)
        && at >= end
    {
        let end = value::duration(end);
        cursor.warning(format!("this never happens: the scenario ends at {end}"));
    }
    let terms = fields.fields(name)?;
    let place = place(name, &terms, places);
    let verb = verb(name, &terms, place.as_ref());
    let (at, place, verb) = (at?, place?, verb?);
    let until = if terms.knows("for") { terms.duration("for") } else { None };
    let ended = until.and_then(|lasts| Some((at + lasts, ending(&verb)?)));
    if let Some((at, verb)) = ended {
        events.push(Event { at, place: place.clone(), verb });
    }
    events.push(Event { at, place, verb });
    Some(())
}

fn place(name: &str, terms: &Fields<'_>, places: &Places<'_>) -> Option<Scope> {
    let place = places.read(terms)?;
    let wanted = match (name, &place) {
        ("pause" | "resume", _) => return Some(place),
        ("traffic", Scope::Pool(_)) => return Some(place),
        ("traffic", _) => "`pool`",
        ("fail" | "restore", Scope::All | Scope::Pool(_)) => "`zone` or `region`",
        ("weight", Scope::All | Scope::Pool(_)) => "`zone`, `region` or `backend`",
        (_, Scope::All) => "`zone`, `region`, `pool` or `backend`",
        _ => return Some(place),
    };
    terms.cursor().problem(format!("it is not said where (expected {wanted})"));
    None
}

fn verb(name: &str, terms: &Fields<'_>, place: Option<&Scope>) -> Option<Verb> {
    let action = match name {
        "kill" => {
            let alone = matches!(place, Some(Scope::Backend(_)));
            return Some(Verb::Kill { silent: terms.boolean("silent").unwrap_or(!alone) });
        }
        "return" => return Some(Verb::Return),
        "mend" => return Some(Verb::Mend),
        "flap" => return flap(terms),
        "impair" | "leak" => return impair(terms),
        "capacity" => return Some(Verb::Capacity(terms.ratio("left")?)),
        "dependency" => return Some(Verb::Dependency(terms.ratio("errors").unwrap_or(0.0))),
        "drain" => Action::Drain { over: terms.duration("over") },
        "maint" => Action::Maint,
        "undrain" => Action::Ready,
        "fail" => Action::Fail { to: terms.text("to").map(|(_, name)| Arc::from(name)) },
        "restore" => Action::Restore { advance: terms.boolean("advance").unwrap_or(false) },
        "weight" => Action::Weight(Some(terms.integer("is")?)),
        "traffic" => Action::Traffic(Some(terms.ratio("share")?)),
        "pause" => Action::Pause,
        "resume" => Action::Resume,
        _ => Action::Stop,
    };
    let why = terms.text("why").map_or_else(|| Arc::from(""), |(_, why)| Arc::from(why));
    let lasts = if terms.knows("for") { terms.duration("for") } else { None };
    Some(Verb::Order { action, why, lasts })
}

fn flap(terms: &Fields<'_>) -> Option<Verb> {
    let period = terms.duration("period")?;
    let gone = terms.duration("gone").unwrap_or(period / 2);
    if gone >= period {
        let period = value::duration(period);
        terms.cursor().problem(format!("`gone` is as long as the period, {period}, or longer"));
    }
    Some(Verb::Flap { period, gone })
}

fn impair(terms: &Fields<'_>) -> Option<Verb> {
    let (latency, errors) = (terms.duration("latency"), terms.ratio("errors"));
    if !terms.has("latency") && !terms.has("errors") {
        terms.cursor().problem("it is not said how (expected `latency`, `errors` or both)");
    }
    let over = if terms.knows("over") { terms.duration("over")? } else { Duration::ZERO };
    Some(Verb::Impair { latency, errors, over })
}

/// What ends a verb; an order ends by itself.
fn ending(verb: &Verb) -> Option<Verb> {
    match verb {
        Verb::Kill { .. } | Verb::Flap { .. } => Some(Verb::Return),
        Verb::Impair { .. } | Verb::Capacity(_) | Verb::Dependency(_) => Some(Verb::Mend),
        Verb::Return | Verb::Mend | Verb::Order { .. } => None,
    }
}
