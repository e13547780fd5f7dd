//! When zones and regions go out, how they come back, and what holds both in check.

use std::time::Duration;

use super::{FixedResponse, defaults};

/// When automation takes a pool's zones and regions out.
#[derive(Clone, Debug, PartialEq)]
pub struct Failover {
    /// A zone's limits.
    pub zone: Thresholds,
    /// A region's limits.
    pub region: Thresholds,
    /// The least time between two changes that automation makes to one zone or region; a rollback
    /// of a restoration need not wait for it.
    pub dwell: Duration,
    /// How long it stays out.
    pub hold_down: HoldDown,
    /// Zones that may be out by automation at a time; `None` = half of them, or any one region.
    pub max_zones_out: Option<u32>,
    /// The part of the pool's traffic (0..=1) that may move in a second away from zones that could
    /// go on; `None` = all.
    pub max_share_per_second: Option<f64>,
    /// The declared limit of changes per zone and hour, which the other numbers must keep.
    pub max_transitions: u32,
    /// A zone or region that is out for so long without being proven is escalated.
    pub escalate_after: Duration,
    /// When to tell that the pool can no longer lose its largest zone; `None` = never.
    pub headroom: Option<HeadroomLimit>,
    /// What is done when nothing can take traffic.
    pub when_all_down: WhenAllDown,
}

/// Two limits of health, so that what is at one of them does not go to and fro.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Thresholds {
    /// Below it, 0..=1, it fails.
    pub min_health: f64,
    /// From it on, 0..=1, it may prove itself; not below `min_health`.
    pub restore_health: f64,
}

/// What a pool must be able to carry without its largest zone (N-1), as parts of what is asked of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HeadroomLimit {
    /// Below it, 0..=1, somebody is told.
    pub min: f64,
    /// So much more than `min`, 0..=1, is enough again.
    pub margin: f64,
    /// For how long it must be so.
    pub lasts: Duration,
}

/// How long a zone or region that failed stays out at least.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HoldDown {
    /// After the first failure.
    pub first: Duration,
    /// At most, however often it doubled.
    pub max: Duration,
    /// After this time without a failure, one failure is forgotten.
    pub decay: Duration,
}

/// What is done when nothing can take traffic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WhenAllDown {
    /// Requests are refused.
    Refuse,
    /// All that no operator has removed is used as if it were up.
    All,
    /// What took traffic last goes on taking it.
    LastKnownGood,
    /// Requests get this response.
    Respond(FixedResponse),
}

/// How a zone or region comes back.
#[derive(Clone, Debug, PartialEq)]
pub struct Restoration {
    /// How long it must be well before it gets anything.
    pub proving: Duration,
    /// Parts of what it is entitled to, each larger than the one before, the last one the whole.
    /// None (`restoration: off`) = it comes back at once when proven.
    pub stages: Vec<Stage>,
    /// How long it is still compared with the others when it has its whole part again.
    pub watch: Duration,
    /// What it must show to get to the next stage.
    pub gate: Gate,
}

/// A stage of a restoration.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stage {
    /// The part of what it is entitled to, above 0, up to 1.
    pub share: f64,
    /// How long it lasts at least.
    pub hold: Duration,
}

/// What traffic must show in a stage, compared with the healthy zones at the same time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Gate {
    /// How likely a zone as good as the others may be rolled back, in a whole restoration, 0..1.
    pub alpha: f64,
    /// How likely a zone that is `worse_by` may pass a stage, 0..1.
    pub beta: f64,
    /// Requests a stage needs at least.
    pub min_requests: u64,
    /// How many times as often as the healthy zones' its requests must fail, or take longer than
    /// the healthy zones' 99th percentile, to be certainly worse; at least 2.
    pub worse_by: u32,
    /// An error rate (0..1) that is good enough where the healthy zones have no errors at all.
    pub errors_below: f64,
}

/// How a drain ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drain {
    /// What is still open then is closed.
    pub deadline: Duration,
}

/// What a zone can take at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Capacity {
    /// Requests per second, above 0.
    Rps(u32),
    /// Requests in flight, above 0.
    Concurrent(u32),
}

impl Default for Failover {
    fn default() -> Self {
        let limits = |(min_health, restore_health)| Thresholds { min_health, restore_health };
        Self {
            zone: limits(defaults::ZONE_HEALTH),
            region: limits(defaults::REGION_HEALTH),
            dwell: defaults::DWELL,
            hold_down: HoldDown {
                first: defaults::HOLD_DOWN,
                max: defaults::HOLD_DOWN_MAX,
                decay: defaults::HOLD_DOWN_DECAY,
            },
            max_zones_out: None,
            max_share_per_second: None,
            max_transitions: defaults::MAX_TRANSITIONS,
            escalate_after: defaults::ESCALATE_AFTER,
            headroom: None,
            when_all_down: WhenAllDown::Refuse,
        }
    }
}

impl Default for HeadroomLimit {
    fn default() -> Self {
        let (min, margin) = defaults::HEADROOM;
        Self { min, margin, lasts: defaults::HEADROOM_LASTS }
    }
}

impl Default for Restoration {
    fn default() -> Self {
        let stage = |(share, hold)| Stage { share, hold };
        Self {
            proving: defaults::PROVING,
            stages: defaults::STAGES.into_iter().map(stage).collect(),
            watch: defaults::WATCH,
            gate: Gate {
                alpha: defaults::GATE_ALPHA,
                beta: defaults::GATE_BETA,
                min_requests: defaults::GATE_MIN_REQUESTS,
                worse_by: defaults::GATE_WORSE_BY,
                errors_below: defaults::GATE_ERRORS_BELOW,
            },
        }
    }
}

impl Default for Drain {
    fn default() -> Self {
        Self { deadline: defaults::DRAIN_DEADLINE }
    }
}

impl Failover {
    /// The most changes of phase that a zone can go through in an hour, whatever its backends do;
    /// `None` = more than can be told.
    ///
    /// A change that is not a rollback ends a phase that lasted for `dwell` or longer. So the rate
    /// of changes is that of the fastest round through the phases, and a walk that is no whole
    /// number of rounds adds at most two: the first change may come at once, and one may be a
    /// rollback.
    #[must_use]
    pub fn transitions_per_hour(&self, restoration: &Restoration) -> Option<u32> {
        let at_least = |time: Duration| time.max(self.dwell).as_secs_f64();
        let dwell = self.dwell.as_secs_f64();
        let mut rate = 1.0 / dwell; // Out and Proving in turn.
        // Out, Proving, then back to Out from one stage after the other.
        let mut time = at_least(self.hold_down.first) + at_least(restoration.proving);
        let mut changes = 2.0;
        for stage in restoration.stages.iter().filter(|stage| !stage.is_whole_at_once()) {
            changes += 1.0;
            rate = f64::max(rate, changes / time);
            time += at_least(stage.hold);
        }
        if !restoration.stages.is_empty() {
            changes += 1.0;
            rate = f64::max(rate, changes / time);
            time += at_least(restoration.watch);
        }
        rate = f64::max(rate, (changes + 1.0) / (time + dwell)); // Active, then Out.
        let most = (rate * 3600.0).floor() + 2.0;
        (most <= f64::from(u32::MAX)).then_some(most as u32)
    }
}

impl Stage {
    /// Whether the stage is nothing but the end of the stages: the watch begins in its place.
    #[must_use]
    pub fn is_whole_at_once(&self) -> bool {
        self.share >= 1.0 && self.hold.is_zero()
    }
}
