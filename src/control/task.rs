//! The loop: waits for whatever happens first, folds it into the state, publishes what follows.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

use super::client::Shared;
use super::clock::{WallClock, anchor};
use super::command::Command;
use super::event::Event;
use super::journal::Journal;
use super::keep::{Write, kept};
use super::limits::Limits;
use super::listeners::Open;
use super::ordering::drained_listeners;
use super::recall::Recall;
use super::recorder::Recorder;
use super::reload::{Asker, Reloads, Sockets};
use super::sample::Sampler;
use super::standings::Standings;
use super::versions::Versions;
use super::{Detail, ReloadReport, Snapshot, Status, line, names, view};
use crate::decision::{Change, Input, State, Step};
use crate::events::{wire, written};
use crate::health::{self, probe_plan};
use crate::live::{self, Live};
use crate::model::{Action, Lookup, LookupPlan, Observation, Order, ProbePlan, UnixMillis};
use crate::table::{self, Publisher};

/// How often traffic counters are sampled and old tables are freed.
const TICK: Duration = Duration::from_millis(100);
/// The shortest time between two samples, however many connections fail.
const SAMPLE_GAP: Duration = Duration::from_millis(10);
/// Observations taken in one step.
const BATCH: usize = 1_024;

/// What comes in.
pub(super) struct Inbox {
    pub(super) commands: mpsc::Receiver<Command>,
    pub(super) observations: mpsc::Receiver<Observation>,
    pub(super) lookups: mpsc::Receiver<Lookup>,
}

/// What goes out, besides tables.
pub(super) struct Outbox {
    pub(super) probes: watch::Sender<Arc<ProbePlan>>,
    pub(super) lookups: watch::Sender<Arc<LookupPlan>>,
}

/// Everything the one writer owns.
pub(super) struct Task {
    pub(super) state: State,
    pub(super) publisher: Publisher,
    pub(super) live: Arc<Live>,
    /// The open listeners of the current table.
    pub(super) listeners: Vec<Arc<live::Listener>>,
    pub(super) shared: Arc<Shared>,
    pub(super) clock: WallClock,
    pub(super) journal: Journal,
    pub(super) recorder: Option<Recorder>,
    pub(super) sampler: Sampler,
    pub(super) limits: Limits,
    pub(super) reloads: Reloads,
    pub(super) open: Arc<Open>,
    /// Where standing orders are kept, if anywhere.
    pub(super) keeper: Option<mpsc::UnboundedSender<Write>>,
    /// Where it is kept how zones and regions stand, if anywhere.
    pub(super) standings: Standings,
    /// Where what was observed is kept, if anywhere.
    pub(super) recall: Option<Recall>,
    pub(super) outbox: Outbox,
    pub(super) times: Times,
    pub(super) last_reload: Option<ReloadReport>,
    pub(super) versions: Versions,
    /// Certificates that were renewed on disk by what cannot be used, and why.
    pub(super) refused: BTreeMap<PathBuf, String>,
    /// Something has left the table since identities were last pruned.
    pub(super) unpruned: bool,
}

/// When things happened.
pub(super) struct Times {
    pub(super) started: UnixMillis,
    pub(super) configured: UnixMillis,
    pub(super) published: UnixMillis,
    pub(super) sampled: Instant,
    /// When to sample before the next tick, because a connection failed.
    pub(super) sample_at: Option<Instant>,
}

impl Times {
    /// Of a process that begins now.
    pub(super) fn begun(started: UnixMillis, now: Instant) -> Self {
        let (configured, published) = (started, started);
        Self { started, configured, published, sampled: now, sample_at: None }
    }
}

impl Task {
    /// Runs until the last client is dropped.
    pub(super) async fn run(mut self, mut inbox: Inbox) {
        let suspects = Arc::clone(&self.shared.suspects);
        let mut tick = interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut seen = Vec::with_capacity(BATCH);
        loop {
            let wake = self.wake();
            tokio::select! {
                command = inbox.commands.recv() => match command {
                    Some(command) => self.command(command),
                    None => return,
                },
                1.. = inbox.observations.recv_many(&mut seen, BATCH) => self.observed(&mut seen),
                Some(lookup) = inbox.lookups.recv() => self.looked_up(lookup),
                prepared = self.reloads.prepared() => self.reloaded(prepared),
                () = suspects.notified() => self.suspected(),
                () = sleep_until(wake.unwrap_or_else(Instant::now)), if wake.is_some() => {
                    // A silence must not be judged while its end waits in the queue.
                    while seen.len() < BATCH && let Ok(one) = inbox.observations.try_recv() {
                        seen.push(one);
                    }
                    self.observed(&mut seen);
                    self.woken();
                }
                _ = tick.tick() => self.ticked(),
            }
        }
    }

    /// When something is due although nothing happens.
    fn wake(&self) -> Option<Instant> {
        let due = self.state.due().map(Instant::from_std);
        due.into_iter().chain(self.times.sample_at).chain(self.versions.unconfirmed_until()).min()
    }

    fn command(&mut self, command: Command) {
        // An asker that has left misses nothing it still wants: its answer is dropped.
        match command {
            Command::Reload { actor, confirm, answer } => {
                let asker = Asker { actor, confirm, answer };
                self.reloads.ask(asker, &sockets(&self.state, &self.listeners));
            }
            Command::Renewed(renewed) => self.renewed(*renewed),
            Command::Confirm { actor, answer } => drop(answer.send(self.confirm(actor))),
            Command::Rollback { actor, answer } => drop(answer.send(self.roll_back(actor))),
            Command::Order { requests, answer } => self.order(&requests, answer),
            Command::Orders { answer } => {
                drop(answer.send(kept(self.state.orders(), anchor(self.clock))));
            }
            Command::Status { detail, answer } => drop(answer.send(self.status(&detail))),
            Command::Snapshot { core, answer } => drop(answer.send(self.snapshot(core))),
            Command::Record { done } => self.record_last(done),
            Command::LastReload { answer } => drop(answer.send(self.last_reload.clone())),
            Command::Events { limit, answer } => drop(answer.send(self.journal.newest(limit))),
        }
    }

    fn observed(&mut self, seen: &mut Vec<Observation>) {
        for one in &*seen {
            self.shared.counters.count_probe(one);
        }
        self.step(seen.drain(..).map(Input::Observed));
    }

    fn looked_up(&mut self, lookup: Lookup) {
        let counters = &self.shared.counters;
        let ended =
            if lookup.outcome.is_ok() { &counters.lookups_ok } else { &counters.lookups_failed };
        ended.add(1);
        self.step([Input::LookedUp(lookup)]);
    }

    fn suspected(&mut self) {
        self.times.sample_at = Some(self.times.sampled + SAMPLE_GAP);
    }

    fn woken(&mut self) {
        let now = Instant::now();
        if self.versions.unconfirmed_until().is_some_and(|until| until <= now) {
            self.revert();
        } else if self.times.sample_at.is_some_and(|at| at <= now) {
            self.sample();
        } else {
            self.step([]);
        }
    }

    fn ticked(&mut self) {
        self.sample();
        self.limits.tick(self.times.sampled);
        if self.standings.are_due(&self.state) {
            self.standings.keep(&self.state, anchor(self.clock));
        }
        self.record_health();
        let held = self.publisher.reap();
        let gauge = &self.shared.counters.tables_held;
        gauge.add(i64::try_from(held).unwrap_or(i64::MAX) - gauge.get());
        if self.unpruned && held == 0 {
            self.live.prune();
            self.unpruned = false;
        }
    }

    fn sample(&mut self) {
        self.times.sample_at = None;
        self.times.sampled = Instant::now();
        let samples = self.sampler.sample();
        let arrivals = self.sampler.arrivals().into_iter().map(Input::Arrived);
        self.step(samples.into_iter().map(Input::Sampled).chain(arrivals));
    }

    /// Takes facts in; publishes if the plan changes.
    pub(super) fn step(&mut self, inputs: impl IntoIterator<Item = Input>) {
        let step = self.take(inputs);
        let members = self.note(step.changes);
        if step.plan.is_some() {
            self.publish();
        }
        if members {
            self.follow_members();
        }
    }

    /// One step of the core, recorded if that is wanted.
    pub(super) fn take(&mut self, inputs: impl IntoIterator<Item = Input>) -> Step {
        let now = Instant::now().into_std();
        let Some(recorder) = &mut self.recorder else { return self.state.step(inputs, now) };
        let inputs: Vec<Input> = inputs.into_iter().collect();
        recorder.before(&self.state, (now, (self.clock)()));
        let (facts, before) = (recorder.facts(&inputs), Arc::clone(self.state.plan()));
        let step = self.state.step(inputs, now);
        recorder.step(now, facts, &step, &before);
        step
    }

    /// Writes changes down; true if the members are among them.
    pub(super) fn note(&mut self, changes: Vec<Change>) -> bool {
        if changes.iter().any(|change| matches!(change, Change::Moved(_))) {
            self.standings.keep(&self.state, anchor(self.clock));
        }
        let mut members = false;
        for change in changes {
            match change {
                Change::Members => members = true,
                Change::Health(backend, change) => {
                    self.recall.iter_mut().for_each(Recall::hasten);
                    let health::Change { from, to, cause, reason, at: _ } = change;
                    let reason = reason.map(|reason| reason.to_string().into());
                    self.journal.record(Event::Health { backend, from, to, cause, reason });
                }
                Change::Moved(moved) => self.journal.record(Event::Moved { moved }),
                Change::SetBack(backend, why) => {
                    self.journal.record(Event::SetBack { backend, why });
                }
                Change::Headroom { pool, low, headroom } => {
                    self.journal.record(Event::Headroom { pool, low, headroom });
                }
                Change::Circuit { pool, from, to, cause } => {
                    self.journal.record(Event::Circuit { pool, from, to, cause });
                }
                Change::Expired(order) => self.expired(order),
                Change::CommonCause(pool, symptom) => {
                    let failure = symptom.map(|(_, failure)| failure);
                    self.journal.record(Event::CommonCause { pool, failure });
                }
                Change::Resolved(spec, addresses) => {
                    let (pool, backend) = (spec.pool, spec.backend);
                    self.journal.record(Event::Resolved { pool, backend, addresses });
                }
                Change::Unresolved(spec, detail) => {
                    let (pool, backend) = (spec.pool, spec.backend);
                    self.journal.record(Event::Unresolved { pool, backend, detail });
                }
            }
        }
        members
    }

    /// Lets probes, lookups and samples follow the members there are now.
    pub(super) fn follow_members(&mut self) {
        let probes = probe_plan(self.state.config(), self.state.addresses());
        self.outbox.probes.send_replace(Arc::new(probes));
        let lookups = self.state.lookup_plan();
        self.outbox.lookups.send_if_modified(|before| {
            let differs = **before != lookups;
            if differs {
                *before = Arc::new(lookups);
            }
            differs
        });
        let members = self.state.pools().flat_map(|(_, members)| members);
        let pools = self.state.config().pools.iter().map(|pool| &pool.name);
        self.sampler.watch(&self.live, pools, members.map(|member| &member.backend.key));
        self.limits.follow(&self.live, &self.state, Instant::now());
        self.unpruned = true;
    }

    pub(super) fn publish(&mut self) {
        let previous = Arc::clone(self.publisher.current());
        let generation = previous.generation + 1;
        self.publisher.publish(table::build(&table::Inputs {
            config: self.state.config(),
            plan: self.state.plan(),
            live: &self.live,
            listeners: &self.listeners,
            previous: Some(&previous),
            generation,
        }));
        self.shared.counters.generation.add(1);
        self.shared.counters.swaps.add(1);
        self.times.published = (self.clock)();
        let moves = line::moves(&previous.plan, self.state.plan());
        let because = line::reasons(self.state.report(), &moves);
        self.journal.record(Event::Published { generation, moves, because });
    }

    fn snapshot(&self, core: bool) -> Snapshot {
        Snapshot {
            table: Arc::clone(self.publisher.current()),
            report: self.state.report().clone(),
            core: core.then(|| Box::new(self.state.clone())),
        }
    }

    /// The orders about requests themselves.
    fn exceptions(&self) -> Vec<wire::Order> {
        let about =
            |order: &&Order| matches!(order.action, Action::Degrade { .. } | Action::Fault(_));
        let anchor = anchor(self.clock);
        self.state.orders().iter().filter(about).map(|order| written(order, anchor)).collect()
    }

    fn status(&self, detail: &Detail) -> Result<Status, String> {
        if let Detail::Backend(name) = detail {
            names::backend(&self.state, name)?;
        }
        Ok(Status {
            generation: self.publisher.current().generation,
            published: self.times.published,
            started: self.times.started,
            draining: self.shared.is_draining(),
            certificates: view::certificates(self.state.config(), self.refusals()),
            exceptions: self.exceptions(),
            pools: view::pools(&self.state, self.clock, self.times.configured, detail),
            report: view::report(self.state.report()),
            last_reload: self.last_reload.clone(),
        })
    }
}

/// The sockets a reload may go on with.
pub(super) fn sockets<'a>(state: &State, open: &'a [Arc<live::Listener>]) -> Sockets<'a> {
    Sockets { open, drained: drained_listeners(state.orders()) }
}
