//! `failover`: when zones and regions go out, and what holds automation in check.

use std::time::Duration;

use super::action;
use crate::config::read::Fields;
use crate::config::shape::{Kind, OFF, Shape, TIMEOUT, duration, key};
use crate::config::{
    Failover, HeadroomLimit, HoldDown, Restoration, Thresholds, WhenAllDown,
    value::duration as shown,
};

/// `failover` of a pool.
pub(super) static SHAPE: Shape = Shape {
    name: "failover",
    about: "When zones and regions go out, and what holds automation in check.",
    keys: &[
        key("zone", Kind::Shape(&ZONE), "A zone's limits."),
        key("region", Kind::Shape(&REGION), "A region's limits."),
        key("dwell", TIMEOUT, "The least time between two automatic changes; default `30s`."),
        key("hold_down", Kind::Shape(&HOLD_DOWN), "How long what failed stays out."),
        key(
            "max_zones_out",
            Kind::Integer { min: 0, max: 10_000 },
            "Zones out by automation at a time; default half of them, or any one region.",
        ),
        key("max_share_per_second", SHARE_OR_OFF, "How fast traffic moves; default `off`."),
        key(
            "max_transitions",
            Kind::Integer { min: 1, max: 10_000_000 },
            "Changes per zone and hour that the other numbers must keep to; default 150.",
        ),
        key("escalate_after", TIMEOUT, "What is out for longer is escalated; default `5m`."),
        key(
            "headroom",
            Kind::AnyOf(&[OFF, Kind::Shape(&HEADROOM)]),
            "When to tell that the pool can no longer lose its largest zone; default: where there are \
             several and one declares its capacity.",
        ),
        key("when_all_down", WHEN_ALL_DOWN, "When nothing can take traffic; default `refuse`."),
    ],
    later: &["validate", "quorum"],
};

static ZONE: Shape = Shape {
    name: "zone_failover",
    about: "A zone's limits.",
    keys: &[
        key("min_health", Kind::Ratio, "Below it the zone fails; default `50%`."),
        key("restore_health", Kind::Ratio, "From it on it may come back; default `75%`."),
    ],
    later: &[],
};

static REGION: Shape = Shape {
    name: "region_failover",
    about: "A region's limits.",
    keys: &[
        key(
            "min_health",
            Kind::Ratio,
            "Below it the region fails, if two zones are out or the rest cannot carry its load; \
             default `70%`.",
        ),
        key("restore_health", Kind::Ratio, "From it on it may come back; default `85%`."),
    ],
    later: &[],
};

static HOLD_DOWN: Shape = Shape {
    name: "hold_down",
    about: "How long what failed stays out; doubles with each further failure.",
    keys: &[
        key("first", LONG, "After the first failure; default `1m`."),
        key("max", LONG, "At most; default `30m`."),
        key("decay", LONG, "Time without failure that forgets one; default `1h`."),
    ],
    later: &[],
};

static HEADROOM: Shape = Shape {
    name: "headroom",
    about: "What the pool must carry without its largest zone (N-1), of what is asked of it.",
    keys: &[
        key("min", Kind::Ratio, "Below it somebody is told; default `100%`."),
        key("margin", Kind::Ratio, "So much more than `min` is enough again; default `5%`."),
        key("for", TIMEOUT, "How long it must be so; default `30s`."),
    ],
    later: &[],
};

const LONG: Kind = duration(0, 7 * 24 * 60 * 60 * 1000);
const SHARE_OR_OFF: Kind = Kind::AnyOf(&[OFF, Kind::Ratio]);
const WHEN_ALL_DOWN: Kind = Kind::AnyOf(&[CHOICES, Kind::Shape(&action::RESPOND)]);
const CHOICES: Kind = Kind::Words { now: &["refuse", "all", "last-known-good"], later: &[] };

/// Reads `failover`; `bounded`: the pool has several zones, and one
/// declares its capacity.
pub(super) fn check(fields: Option<&Fields<'_>>, bounded: bool) -> Failover {
    // Elsewhere what a zone can carry is a guess, and no reason to wake somebody.
    let headroom = bounded.then(HeadroomLimit::default);
    let mut failover = Failover { headroom, ..Failover::default() };
    let Some(fields) = fields else { return failover };
    let part = |name| fields.fields(name);
    failover.zone = thresholds(part("zone").as_ref(), failover.zone);
    failover.region = thresholds(part("region").as_ref(), failover.region);
    failover.dwell = fields.duration("dwell").unwrap_or(failover.dwell);
    failover.hold_down = hold_down(part("hold_down").as_ref(), failover.hold_down);
    failover.max_zones_out = fields.integer("max_zones_out");
    failover.max_share_per_second = share_per_second(fields);
    let limit = fields.integer("max_transitions");
    failover.max_transitions = limit.unwrap_or(failover.max_transitions);
    let escalate_after = fields.duration("escalate_after");
    failover.escalate_after = escalate_after.unwrap_or(failover.escalate_after);
    failover.headroom = match fields.get("headroom") {
        Some(cursor) if cursor.is_word("off") => None,
        Some(cursor) => cursor.fields(&HEADROOM).map(|fields| headroom_limit(&fields)),
        None => failover.headroom,
    };
    failover.when_all_down = when_all_down(fields).unwrap_or(failover.when_all_down);
    failover
}

/// Refuses numbers that let a zone change more often than is declared.
pub(super) fn judge(fields: &Fields<'_>, failover: &Failover, restoration: &Restoration) {
    let most = failover.transitions_per_hour(restoration);
    if most.is_none_or(|most| most > failover.max_transitions) {
        let most = most.map_or("countless".to_owned(), |most| most.to_string());
        fields.cursor().problem(format!(
            "a zone could change {most} times an hour with `dwell: {}` and these stages, more than \
             `max_transitions: {}` allows (expected a longer `dwell`, or a limit that means it)",
            shown(failover.dwell),
            failover.max_transitions
        ));
    }
}

/// A limit that is typed alone takes the other one along, so that they stay in order.
fn thresholds(fields: Option<&Fields<'_>>, default: Thresholds) -> Thresholds {
    let Some(fields) = fields else { return default };
    let (min, restore) = (fields.ratio("min_health"), fields.ratio("restore_health"));
    let min_health = min.unwrap_or_else(|| restore.unwrap_or(1.0).min(default.min_health));
    let restore_health = restore.unwrap_or_else(|| default.restore_health.max(min_health));
    if restore_health < min_health {
        fields.cursor().problem(
            "`restore_health` is below `min_health` (expected a zone that comes back not to fail at \
             once)",
        );
    }
    Thresholds { min_health, restore_health }
}

fn hold_down(fields: Option<&Fields<'_>>, default: HoldDown) -> HoldDown {
    let Some(fields) = fields else { return default };
    let duration = |name, default: Duration| fields.duration(name).unwrap_or(default);
    let first = duration("first", default.first);
    let max = duration("max", default.max.max(first));
    if max < first {
        fields.cursor().problem(format!(
            "`max` ({}) is shorter than `first` ({})",
            shown(max),
            shown(first)
        ));
    }
    HoldDown { first, max, decay: duration("decay", default.decay) }
}

fn headroom_limit(fields: &Fields<'_>) -> HeadroomLimit {
    let HeadroomLimit { min, margin, lasts } = HeadroomLimit::default();
    HeadroomLimit {
        min: fields.ratio("min").unwrap_or(min),
        margin: fields.ratio("margin").unwrap_or(margin),
        lasts: fields.duration("for").unwrap_or(lasts),
    }
}

fn share_per_second(fields: &Fields<'_>) -> Option<f64> {
    let cursor = fields.get("max_share_per_second").filter(|cursor| !cursor.is_word("off"))?;
    let share = cursor.ratio()?;
    if share <= 0.0 {
        cursor.problem("at `0%` traffic would never move (expected more, or `off`)");
    }
    Some(share)
}

fn when_all_down(fields: &Fields<'_>) -> Option<WhenAllDown> {
    let cursor = fields.get("when_all_down")?;
    if cursor.is_mapping() {
        return action::fixed(&cursor, 503).map(WhenAllDown::Respond);
    }
    let Kind::Words { now, later } = CHOICES else { return None };
    Some(match cursor.word(now, later)? {
        "all" => WhenAllDown::All,
        "last-known-good" => WhenAllDown::LastKnownGood,
        _ => WhenAllDown::Refuse,
    })
}
