//! When a member needs a look although nothing was seen of it.
//!
//! Most members never do, and observations come by the ten thousand each second: so what is asked
//! for each of them is one look into a map that is almost always empty.

use std::collections::{BTreeSet, HashMap};
use std::time::Instant;

/// A member's pool and its place in it.
pub(super) type Place = (usize, usize);

/// At most one alarm for each member.
#[derive(Clone, Debug, Default)]
pub(super) struct Alarms {
    queue: BTreeSet<(Instant, Place)>,
    set: HashMap<Place, Instant>,
}

impl Alarms {
    /// Sets a member's alarm anew.
    pub(super) fn set(&mut self, place: Place, due: Option<Instant>) {
        let before = match due {
            Some(due) => self.set.insert(place, due),
            None if self.set.is_empty() => None,
            None => self.set.remove(&place),
        };
        if before == due {
            return;
        }
        if let Some(before) = before {
            self.queue.remove(&(before, place));
        }
        if let Some(due) = due {
            self.queue.insert((due, place));
        }
    }

    /// The next alarm.
    pub(super) fn next(&self) -> Option<Instant> {
        self.queue.first().map(|(due, _)| *due)
    }

    /// A member whose alarm has come; it is not set any more.
    pub(super) fn pop(&mut self, now: Instant) -> Option<Place> {
        let (due, place) = self.queue.first().copied().filter(|(due, _)| *due <= now)?;
        self.queue.remove(&(due, place));
        self.set.remove(&place);
        Some(place)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn each_member_has_one_alarm_and_the_next_one_comes_first() {
        let zero = tokio::time::Instant::now().into_std();
        let at = |ms| zero + Duration::from_millis(ms);
        let mut alarms = Alarms::default();
        alarms.set((0, 0), None);
        assert_eq!(alarms.next(), None);
        alarms.set((0, 0), Some(at(30)));
        alarms.set((0, 1), Some(at(20)));
        alarms.set((0, 0), Some(at(10)));
        alarms.set((1, 0), Some(at(5)));
        alarms.set((1, 0), None);
        assert_eq!(alarms.next(), Some(at(10)));
        assert_eq!(alarms.pop(at(9)), None);
        assert_eq!(alarms.pop(at(25)), Some((0, 0)));
        assert_eq!(alarms.pop(at(25)), Some((0, 1)));
        assert_eq!((alarms.pop(at(25)), alarms.next()), (None, None));
        alarms.set((0, 0), Some(at(30)));
        assert_eq!(alarms.next(), Some(at(30)));
    }
}
