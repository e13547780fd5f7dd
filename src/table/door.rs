//! The door of a pool: who is let in when not all can be served.
//!
//! Every request, connection and flow passes here once, before its first backend is chosen, and is
//! counted by its class: from these counts control learns what arrives, and so whom to refuse.

use std::sync::Arc;
use std::time::Instant;

use super::{Picker, Shedding};
use crate::balance::round_robin::Schedule;
use crate::balance::share_parts;
use crate::live::{self, PoolId, UnderWay};
use crate::model::{Admission, Circuit, PRIORITY_CLASSES, PriorityClass};

/// A pool's door.
#[derive(Debug)]
pub struct Door {
    /// Which part of each class is let in.
    pub admission: Admission,
    /// The turns of those that are let in (0) and refused (1), by class.
    turns: [Schedule; PRIORITY_CLASSES],
    /// Whether the pool is left alone, and the turns of those that are let in (0) and refused (1) all
    /// the same.
    pub circuit: Circuit,
    trials: Schedule,
    /// Whom it refuses because it has enough to do; `None` = nobody.
    pub shedding: Option<Shedding>,
    counters: Arc<live::Arrivals>,
}

/// Why one is not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// Not all can be served.
    Shed,
    /// The pool is left alone for a while: until then, where that is known.
    CircuitOpen(Option<Instant>),
}

impl Door {
    pub(super) fn new(
        (admission, circuit): (Admission, Circuit),
        shedding: Option<Shedding>,
        counters: Arc<live::Arrivals>,
    ) -> Self {
        let turns = |part: f64| Schedule::new(&[share_parts(part), share_parts(1.0 - part)]);
        let trials = turns(circuit.admits());
        Self { admission, turns: admission.0.map(turns), circuit, trials, shedding, counters }
    }

    /// Lets one of this class in, or not; counts it. `worker` is the asking worker's index. Where it
    /// is counted how much is under way, it is for as long as what is returned lives.
    pub(super) fn admits(
        &self,
        pool: PoolId,
        class: PriorityClass,
        picker: &mut Picker,
        worker: usize,
    ) -> Result<Option<UnderWay>, Refused> {
        let counters = self.counters.worker(worker);
        counters.arrived[class as usize].add(1);
        let admits = self.admission.of(class) >= 1.0
            || self.turns[class as usize].next(picker.admission(pool, class)) == Some(0);
        if let Err(refused) = self.tries(pool, picker) {
            counters.kept_out.add(1);
            return Err(refused);
        }
        let entered = match &self.shedding {
            _ if !admits => Err(Refused::Shed),
            None => Ok(None),
            Some(shedding) => shedding.enter(class).map(Some).ok_or(Refused::Shed),
        };
        if entered.is_err() {
            counters.shed[class as usize].add(1);
        }
        entered
    }

    /// Whether the pool may be asked at all.
    fn tries(&self, pool: PoolId, picker: &mut Picker) -> Result<(), Refused> {
        match self.circuit {
            Circuit::Closed => Ok(()),
            Circuit::Open { until } => Err(Refused::CircuitOpen(Some(until))),
            Circuit::HalfOpen { .. } => match self.trials.next(picker.trial(pool)) {
                Some(0) => Ok(()),
                _ => Err(Refused::CircuitOpen(None)),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Queue, Shed};
    use crate::live::Live;
    use crate::model::PoolName;

    #[test]
    fn each_class_is_let_in_by_its_part_and_counted() {
        const ASKED: u64 = 10_000;
        let (live, name) = (Live::new(1), PoolName::from("p"));
        let admission = Admission([0.0, 0.4, 0.999, 1.0]);
        let door = Door::new((admission, Circuit::Closed), None, live.arrivals(&name));
        let (id, mut picker) = (live.pool_id(&name), Picker::new(1));
        for class in PriorityClass::ALL {
            let admitted =
                (0..ASKED).filter(|_| door.admits(id, class, &mut picker, 0).is_ok()).count();
            let expected = admission.of(class) * ASKED as f64;
            assert!((admitted as f64 - expected).abs() <= 4.0, "{class:?}: {admitted}");
            let counted = live.arrivals(&name);
            let (arrived, shed) = (counted.arrived(), counted.shed());
            assert_eq!(arrived[class as usize], ASKED);
            assert_eq!(shed[class as usize], ASKED - admitted as u64);
        }
    }

    #[test]
    fn who_is_refused_for_the_load_is_counted_as_shed_too() {
        let (live, name) = (Live::new(1), PoolName::from("p"));
        let terms = Shed { concurrent: Some(2), queue: None, adaptive: None };
        let queue = Queue { length: 0, timeout: std::time::Duration::ZERO };
        let shedding = Shedding::new(terms, live.pressure(&name), live.queue(&name), queue);
        let door =
            Door::new((Admission::ALL, Circuit::Closed), Some(shedding), live.arrivals(&name));
        let (id, mut picker) = (live.pool_id(&name), Picker::new(1));
        let asked: Vec<_> =
            (0..5).map(|_| door.admits(id, PriorityClass::Low, &mut picker, 0)).collect();
        assert_eq!(asked.iter().filter(|it| it.is_ok()).count(), 2);
        assert_eq!(live.arrivals(&name).shed()[0], 3);
        drop(asked);
        assert!(door.admits(id, PriorityClass::Low, &mut picker, 0).is_ok());
    }

    #[test]
    fn a_pool_that_is_left_alone_gets_nothing_and_on_trial_a_part() {
        let (live, name) = (Live::new(1), PoolName::from("p"));
        let (id, mut picker) = (live.pool_id(&name), Picker::new(1));
        let until = tokio::time::Instant::now().into_std();
        for (circuit, expected) in
            [(Circuit::Open { until }, 0), (Circuit::HalfOpen { share: 0.1 }, 100)]
        {
            let door = Door::new((Admission::ALL, circuit), None, live.arrivals(&name));
            let mut ask = || door.admits(id, PriorityClass::Critical, &mut picker, 0);
            let admitted = (0..1000).filter(|_| ask().is_ok()).count();
            assert!(admitted.abs_diff(expected) <= 2, "{circuit}: {admitted}");
        }
        let arrivals = live.arrivals(&name);
        assert_eq!(arrivals.shed(), [0; PRIORITY_CLASSES], "it is another reason");
        assert!(arrivals.kept_out() >= 1890);
    }
}
