//! How many requests a pool bears at once, found out by how its latency answers to load.
//!
//! Up to what a pool's backends can do, more requests at once are answered in the same time; beyond,
//! each waits for the others, and answers take longer in proportion while no more of them come. So
//! the number that is borne is lowered by the ratio of what an answer takes *alone* to what it takes
//! now, and raised by its square root, as room to find out more. The idea is TCP Vegas' (Brakmo and
//! Peterson, 1995); the form that of Netflix' concurrency-limits (`Gradient2Limit`) and of Envoy's
//! adaptive concurrency filter.
//!
//! What an answer takes alone is the first thing that is seen. That backends became slower by
//! themselves looks just like overload then. So once requests have to be refused, and not more often
//! than once per window, it is measured: for a moment only about half of what was under way is let
//! in, and half of that again while answers become faster by it. When they do not, the load is not
//! what they take their time for. While nothing is refused, nothing has to be measured, and a pool
//! that can do all that it is asked never feels any of this.

use std::time::{Duration, Instant};

use crate::config::Adaptive;

/// Answers of which a mean is taken …
const ENOUGH: u64 = 50;
/// … or so few, if no more come …
const FEW: u64 = 10;
/// … within this time.
const LONG: Duration = Duration::from_secs(1);
/// What is older counts no more, if it was not even that.
const STALE: Duration = Duration::from_secs(5);
/// How much of the way to where the latency points the number goes at once.
const STEP: f64 = 0.2;
/// The most that one latency may point down.
const STEEPEST: f64 = 0.5;
/// How much of a lower latency is believed to be the one of an answer alone.
const BELIEVED: f64 = 0.1;
/// How fast it is forgotten how many were under way.
const FADES: f64 = 0.9;
/// Of what was under way, so much is let in of the lowest class while it is measured; of the class
/// above, half.
const MEASURED: f64 = 0.4;
/// Answers are faster if their mean is below this part of the mean before.
const FASTER: f64 = 0.85;
/// Means in a row of a time in which something was refused, until it is measured: the first one is
/// half of a better time.
const STEADY: u32 = 3;
/// The time that what was there before a measurement has to leave.
const SETTLES: [Duration; 2] = [Duration::from_millis(100), Duration::from_secs(2)];
/// A measurement to which too few answers came ends after this time.
const MEASURES: Duration = Duration::from_secs(2);
/// How much longer a window may be than the least, by chance: not all processes measure at once.
const JITTER: f64 = 0.15;

/// What was seen of a pool since the last look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// Tries that were answered.
    pub answered: u64,
    /// How long they took together, in microseconds.
    pub latency_us: u64,
    /// Requests under way now.
    pub under_way: u32,
    /// Requests that were refused for the load.
    pub refused: u64,
}

/// The number of requests that a pool bears.
#[derive(Clone, Debug)]
pub struct Gradient {
    limit: f64,
    /// What an answer takes while nothing waits, in microseconds.
    alone_us: Option<f64>,
    /// How many were under way of late.
    busiest: f64,
    /// Means in a row of a time in which something was refused.
    refusing: u32,
    /// Not measured again before.
    next: Option<Instant>,
    measuring: Option<Measuring>,
    /// Since the last mean.
    seen: Seen,
    since: Instant,
}

/// A measurement under way.
#[derive(Clone, Debug)]
struct Measuring {
    settled: Instant,
    /// What answers took before, in microseconds.
    before_us: f64,
    /// What the number was before.
    resumes: f64,
}

impl Gradient {
    /// Nothing is known yet, and as much is let in as ever.
    #[must_use]
    pub fn new(terms: &Adaptive, now: Instant) -> Self {
        Self {
            limit: f64::from(terms.max),
            alone_us: None,
            busiest: 0.0,
            refusing: 0,
            next: None,
            measuring: None,
            seen: Seen::default(),
            since: now,
        }
    }

    /// The number now, from which on the lowest class is to be refused.
    #[must_use]
    pub fn limit(&self) -> u32 {
        self.limit as u32
    }

    /// What an answer takes while nothing waits, as far as that is known.
    #[must_use]
    pub fn alone(&self) -> Option<Duration> {
        self.alone_us.map(|us| Duration::from_micros(us as u64))
    }

    /// Takes over what was seen since the last call; `chance` is drawn from 0..1.
    pub fn see(&mut self, terms: &Adaptive, seen: Seen, now: Instant, chance: f64) {
        self.busiest = f64::from(seen.under_way).max(self.busiest * FADES);
        self.seen.refused += seen.refused;
        if let Some(measuring) = &self.measuring {
            if now < measuring.settled {
                return;
            }
            if now >= measuring.settled + MEASURES {
                self.end_measuring(terms, None, now, chance);
            }
        }
        self.seen.answered += seen.answered;
        self.seen.latency_us += seen.latency_us;
        let passed = now.saturating_duration_since(self.since);
        let enough = if passed < LONG { ENOUGH } else { FEW };
        if self.seen.answered < enough {
            if passed > STALE {
                self.grope(now);
            }
            return self.bound(terms);
        }
        let mean = (self.seen.latency_us as f64 / self.seen.answered as f64).max(1.0);
        self.refusing = if self.seen.refused > 0 { self.refusing.saturating_add(1) } else { 0 };
        self.forget(now);
        match &self.measuring {
            Some(Measuring { before_us, resumes, .. }) => {
                let (before, resumes) = (*before_us, *resumes);
                let most = self.alone_us.map_or(0.0, |alone| alone * (1.0 + terms.tolerance));
                let by_load = mean > most && mean < FASTER * before;
                if by_load && self.limit >= 2.0 {
                    self.measure(self.limit / 2.0, mean, resumes, now);
                } else {
                    // There is no less, and with less it would be faster yet. And what
                    // became slower with less tells of something else.
                    let likely = !by_load && mean <= before * (1.0 + terms.tolerance);
                    let alone = Some(mean).filter(|_| likely);
                    self.end_measuring(terms, alone, now, chance);
                }
            }
            None => {
                self.follow(terms, mean);
                if self.refusing >= STEADY && self.next.is_none_or(|next| now >= next) {
                    let limit = self.limit.min(self.busiest * MEASURED);
                    self.measure(limit, mean, self.limit, now);
                }
            }
        }
        self.bound(terms);
    }

    /// Next to nothing was answered for long. If something was refused meanwhile, what is under way may
    /// be streams that last, and say nothing about others: these are not kept out for ever.
    fn grope(&mut self, now: Instant) {
        if self.seen.refused > 0 {
            self.limit += self.limit.sqrt();
        }
        self.forget(now);
    }

    fn forget(&mut self, now: Instant) {
        (self.seen, self.since) = (Seen::default(), now);
    }

    fn bound(&mut self, terms: &Adaptive) {
        if self.measuring.is_some() {
            return;
        }
        self.limit = self.limit.clamp(f64::from(terms.min), f64::from(terms.max));
    }

    /// Goes where a mean latency points.
    fn follow(&mut self, terms: &Adaptive, mean: f64) {
        let alone = self.alone_us.get_or_insert(mean);
        // A mean that is a little lower is chance, and to believe each would be to believe the least.
        if mean * (1.0 + terms.tolerance) < *alone {
            *alone += BELIEVED * (mean - *alone);
        }
        let ratio = *alone * (1.0 + terms.tolerance) / mean;
        let wanted = self.limit * ratio.clamp(STEEPEST, 1.0) + self.limit.sqrt();
        let next = self.limit + STEP * (wanted - self.limit);
        let used = self.busiest >= self.limit / 2.0;
        self.limit = match next > self.limit {
            // More than is asked for cannot be found out about.
            true if !used => self.limit,
            true => next,
            // Nor can a latency say much of a number that is far from what is under way.
            false if !used => next.max(self.limit.min(2.0 * self.busiest)),
            false => next,
        };
    }

    /// Looks how answers are with so much less under way.
    fn measure(&mut self, limit: f64, mean_us: f64, resumes: f64, now: Instant) {
        let [least, most] = SETTLES;
        let settled = now + Duration::from_micros(2 * mean_us as u64).clamp(least, most);
        self.measuring = Some(Measuring { settled, before_us: mean_us, resumes });
        self.limit = limit.max(1.0);
    }

    fn end_measuring(&mut self, terms: &Adaptive, mean: Option<f64>, now: Instant, chance: f64) {
        let Some(measuring) = self.measuring.take() else { return };
        self.limit = measuring.resumes;
        self.alone_us = mean.or(self.alone_us);
        self.next = Some(now + terms.window.mul_f64(1.0 + JITTER * chance.clamp(0.0, 1.0)));
        self.forget(now);
        self.bound(terms);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::PriorityClass;

    const TICK: Duration = Duration::from_millis(100);
    const TERMS: Adaptive = Adaptive::DEFAULT;

    /// A pool that answers `knee` requests at once in `alone_ms` each, and more of them later in
    /// proportion.
    struct Pool {
        gradient: Gradient,
        now: Instant,
        knee: f64,
        alone_ms: f64,
        under_way: f64,
        latency_ms: f64,
        refused: u64,
        measured: bool,
    }

    impl Pool {
        fn new(terms: &Adaptive, knee: f64, alone_ms: f64) -> Self {
            let now = tokio::time::Instant::now().into_std();
            let gradient = Gradient::new(terms, now);
            let (under_way, latency_ms, refused) = (0.0, alone_ms, 0);
            let measured = false;
            Self { gradient, now, knee, alone_ms, under_way, latency_ms, refused, measured }
        }

        /// Lets time pass while so many requests of the default class want to be under way.
        fn run(&mut self, terms: &Adaptive, wanted: f64, seconds: f64) {
            for tick in 0..(seconds * 10.0) as u32 {
                let limit = f64::from(PriorityClass::Normal.limit(self.gradient.limit()));
                self.under_way = wanted.min(limit);
                self.measured = self.gradient.measuring.is_some();
                let refused = u64::from(wanted > limit);
                self.refused += refused;
                self.latency_ms = self.alone_ms * (self.under_way / self.knee).max(1.0);
                let answered = (self.under_way * 100.0 / self.latency_ms).round();
                let seen = Seen {
                    answered: answered as u64,
                    latency_us: (answered * self.latency_ms * 1000.0) as u64,
                    under_way: self.under_way as u32,
                    refused,
                };
                self.now += TICK;
                self.gradient.see(terms, seen, self.now, f64::from(tick % 10) / 10.0);
            }
        }
    }

    #[test]
    fn under_overload_latency_stays_near_what_an_answer_takes_alone() {
        for knee in [20.0, 100.0, 400.0] {
            let mut pool = Pool::new(&TERMS, knee, 10.0);
            pool.run(&TERMS, knee / 4.0, 10.0);
            for _ in 0..20 {
                pool.run(&TERMS, 3.0 * knee, 10.0);
                let (under_way, latency) = (pool.under_way, pool.latency_ms);
                assert!(latency <= 20.0, "knee {knee}: {latency} ms with {under_way}");
                // Except while it is measured, all that can be done is done.
                assert!(pool.measured || under_way >= 0.9 * knee, "knee {knee}: {under_way}");
            }
        }
    }

    #[test]
    fn a_load_that_is_borne_is_never_refused() {
        let mut pool = Pool::new(&TERMS, 100.0, 10.0);
        for part in 1..10 {
            pool.run(&TERMS, 10.0 * f64::from(part), 30.0);
        }
        pool.run(&TERMS, 100.0, 600.0);
        assert_eq!(pool.refused, 0);
    }

    #[test]
    fn backends_that_became_slower_by_themselves_are_not_overloaded() {
        let mut pool = Pool::new(&TERMS, 1_000.0, 10.0);
        pool.run(&TERMS, 40.0, 60.0);
        pool.alone_ms = 40.0;
        pool.run(&TERMS, 40.0, 20.0);
        let before = pool.refused;
        pool.run(&TERMS, 40.0, 600.0);
        assert!(before < 100, "for {before} ticks something was refused");
        assert_eq!(pool.refused, before);
        assert_eq!(pool.gradient.alone(), Some(Duration::from_millis(40)));
        // And faster again: overload is noticed as soon as before.
        (pool.alone_ms, pool.knee) = (10.0, 50.0);
        pool.run(&TERMS, 40.0, 60.0);
        pool.run(&TERMS, 150.0, 30.0);
        assert!(pool.latency_ms <= 20.0, "{} ms", pool.latency_ms);
    }

    #[test]
    fn it_is_measured_once_per_window_at_most() {
        let mut pool = Pool::new(&TERMS, 50.0, 10.0);
        pool.run(&TERMS, 10.0, 5.0);
        let (mut measured, mut was) = (0, false);
        for _ in 0..3_000 {
            pool.run(&TERMS, 500.0, 0.1);
            let is = pool.gradient.measuring.is_some();
            measured += u32::from(is && !was);
            was = is;
        }
        assert!((8..=11).contains(&measured), "{measured} in 300 s");
    }

    #[test]
    fn the_number_keeps_to_its_bounds_whatever_is_seen() {
        let terms = Adaptive { min: 7, max: 9, ..TERMS };
        let mut pool = Pool::new(&terms, 1.0, 100.0);
        pool.run(&terms, 1.0, 30.0);
        pool.run(&terms, 1e6, 60.0);
        assert_eq!(pool.gradient.limit(), 7, "{:?}", pool.gradient);
        let now = pool.now + TICK;
        for (answered, latency_us) in [(u64::from(u32::MAX), 0), (50, u64::from(u32::MAX))] {
            let seen = Seen { answered, latency_us, under_way: u32::MAX, refused: 1 };
            pool.gradient.see(&terms, seen, now, 2.0);
            assert!((7..=9).contains(&pool.gradient.limit()));
        }
    }

    #[test]
    fn a_few_answers_say_nothing() {
        let mut gradient = Gradient::new(&TERMS, tokio::time::Instant::now().into_std());
        let start = gradient.since;
        for second in 0..100 {
            let seen =
                Seen { answered: 1, latency_us: second * 1_000_000, under_way: 1, refused: 0 };
            gradient.see(&TERMS, seen, start + Duration::from_secs(second), 0.5);
        }
        assert_eq!((gradient.limit(), gradient.alone()), (TERMS.max, None));
    }

    #[test]
    fn streams_that_last_keep_nobody_out_for_ever() {
        let terms = Adaptive { max: 80, ..TERMS };
        let mut pool = Pool::new(&terms, 1.0, 100.0);
        pool.run(&terms, 1.0, 30.0);
        pool.run(&terms, 1e6, 60.0);
        let kept_out = pool.gradient.limit();
        let seen = Seen { answered: 0, latency_us: 0, under_way: 60, refused: 5 };
        for second in 1..=120 {
            pool.gradient.see(&terms, seen, pool.now + Duration::from_secs(second), 0.5);
        }
        let limit = pool.gradient.limit();
        assert!(kept_out < 20 && limit > 60, "{kept_out}, then {limit}");
    }
}
