//! `breaker` of a pool: when the pool as a whole is left alone for a while.

use super::health::slow;
use crate::config::Breaker;
use crate::config::read::{Cursor, Fields};
use crate::config::shape::{Kind, Shape, TIMEOUT, duration, key};

/// `breaker` of a pool.
static SHAPE: Shape = Shape {
    name: "breaker",
    about: "When the pool as a whole answers so badly that it is left alone for a while (503). A single \
            backend is ejected by `health.traffic` long before.",
    keys: &[
        key("window", duration(1_000, 3_600_000), "How far back; default `10s`."),
        key("min_requests", COUNT, "Fewer tries that ended within it say nothing; default 10."),
        key("max_errors", Kind::Ratio, "The part of them that may fail; default `50%`."),
        key("slow", slow::KIND, "When answers are too slow; default `off`."),
        key("open", TIMEOUT, "How long nothing is let in before a trial; default `30s`."),
        key("trial_share", Kind::Ratio, "The part that is let in on trial; default `10%`."),
        key("trial_requests", COUNT, "Tries that must end well on trial; default 3."),
    ],
    later: &[],
};

const COUNT: Kind = Kind::Integer { min: 1, max: 1_000_000 };
const ON_OR_OFF: Kind = Kind::Words { now: &["on", "off"], later: &[] };

/// What `breaker` of a pool may be.
pub(super) const KIND: Kind = Kind::AnyOf(&[ON_OR_OFF, Kind::Shape(&SHAPE)]);

/// Reads `breaker` of a pool.
pub(super) fn check(pool: &Fields<'_>) -> Option<Breaker> {
    let cursor = pool.get("breaker")?;
    let all = Breaker::DEFAULT;
    if !cursor.is_mapping() {
        let Kind::Words { now, later } = ON_OR_OFF else { return None };
        return (cursor.word(now, later)? == "on").then_some(all);
    }
    let fields = cursor.fields(&SHAPE)?;
    let breaker = Breaker {
        window: fields.duration("window").unwrap_or(all.window),
        min_requests: fields.integer("min_requests").unwrap_or(all.min_requests),
        max_errors: fields.ratio("max_errors").unwrap_or(all.max_errors),
        slow: fields.get("slow").and_then(|cursor| slow::check(&cursor)),
        open: fields.duration("open").unwrap_or(all.open),
        trial_share: fields.ratio("trial_share").unwrap_or(all.trial_share),
        trial_requests: fields.integer("trial_requests").unwrap_or(all.trial_requests),
    };
    judge(&cursor, &breaker);
    Some(breaker)
}

fn judge(cursor: &Cursor<'_>, breaker: &Breaker) {
    if breaker.trial_share <= 0.0 {
        cursor.problem(
            "`trial_share: 0%` gives a trial no request: the pool would never be let in again \
             (expected more than `0%`)",
        );
    }
    let harmless = breaker.slow.is_none_or(|slow| slow.max >= 1.0);
    if breaker.max_errors >= 1.0 && harmless {
        cursor.problem(
            "never more than all tries fail or are slow: it could never open (expected `max_errors` \
             below `100%`, or `slow`)",
        );
    }
}
