//! Out by how live tries end, and back by trial.

use insta::assert_snapshot;

use super::*;
use crate::config::{Slow, TrafficCheck};
use crate::health::{Cause, eject_outliers};
use crate::model::Health;

const PASS: Outcome = Outcome::Pass;
const SECOND: Duration = Duration::from_secs(1);

fn judged() -> HealthChecks {
    HealthChecks { traffic: Some(TrafficCheck::DEFAULT), ..network() }
}

/// A sample of so many tries, of which so many were answered with 5xx.
fn tries(ended: u64, failed: u64) -> Traffic {
    Traffic { requests: ended, answered: ended, server_errors: failed, ..Traffic::none(key()) }
}

/// A pool of backends that are up, under the same settings, at one moment.
struct PoolOf {
    backends: Vec<BackendHealth>,
    settings: TrafficCheck,
    zero: Instant,
    now: Instant,
}

impl PoolOf {
    fn new(count: usize, settings: TrafficCheck) -> Self {
        let zero = start();
        let checks = HealthChecks { traffic: Some(settings), ..network() };
        let mut backends = vec![BackendHealth::new(&checks, zero); count];
        for health in &mut backends {
            health.observe(&seen(Layer::Network, 0, PASS, zero));
        }
        Self { backends, settings, zero, now: zero }
    }

    fn at(&mut self, seconds: f64) -> &mut Self {
        self.now = self.zero + Duration::from_secs_f64(seconds);
        for health in &mut self.backends {
            while let Some(due) = health.due().filter(|due| *due <= self.now) {
                health.elapse(due);
            }
        }
        self
    }

    /// Each backend's tries, and how many failed.
    fn sample(&mut self, tries_of: &[(u64, u64)]) -> &mut Self {
        for (health, (ended, failed)) in self.backends.iter_mut().zip(tries_of) {
            health.traffic(&tries(*ended, *failed), self.now);
        }
        let mut pool: Vec<&mut BackendHealth> = self.backends.iter_mut().collect();
        eject_outliers(&mut pool, self.now);
        self
    }

    fn states(&self) -> Vec<Health> {
        self.backends.iter().map(|health| health.health().0).collect()
    }
}

const UP: Health = Health::Up;
const OUT: Health = Health::Down;
const TRIAL: Health = Health::Degraded(0.1);

#[test]
fn who_answers_badly_is_out_and_comes_back_by_trial() {
    let mut pool = PoolOf::new(2, TrafficCheck::DEFAULT);
    pool.at(1.0).sample(&[(19, 19), (50, 0)]);
    assert_eq!(pool.states(), [UP, UP], "too few to say");
    pool.at(1.1).sample(&[(1, 1), (0, 0)]);
    assert_eq!(pool.states(), [OUT, UP]);
    let (_, reason) = pool.backends[0].health();
    assert_eq!(reason.unwrap().to_string(), "traffic: 20 of 20 tries failed within 10s");
    pool.at(11.0).sample(&[(5, 5), (50, 0)]);
    assert_eq!(pool.states(), [OUT, UP], "those were sent before");
    pool.at(11.2);
    assert_eq!(pool.states(), [TRIAL, UP]);
    pool.sample(&[(2, 0), (50, 0)]);
    assert_eq!(pool.states(), [TRIAL, UP]);
    pool.at(60.0);
    assert_eq!(pool.states(), [TRIAL, UP], "no timer ends a trial");
    pool.sample(&[(1, 0), (50, 0)]);
    assert_eq!(pool.states(), [UP, UP]);
}

#[test]
fn whom_probes_brought_back_is_not_judged_by_what_took_it_out() {
    let mut pool = PoolOf::new(2, TrafficCheck::DEFAULT);
    // Killed: what it held open is reset, and a probe sees it before a connect does.
    pool.at(1.0).sample(&[(19, 19), (50, 0)]);
    let probe = |pool: &mut PoolOf, outcome: &Outcome| {
        let now = pool.now;
        for _ in 0..3 {
            pool.backends[0].observe(&seen(Layer::Network, 0, outcome.clone(), now));
        }
    };
    probe(&mut pool, &refused());
    assert_eq!(pool.states(), [OUT, UP]);
    pool.at(2.0);
    probe(&mut pool, &PASS);
    assert_eq!(pool.states(), [UP, UP]);
    pool.sample(&[(11, 0), (50, 0)]);
    assert_eq!(pool.states(), [UP, UP]);
    pool.sample(&[(20, 20), (50, 0)]);
    assert_eq!(pool.states(), [OUT, UP], "what it does from then on counts");
}

#[test]
fn each_ejection_that_follows_lasts_twice_as_long() {
    let mut pool = PoolOf::new(2, TrafficCheck::DEFAULT);
    pool.at(0.0).sample(&[(20, 20), (50, 0)]);
    let mut at = 0.0;
    for hold in [10.0, 20.0, 40.0, 80.0, 160.0, 300.0, 300.0] {
        at += hold;
        pool.at(at - 0.01);
        assert_eq!(pool.states(), [OUT, UP], "{hold}");
        pool.at(at);
        assert_eq!(pool.states(), [TRIAL, UP], "{hold}");
        pool.sample(&[(3, 1), (50, 0)]);
    }
    pool.at(at + 300.0).sample(&[(3, 0), (50, 0)]);
    assert_eq!(pool.states(), [UP, UP]);
    assert_eq!(pool.backends[0].evidence(pool.now).ejections, 8);
    // Well for as long as the longest ejection: what was is forgotten.
    at += 900.0;
    pool.at(at).sample(&[(20, 20), (50, 0)]).at(at + 10.0);
    assert_eq!(pool.states(), [TRIAL, UP]);
}

#[test]
fn a_pool_spares_only_so_many_and_the_worst_go_first() {
    let mut pool = PoolOf::new(5, TrafficCheck::DEFAULT);
    pool.at(1.0).sample(&[(100, 60), (100, 100), (100, 0), (1000, 0), (100, 90)]);
    assert_eq!(pool.states(), [UP, OUT, UP, UP, OUT], "half of five is two");
    let mut small = PoolOf::new(2, TrafficCheck { max_ejected: 0.0, ..TrafficCheck::DEFAULT });
    small.at(1.0).sample(&[(100, 100), (100, 0)]);
    assert_eq!(small.states(), [OUT, UP], "one always may be");
    let mut single = PoolOf::new(1, TrafficCheck::DEFAULT);
    single.at(1.0).sample(&[(100, 100)]);
    assert_eq!(single.states(), [UP], "the last one that serves never");
}

#[test]
fn whoever_is_out_is_tried_at_once_when_nobody_else_serves() {
    let mut pool = PoolOf::new(2, TrafficCheck::DEFAULT);
    pool.at(1.0).sample(&[(20, 20), (50, 0)]);
    assert_eq!(pool.states(), [OUT, UP]);
    let refused = Traffic { connect_failures: 1, ..Traffic::none(key()) };
    pool.backends[1].traffic(&refused, pool.now);
    pool.sample(&[]);
    assert_eq!(pool.states(), [TRIAL, OUT]);
    // One such trial: the next one waits for its time.
    pool.sample(&[(1, 1)]);
    assert_eq!(pool.states(), [OUT, OUT]);
    pool.at(20.9).sample(&[]);
    assert_eq!(pool.states(), [OUT, OUT]);
    pool.at(21.1);
    assert_eq!(pool.states(), [TRIAL, OUT]);
}

#[test]
fn whoever_has_proven_itself_is_not_held_while_the_pool_cannot_spare_it() {
    let mut pool = PoolOf::new(4, TrafficCheck::DEFAULT);
    let refused = Traffic { connect_failures: 1, ..Traffic::none(key()) };
    // Each in turn is killed and soon back, more often than times out and `max_returns` allow.
    for n in 0..80 {
        pool.at(f64::from(n) * 0.5);
        let serving = pool.states().iter().filter(|state| **state == UP).count();
        assert!(serving >= 2, "before kill {n}: {:?}", pool.states());
        pool.backends[n as usize % 4].traffic(&refused, pool.now);
        pool.sample(&[]).at(f64::from(n) * 0.5 + 0.4);
        for health in &mut pool.backends {
            for _ in 0..3 {
                health.observe(&seen(Layer::Network, 0, PASS, pool.now));
            }
        }
        pool.sample(&[]);
    }
}

#[test]
fn a_backend_of_its_own_judgement_is_judged_by_it() {
    let mut pool = PoolOf::new(4, TrafficCheck::DEFAULT);
    let own = |traffic| HealthChecks { traffic, ..network() };
    let strict = TrafficCheck { max_errors: 0.1, ..TrafficCheck::DEFAULT };
    let now = pool.now;
    pool.backends[0].reconfigure(&own(Some(strict)), now);
    pool.backends[1].reconfigure(&own(None), now);
    pool.at(1.0).sample(&[(100, 20), (100, 100), (100, 20), (1000, 0)]);
    assert_eq!(pool.states(), [OUT, UP, UP, UP]);
}

#[test]
fn what_ails_all_is_nobodys_fault() {
    let mut pool = PoolOf::new(4, TrafficCheck::DEFAULT);
    pool.at(1.0).sample(&[(100, 90), (100, 80), (100, 95), (100, 85)]);
    assert_eq!(pool.states(), [UP; 4]);
}

#[test]
fn a_backend_that_is_much_slower_than_the_rest_is_out() {
    let slow = Some(Slow { above: SECOND, max: 0.5 });
    let mut pool = PoolOf::new(3, TrafficCheck { slow, ..TrafficCheck::DEFAULT });
    let mut sample = tries(40, 0);
    sample.latency[13] = 30;
    let now = pool.at(1.0).now;
    pool.backends[0].traffic(&sample, now);
    pool.sample(&[(0, 0), (100, 0), (100, 0)]);
    assert_eq!(pool.states(), [OUT, UP, UP]);
    let (_, reason) = pool.backends[0].health();
    let told = "traffic: 30 of 40 answers took longer than 1s within 10s";
    assert_eq!(reason.unwrap().to_string(), told);
}

#[test]
fn probes_that_pass_prove_nothing_about_answers() {
    let mut pool = PoolOf::new(2, TrafficCheck::DEFAULT);
    pool.at(1.0).sample(&[(20, 20), (50, 0)]);
    for n in 1..50 {
        pool.at(1.0 + 0.1 * f64::from(n));
        let now = pool.now;
        pool.backends[0].observe(&seen(Layer::Network, 0, PASS, now));
    }
    assert_eq!(pool.states(), [OUT, UP]);
    assert_eq!(pool.backends[0].evidence(pool.now).cause, Some(Cause::Traffic));
}

#[test]
fn failing_to_connect_again_and_again_takes_longer_each_time() {
    let mut story = Story::new(&judged());
    story.at(0).connect(PASS);
    let mut at = 0;
    for _ in 0..4 {
        at += 100;
        story.at(at).traffic(1, 0);
        while story.health.health().0 == Health::Down {
            at += 100;
            story.at(at).connect(PASS);
        }
    }
    assert_snapshot!(story.text, @r"
    0 ms: unknown
    0 ms: unknown -> up (network, -)
    100 ms: up -> down (traffic, traffic: 1 connect failed)
    300 ms: down -> up (traffic, traffic: 1 connect failed)
    400 ms: up -> down (traffic, traffic: 1 connect failed)
    1400 ms: down -> up (traffic, traffic: 1 connect failed)
    1500 ms: up -> down (traffic, traffic: 1 connect failed)
    3500 ms: down -> up (traffic, traffic: 1 connect failed)
    3600 ms: up -> down (traffic, traffic: 1 connect failed)
    7600 ms: down -> up (traffic, traffic: 1 connect failed)
    ");
}

#[test]
fn a_reload_keeps_an_ejection_and_its_time() {
    let mut pool = PoolOf::new(2, TrafficCheck::DEFAULT);
    pool.at(1.0).sample(&[(20, 20), (50, 0)]);
    let checks = HealthChecks { traffic: Some(pool.settings), ..both(&["/added"]) };
    let now = pool.now + SECOND;
    pool.backends[0].reconfigure(&checks, now);
    assert_eq!(pool.states(), [OUT, UP]);
    pool.at(11.0);
    assert_eq!(pool.backends[0].due(), None, "on trial");
}
