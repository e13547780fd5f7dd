//! When requests are due: known before the run, and untouched by what the server does.

use std::time::Duration;

/// More requests per second than one core could ever send.
pub const RATE_MAX: f64 = 1_000_000.0;

/// How arrivals are spread over time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrivals {
    /// At equal distances.
    Constant,
    /// Independent of each other, as those of many users are: exponential gaps, from this seed.
    Poisson {
        /// The same seed gives the same schedule.
        seed: u64,
    },
}

/// One rate for some time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Step {
    /// Requests per second.
    pub rate: f64,
    /// For how long.
    pub length: Duration,
}

/// A schedule nobody can follow.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum Impossible {
    /// The rate is not a number of requests that could be sent.
    #[error("rate {0}: expected more than 0 and at most {RATE_MAX} requests per second")]
    Rate(f64),
    /// Nothing to do.
    #[error("the run has no duration")]
    Empty,
}

/// A run's arrivals.
#[derive(Clone, Debug, PartialEq)]
pub struct Schedule {
    steps: Vec<Step>,
    arrivals: Arrivals,
}

impl Schedule {
    /// One step after the other.
    ///
    /// # Errors
    /// A rate is not positive or above [`RATE_MAX`], or there is no time to send anything in.
    pub fn new(steps: Vec<Step>, arrivals: Arrivals) -> Result<Self, Impossible> {
        let possible = |rate: f64| rate > 0.0 && rate <= RATE_MAX;
        if let Some(step) = steps.iter().find(|step| !possible(step.rate)) {
            return Err(Impossible::Rate(step.rate));
        }
        if steps.is_empty() || steps.iter().any(|step| step.length.is_zero()) {
            return Err(Impossible::Empty);
        }
        Ok(Self { steps, arrivals })
    }

    /// What comes before it for so long, at its first rate; `None` for no time at all.
    #[must_use]
    pub fn before(&self, length: Duration) -> Option<Self> {
        let rate = self.steps.first()?.rate;
        Self::new(vec![Step { rate, length }], self.arrivals).ok()
    }

    /// From the first moment to the end of the last step.
    #[must_use]
    pub fn length(&self) -> Duration {
        self.steps.iter().map(|step| step.length).sum()
    }

    /// The steps.
    #[must_use]
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// How arrivals are spread.
    #[must_use]
    pub fn arrivals(&self) -> Arrivals {
        self.arrivals
    }

    /// When each request is due, in order, from the run's start.
    #[must_use]
    pub fn times(&self) -> Times<'_> {
        let rng = match self.arrivals {
            Arrivals::Constant => None,
            Arrivals::Poisson { seed } => Some(fastrand::Rng::with_seed(seed)),
        };
        Times { steps: &self.steps, begun: Duration::ZERO, sent: 0, elapsed: 0.0, rng }
    }
}

/// The moments of a [`Schedule`].
#[derive(Clone, Debug)]
pub struct Times<'s> {
    /// The current step and those after it.
    steps: &'s [Step],
    /// When the current step began.
    begun: Duration,
    /// Arrivals of this step so far.
    sent: u64,
    /// Seconds of this step up to its last arrival.
    elapsed: f64,
    rng: Option<fastrand::Rng>,
}

impl Iterator for Times<'_> {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        loop {
            let (step, later) = self.steps.split_first()?;
            let seconds = match &mut self.rng {
                // From the count and not from the last arrival: no error adds up.
                None => self.sent as f64 / step.rate,
                // `f64()` is below one, so the logarithm is finite.
                Some(rng) => self.elapsed - (1.0 - rng.f64()).ln() / step.rate,
            };
            let at = Duration::from_nanos((seconds * 1e9).round() as u64);
            if at < step.length {
                self.sent += 1;
                self.elapsed = seconds;
                return Some(self.begun + at);
            }
            self.begun += step.length;
            self.steps = later;
            (self.sent, self.elapsed) = (0, 0.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schedule(steps: &[(f64, u64)], arrivals: Arrivals) -> Schedule {
        let step =
            |(rate, ms): &(f64, u64)| Step { rate: *rate, length: Duration::from_millis(*ms) };
        Schedule::new(steps.iter().map(step).collect(), arrivals).unwrap()
    }

    #[test]
    fn constant_arrivals_have_equal_distances_and_never_drift() {
        let schedule = schedule(&[(3.0, 3_600_000)], Arrivals::Constant);
        let times: Vec<Duration> = schedule.times().collect();
        assert_eq!(times.len(), 10_800);
        assert_eq!(times[0], Duration::ZERO);
        assert_eq!(times[1], Duration::from_nanos(333_333_333));
        assert_eq!(times[10_799], Duration::from_nanos(3_599_666_666_667));
    }

    #[test]
    fn a_ramp_is_one_step_after_the_other() {
        let schedule = schedule(&[(2.0, 1000), (4.0, 500)], Arrivals::Constant);
        let times: Vec<u128> = schedule.times().map(|at| at.as_millis()).collect();
        assert_eq!(times, [0, 500, 1000, 1250]);
        assert_eq!(schedule.length(), Duration::from_millis(1500));
    }

    #[test]
    fn poisson_arrivals_keep_the_rate_and_are_repeatable() {
        let schedule = schedule(&[(1000.0, 100_000)], Arrivals::Poisson { seed: 7 });
        let times: Vec<Duration> = schedule.times().collect();
        assert!(times.is_sorted());
        // The count has a standard deviation of 316: five of them are never left by chance.
        assert!(times.len().abs_diff(100_000) < 1600, "{}", times.len());
        // In a Poisson process 1/e of all gaps exceed the mean.
        let mean = Duration::from_millis(1);
        let long = times.windows(2).filter(|pair| pair[1] - pair[0] > mean).count();
        let share = long as f64 / times.len() as f64;
        assert!((share - (-1.0_f64).exp()).abs() < 0.01, "{share}");
        assert_eq!(times, schedule.times().collect::<Vec<_>>());
    }

    #[test]
    fn what_cannot_be_followed_is_refused() {
        let one = |rate, length| Schedule::new(vec![Step { rate, length }], Arrivals::Constant);
        for rate in [0.0, -1.0, f64::NAN, f64::INFINITY, RATE_MAX * 1.01] {
            assert!(
                matches!(one(rate, Duration::from_secs(1)), Err(Impossible::Rate(_))),
                "{rate}"
            );
        }
        assert_eq!(one(1.0, Duration::ZERO), Err(Impossible::Empty));
        assert_eq!(Schedule::new(Vec::new(), Arrivals::Constant), Err(Impossible::Empty));
    }
}
