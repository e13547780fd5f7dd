//! Warns of probes that ask too much, or see too late.

use std::time::Duration;

use crate::config::probing::latest_detection;
use crate::config::read::{Fields, Named};
use crate::config::{Pool, probe_loads, value};

/// Probes a second above which a config is probably not meant so: they cost a core and more, and
/// are a load that the backends feel.
const PER_SECOND_MAX: f64 = 20_000.0;

/// The latest a pool's quickest layer may see that a backend answers nothing.
const DETECTION_MAX: Duration = Duration::from_secs(3);

/// Judges what the pools of a file, each named there, ask.
pub(super) fn warn(file: &Fields<'_>, named: &[Named<'_>], pools: &[Pool]) {
    let rate: f64 = pools.iter().flat_map(probe_loads).map(|load| load.per_second).sum();
    if let (true, Some(cursor)) = (rate > PER_SECOND_MAX, file.get("pools")) {
        cursor.warning(format!(
            "these pools ask for {rate:.0} probes a second (expected at most {PER_SECOND_MAX}; \
             make `interval` longer, or name fewer layers)"
        ));
    }
    for pool in pools {
        let Some(named) = named.iter().find(|named| *named.name == *pool.name) else { continue };
        let late = latest_detection(pool).filter(|(_, time)| *time > DETECTION_MAX);
        if let Some((layer, time)) = late {
            named.value.warning(format!(
                "a backend that hangs is down only after {} of `{}` (expected at most {}; \
                 name `network` or `process`, too, or make `interval` shorter)",
                value::duration(Duration::from_millis(time.as_millis() as u64)),
                layer.name(),
                value::duration(DETECTION_MAX),
            ));
        }
    }
}
