//! How often a layer is asked, and how many answers make a verdict: the same keys in every layer.

use std::time::Duration;

use crate::config::defaults::{self, JITTER as JITTER_DEFAULT};
use crate::config::read::Fields;
use crate::config::shape::{Key, Kind, duration, key};
use crate::config::{Cadence, value};

pub(super) const FALL: Key = key("fall", COUNT, "Failures in a row until Down; default 3.");
pub(super) const RISE: Key = key("rise", COUNT, "Passes in a row until Up again; default 2.");
pub(super) const JITTER: Key =
    key("jitter", Kind::Ratio, "How much of the interval a probe may be off; default `10%`.");
/// What counts answers.
pub(super) const COUNT: Kind = Kind::Integer { min: 1, max: 1000 };

pub(super) const fn interval(about: &'static str) -> Key {
    key("interval", duration(10, 24 * 60 * 60 * 1000), about)
}

pub(super) const fn timeout(about: &'static str) -> Key {
    key("timeout", duration(1, 60 * 60 * 1000), about)
}

/// The cadence of a layer of which only the times are its own.
pub(super) fn default(interval: Duration, timeout: Duration) -> Cadence {
    let (fall, rise) = (defaults::FALL, defaults::RISE);
    Cadence { interval, timeout, fall, rise, jitter: JITTER_DEFAULT }
}

/// Reads the cadence of a layer.
pub(super) fn read(fields: &Fields<'_>, default: Cadence) -> Cadence {
    let cadence = Cadence {
        interval: fields.duration("interval").unwrap_or(default.interval),
        timeout: fields.duration("timeout").unwrap_or(default.timeout),
        fall: fields.integer("fall").unwrap_or(default.fall),
        rise: fields.integer("rise").unwrap_or(default.rise),
        jitter: fields.ratio("jitter").unwrap_or(default.jitter),
    };
    if cadence.timeout > cadence.interval {
        fields.cursor().warning(format!(
            "`timeout` ({}) is longer than `interval` ({}): a hanging backend is probed less often",
            value::duration(cadence.timeout),
            value::duration(cadence.interval),
        ));
    }
    cadence
}
