//! Keeps every change three times: in memory for who asks, in the event log for who wants to know
//! or decide it again later, and as a log line for who watches.

use std::collections::VecDeque;
use std::sync::Arc;

use tracing::{debug, error, info, warn};

use super::clock::{WallClock, anchor};
use super::event::Event;
use super::line;
use crate::decision::Moved;
use crate::events::wire::Line;
use crate::events::{Chain, Tap, Writer};
use crate::health::Cause;
use crate::model::{Circuit, Health, Phase};

/// Events kept in memory.
const KEPT: usize = 1_000;

/// Where control writes down what it did.
#[derive(Debug)]
pub(super) struct Journal {
    clock: WallClock,
    chain: Chain,
    newest: VecDeque<Arc<Line>>,
    writer: Option<Writer>,
    tap: Option<Tap>,
}

impl Journal {
    /// An empty one; lines also go to `writer` and `tap`, if there are any.
    pub(super) fn new(clock: WallClock, writer: Option<Writer>, tap: Option<Tap>) -> Self {
        let (chain, newest) = (Chain::default(), VecDeque::with_capacity(KEPT));
        Self { clock, chain, newest, writer, tap }
    }

    /// Writes an event down, at the time it is now.
    pub(super) fn record(&mut self, event: Event) {
        // Before the log line: who reads that and looks at the clock must not be earlier.
        let anchor = anchor(self.clock);
        log(&event);
        let line = Arc::new(self.chain.next(anchor.wall, line::of(event, anchor)));
        if let Some(writer) = &self.writer {
            writer.write(&line);
        }
        if let Some(tap) = &self.tap {
            tap.offer(&line);
        }
        if self.newest.len() == KEPT {
            self.newest.pop_front();
        }
        self.newest.push_back(line);
    }

    /// The newest `limit` events, oldest first.
    pub(super) fn newest(&self, limit: usize) -> Vec<Arc<Line>> {
        self.newest.iter().skip(self.newest.len().saturating_sub(limit)).cloned().collect()
    }
}

fn log(event: &Event) {
    match event {
        Event::Health { backend, from, to, cause, reason } => {
            let (from, now) = (from.name(), to.name());
            let cause = cause.map_or("-", Cause::name);
            let reason = reason.as_deref().unwrap_or("-");
            if matches!(to, Health::Up) {
                info!(%backend, from, health = now, was_cause = cause, was = reason, "backend health changed");
            } else {
                let factor = to.factor();
                warn!(%backend, from, health = now, factor, cause, reason, "backend health changed");
            }
        }
        Event::CommonCause { pool, failure: Some(failure) } => {
            let failure = failure.name();
            warn!(%pool, failure, "every zone shows the same business failure: no failover");
        }
        Event::CommonCause { pool, failure: None } => {
            info!(%pool, "zones no longer show the same business failure");
        }
        Event::Resolved { pool, backend, addresses } => {
            info!(%pool, %backend, addresses, "hostname resolved");
        }
        Event::Unresolved { pool, backend, detail } => {
            warn!(%pool, %backend, %detail, "hostname not resolved");
        }
        Event::Ordered { order } => warn!(%order, "ordered"),
        Event::Moved { moved } => {
            let Moved { place, from, to, escalated } = moved;
            let (from, phase, cause) = (from.phase.name(), to.phase.name(), &to.cause);
            match (escalated, to.phase) {
                (true, _) => error!(%place, phase, %cause, "does not recover"),
                (false, Phase::Out) => warn!(%place, from, phase, %cause, "moved"),
                (false, _) => info!(%place, from, phase, %cause, "moved"),
            }
        }
        Event::SetBack { backend, why } => warn!(%backend, %why, "starts again"),
        Event::Headroom { pool, low: true, headroom } => {
            warn!(%pool, headroom, "the pool could not lose its largest zone now");
        }
        Event::Headroom { pool, low: false, headroom } => {
            info!(%pool, headroom, "the pool can lose its largest zone again");
        }
        Event::Circuit { pool, from, to, cause } => match to {
            Circuit::Open { .. } => warn!(%pool, %from, circuit = %to, %cause, "circuit changed"),
            _ => info!(%pool, %from, circuit = %to, %cause, "circuit changed"),
        },
        Event::Expired { order } => info!(%order, "order expired"),
        Event::Started { .. } => {}
        Event::Published { generation, .. } => debug!(generation, "table published"),
        Event::Confirmed { actor } => info!(%actor, "the reload is confirmed"),
        Event::Reload { actor, result: Ok(reloaded), .. } => {
            info!(%actor, generation = reloaded.generation, "reloaded");
            reloaded.warnings.iter().for_each(|warning| warn!(%warning, "reloaded with a warning"));
        }
        Event::Reload { actor, result: Err(error), .. } => {
            let problems = error.problems.len();
            warn!(%actor, problems, "reload refused; the running table is untouched");
            error.problems.iter().for_each(|problem| warn!(%problem, "reload refused"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::UnixMillis;

    #[test]
    fn a_full_journal_forgets_the_oldest_and_keeps_counting() {
        let mut journal = Journal::new(|| UnixMillis(1), None, None);
        for generation in 0..=KEPT as u64 {
            let (moves, because) = (Vec::new(), Vec::new());
            journal.record(Event::Published { generation, moves, because });
        }
        let kept = journal.newest(usize::MAX);
        assert_eq!((kept.len(), kept[0].seq), (KEPT, 2));
        assert_eq!(journal.newest(1)[0].seq, KEPT as u64 + 1);
    }
}
