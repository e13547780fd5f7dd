//! `health.traffic`: what live traffic is judged by, and what follows.

use super::{mapping, slow};
use crate::config::read::Cursor;
use crate::config::shape::{Kind, OFF, Shape, duration, key};
use crate::config::{TrafficCheck, value};

pub(super) const KIND: Kind = Kind::AnyOf(&[OFF, Kind::Shape(&SHAPE)]);

static SHAPE: Shape = Shape {
    name: "traffic_check",
    about: "What live traffic is judged by; that nothing connects ejects in any case.",
    keys: &[
        key("window", duration(1_000, 3_600_000), "How far back; default `10s`."),
        key("min_requests", COUNT, "Fewer tries that ended within it say nothing; default 20."),
        key("max_errors", Kind::Ratio, "The part of them that may fail; default `50%`."),
        key("slow", slow::KIND, "When answers are too slow; default `off`."),
        key("eject", EJECT, "The first ejection's least time, doubled each time; default `10s`."),
        key("eject_max", EJECT, "The longest such time; default `5m`."),
        key(
            "max_ejected",
            Kind::Ratio,
            "The part of the pool that may be out by its answers, at least one; default `50%`.",
        ),
        key("trial_requests", COUNT, "Tries that must end well on trial; default 3."),
        key("trial_share", Kind::Ratio, "The part of its weight meanwhile; default `10%`."),
    ],
    later: &[],
};

const COUNT: Kind = Kind::Integer { min: 1, max: 1_000_000 };
const EJECT: Kind = duration(100, 24 * 60 * 60 * 1000);

/// Reads what traffic is judged by, unless it is `off`.
pub(super) fn check(cursor: &Cursor<'_>) -> Option<TrafficCheck> {
    let default = TrafficCheck::DEFAULT;
    let fields = mapping(cursor, &SHAPE)?;
    let check = TrafficCheck {
        window: fields.duration("window").unwrap_or(default.window),
        min_requests: fields.integer("min_requests").unwrap_or(default.min_requests),
        max_errors: fields.ratio("max_errors").unwrap_or(default.max_errors),
        slow: fields.get("slow").and_then(|cursor| slow::check(&cursor)),
        eject: fields.duration("eject").unwrap_or(default.eject),
        eject_max: fields.duration("eject_max").unwrap_or(default.eject_max),
        max_ejected: fields.ratio("max_ejected").unwrap_or(default.max_ejected),
        trial_requests: fields.integer("trial_requests").unwrap_or(default.trial_requests),
        trial_share: fields.ratio("trial_share").unwrap_or(default.trial_share),
    };
    judge(cursor, &check);
    Some(check)
}

fn judge(cursor: &Cursor<'_>, check: &TrafficCheck) {
    if check.eject > check.eject_max {
        cursor.problem(format!(
            "`eject` ({}) is longer than `eject_max` ({})",
            value::duration(check.eject),
            value::duration(check.eject_max),
        ));
    }
    if check.trial_share <= 0.0 {
        cursor.problem(
            "`trial_share: 0%` gives a trial no request: who is ejected would never come back \
             (expected more than `0%`)",
        );
    }
    if check.max_errors >= 1.0 && check.slow.is_none() {
        cursor.warning("`max_errors: 100%`: answers are counted, but eject nobody");
    }
}
