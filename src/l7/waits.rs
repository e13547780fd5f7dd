//! The tries that are under way on a worker, so that they can be told when their backend goes down
//! or is drained.
//!
//! A try waits on sockets and on a timer, and a backend that hangs moves neither: its requests
//! would sit until their deadline although probes have long known. So every try is written down
//! here by its backend, in a place that is used again and again, and the steward calls those
//! whose backend a new table shows as down. What a call means is the exchange's business.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::time::Instant;

use crate::net::{Timer, TimerKey, Timers};
use crate::table::Route;

/// A worker's tries.
#[derive(Debug, Default)]
pub(crate) struct Waits(RefCell<Places>);

#[derive(Debug, Default)]
struct Places {
    places: Vec<Place>,
    free: Vec<u32>,
}

/// Where one try is written down.
#[derive(Debug)]
pub(crate) struct Place {
    /// The backend's live id; `None` = the place is free.
    pub(crate) backend: Option<u64>,
    /// The client's listener.
    pub(crate) listener: usize,
    /// What the try waits on, whatever else it waits on.
    timer: TimerKey,
    call: Option<Call>,
    /// What it told of itself when it was asked to.
    pub(crate) stay: Option<Box<Stay>>,
}

/// What a try is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Call {
    /// What it is part of is being drained: tell who you are, and finish.
    Tell,
    /// The backend is down.
    Down,
    /// The drain does not wait any longer.
    End {
        /// Another backend would do.
        movable: bool,
    },
}

/// A try that holds a drain open.
#[derive(Debug)]
pub(crate) struct Stay {
    /// The client's address.
    pub(crate) client: SocketAddr,
    /// What is spoken.
    pub(crate) protocol: Arc<str>,
    /// The route it came by.
    pub(crate) route: Arc<Route>,
    /// When the request began.
    pub(crate) started: Instant,
    /// It would not end by itself: a tunnel, or a stream of events.
    pub(crate) long_lived: bool,
    /// Bytes from the client so far.
    pub(crate) bytes_in: u64,
    /// Bytes to the client so far.
    pub(crate) bytes_out: u64,
    /// When this was true.
    pub(crate) told: Instant,
}

/// One try; dropping it takes it off the list.
#[derive(Debug)]
pub(crate) struct Wait<'w> {
    waits: &'w Waits,
    index: u32,
}

impl Waits {
    /// A try on the backend of this live id begins; it must wait on `timer`, too.
    pub(crate) fn begin(&self, backend: u64, listener: usize, timer: &Timer) -> Wait<'_> {
        let Places { places, free } = &mut *self.0.borrow_mut();
        let (backend, timer) = (Some(backend), timer.key());
        let place = Place { backend, listener, timer, call: None, stay: None };
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

    /// Is there a try of which `is_meant` holds?
    pub(crate) fn exists(&self, is_meant: impl Fn(&Place) -> bool) -> bool {
        self.0.borrow().places.iter().any(|place| place.backend.is_some() && is_meant(place))
    }

    /// Calls and wakes every try on this backend.
    pub(crate) fn call(&self, backend: u64, timers: &Timers) {
        self.visit(timers, |place| (place.backend == Some(backend)).then_some(Call::Down));
    }

    /// Looks at every try, and calls and wakes those of which `look` says so. A try that has not
    /// heard of a more urgent call yet hears of that one.
    pub(crate) fn visit(&self, timers: &Timers, mut look: impl FnMut(&Place) -> Option<Call>) {
        for place in &mut self.0.borrow_mut().places {
            if place.backend.is_some()
                && let Some(call) = look(place)
            {
                place.call = place.call.max(Some(call));
                timers.wake(place.timer);
            }
        }
    }
}

impl Wait<'_> {
    /// What it was told since the last time it was asked.
    pub(crate) fn take_call(&self) -> Option<Call> {
        self.with(|place| place.call.take()).flatten()
    }

    /// Tells what is asked of a try that holds a drain open.
    pub(crate) fn stay(&self, stay: Stay) {
        self.with(|place| place.stay = Some(Box::new(stay)));
    }

    /// Does it hold a drain open?
    pub(crate) fn is_leaving(&self) -> bool {
        let leaving = |place: &mut Place| {
            // A backend that is down is no drain: its client may stay.
            place.stay.is_some() || place.call.is_some_and(|call| call != Call::Down)
        };
        self.with(leaving).unwrap_or_default()
    }

    fn with<T>(&self, look: impl FnOnce(&mut Place) -> T) -> Option<T> {
        self.waits.0.borrow_mut().places.get_mut(self.index as usize).map(look)
    }
}

impl Drop for Wait<'_> {
    fn drop(&mut self) {
        let Places { places, free } = &mut *self.waits.0.borrow_mut();
        if let Some(place) = places.get_mut(self.index as usize) {
            place.backend = None;
            place.stay = None;
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
        let (one, other) = (waits.begin(1, 0, &timer), waits.begin(2, 0, &timer));
        waits.call(1, &timers);
        assert_eq!(one.take_call(), Some(Call::Down));
        assert_eq!((one.take_call(), other.take_call()), (None, None));
    }

    #[test]
    fn a_place_is_used_again_without_its_past() {
        let (timers, waits) = (Timers::new(), Waits::default());
        let timer = timers.timer();
        let first = waits.begin(1, 0, &timer);
        waits.call(1, &timers);
        drop(first);
        assert!(!waits.any(|_| true));
        waits.call(1, &timers);
        let second = waits.begin(1, 0, &timer);
        assert_eq!(second.take_call(), None);
        assert!(waits.any(|backend| backend == 1));
        assert_eq!(waits.0.borrow().places.len(), 1);
    }

    #[test]
    fn a_backend_that_goes_down_is_no_drain() {
        let (timers, waits) = (Timers::new(), Waits::default());
        let timer = timers.timer();
        let wait = waits.begin(1, 0, &timer);
        waits.call(1, &timers);
        assert!(!wait.is_leaving());
        waits.visit(&timers, |_| Some(Call::End { movable: true }));
        assert!(wait.is_leaving());
    }

    #[test]
    fn the_most_urgent_call_is_heard() {
        let (timers, waits) = (Timers::new(), Waits::default());
        let timer = timers.timer();
        let wait = waits.begin(1, 0, &timer);
        let end = Call::End { movable: true };
        for call in [Call::Down, end, Call::Tell] {
            waits.visit(&timers, |_| Some(call));
        }
        assert_eq!(wait.take_call(), Some(end));
    }
}
