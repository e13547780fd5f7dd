//! Who is refused when not all can be served: the least important first.
//!
//! The shares say how much of a pool's traffic fits nowhere. Refusing that part of everything alike
//! would hit a payment as readily as a crawler. So it is taken from the lowest priority class, then
//! from the next, and how far that reaches follows from which classes have arrived of late. As with
//! the load, a plan does not follow every wobble: it is made anew once what is shed is off by more
//! than [`TOLERANCE`].

use std::time::{Duration, Instant};

use crate::model::{Admission, PRIORITY_CLASSES, PriorityClass};

/// What a burst is averaged over, as that of the load is.
const AVERAGED: Duration = Duration::from_secs(2);
/// The shortest time from one look to the next.
const PACE: Duration = Duration::from_millis(500);
/// By how much of a pool's traffic what is shed may miss what was planned.
const TOLERANCE: f64 = 0.01;
/// Parts too small to be told from rounding.
const NOTHING: f64 = 1e-9;

/// Which part of a pool's arrivals is of which class.
pub(super) type Parts = [f64; PRIORITY_CLASSES];

/// The classes of what arrives at a pool.
#[derive(Clone, Debug)]
pub(super) struct Mix {
    counted: [u64; PRIORITY_CLASSES],
    since: Option<Instant>,
    /// Arrivals, those of long ago counting less.
    recent: Parts,
    planned: Parts,
}

impl Default for Mix {
    /// Nobody has said anything about what arrives.
    fn default() -> Self {
        let mut planned = Parts::default();
        planned[PriorityClass::default() as usize] = 1.0;
        Self { counted: Default::default(), since: None, recent: Parts::default(), planned }
    }
}

impl Mix {
    /// What plans are made with; sums to 1.
    pub(super) fn planned(&self) -> &Parts {
        &self.planned
    }

    /// Whether more than one class is known to arrive.
    pub(super) fn is_mixed(&self) -> bool {
        self.planned.iter().filter(|part| **part > 0.0).count() > 1
    }

    /// Counts arrivals of one sample.
    pub(super) fn count(&mut self, by_class: &[u64; PRIORITY_CLASSES]) {
        for (sum, more) in self.counted.iter_mut().zip(by_class) {
            *sum += more;
        }
    }

    /// Looks at what was counted; true if a plan that sheds this much, by this admission, must be made
    /// anew.
    pub(super) fn measure(&mut self, shed: f64, admission: &Admission, now: Instant) -> bool {
        let passed = self.since.map(|since| now.saturating_duration_since(since));
        if self.counted == [0; PRIORITY_CLASSES] || passed.is_some_and(|passed| passed < PACE) {
            return false;
        }
        let passed = passed.unwrap_or(Duration::ZERO).as_secs_f64();
        let kept = (-passed / AVERAGED.as_secs_f64()).exp();
        for (recent, new) in self.recent.iter_mut().zip(std::mem::take(&mut self.counted)) {
            *recent = *recent * kept + new as f64;
        }
        self.since = Some(now);
        let total = self.recent.iter().sum::<f64>();
        let parts = self.recent.map(|recent| recent / total);
        if shed > 0.0 && (refused(&parts, admission) - shed).abs() <= TOLERANCE {
            return false;
        }
        self.planned = parts;
        shed > 0.0
    }
}

/// Whom to let in so that this part (0..=1) of what arrives is shed, the lowest class first.
///
/// A class of which nothing arrives is let in if the next lower one is, whole.
pub(super) fn admission(shed: f64, mix: &Parts) -> Admission {
    if shed >= 1.0 {
        return Admission(Parts::default());
    }
    let mut left = shed;
    Admission(mix.map(|part| {
        let cut = left.min(part);
        left -= cut;
        if left > NOTHING {
            return 0.0;
        }
        left = 0.0;
        if part > 0.0 { 1.0 - cut / part } else { 1.0 }
    }))
}

/// The part of what arrives that is shed.
fn refused(mix: &Parts, admission: &Admission) -> f64 {
    mix.iter().zip(admission.0).map(|(part, admitted)| part * (1.0 - admitted)).sum()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{Strategy, prop, prop_assert, proptest};

    use super::*;

    fn mixes() -> impl Strategy<Value = Parts> {
        let part = prop::strategy::Union::new([
            prop::strategy::Just(0).boxed(),
            (1..1_000_u32).boxed(),
            (1..10_u32).boxed(),
        ]);
        let some = |counts: &[u32; PRIORITY_CLASSES]| counts.iter().any(|count| *count > 0);
        prop::array::uniform4(part).prop_filter("nothing arrives", some).prop_map(|counts| {
            let total: u32 = counts.iter().sum();
            counts.map(|count| f64::from(count) / f64::from(total))
        })
    }

    proptest! {
        #[test]
        fn what_is_shed_is_the_plans_share_whatever_arrives(mix in mixes(), shed in 0.0..=1.0_f64) {
            let admission = admission(shed, &mix);
            prop_assert!((refused(&mix, &admission) - shed).abs() < 1e-8, "{admission}");
            prop_assert!(admission.0.iter().all(|part| (0.0..=1.0).contains(part)), "{admission}");
        }

        #[test]
        fn nobody_is_refused_while_a_lower_class_is_let_in(mix in mixes(), shed in 0.0..=1.0_f64) {
            let admission = admission(shed, &mix);
            for pair in admission.0.windows(2) {
                prop_assert!(pair[0] <= 0.0 || pair[1] >= 1.0, "{admission} of {mix:?}");
            }
        }

        #[test]
        fn the_critical_class_is_untouched_until_everything_else_is_gone(mix in mixes()) {
            let others: f64 = mix[..3].iter().sum();
            prop_assert!(admission(others * 0.999, &mix).of(PriorityClass::Critical) >= 1.0);
        }
    }

    const MIXED: Parts = [0.25, 0.5, 0.125, 0.125];

    #[test]
    fn the_lowest_class_goes_first() {
        let cases = [
            (0.0, [1.0, 1.0, 1.0, 1.0]),
            (0.125, [0.5, 1.0, 1.0, 1.0]),
            (0.25, [0.0, 1.0, 1.0, 1.0]),
            (0.5, [0.0, 0.5, 1.0, 1.0]),
            (0.875, [0.0, 0.0, 0.0, 1.0]),
            (1.0, [0.0; 4]),
        ];
        for (shed, expected) in cases {
            assert_eq!(admission(shed, &MIXED), Admission(expected), "{shed}");
        }
    }

    #[test]
    fn what_nobody_has_said_anything_about_is_normal() {
        let mix = Mix::default();
        assert!(!mix.is_mixed());
        assert_eq!(admission(0.25, mix.planned()), Admission([0.0, 0.75, 1.0, 1.0]));
    }

    #[test]
    fn a_plan_is_made_anew_once_it_sheds_another_part_than_it_should() {
        let start = tokio::time::Instant::now().into_std();
        let mut mix = Mix::default();
        mix.count(&[25, 50, 13, 12]);
        assert!(!mix.measure(0.0, &Admission::ALL, start), "nothing is shed");
        let planned = admission(0.1, mix.planned());
        assert!(planned.of(PriorityClass::Low) > 0.0 && planned.of(PriorityClass::Normal) >= 1.0);

        // A wobble is none of its business; a storm of the lowest class is.
        mix.count(&[26, 50, 12, 12]);
        assert!(!mix.measure(0.1, &planned, start + PACE));
        mix.count(&[1_000, 50, 12, 12]);
        assert!(!mix.measure(0.1, &planned, start + PACE), "too soon");
        assert!(mix.measure(0.1, &planned, start + 2 * PACE));
        assert!(mix.planned()[0] > 0.8, "{:?}", mix.planned());
    }

    #[test]
    fn silence_changes_nothing() {
        let start = tokio::time::Instant::now().into_std();
        let mut mix = Mix::default();
        mix.count(&[1, 0, 0, 1]);
        mix.measure(0.0, &Admission::ALL, start);
        let planned = *mix.planned();
        assert!(!mix.measure(0.5, &Admission::ALL, start + Duration::from_secs(60)));
        assert_eq!(*mix.planned(), planned);
    }
}
