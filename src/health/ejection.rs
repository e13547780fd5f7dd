//! Out by live traffic: what ejects, for how long, and what proves that it may come back.
//!
//! A timer that ends an ejection lets clients find out whether the backend is well. Here time only
//! says when proof may begin, and the proof is of the kind that was missing:
//!
//! - *It could not be connected to*, in a sample in which nothing else could. Out at once; proof:
//!   each check of the lowest layer passes `rise` times in a row, by probes begun after the last
//!   such failure.
//! - *It answers badly*: over the window, of enough tries that ended, too many failed or were too
//!   slow. That is statistics, so the pool has a say: no more than `max_ejected` of its backends
//!   are out this way (but always one may be), never the last one that serves, and only who is
//!   twice as bad as the rest, for what all share no ejection mends. Proof: a trial by a small
//!   part of its weight, until `trial_requests` tries have ended well; one that ends badly ejects
//!   again. A probe that passed while clients got errors proves nothing here.
//!
//! A time only dampens: while fewer than half of the pool serve, or only one, whoever has proven
//! itself is in at once. And when nobody serves any more, a first trial begins at once: who answered
//! badly is better than nobody.
//!
//! Until the pool has been judged anew, a request whose other tries all failed is sent to whoever
//! answers badly too, rather than to nobody ([`is_last_resort`](super::BackendHealth::is_last_resort)).
//!
//! The time doubles with each ejection that follows another, up to a limit, and starts anew after
//! the backend has been in for as long as that limit.

use std::time::{Duration, Instant};

use super::detector::Thresholds;
use super::kept::{Charge, KeptEjections};
use super::window::{Tally, Window};
use crate::config::TrafficCheck;
use crate::model::{Failure, Observation, Outcome, Reason, Traffic};

/// The least time out when connecting fails again soon; the first time only proof is needed.
const AGAIN: Duration = Duration::from_secs(1);
/// How many times as bad as the rest of its pool a backend must be.
const WORSE: f64 = 2.0;

/// What live traffic says of a backend.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Standing {
    /// Nothing against it.
    In,
    /// It may prove itself, by this part of its weight.
    Trial(f64),
    /// It is out.
    Out,
}

/// The state of one backend's ejections.
#[derive(Clone, Debug)]
pub(super) struct Ejections {
    phase: Phase,
    window: Window,
    /// Ejections that followed each other.
    row: u32,
    /// Ejections ever.
    count: u64,
    returned: Option<Instant>,
}

#[derive(Clone, Debug)]
enum Phase {
    In,
    Out(Out),
    Trial { since: Instant, reason: Reason, passed: u64 },
}

#[derive(Clone, Debug)]
struct Out {
    since: Instant,
    until: Instant,
    /// The newest failure.
    last: Instant,
    reason: Reason,
    /// Passes in a row of each check of the proving layer, by probes begun after `last`; `None` =
    /// a trial must prove it.
    proof: Option<Vec<u32>>,
    proven: bool,
}

impl Ejections {
    pub(super) fn new(now: Instant) -> Self {
        Self { phase: Phase::In, window: Window::new(now), row: 0, count: 0, returned: None }
    }

    pub(super) fn standing(&self, settings: Option<&TrafficCheck>) -> Standing {
        match self.phase {
            Phase::In => Standing::In,
            Phase::Out(_) => Standing::Out,
            Phase::Trial { .. } => Standing::Trial(settings.map_or(1.0, |it| it.trial_share)),
        }
    }

    /// Since when traffic holds something against it, and what.
    pub(super) fn charge(&self) -> Option<(Instant, &Reason)> {
        match &self.phase {
            Phase::In => None,
            Phase::Out(out) => Some((out.since, &out.reason)),
            Phase::Trial { since, reason, .. } => Some((*since, reason)),
        }
    }

    /// Whether it is out for how it answers: it can be connected to, as far as is known.
    pub(super) fn answers(&self) -> bool {
        matches!(self.phase, Phase::Out(Out { proof: None, .. }))
    }

    /// Ejections so far.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// Takes over one sample; `checks` is how many checks the proving layer has.
    pub(super) fn sample(
        &mut self,
        sample: &Traffic,
        checks: usize,
        settings: Option<&TrafficCheck>,
        now: Instant,
    ) {
        if sample.connect_failures > 0 && sample.connects == 0 {
            return self.unreachable(sample.connect_failures, checks, settings, now);
        }
        let Some(settings) = settings else { return };
        let tally = Tally::of(sample, settings.slow);
        match &mut self.phase {
            Phase::In => self.window.add(tally, settings.window, now),
            // What ends now was sent before.
            Phase::Out(_) => {}
            Phase::Trial { .. } if tally.failed + tally.slow > 0 => {
                let reason = told(tally, "on trial", settings);
                self.eject(reason, None, Some(settings), now);
            }
            Phase::Trial { passed, .. } => {
                *passed += tally.ended;
                if *passed >= u64::from(settings.trial_requests) {
                    self.readmit(now);
                }
            }
        }
    }

    fn unreachable(
        &mut self,
        failures: u64,
        checks: usize,
        settings: Option<&TrafficCheck>,
        now: Instant,
    ) {
        let detail = match failures {
            1 => "1 connect failed".into(),
            n => format!("{n} connects failed").into(),
        };
        let reason = Reason { failure: Failure::Traffic, detail };
        match &mut self.phase {
            Phase::Out(out) => {
                out.last = now;
                out.reason = reason;
                out.restart(checks);
            }
            Phase::In | Phase::Trial { .. } => self.eject(reason, Some(checks), settings, now),
        }
    }

    /// The backend has been down and comes back, by whatever brought it: how its tries ended before has
    /// had its consequence.
    pub(super) fn begin_anew(&mut self, now: Instant) {
        self.window = Window::new(now);
    }

    /// What ended within the window, if the backend is in.
    pub(super) fn tally(&mut self, settings: &TrafficCheck, now: Instant) -> Option<Tally> {
        matches!(self.phase, Phase::In).then(|| self.window.total(settings.window, now))
    }

    /// Ejects for what the window shows.
    pub(super) fn eject_for(&mut self, tally: Tally, settings: &TrafficCheck, now: Instant) {
        let within = format!("within {:?}", settings.window);
        self.eject(told(tally, &within, settings), None, Some(settings), now);
    }

    fn eject(
        &mut self,
        reason: Reason,
        prove: Option<usize>,
        settings: Option<&TrafficCheck>,
        now: Instant,
    ) {
        let (first, limit) = match (settings, prove) {
            (Some(settings), None) => (settings.eject, settings.eject_max),
            (Some(settings), Some(_)) => (AGAIN, settings.eject_max),
            (None, _) => (Duration::ZERO, Duration::ZERO),
        };
        let calm = self.returned.is_none_or(|at| now.saturating_duration_since(at) >= limit);
        if calm && matches!(self.phase, Phase::In) {
            self.row = 0;
        }
        let doublings = if prove.is_some() { self.row.checked_sub(1) } else { Some(self.row) };
        let hold = doublings.map_or(Duration::ZERO, |n| {
            first.saturating_mul(1u32.checked_shl(n).unwrap_or(u32::MAX)).min(limit)
        });
        self.row = self.row.saturating_add(1).min(31);
        self.count += 1;
        let proof = prove.map(|checks| vec![0; checks]);
        let until = now + hold;
        let out = Out { since: now, until, last: now, reason, proof, proven: false };
        self.phase = Phase::Out(out);
    }

    fn readmit(&mut self, now: Instant) {
        self.phase = Phase::In;
        self.begin_anew(now);
        self.returned = Some(now);
    }

    pub(super) fn keep(&self) -> KeptEjections {
        let charge = match &self.phase {
            Phase::In => None,
            Phase::Out(Out { since, until, reason, proof, .. }) => Some(Charge {
                since: *since,
                until: *until,
                reason: reason.clone(),
                by_trial: proof.is_none(),
            }),
            Phase::Trial { since, reason, .. } => Some(Charge {
                since: *since,
                until: *since,
                reason: reason.clone(),
                by_trial: true,
            }),
        };
        KeptEjections { count: self.count, row: self.row, returned: self.returned, charge }
    }

    /// Takes over what a process before held against it, unless its time was over long ago or
    /// nobody would try it.
    pub(super) fn resume(
        &mut self,
        kept: &KeptEjections,
        checks: usize,
        settings: Option<&TrafficCheck>,
        now: Instant,
    ) {
        self.count = kept.count;
        (self.row, self.returned) = (kept.row.min(31), kept.returned);
        let forgotten = settings.map_or(AGAIN, |settings| settings.eject_max);
        let holds = |charge: &&Charge| {
            let old = now.saturating_duration_since(charge.until) >= forgotten;
            !old && (settings.is_some() || !charge.by_trial)
        };
        if let Some(Charge { since, until, reason, by_trial }) =
            kept.charge.as_ref().filter(holds).cloned()
        {
            let proof = (!by_trial).then(|| vec![0; checks]);
            self.phase = Phase::Out(Out { since, until, last: now, reason, proof, proven: false });
            self.elapse(now);
        }
    }

    /// The proving layer is another one now, or asks other questions: the proof starts again.
    pub(super) fn restart(&mut self, checks: usize) {
        if let Phase::Out(out) = &mut self.phase {
            out.restart(checks);
        }
    }

    /// Takes over one result of the proving layer.
    pub(super) fn observe(&mut self, seen: &Observation, thresholds: Thresholds) {
        if let Phase::Out(out) = &mut self.phase {
            out.observe(seen, thresholds);
        }
        self.elapse(seen.at);
    }

    /// When [`elapse`](Self::elapse) is due although nothing was seen.
    pub(super) fn due(&self) -> Option<Instant> {
        match &self.phase {
            Phase::Out(out) if out.proven || out.proof.is_none() => Some(out.until),
            _ => None,
        }
    }

    /// The pool needs it: if it has proven itself it need not wait for its time; if nobody serves at all
    /// (`alone`), not for its first trial either. Whoever failed one waits, or the pool would flap.
    pub(super) fn hasten(&mut self, alone: bool, now: Instant) {
        if let Phase::Out(out) = &mut self.phase
            && (out.proven || (alone && out.proof.is_none() && self.row <= 1))
        {
            out.until = out.until.min(now);
            self.elapse(now);
        }
    }

    /// Takes over that time has passed.
    pub(super) fn elapse(&mut self, now: Instant) {
        if self.due().is_none_or(|due| due > now) {
            return;
        }
        if let Phase::Out(Out { proof: None, reason, .. }) = &self.phase {
            self.phase = Phase::Trial { since: now, reason: reason.clone(), passed: 0 };
        } else {
            self.readmit(now);
        }
    }
}

impl Out {
    fn restart(&mut self, checks: usize) {
        self.proven = false;
        if let Some(proof) = &mut self.proof {
            *proof = vec![0; checks];
        }
    }

    fn observe(&mut self, seen: &Observation, thresholds: Thresholds) {
        let begun = seen.at.checked_sub(seen.latency);
        let fresh = begun.is_none_or(|begun| begun >= self.last);
        let Some(proof) = &mut self.proof else { return };
        if let Some(passes) = proof.get_mut(seen.check) {
            match seen.outcome {
                Outcome::Pass if fresh => *passes = passes.saturating_add(1),
                Outcome::Fail(_) => *passes = 0,
                Outcome::Pass | Outcome::Void(_) => {}
            }
        }
        self.proven = proof.iter().all(|passes| *passes >= thresholds.rise.max(1));
    }
}

/// Whether a backend with this tally, in a pool whose other backends have that one, should be out.
pub(super) fn is_bad(own: Tally, rest: Tally, settings: &TrafficCheck) -> bool {
    if own.ended < u64::from(settings.min_requests) {
        return false;
    }
    let ((failed, slow), (rest_failed, rest_slow)) = (own.parts(), rest.parts());
    let fails = failed > settings.max_errors && failed >= WORSE * rest_failed;
    fails || settings.slow.is_some_and(|it| slow > it.max && slow >= WORSE * rest_slow)
}

/// What a tally shows, in words.
fn told(tally: Tally, when: &str, settings: &TrafficCheck) -> Reason {
    let Tally { ended, failed, slow } = tally;
    let detail = match settings.slow {
        Some(limit) if slow > failed => {
            format!("{slow} of {ended} answers took longer than {:?} {when}", limit.above)
        }
        _ => format!("{failed} of {ended} tries failed {when}"),
    };
    Reason { failure: Failure::Traffic, detail: detail.into() }
}
