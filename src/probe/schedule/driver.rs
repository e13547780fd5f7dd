//! The loop: starts what is due, reports what has ended, follows the plan.

use std::collections::{HashMap, HashSet};
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::{Instant, sleep_until};

use super::job::{Check, Job, Recipient, Running, split};
use super::judge::judge;
use super::queue::{JobId, Lane};
use super::stalls::Stalls;
use crate::model::{Observation, Outcome, ProbePlan};
use crate::probe::attempt::Attempt;
use crate::probe::fault::Fault;
use crate::probe::tls::Tls;
use crate::probe::{Answer, once};

/// Attempts under way at a time, by lane: of those that only reach a backend, and of those that wait
/// for its answer. Each holds one descriptor.
///
/// An attempt's time runs while it waits for this thread, too. With a thousand questions under way each
/// waits for the turns of all others at every step; they time out, are asked again at once, and it stays so. What
/// is due waits outside instead, where no time runs.
pub(super) const IN_FLIGHT_MAX: [usize; 2] = [512, 256];
/// While attempts are under way the loop wakes at least this often, to notice if it cannot.
const HEARTBEAT: Duration = Duration::from_millis(25);
/// Lateness that is ordinary: the timer's grain and other tasks' turns.
const ORDINARY_LATENESS: Duration = Duration::from_millis(5);
/// How long to sleep with nothing to do; a new plan wakes the loop.
const IDLE: Duration = Duration::from_secs(3600);

/// Probes what the newest plan says and sends every result to `out`, until the plan's sender is
/// dropped or nobody reads the results.
///
/// Probes that are in the old and the new plan go on undisturbed; others stop at once, without a
/// result.
pub async fn run(plan: watch::Receiver<Arc<ProbePlan>>, out: mpsc::Sender<Observation>) {
    let tls = Arc::new(Tls::new());
    let attempt = move |check, limit| once(Arc::clone(&tls), check, limit);
    let mut driver = Driver::new(attempt, fastrand::Rng::new(), Instant::now());
    driver.run(plan, out).await;
}

pub(super) struct Driver<P> {
    /// Makes one attempt of a check within a limit.
    attempt: P,
    rng: fastrand::Rng,
    /// Where the grid of due times begins.
    epoch: Instant,
    jobs: HashMap<JobId, (Arc<Check>, Job)>,
    ids: HashMap<Arc<Check>, JobId>,
    last_id: u64,
    lanes: [Lane; 2],
    tasks: JoinSet<Attempt<Answer>>,
    /// The job of each attempt, and its lane.
    running: HashMap<Id, (JobId, usize)>,
    stalls: Stalls,
}

impl<P, F> Driver<P>
where
    P: Fn(Arc<Check>, Duration) -> F,
    F: Future<Output = Attempt<Answer>> + Send + 'static,
{
    pub(super) fn new(attempt: P, rng: fastrand::Rng, epoch: Instant) -> Self {
        Self {
            attempt,
            rng,
            epoch,
            jobs: HashMap::new(),
            ids: HashMap::new(),
            last_id: 0,
            lanes: IN_FLIGHT_MAX.map(Lane::new),
            tasks: JoinSet::new(),
            running: HashMap::new(),
            stalls: Stalls::default(),
        }
    }

    pub(super) async fn run(
        &mut self,
        mut plan: watch::Receiver<Arc<ProbePlan>>,
        out: mpsc::Sender<Observation>,
    ) {
        let first = Arc::clone(&plan.borrow_and_update());
        self.adopt(&first, Instant::now());
        let mut results = Vec::new();
        let mut stalled = Duration::ZERO;
        loop {
            let wake = self.start_due(Instant::now(), stalled);
            tokio::select! {
                changed = plan.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    let newest = Arc::clone(&plan.borrow_and_update());
                    self.adopt(&newest, Instant::now());
                }
                Some(ended) = self.tasks.join_next_with_id() => {
                    stalled = self.notice(wake);
                    self.finish(ended, &mut results);
                    while let Some(ended) = self.tasks.try_join_next_with_id() {
                        self.finish(ended, &mut results);
                    }
                }
                () = sleep_until(wake) => stalled = self.notice(wake),
                () = out.closed() => return,
            }
            for result in results.drain(..) {
                if out.send(result).await.is_err() {
                    return;
                }
            }
        }
    }

    /// Follows a new plan.
    #[expect(
        clippy::mutable_key_type,
        reason = "an expression is compared and hashed by its text, not by its caches"
    )]
    fn adopt(&mut self, plan: &ProbePlan, now: Instant) {
        let mut wanted: HashMap<Check, Vec<Recipient>> = HashMap::new();
        for spec in &plan.probes {
            let (check, recipient) = split(spec);
            wanted.entry(check).or_default().push(recipient);
        }
        self.ids.retain(|check, id| {
            let kept = wanted.contains_key(&**check);
            if !kept && let Some((_, job)) = self.jobs.remove(id) {
                job.stop();
            }
            kept
        });
        let new = wanted.keys().filter(|check| !self.ids.contains_key(*check)).count();
        for (check, recipients) in wanted {
            self.want(check, recipients, new, now);
        }
    }

    /// Starts or goes on with one check.
    fn want(&mut self, check: Check, recipients: Vec<Recipient>, new: usize, now: Instant) {
        if let Some(id) = self.ids.get(&check)
            && let Some((_, job)) = self.jobs.get_mut(id)
        {
            let known: HashSet<Recipient> = job.recipients.drain(..).collect();
            let anyone_new = recipients.iter().any(|recipient| !known.contains(recipient));
            job.recipients = recipients;
            if anyone_new && job.hasten(&check, now) {
                self.lanes[check.lane()].queue.push(job.due, *id);
            }
            return;
        }
        self.last_id += 1;
        let (id, check) = (JobId(self.last_id), Arc::new(check));
        let job = Job::new(&check, recipients, new, now);
        self.lanes[check.lane()].queue.push(job.due, id);
        self.ids.insert(Arc::clone(&check), id);
        self.jobs.insert(id, (check, job));
    }

    /// Starts what is due, as far as the bounds allow; returns when to look again.
    fn start_due(&mut self, now: Instant, stalled: Duration) -> Instant {
        for lane in 0..self.lanes.len() {
            while let Some((due, id)) = self.lanes[lane].pop(now) {
                let Some((check, job)) = self.jobs.get_mut(&id) else { continue };
                if job.running.is_some() || job.due != due {
                    continue;
                }
                let limit = job.limit(check);
                let abort = self.tasks.spawn((self.attempt)(Arc::clone(check), limit));
                self.lanes[lane].begun();
                self.running.insert(abort.id(), (id, lane));
                job.running = Some(Running { abort, begun: now, stalled, limit });
            }
        }
        let next = self.lanes.iter().filter_map(Lane::next).min().unwrap_or(now + IDLE);
        if self.tasks.is_empty() { next } else { next.min(now + HEARTBEAT) }
    }

    /// How late the loop woke, which every attempt under way may have suffered from.
    fn notice(&mut self, wake: Instant) -> Duration {
        let now = Instant::now();
        let late = now.saturating_duration_since(wake);
        if late > ORDINARY_LATENESS {
            self.stalls.note(now, late);
        } else if self.running.is_empty() {
            self.stalls.clear();
        }
        late
    }

    /// Turns an ended attempt into results, one for each recipient, and sets when it is due again.
    fn finish(
        &mut self,
        ended: Result<(Id, Attempt<Answer>), JoinError>,
        results: &mut Vec<Observation>,
    ) {
        let now = Instant::now();
        let (task, attempt) = ended.unwrap_or_else(|error| (error.id(), panicked(now)));
        let Some((id, lane)) = self.running.remove(&task) else { return };
        self.lanes[lane].ended();
        let Some((check, job)) = self.jobs.get_mut(&id) else { return };
        let Some(running) = job.running.take() else { return };
        let latency = attempt.ended - attempt.started;
        let stalled = running.stalled.max(self.stalls.since(running.begun));
        let outcome = judge(&attempt, running.limit, stalled);
        let agent = attempt.result.and_then(Result::ok).flatten();
        let again_at_once = match outcome {
            Outcome::Pass => {
                job.passed(latency);
                false
            }
            Outcome::Fail(_) => job.failed(),
            Outcome::Void(_) => false,
        };
        if again_at_once {
            job.due = now;
        } else {
            job.reschedule(check, self.epoch, now, self.rng.f64());
        }
        self.lanes[lane].queue.push(job.due, id);
        results.extend(job.recipients.iter().map(|recipient| Observation {
            backend: recipient.backend.clone(),
            layer: recipient.layer,
            check: recipient.check,
            at: attempt.ended.into_std(),
            latency,
            outcome: outcome.clone(),
            agent: agent.clone(),
        }));
    }
}

/// What stands for an attempt that ended by a defect of the prober: it says nothing.
fn panicked(now: Instant) -> Attempt<Answer> {
    let result = Some(Err(Fault::Local("the probe ended by a defect".into())));
    Attempt { started: now, ended: now, result, late: Duration::ZERO }
}
