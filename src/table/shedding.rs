//! Whom a pool refuses because it has enough to do.
//!
//! What fails under overload is not the request too many but all of them: each waits for all others,
//! until none is back before its client has left. So from some load on a pool lets no more in, and
//! what it refuses first is what can be done without. The load is looked at for each request, in two
//! counts that all workers share; how much is borne is written down once for all, or found out beside
//! the requests.

use std::sync::Arc;

use crate::config::{self, Queue};
use crate::live::{self, Pressure, UnderWay};
use crate::model::PriorityClass;

/// When a pool refuses requests, and what it has to do.
#[derive(Debug)]
pub struct Shedding {
    /// When it refuses them.
    pub terms: config::Shed,
    /// What it has to do.
    pub pressure: Arc<Pressure>,
    waiting: Arc<live::Queue>,
    length: u32,
}

impl Shedding {
    pub(super) fn new(
        terms: config::Shed,
        pressure: Arc<Pressure>,
        waiting: Arc<live::Queue>,
        queue: Queue,
    ) -> Self {
        Self { terms, pressure, waiting, length: queue.length }
    }

    /// From how many under way on one of this class is refused; `None` = from none.
    #[must_use]
    pub fn most(&self, class: PriorityClass) -> Option<u32> {
        let adaptive = self.terms.adaptive.map(|_| self.pressure.limit());
        let lowest = self.terms.concurrent.into_iter().chain(adaptive).min()?;
        (lowest < u32::MAX).then(|| class.limit(lowest))
    }

    /// From how many that wait on one of this class is refused; `None` = from none, but for the
    /// queue's own end.
    #[must_use]
    pub fn most_waiting(&self, class: PriorityClass) -> Option<usize> {
        let part = class.part(self.terms.queue?);
        // Whoever waits alone is no sign of anything.
        Some(((f64::from(self.length) * part) as usize).max(1))
    }

    /// How many wait now.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.waiting.waiting()
    }

    /// Lets one of this class in, if there is not too much to do.
    pub(super) fn enter(&self, class: PriorityClass) -> Option<UnderWay> {
        if self.most_waiting(class).is_some_and(|most| self.waiting() >= most) {
            self.pressure.refuse();
            return None;
        }
        self.pressure.enter(self.most(class).unwrap_or(u32::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Adaptive, Shed};
    use crate::live::Live;
    use crate::model::PoolName;

    fn shedding(terms: Shed) -> Shedding {
        let (live, name) = (Live::new(1), PoolName::from("p"));
        let queue = Queue { length: 10, timeout: std::time::Duration::from_secs(1) };
        Shedding::new(terms, live.pressure(&name), live.queue(&name), queue)
    }

    const NOTHING: Shed = Shed { concurrent: None, queue: None, adaptive: None };

    /// How many of each class are let in, one class after the other, the lowest first.
    fn let_in(shedding: &Shedding) -> [usize; 4] {
        let mut inside = Vec::new();
        PriorityClass::ALL.map(|class| {
            let before = inside.len();
            inside.extend((0..100).map_while(|_| shedding.enter(class)));
            inside.len() - before
        })
    }

    #[test]
    fn each_class_is_let_in_for_longer_than_the_one_below() {
        let set = shedding(Shed { concurrent: Some(20), ..NOTHING });
        assert_eq!(let_in(&set), [20, 5, 5, 10]);
        assert_eq!(set.pressure.under_way(), 0, "all have left");
    }

    #[test]
    fn what_is_found_out_counts_once_it_is_known_and_the_lower_number_decides() {
        let adaptive = Some(Adaptive::DEFAULT);
        let both = shedding(Shed { concurrent: Some(20), adaptive, ..NOTHING });
        assert_eq!(both.most(PriorityClass::Low), Some(20));
        both.pressure.set_limit(12);
        assert_eq!(let_in(&both), [12, 3, 3, 6]);
        let alone = shedding(Shed { adaptive, ..NOTHING });
        assert_eq!(alone.most(PriorityClass::Low), None);
    }

    #[test]
    fn a_queue_that_fills_refuses_the_lowest_class_first() {
        let shedding = shedding(Shed { queue: Some(0.4), ..NOTHING });
        let mut turns: Vec<_> = (0..4).filter_map(|_| shedding.waiting.stand(10)).collect();
        assert!(shedding.enter(PriorityClass::Low).is_none());
        assert!(shedding.enter(PriorityClass::Normal).is_some());
        turns.extend((0..5).filter_map(|_| shedding.waiting.stand(10)));
        assert!(shedding.enter(PriorityClass::High).is_none());
        assert!(shedding.enter(PriorityClass::Critical).is_some());
        assert_eq!(shedding.pressure.refused(), 2);
    }
}
