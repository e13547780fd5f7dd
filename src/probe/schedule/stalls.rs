//! How long this runtime was not attentive while an attempt ran.
//!
//! Told of every late turn and asked about every attempt, and both when there is the least time for
//! it: after a hiccup, with all that is overdue still to be done. So neither looks at all attempts;
//! a loop that did so fell behind for good as soon as it was late by one turn.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

/// Late turns, each longer than all that followed it, to the millisecond: not more of them than the
/// longest has milliseconds.
#[derive(Debug, Default)]
pub(super) struct Stalls(VecDeque<(Instant, Duration)>);

impl Stalls {
    /// A turn came `late`, at `now`; moments never go backwards.
    pub(super) fn note(&mut self, now: Instant, late: Duration) {
        let late = Duration::from_millis(late.as_millis() as u64);
        while self.0.back().is_some_and(|(_, before)| *before <= late) {
            self.0.pop_back();
        }
        self.0.push_back((now, late));
    }

    /// The longest that came at `begun` or after it.
    pub(super) fn since(&self, begun: Instant) -> Duration {
        let first = self.0.partition_point(|(at, _)| *at < begun);
        self.0.get(first).map_or(Duration::ZERO, |(_, late)| *late)
    }

    /// Nobody asks about what was until now.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_longest_since_any_moment_is_known(
            turns in proptest::collection::vec((0..20u64, 0..200u64), 0..100), begun in 0..1000u64,
        ) {
            let (zero, ms) = (Instant::now(), Duration::from_millis);
            let mut stalls = Stalls::default();
            let (mut now, mut longest, mut all) = (0, 0, 0);
            for (gap, late) in turns {
                now += gap;
                stalls.note(zero + ms(now), ms(late));
                all = all.max(late);
                if now >= begun {
                    longest = longest.max(late);
                }
            }
            prop_assert_eq!(stalls.since(zero + ms(begun)), ms(longest));
            prop_assert!(stalls.0.len() as u64 <= all + 1, "{} are kept", stalls.0.len());
        }
    }
}
