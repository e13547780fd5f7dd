//! A pool's circuit breaker: when all of it answers so badly that it is left alone for a while.
//!
//! A backend that answers worse than the others is ejected. When all of them do, as
//! when the database behind them is down, that mends nothing, and whoever still comes only waits for
//! a failure, holds a connection and keeps what is down from getting up. So once too many tries of a
//! window failed or were slow, the pool's requests are refused at once; after a while a small part
//! of them is let in on trial, and by how these end it is closed, or open again.
//!
//! ```text
//!            too many of enough tries failed          its time is over
//!   closed ----------------------------------> open -------------------> half-open
//!     ^  ^                                     ^  |                          |
//!     |  +------------- reset by order --------|--+--------------------------+
//!     |                                        +---- most trials ended badly-+
//!     +--------------------------------------------- enough ended well ------+
//! ```

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::window::{Tally, Window};
use crate::config::Breaker;
use crate::model::{Circuit, Traffic};

/// The least time between two looks at a window: it is not added up for each backend's sample.
const LOOK: Duration = Duration::from_millis(50);

/// The breaker of one pool.
#[derive(Clone, Debug)]
pub struct CircuitBreaker {
    state: State,
    since: Option<Instant>,
    /// What led to it; empty = nothing has happened yet.
    cause: Arc<str>,
    looked: Option<Instant>,
    /// Times it opened.
    opened: u64,
}

#[derive(Clone, Debug)]
enum State {
    /// `None` = nothing was seen yet.
    Closed(Option<Box<Window>>),
    Open {
        until: Instant,
    },
    Trial(Tally),
}

/// How a breaker stands, and since when.
#[derive(Clone, Debug, PartialEq)]
pub struct CircuitEvidence {
    /// Its state.
    pub circuit: Circuit,
    /// Since when; `None` = always.
    pub since: Option<Instant>,
    /// What led to it; empty = nothing did.
    pub cause: Arc<str>,
    /// How often it opened.
    pub opened: u64,
}

impl Default for CircuitBreaker {
    fn default() -> Self {
        let state = State::Closed(None);
        Self { state, since: None, cause: Arc::from(""), looked: None, opened: 0 }
    }
}

impl CircuitBreaker {
    /// Its state, by these settings.
    #[must_use]
    pub fn circuit(&self, settings: &Breaker) -> Circuit {
        match self.state {
            State::Closed(_) => Circuit::Closed,
            State::Open { until } => Circuit::Open { until },
            State::Trial(_) => Circuit::HalfOpen { share: settings.trial_share },
        }
    }

    /// Its state, and what led to it.
    #[must_use]
    pub fn evidence(&self, settings: &Breaker) -> CircuitEvidence {
        let (circuit, cause) = (self.circuit(settings), Arc::clone(&self.cause));
        CircuitEvidence { circuit, since: self.since, cause, opened: self.opened }
    }

    /// When [`elapse`](Self::elapse) is due although nothing was seen.
    #[must_use]
    pub fn due(&self) -> Option<Instant> {
        match self.state {
            State::Open { until } => Some(until),
            State::Closed(_) | State::Trial(_) => None,
        }
    }

    /// Takes over what was seen of one backend of the pool.
    pub fn sample(&mut self, sample: &Traffic, settings: &Breaker, now: Instant) {
        let tally = Tally::of(sample, settings.slow);
        match &mut self.state {
            State::Closed(window) => {
                let window = window.get_or_insert_with(|| Box::new(Window::new(now)));
                window.add(tally, settings.window, now);
            }
            // What ends now was sent before.
            State::Open { .. } => {}
            State::Trial(all) => all.add(tally),
        }
    }

    /// Judges what was seen and that time has passed; true if its state is another now.
    pub fn elapse(&mut self, settings: &Breaker, now: Instant) -> bool {
        match &mut self.state {
            State::Closed(None) => false,
            State::Closed(Some(window)) => {
                if self.looked.is_some_and(|at| now.saturating_duration_since(at) < LOOK) {
                    return false;
                }
                self.looked = Some(now);
                let tally = window.total(settings.window, now);
                let enough = tally.ended >= u64::from(settings.min_requests);
                let bad = if enough { told(tally, settings) } else { None };
                if let Some(why) = &bad {
                    self.open(format!("{why} within {:?}", settings.window), settings, now);
                }
                bad.is_some()
            }
            State::Open { until } if *until <= now => {
                let cause = "its time is over";
                self.turn(State::Trial(Tally::default()), cause.into(), now);
                true
            }
            State::Open { .. } => false,
            State::Trial(tally) => {
                let tally = *tally;
                if let Some(why) = told(tally, settings) {
                    self.open(format!("{why} on trial"), settings, now);
                    return true;
                }
                let well = tally.ended.saturating_sub(tally.failed + tally.slow);
                let proven = well >= u64::from(settings.trial_requests);
                if proven {
                    self.turn(State::Closed(None), format!("{well} tries ended well").into(), now);
                }
                proven
            }
        }
    }

    /// Closes it by order; true if it was not closed.
    pub fn reset(&mut self, now: Instant) -> bool {
        let closed = matches!(self.state, State::Closed(_));
        // What was seen so far does not count against it any more.
        self.turn(State::Closed(None), "it was ordered".into(), now);
        !closed
    }

    fn open(&mut self, cause: String, settings: &Breaker, now: Instant) {
        self.opened += 1;
        self.turn(State::Open { until: now + settings.open }, cause.into(), now);
    }

    fn turn(&mut self, state: State, cause: Arc<str>, now: Instant) {
        (self.state, self.cause, self.since) = (state, cause, Some(now));
    }
}

/// What is too bad about a tally, if anything is.
fn told(tally: Tally, settings: &Breaker) -> Option<String> {
    let (failed, slow) = tally.parts();
    if failed > settings.max_errors {
        return Some(format!("{} of {} tries failed", tally.failed, tally.ended));
    }
    let limit = settings.slow.filter(|limit| slow > limit.max)?;
    Some(format!("{} of {} answers took longer than {:?}", tally.slow, tally.ended, limit.above))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Slow;
    use crate::model::{BackendKey, LATENCY_BUCKETS};

    const SETTINGS: Breaker = Breaker::DEFAULT;

    fn traffic(well: u64, failed: u64) -> Traffic {
        let key = BackendKey { pool: "p".into(), name: "a".into() };
        Traffic { answered: well + failed, server_errors: failed, ..Traffic::none(key) }
    }

    fn start() -> Instant {
        tokio::time::Instant::now().into_std()
    }

    /// Time that passes in tenths of seconds, with so much traffic in each; returns where it is open.
    fn run(
        breaker: &mut CircuitBreaker,
        settings: &Breaker,
        now: &mut Instant,
        tenths: u32,
        sample: &Traffic,
    ) -> bool {
        (0..tenths).any(|_| {
            *now += Duration::from_millis(100);
            breaker.sample(sample, settings, *now);
            breaker.elapse(settings, *now)
        })
    }

    #[test]
    fn too_many_failures_of_enough_tries_open_it_for_its_time() {
        let (mut breaker, mut now) = (CircuitBreaker::default(), start());
        assert!(!run(&mut breaker, &SETTINGS, &mut now, 100, &traffic(1, 1)), "half may fail");
        let (mut breaker, mut now) = (CircuitBreaker::default(), start());
        assert!(!run(&mut breaker, &SETTINGS, &mut now, 9, &traffic(0, 1)), "too few");
        assert!(run(&mut breaker, &SETTINGS, &mut now, 1, &traffic(0, 1)));
        let until = now + SETTINGS.open;
        let evidence = breaker.evidence(&SETTINGS);
        assert_eq!((evidence.circuit, breaker.due()), (Circuit::Open { until }, Some(until)));
        assert_eq!(&*evidence.cause, "10 of 10 tries failed within 10s");
        assert!(!run(&mut breaker, &SETTINGS, &mut now, 299, &traffic(50, 0)), "sent before");
        assert!(run(&mut breaker, &SETTINGS, &mut now, 1, &traffic(0, 50)));
        assert_eq!(breaker.circuit(&SETTINGS), Circuit::HalfOpen { share: 0.1 });
    }

    #[test]
    fn enough_that_end_well_on_trial_close_it_and_one_bad_beginning_opens_it_again() {
        let (mut breaker, mut now) = (CircuitBreaker::default(), start());
        run(&mut breaker, &SETTINGS, &mut now, 10, &traffic(0, 1));
        now += SETTINGS.open;
        assert!(breaker.elapse(&SETTINGS, now));
        assert!(run(&mut breaker, &SETTINGS, &mut now, 1, &traffic(0, 1)));
        assert_eq!(&*breaker.evidence(&SETTINGS).cause, "1 of 1 tries failed on trial");
        now += SETTINGS.open;
        assert!(breaker.elapse(&SETTINGS, now));
        assert!(!run(&mut breaker, &SETTINGS, &mut now, 2, &traffic(1, 0)));
        assert!(run(&mut breaker, &SETTINGS, &mut now, 1, &traffic(1, 0)));
        assert_eq!(breaker.circuit(&SETTINGS), Circuit::Closed);
        assert!(!run(&mut breaker, &SETTINGS, &mut now, 9, &traffic(0, 1)), "begun anew");
        assert_eq!(breaker.evidence(&SETTINGS).opened, 2);
    }

    #[test]
    fn one_failure_among_many_trials_is_none_of_the_old_trouble() {
        let (mut breaker, mut now) = (CircuitBreaker::default(), start());
        run(&mut breaker, &SETTINGS, &mut now, 10, &traffic(0, 1));
        now += SETTINGS.open;
        breaker.elapse(&SETTINGS, now);
        assert!(run(&mut breaker, &SETTINGS, &mut now, 1, &traffic(90, 5)));
        assert_eq!(breaker.circuit(&SETTINGS), Circuit::Closed);
    }

    #[test]
    fn slow_answers_open_it_too() {
        let slow = Some(Slow { above: Duration::from_secs(1), max: 0.3 });
        let settings = Breaker { slow, ..SETTINGS };
        let mut sample = traffic(10, 0);
        sample.latency = [0; LATENCY_BUCKETS];
        (sample.latency[5], sample.latency[15]) = (6, 4);
        let (mut breaker, mut now) = (CircuitBreaker::default(), start());
        assert!(run(&mut breaker, &settings, &mut now, 1, &sample));
        let cause = breaker.evidence(&settings).cause;
        assert_eq!(&*cause, "4 of 10 answers took longer than 1s within 10s");
        let (mut breaker, mut now) = (CircuitBreaker::default(), start());
        assert!(!run(&mut breaker, &SETTINGS, &mut now, 1, &sample), "nobody asked");
    }

    #[test]
    fn an_operator_closes_it_whatever_was_seen() {
        let (mut breaker, mut now) = (CircuitBreaker::default(), start());
        run(&mut breaker, &SETTINGS, &mut now, 10, &traffic(0, 1));
        assert!(breaker.reset(now));
        assert_eq!((breaker.circuit(&SETTINGS), breaker.due()), (Circuit::Closed, None));
        assert!(!run(&mut breaker, &SETTINGS, &mut now, 9, &traffic(0, 1)), "begun anew");
        assert!(!breaker.reset(now), "it was closed");
    }

    #[test]
    fn failures_of_long_ago_are_forgotten() {
        let (mut breaker, mut now) = (CircuitBreaker::default(), start());
        run(&mut breaker, &SETTINGS, &mut now, 9, &traffic(0, 1));
        now += 2 * SETTINGS.window;
        assert!(!run(&mut breaker, &SETTINGS, &mut now, 9, &traffic(0, 1)));
    }
}
