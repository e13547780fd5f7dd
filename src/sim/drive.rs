//! Drives the core: what is due next, and what it is told.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::record::Recorder;
use super::requests::{Requests, TICK};
use super::world::World;
use crate::config::Config;
use crate::config::scenario::{Event, Scenario, Verb};
use crate::decision::{Change, Input, State, Step};
use crate::health::probe_plan;
use crate::model::{Health, Lookup, LookupPlan, LookupSpec, Observation, Order, ProbeSpec};

/// How long requests flow before the scenario begins, and all is well before they do.
const SETTLED: Duration = Duration::from_secs(1);

/// Everything that moves, and the clock that moves it.
pub(super) struct Driver<'a> {
    scenario: &'a Scenario,
    /// Any moment; only differences to it are used.
    epoch: Instant,
    /// When the scenario begins: until then every probe has had its first answers.
    zero: Duration,
    rng: fastrand::Rng,
    state: State,
    world: World,
    requests: Vec<Requests>,
    queue: BinaryHeap<Reverse<Due>>,
    sequence: u64,
}

/// Something that happens at a time; in the order it was planned, where times are equal.
struct Due {
    at: Duration,
    sequence: u64,
    what: What,
}

enum What {
    Event(usize),
    Probe(Arc<ProbeSpec>),
    Answer(Observation),
    Tick,
}

impl<'a> Driver<'a> {
    pub(super) fn new(
        config: &Arc<Config>,
        scenario: &'a Scenario,
        seed: u64,
        epoch: Instant,
    ) -> Self {
        let mut state = State::new(Arc::clone(config), epoch);
        let world = World::new(config, scenario);
        state.step(looked_up(&state.lookup_plan(), &world), epoch);
        let probes = probe_plan(config, &world.addresses).probes;
        let slowest = probes.iter().map(|probe| probe.interval + probe.timeout).max();
        let mut driver = Self {
            scenario,
            epoch,
            zero: 2 * slowest.unwrap_or_default() + 2 * SETTLED,
            rng: fastrand::Rng::with_seed(seed),
            requests: Requests::new(config, scenario, &world),
            state,
            world,
            queue: BinaryHeap::new(),
            sequence: 0,
        };
        for (index, event) in scenario.events.iter().enumerate() {
            driver.plan(driver.zero + event.at, What::Event(index));
        }
        for probe in probes {
            let phase = probe.interval.mul_f64(driver.rng.f64());
            driver.plan(phase, What::Probe(Arc::new(probe)));
        }
        // Whoever is proven first would be overrun if there were requests from the beginning.
        driver.plan(driver.zero - SETTLED, What::Tick);
        driver
    }

    /// Lets every probe see that all is well, until the scenario would begin.
    fn settled(mut self) -> (State, Instant) {
        while let Some(now) = self.next().filter(|next| *next < self.zero) {
            let mut inputs = Vec::new();
            while self.queue.peek().is_some_and(|due| due.0.at <= now) {
                let Some(Reverse(due)) = self.queue.pop() else { break };
                self.happens(due.what, now, &mut inputs, None);
            }
            self.state.step(inputs, self.epoch + now);
        }
        (self.state, self.epoch + self.zero)
    }

    /// Runs the whole scenario.
    pub(super) fn run(mut self, recorder: &mut Recorder<'_>) {
        let end = self.zero + self.scenario.duration;
        let mut begun = false;
        while let Some(now) = self.next().filter(|next| *next < end) {
            if !begun && now >= self.zero {
                begun = true;
                recorder.begin(&self.state, &self.world);
            }
            let mut inputs = Vec::new();
            while self.queue.peek().is_some_and(|due| due.0.at <= now) {
                let Some(Reverse(due)) = self.queue.pop() else { break };
                self.happens(due.what, now, &mut inputs, Some(&mut *recorder));
            }
            let step = self.state.step(inputs, self.epoch + now);
            self.rescue(&step, now);
            if begun {
                recorder.stepped(now - self.zero, &step, &self.state);
            }
        }
        recorder.end();
    }

    fn next(&self) -> Option<Duration> {
        let queued = self.queue.peek().map(|due| due.0.at);
        let due = self.state.due().map(|due| due.saturating_duration_since(self.epoch));
        queued.into_iter().chain(due).min()
    }

    fn plan(&mut self, at: Duration, what: What) {
        self.sequence += 1;
        self.queue.push(Reverse(Due { at, sequence: self.sequence, what }));
    }

    fn happens(
        &mut self,
        what: What,
        now: Duration,
        inputs: &mut Vec<Input>,
        recorder: Option<&mut Recorder<'_>>,
    ) {
        let moment = now.saturating_sub(self.zero);
        match what {
            What::Event(index) => {
                if let Some(event) = self.scenario.events.get(index) {
                    self.world.happen(event);
                    if let Some(recorder) = recorder {
                        recorder.happened(event, &self.world);
                    }
                    inputs.extend(self.order(event, now).map(Input::Ordered));
                }
            }
            What::Probe(probe) => {
                let (latency, outcome) = self.world.probe(&probe, moment, &mut self.rng);
                let jitter = probe.jitter.mul_f64(2.0 * self.rng.f64());
                let next = now + probe.interval + jitter - probe.jitter;
                let at = now + latency;
                let seen = Observation {
                    backend: probe.backend.clone(),
                    layer: probe.layer,
                    check: probe.check,
                    at: self.epoch + at,
                    latency,
                    outcome,
                    agent: None,
                };
                self.plan(at, What::Answer(seen));
                // One probe of a kind is under way at a time.
                self.plan(next.max(at), What::Probe(probe));
            }
            What::Answer(seen) => inputs.push(Input::Observed(seen)),
            What::Tick => {
                self.tick(now, inputs, recorder);
                self.plan(now + TICK, What::Tick);
            }
        }
    }

    fn tick(
        &mut self,
        now: Duration,
        inputs: &mut Vec<Input>,
        recorder: Option<&mut Recorder<'_>>,
    ) {
        let moment = now.saturating_sub(self.zero);
        let mut recorder = recorder.filter(|_| now > self.zero);
        for requests in &mut self.requests {
            let plan = self.state.plan();
            let ticked = requests.tick(moment, plan, &mut self.world, &mut self.rng);
            if let Some(recorder) = &mut recorder {
                recorder.ticked(&ticked, &self.world);
            }
            inputs.extend(ticked.seen.into_values().map(Input::Sampled));
        }
        if let Some(recorder) = recorder {
            recorder.tick_over(moment, &self.world);
        }
    }

    /// What waits for a connection to a backend that went down waits no longer.
    fn rescue(&mut self, step: &Step, now: Duration) {
        for change in &step.changes {
            let Change::Health(key, change) = change else { continue };
            if let (Health::Down, Some(place)) = (change.to, self.world.place(key)) {
                let moment = now.saturating_sub(self.zero);
                self.requests.iter_mut().for_each(|requests| requests.rescue(place, moment));
            }
        }
    }

    fn order(&self, event: &Event, now: Duration) -> Option<Order> {
        let Verb::Order { action, why, lasts } = &event.verb else { return None };
        let since = self.epoch + now;
        Some(Order {
            scope: event.place.clone(),
            action: action.clone(),
            actor: Arc::from("scenario"),
            why: Arc::clone(why),
            since,
            until: lasts.map(|lasts| since + lasts),
        })
    }
}

/// A decision core to which every backend is well, and the moment it is so: hostnames have one
/// address each, from the range for benchmarks (RFC 2544).
#[must_use]
pub fn all_well(config: &Arc<Config>, epoch: Instant) -> (State, Instant) {
    Driver::new(config, &Scenario::quiet(config), 0, epoch).settled()
}

fn looked_up(lookups: &LookupPlan, world: &World) -> Vec<Input> {
    let answer = |spec: &LookupSpec| {
        let addresses = world.addresses.get(&spec.pool, &spec.backend).to_vec();
        Input::LookedUp(Lookup { spec: spec.clone(), outcome: Ok(addresses) })
    };
    lookups.lookups.iter().map(answer).collect()
}

impl Ord for Due {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.sequence).cmp(&(other.at, other.sequence))
    }
}

impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Due {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Due {}
