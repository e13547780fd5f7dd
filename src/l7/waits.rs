//! The tries that are under way on a worker, so that they can be told when their backend goes down.
//!
//! A try waits on sockets and on a timer, and a backend that hangs moves neither: its requests
//! would sit until their deadline although probes have long known. So every try is written down
//! here by its backend, in a place that is used again and again, and the steward calls those
//! whose backend a new table shows as down. What a call means is the exchange's business.

use std::cell::RefCell;

use crate::net::{Timer, TimerKey, Timers};

/// A worker's tries.
#[derive(Debug, Default)]
pub(crate) struct Waits(RefCell<Places>);

#[derive(Debug, Default)]
struct Places {
    places: Vec<Place>,
    free: Vec<u32>,
}

#[derive(Clone, Copy, Debug)]
struct Place {
    /// The backend's live id; `None` = the place is free.
    backend: Option<u64>,
    /// What the try waits on, whatever else it waits on.
    timer: TimerKey,
    called: bool,
}

/// One try; dropping it takes it off the list.
#[derive(Debug)]
pub(crate) struct Wait<'w> {
    waits: &'w Waits,
    index: u32,
}

impl Waits {
    /// A try on the backend of this live id begins; it must wait on `timer`, too.
    pub(crate) fn begin(&self, backend: u64, timer: &Timer) -> Wait<'_> {
        let Places { places, free } = &mut *self.0.borrow_mut();
        let place = Place { backend: Some(backend), timer: timer.key(), called: false };
        let index = match free.pop() {
            Some(index) => {
                places[index as usize] = place;
                index
            }
            None => {
                places.push(place);
                // Room for its return, so that ending a try never allocates.
                free.reserve(places.len());
                places.len() as u32 - 1
            }
        };
        Wait { waits: self, index }
    }

    /// Is there a try on a backend of which `is_suspect` holds?
    pub(crate) fn any(&self, is_suspect: impl Fn(u64) -> bool) -> bool {
        self.0.borrow().places.iter().filter_map(|place| place.backend).any(is_suspect)
    }

    /// Calls and wakes every try on this backend.
    pub(crate) fn call(&self, backend: u64, timers: &Timers) {
        for place in &mut self.0.borrow_mut().places {
            if place.backend == Some(backend) {
                place.called = true;
                timers.wake(place.timer);
            }
        }
    }
}

impl Wait<'_> {
    /// Was it called since the last time it was asked?
    pub(crate) fn take_call(&self) -> bool {
        let places = &mut self.waits.0.borrow_mut().places;
        places.get_mut(self.index as usize).is_some_and(|place| std::mem::take(&mut place.called))
    }
}

impl Drop for Wait<'_> {
    fn drop(&mut self) {
        let Places { places, free } = &mut *self.waits.0.borrow_mut();
        if let Some(place) = places.get_mut(self.index as usize) {
            place.backend = None;
            free.push(self.index);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_tries_on_that_backend_are_called_and_each_call_is_taken_once() {
        let (timers, waits) = (Timers::new(), Waits::default());
        let timer = timers.timer();
        let (one, other) = (waits.begin(1, &timer), waits.begin(2, &timer));
        waits.call(1, &timers);
        assert!(one.take_call() && !one.take_call() && !other.take_call());
    }

    #[test]
    fn a_place_is_used_again_without_its_past() {
        let (timers, waits) = (Timers::new(), Waits::default());
        let timer = timers.timer();
        let first = waits.begin(1, &timer);
        waits.call(1, &timers);
        drop(first);
        assert!(!waits.any(|_| true));
        waits.call(1, &timers);
        let second = waits.begin(1, &timer);
        assert!(!second.take_call());
        assert!(waits.any(|backend| backend == 1));
        assert_eq!(waits.0.borrow().places.len(), 1);
    }
}
