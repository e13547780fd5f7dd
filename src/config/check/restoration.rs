//! `restoration`: how a zone or region comes back, by proof and in stages.

use std::time::Duration;

use crate::config::read::{Cursor, Fields};
use crate::config::shape::{Kind, OFF, Shape, TIMEOUT, duration, key, required};
use crate::config::{Gate, Restoration, Stage};

/// `restoration` of a pool, unless it is `off`.
pub(super) static SHAPE: Shape = Shape {
    name: "restoration",
    about: "How a zone or region comes back: proven by probes, then in stages, proven by traffic.",
    keys: &[
        key("proving", LONG, "How long it must be well before it gets anything; default `30s`."),
        key(
            "stages",
            Kind::List(&Kind::Shape(&STAGE)),
            "Parts of what it is entitled to; default 1 %, 10 % and 50 % for `5m` each, then all.",
        ),
        key("watch", LONG, "How long it is compared with the others afterwards; default `30m`."),
        key("gate", Kind::Shape(&GATE), "What it must show to get to the next stage."),
    ],
    later: &[],
};

static STAGE: Shape = Shape {
    name: "stage",
    about: "A stage of a restoration.",
    keys: &[
        required("share", Kind::Ratio, "The part of what it is entitled to."),
        key("hold", LONG, "How long it lasts at least; default `0ms`."),
    ],
    later: &[],
};

static GATE: Shape = Shape {
    name: "gate",
    about: "What traffic must show, compared with the healthy zones at the same time.",
    keys: &[
        key("alpha", Kind::Ratio, "How likely a good zone may be rolled back; default `1%`."),
        key("beta", Kind::Ratio, "How likely a bad zone may pass a stage; default `5%`."),
        key(
            "min_requests",
            Kind::Integer { min: 1, max: 1_000_000_000 },
            "Requests that each stage needs; default 100.",
        ),
        key(
            "worse_by",
            Kind::Integer { min: 2, max: 100 },
            "Times as many failed or slow requests as elsewhere that are too many; default 3.",
        ),
        key(
            "errors_below",
            Kind::Ratio,
            "An error rate that is good enough in itself; default `1%`.",
        ),
    ],
    later: &[],
};

const LONG: Kind = duration(0, 7 * 24 * 60 * 60 * 1000);

/// `slow_start` of a pool.
pub(super) const SLOW_START: Kind = Kind::AnyOf(&[OFF, TIMEOUT]);

/// Reads `restoration`.
pub(super) fn check(cursor: Option<&Cursor<'_>>) -> Restoration {
    let mut restoration = Restoration::default();
    let Some(cursor) = cursor else { return restoration };
    if cursor.is_word("off") {
        restoration.stages.clear();
        (restoration.proving, restoration.watch) = (Duration::ZERO, Duration::ZERO);
        return restoration;
    }
    if !cursor.is_mapping() {
        cursor.mismatch("`off`, or a mapping such as `{ stages: [ { share: 10%, hold: 5m } ] }`");
        return restoration;
    }
    let Some(fields) = cursor.fields(&SHAPE) else { return restoration };
    restoration.proving = fields.duration("proving").unwrap_or(restoration.proving);
    restoration.watch = fields.duration("watch").unwrap_or(restoration.watch);
    restoration.stages = stages(&fields).unwrap_or(restoration.stages);
    if let Some(fields) = fields.fields("gate") {
        restoration.gate = gate(&fields, restoration.gate);
    }
    restoration
}

fn stages(fields: &Fields<'_>) -> Option<Vec<Stage>> {
    let list = fields.list("stages")?;
    if let (true, Some(cursor)) = (list.is_empty(), fields.get("stages")) {
        cursor.problem("the list is empty (expected a stage such as `{ share: 10%, hold: 5m }`)");
    }
    let mut stages: Vec<Stage> = Vec::new();
    for cursor in &list {
        let Some(fields) = cursor.fields(&STAGE) else { continue };
        let Some(share) = fields.ratio("share") else { continue };
        if share <= stages.last().map_or(0.0, |before| before.share) {
            cursor.problem("the `share` is not larger than the one before (expected it to grow)");
        }
        stages.push(Stage { share, hold: fields.duration("hold").unwrap_or_default() });
    }
    // Whoever leaves the end out means it.
    if stages.last().is_some_and(|last| last.share < 1.0) {
        stages.push(Stage { share: 1.0, hold: Duration::ZERO });
    }
    Some(stages)
}

fn gate(fields: &Fields<'_>, default: Gate) -> Gate {
    let open = |name, default: f64| {
        let cursor = fields.get(name)?;
        let ratio = cursor.ratio()?;
        if ratio <= 0.0 || ratio >= 1.0 {
            cursor.problem(format!(
                "{} does not fit (expected more than `0%` and less than `100%`)",
                crate::config::value::ratio(ratio)
            ));
            return Some(default);
        }
        Some(ratio)
    };
    Gate {
        alpha: open("alpha", default.alpha).unwrap_or(default.alpha),
        beta: open("beta", default.beta).unwrap_or(default.beta),
        min_requests: fields.integer("min_requests").unwrap_or(default.min_requests),
        worse_by: fields.integer("worse_by").unwrap_or(default.worse_by),
        errors_below: open("errors_below", default.errors_below).unwrap_or(default.errors_below),
    }
}
