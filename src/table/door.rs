//! The door of a pool: who is let in when not all can be served.
//!
//! Every request, connection and flow passes here once, before its first backend is chosen, and is
//! counted by its class: from these counts control learns what arrives, and so whom to refuse.

use std::sync::Arc;

use super::Picker;
use crate::balance::round_robin::Schedule;
use crate::balance::share_parts;
use crate::live::{self, PoolId};
use crate::model::{Admission, PRIORITY_CLASSES, PriorityClass};

/// A pool's door.
#[derive(Debug)]
pub struct Door {
    /// Which part of each class is let in.
    pub admission: Admission,
    /// The turns of those that are let in (0) and refused (1), by class.
    turns: [Schedule; PRIORITY_CLASSES],
    counters: Arc<live::Arrivals>,
}

impl Door {
    pub(super) fn new(admission: Admission, counters: Arc<live::Arrivals>) -> Self {
        let turns = |part: f64| Schedule::new(&[share_parts(part), share_parts(1.0 - part)]);
        Self { admission, turns: admission.0.map(turns), counters }
    }

    /// Whether one of this class is let in; counts it. `worker` is the asking worker's index.
    pub(super) fn admits(
        &self,
        pool: PoolId,
        class: PriorityClass,
        picker: &mut Picker,
        worker: usize,
    ) -> bool {
        let counters = self.counters.worker(worker);
        counters.arrived[class as usize].add(1);
        let admits = self.admission.of(class) >= 1.0
            || self.turns[class as usize].next(picker.admission(pool, class)) == Some(0);
        if !admits {
            counters.shed[class as usize].add(1);
        }
        admits
    }
}
