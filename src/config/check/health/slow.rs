//! `slow`: when answers are too slow.

use std::time::Duration;

use super::mapping;
use crate::config::defaults::TRAFFIC_MAX_SLOW;
use crate::config::read::Cursor;
use crate::config::shape::{Kind, OFF, Shape, duration, key, required};
use crate::config::{Slow, value};
use crate::model::LATENCY_BOUNDS_US;

static SHAPE: Shape = Shape {
    name: "slow",
    about: "When answers are too slow.",
    keys: &[
        required("above", duration(1, 30_000), "Slow is a response head that took longer."),
        key("max", Kind::Ratio, "The part of the answers that may be slow; default `50%`."),
    ],
    later: &[],
};

/// `off`, or when.
pub(in crate::config::check) const KIND: Kind = Kind::AnyOf(&[OFF, Kind::Shape(&SHAPE)]);

/// Reads when answers are too slow, unless it is `off`.
pub(in crate::config::check) fn check(cursor: &Cursor<'_>) -> Option<Slow> {
    let fields = mapping(cursor, &SHAPE)?;
    let above = fields.duration("above").unwrap_or(Duration::from_secs(1));
    let us = above.as_micros();
    if !LATENCY_BOUNDS_US.iter().any(|bound| u128::from(*bound) == us) {
        let next = LATENCY_BOUNDS_US.iter().find(|bound| u128::from(**bound) > us);
        let next = Duration::from_micros(next.copied().unwrap_or_default());
        cursor.warning(format!(
            "latencies are counted in steps: `above` ({}) acts as {}",
            value::duration(above),
            value::duration(next),
        ));
    }
    Some(Slow { above, max: fields.ratio("max").unwrap_or(TRAFFIC_MAX_SLOW) })
}
