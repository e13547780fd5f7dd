//! `shed` of a pool: from which load on it refuses requests.

use crate::config::read::{Cursor, Fields};
use crate::config::shape::{DAY_MS, Kind, OFF, Shape, duration, key};
use crate::config::{Adaptive, Queue, Region, Shed};

/// `shed` of a pool.
pub(super) static SHAPE: Shape = Shape {
    name: "shed",
    about: "From which load on requests are refused (503), the lowest priority class first.",
    keys: &[
        key(
            "concurrent",
            COUNT,
            "Requests under way, those that wait included, from which on `low` is refused; `normal` a \
             quarter later, `high` at half as many more, `critical` at twice as many.",
        ),
        key(
            "queue",
            Kind::Ratio,
            "The part of the pool's queue from which on `low` is refused; the others later, \
             `critical` when it is full.",
        ),
        key(
            "adaptive",
            Kind::AnyOf(&[ON_OR_OFF, Kind::Shape(&ADAPTIVE)]),
            "Find such a number out by how latency answers to load; default `off`.",
        ),
    ],
    later: &[],
};

static ADAPTIVE: Shape = Shape {
    name: "adaptive",
    about: "A number of requests that follows latency.",
    keys: &[
        key(
            "min",
            COUNT,
            "The number is never less, but for the moments in which it is measured; default 10.",
        ),
        key("max", COUNT, "And never more; default 1000."),
        key(
            "tolerance",
            Kind::Ratio,
            "By how much answers may take longer than while nothing waits; default `25%`.",
        ),
        key(
            "window",
            duration(1_000, DAY_MS),
            "The least time between two measurements of how long that is; default `30s`.",
        ),
    ],
    later: &[],
};

const COUNT: Kind = Kind::Integer { min: 1, max: 1_000_000 };
const ON_OR_OFF: Kind = Kind::Words { now: &["on", "off"], later: &[] };
/// `off`, or when to refuse.
pub(super) const KIND: Kind = Kind::AnyOf(&[OFF, Kind::Shape(&SHAPE)]);

/// Reads `shed` of a pool that takes so many requests at once, whose backends are these, and in whose
/// queue others wait.
pub(super) fn check(
    pool: &Fields<'_>,
    concurrent: Option<u32>,
    regions: &[Region],
    queue: Queue,
) -> Option<Shed> {
    let cursor = pool.get("shed")?;
    if cursor.is_word("off") {
        return None;
    }
    let fields = cursor.fields(&SHAPE)?;
    let adaptive = fields.get("adaptive").and_then(|cursor| adaptive(&cursor));
    let part = fields.ratio("queue");
    let shed = Shed { concurrent: fields.integer("concurrent"), queue: part, adaptive };
    if fields.is_empty() {
        cursor.problem("nothing is named (expected one of `concurrent`, `queue` and `adaptive`)");
    }
    let zones = regions.iter().flat_map(|region| &region.zones);
    let mut backends = zones.flat_map(|zone| &zone.backends);
    let waits = concurrent.is_some() || backends.any(|it| it.limits.requests.is_some());
    if let (Some(part), Some(cursor)) = (part, fields.get("queue")) {
        judge_queue(&cursor, part, waits, queue);
    }
    // Beyond, who comes finds the queue full.
    let most = concurrent.map(|places| places.saturating_add(queue.length));
    judge_numbers(&fields, &shed, most);
    Some(shed)
}

fn adaptive(cursor: &Cursor<'_>) -> Option<Adaptive> {
    let all = Adaptive::DEFAULT;
    if !cursor.is_mapping() {
        let Kind::Words { now, later } = ON_OR_OFF else { return None };
        return (cursor.word(now, later)? == "on").then_some(all);
    }
    let fields = cursor.fields(&ADAPTIVE)?;
    let read = Adaptive {
        min: fields.integer("min").unwrap_or(all.min),
        max: fields.integer("max").unwrap_or(all.max),
        tolerance: fields.ratio("tolerance").unwrap_or(all.tolerance),
        window: fields.duration("window").unwrap_or(all.window),
    };
    if read.min > read.max {
        let Adaptive { min, max, .. } = read;
        fields.cursor().problem(format!(
            "the least is more than the most: `min` is {min} and `max` {max} (expected `min` at most \
             `max`)"
        ));
    }
    if let (true, Some(cursor)) = (read.tolerance <= 0.0, fields.get("tolerance")) {
        cursor.problem("no two answers take equally long (expected more than `0%`)");
    }
    Some(read)
}

fn judge_queue(cursor: &Cursor<'_>, part: f64, waits: bool, queue: Queue) {
    if !waits {
        cursor.problem(
            "nobody ever waits here: the pool has no `limits.concurrent` and no `max_requests` (give \
             it one, or expected `concurrent` or `adaptive`)",
        );
    } else if queue.length == 0 {
        cursor.problem("nobody ever waits here: `queue.length` is 0 (remove this)");
    } else if part <= 0.0 || part >= 1.0 {
        cursor.problem(
            "a queue that is empty refuses nobody, and a full one everybody (expected more than `0%` \
             and less than `100%`)",
        );
    }
}

/// `most` = so many can be under way and wait at all.
fn judge_numbers(fields: &Fields<'_>, shed: &Shed, most: Option<u32>) {
    let named = |key: &str| fields.get(key);
    if let (Some(set), Some(most)) = (shed.concurrent, most)
        && let Some(cursor) = named("concurrent").filter(|_| set >= most)
    {
        cursor.problem(format!(
            "{set} requests can never be under way: `limits.concurrent` and `queue.length` let only \
             {most} in (expected less)"
        ));
    }
    let Some((cursor, adaptive)) = named("adaptive").zip(shed.adaptive) else { return };
    let Adaptive { min, .. } = adaptive;
    if let Some(most) = most.filter(|most| min >= *most) {
        cursor.problem(format!(
            "the least number is {min}, and `limits.concurrent` and `queue.length` let only {most} in \
             (expected a smaller `min`)"
        ));
    }
    if let Some(set) = shed.concurrent.filter(|set| *set <= min) {
        cursor.problem(format!(
            "the set threshold is {set}, and the adaptive one never goes below {min}: it could never \
             decide (expected a smaller `min`)"
        ));
    }
}
