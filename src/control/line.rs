//! Puts events into the words of the event log.

use twox_hash::XxHash3_64;

use super::event::Event;
use crate::config::{self, Config};
use crate::decision::{Moved, Report, Stage};
use crate::events::wire::{self, Configuration, Move};
use crate::events::{Anchor, written};
use crate::model::{Phase, Plan, ZonePlan, printable};

/// Reasons told with one decision.
const REASONS: usize = 64;

/// An event as it is written down.
pub(super) fn of(event: Event, anchor: Anchor) -> wire::Event {
    match event {
        Event::Started { config } => {
            wire::Event::Start { version: env!("CARGO_PKG_VERSION").to_owned(), config }
        }
        Event::Health { backend, from, to, cause, reason } => wire::Event::Health {
            pool: clean(&backend.pool),
            backend: clean(&backend.name),
            from: from.name().to_owned(),
            to: to.name().to_owned(),
            factor: to.factor(),
            cause: cause.map(|cause| cause.name().to_owned()),
            reason: reason.as_deref().map(clean),
        },
        Event::CommonCause { pool, failure } => wire::Event::CommonCause {
            pool: clean(&pool),
            failure: failure.map(|failure| failure.name().to_owned()),
        },
        Event::Resolved { pool, backend, addresses } => {
            wire::Event::Resolved { pool: clean(&pool), backend: clean(&backend), addresses }
        }
        Event::Unresolved { pool, backend, detail } => wire::Event::Unresolved {
            pool: clean(&pool),
            backend: clean(&backend),
            detail: clean(&detail),
        },
        Event::Ordered { order } => wire::Event::Ordered { order: written(&order, anchor) },
        Event::Moved { moved: Moved { place, from, to, escalated } } => wire::Event::Moved {
            pool: clean(&place.pool),
            region: clean(&place.region),
            zone: place.zone.as_deref().map(clean),
            from: from.phase.name().to_owned(),
            to: to.phase.name().to_owned(),
            stage: match to.phase {
                Phase::Restoring { stage } => Some(stage + 1),
                _ => None,
            },
            because: clean(&to.cause),
            escalated,
        },
        Event::Headroom { pool, low, headroom } => {
            wire::Event::Headroom { pool: clean(&pool), low, headroom }
        }
        Event::SetBack { backend, why } => wire::Event::SetBack {
            pool: clean(&backend.pool),
            backend: clean(&backend.name),
            because: clean(&why),
        },
        Event::Circuit { pool, from, to, cause } => wire::Event::Circuit {
            pool: clean(&pool),
            from: from.name().to_owned(),
            to: to.name().to_owned(),
            because: clean(&cause),
        },
        Event::Expired { order } => wire::Event::Expired { order: written(&order, anchor) },
        Event::Published { generation, moves, because } => {
            wire::Event::Published { generation, moves, because }
        }
        Event::Confirmed { actor } => wire::Event::Confirmed { actor: clean(&actor.to_string()) },
        Event::Reload { actor, result, config } => wire::Event::Reload {
            actor: clean(&actor.to_string()),
            ok: result.is_ok(),
            config,
            problems: result.err().map_or_else(Vec::new, |error| {
                error.problems.iter().map(|problem| clean(problem)).collect()
            }),
        },
    }
}

/// How a configuration is recognised.
pub(super) fn configuration(config: &Config) -> Configuration {
    let digest = XxHash3_64::oneshot(config::print(config).as_bytes());
    let path = config.path.as_ref().map(|path| clean(&path.display().to_string()));
    Configuration { path, digest: format!("{digest:016x}") }
}

/// Zones whose share differs between two plans, in the order of the second.
pub(super) fn moves(before: &Plan, after: &Plan) -> Vec<Move> {
    let mut moves = Vec::new();
    for (at, pool) in after.pools.iter().enumerate() {
        let same_place = before.pools.get(at).filter(|before| before.pool == pool.pool);
        let anywhere = || before.pools.iter().find(|before| before.pool == pool.pool);
        let zones = same_place.or_else(anywhere).map_or(&[][..], |before| &before.zones);
        for (at, zone) in pool.zones.iter().enumerate() {
            let same = |it: &&ZonePlan| it.zone == zone.zone && it.region == zone.region;
            let before = zones.get(at).filter(same).or_else(|| zones.iter().find(same));
            let before = before.map_or(0.0, |before| before.share);
            // The difference of two roundings is no move.
            if (before - zone.share).abs() > 1e-9 {
                moves.push(Move {
                    pool: clean(&pool.pool),
                    region: clean(&zone.region),
                    zone: clean(&zone.zone),
                    before,
                    after: zone.share,
                });
            }
        }
    }
    moves
}

/// The decision's reasons for the pools that moved; the moves themselves are told apart.
pub(super) fn reasons(report: &Report, moves: &[Move]) -> Vec<String> {
    let moved = |pool: &str| moves.iter().any(|one| one.pool == pool);
    let pools = report.pools.iter().filter(|pool| moved(&pool.pool));
    let lines = pools.flat_map(|pool| {
        let reasons = pool.entries.iter().filter(|entry| entry.stage != Stage::Moves);
        reasons.map(move |entry| clean(&format!("{}: {entry}", pool.pool)))
    });
    lines.take(REASONS).collect()
}

fn clean(text: &str) -> String {
    printable(text).into_owned()
}
