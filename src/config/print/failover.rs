//! How zones fail and come back, printed.

use super::yaml::{Tree, list, map, text, word};
use crate::config::value;
use crate::config::{Capacity, Failover, Restoration, Thresholds, WhenAllDown};

/// `failover`.
pub(super) fn failover(failover: &Failover) -> Tree {
    let hold_down = map([
        ("first", word(value::duration(failover.hold_down.first))),
        ("max", word(value::duration(failover.hold_down.max))),
        ("decay", word(value::duration(failover.hold_down.decay))),
    ]);
    let when_all_down = match &failover.when_all_down {
        WhenAllDown::Refuse => word("refuse"),
        WhenAllDown::All => word("all"),
        WhenAllDown::LastKnownGood => word("last-known-good"),
        WhenAllDown::Respond(fixed) => {
            map([("status", word(fixed.status)), ("body", text(&fixed.body))])
        }
    };
    let headroom = failover.headroom.map_or(word("off"), |limit| {
        map([
            ("min", word(value::ratio(limit.min))),
            ("margin", word(value::ratio(limit.margin))),
            ("for", word(value::duration(limit.lasts))),
        ])
    });
    let share = failover.max_share_per_second;
    let mut keys = vec![
        ("zone", thresholds(failover.zone)),
        ("region", thresholds(failover.region)),
        ("dwell", word(value::duration(failover.dwell))),
        ("hold_down", hold_down),
        ("max_share_per_second", share.map_or(word("off"), |share| word(value::ratio(share)))),
        ("max_transitions", word(failover.max_transitions)),
        ("escalate_after", word(value::duration(failover.escalate_after))),
        ("headroom", headroom),
        ("when_all_down", when_all_down),
    ];
    if let Some(zones) = failover.max_zones_out {
        keys.insert(4, ("max_zones_out", word(zones)));
    }
    map(keys)
}

fn thresholds(thresholds: Thresholds) -> Tree {
    map([
        ("min_health", word(value::ratio(thresholds.min_health))),
        ("restore_health", word(value::ratio(thresholds.restore_health))),
    ])
}

/// `restoration`.
pub(super) fn restoration(restoration: &Restoration) -> Tree {
    if restoration.stages.is_empty() {
        return word("off");
    }
    let stages = list(&restoration.stages, |stage| {
        map([
            ("share", word(value::ratio(stage.share))),
            ("hold", word(value::duration(stage.hold))),
        ])
    });
    let gate = &restoration.gate;
    let gate = map([
        ("alpha", word(value::ratio(gate.alpha))),
        ("beta", word(value::ratio(gate.beta))),
        ("min_requests", word(gate.min_requests)),
        ("worse_by", word(gate.worse_by)),
        ("errors_below", word(value::ratio(gate.errors_below))),
    ]);
    map([
        ("proving", word(value::duration(restoration.proving))),
        ("stages", stages),
        ("watch", word(value::duration(restoration.watch))),
        ("gate", gate),
    ])
}

/// `capacity`.
pub(super) fn capacity(capacity: Capacity) -> Tree {
    match capacity {
        Capacity::Rps(rps) => map([("rps", word(rps))]),
        Capacity::Concurrent(concurrent) => map([("concurrent", word(concurrent))]),
    }
}
