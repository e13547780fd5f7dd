//! `pulsegate events`.

use std::fmt::Write;

use super::args::EventsArgs;
use super::failure::{Failure, print};
use super::order;
use super::remote;
use crate::events::wire::{Event, Line, Move};
use crate::model::printable;

pub(super) fn execute(args: &EventsArgs) -> Result<(), Failure> {
    let answer = remote::ask(&args.remote, async |client| client.events(args.last).await)?;
    let mut out = String::new();
    for line in &answer.events {
        if args.json {
            out.push_str(&String::from_utf8_lossy(&line.text()));
        } else {
            render(&mut out, line);
        }
    }
    print(&out)
}

/// One line, and one more for each thing it lists.
fn render(out: &mut String, line: &Line) {
    let (text, details) = told(&line.event);
    // Writing to a String cannot fail.
    let _ = writeln!(out, "{}  {}", printable(&line.at), printable(&text));
    for detail in details {
        let _ = writeln!(out, "    {}", printable(&detail));
    }
}

/// What happened, and what goes with it.
pub(super) fn told(event: &Event) -> (String, Vec<String>) {
    let none = Vec::new;
    match event {
        Event::Start { version, config } => {
            let path = config.path.as_deref().unwrap_or("its own configuration");
            (format!("started: pulsegate {version} on {path}"), none())
        }
        Event::Health { pool, backend, from, to, cause, reason, .. } => {
            let by = cause.as_ref().map_or_else(String::new, |cause| format!(" ({cause})"));
            let seen = if to == "up" { "was: " } else { "" };
            let why = reason.as_ref().map_or_else(String::new, |why| format!(": {seen}{why}"));
            (format!("health: {pool}/{backend} {from} -> {to}{by}{why}"), none())
        }
        Event::CommonCause { pool, failure: Some(failure) } => {
            (format!("common cause: every zone of {pool} shows {failure}: no failover"), none())
        }
        Event::CommonCause { pool, failure: None } => {
            (format!("common cause: over in {pool}"), none())
        }
        Event::Resolved { pool, backend, addresses } => {
            (format!("resolved: {pool}/{backend} has {addresses} address(es)"), none())
        }
        Event::Unresolved { pool, backend, detail } => {
            (format!("not resolved: {pool}/{backend}: {detail}"), none())
        }
        Event::Ordered { order: given } => (order::told(given), none()),
        Event::Expired { order: given } => (format!("expired: {}", order::told(given)), none()),
        Event::Moved { pool, region, zone, from, to, stage, because, escalated } => {
            let zone = zone.as_ref().map_or_else(String::new, |zone| format!("/{zone}"));
            let stage = stage.map_or_else(String::new, |stage| format!(" (stage {stage})"));
            let what = if *escalated { "does NOT RECOVER" } else { "moved" };
            (format!("{what}: {pool}/{region}{zone} {from} -> {to}{stage}: {because}"), none())
        }
        Event::Headroom { pool, low, headroom } => {
            let now = if *low { "could NOT lose" } else { "can lose" };
            let percent = headroom * 100.0;
            (format!("headroom: {pool} {now} its largest zone: {percent:.0} % without it"), none())
        }
        Event::Circuit { pool, from, to, because } => {
            (format!("circuit: {pool} {from} -> {to}: {because}"), none())
        }
        Event::SetBack { pool, backend, because } => {
            (format!("set back: {pool}/{backend} starts again: {because}"), none())
        }
        Event::Published { generation, moves, because } => {
            let details = moves.iter().map(moved).chain(because.iter().cloned()).collect();
            (format!("published: generation {generation}"), details)
        }
        Event::Confirmed { actor } => (format!("reload confirmed by {actor}"), none()),
        Event::Reload { actor, ok: true, .. } => (format!("reloaded by {actor}"), none()),
        Event::Reload { actor, ok: false, problems, .. } => {
            (format!("reload REFUSED, asked for by {actor}"), problems.clone())
        }
    }
}

/// A zone's share, before and after.
pub(super) fn moved(zone: &Move) -> String {
    let (before, after) = (zone.before * 100.0, zone.after * 100.0);
    format!("{} {}/{} {before:.1} % -> {after:.1} %", zone.pool, zone.region, zone.zone)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::Chain;
    use crate::model::UnixMillis;

    #[test]
    fn an_event_is_a_line_with_its_details_below_and_harmless() {
        let mut chain = Chain::default();
        let health = Event::Health {
            pool: "api".to_owned(),
            backend: "a1".to_owned(),
            from: "up".to_owned(),
            to: "down".to_owned(),
            factor: 0.0,
            cause: Some("application".to_owned()),
            reason: Some("status: 503\x1b[2J".to_owned()),
        };
        let (region, zone) = ("eu".to_owned(), "eu-1".to_owned());
        let moves = vec![Move { pool: "api".to_owned(), region, zone, before: 0.5, after: 1.0 }];
        let because = vec!["api: moves: eu/eu-1 50.0 % -> 100.0 %".to_owned()];
        let published = Event::Published { generation: 3, moves, because };
        let mut out = String::new();
        for event in [health, published] {
            render(&mut out, &chain.next(UnixMillis(1_795_228_044_123), event));
        }
        insta::assert_snapshot!(out, @r"
        2026-11-21T02:27:24.123Z  health: api/a1 up -> down (application): status: 503�[2J
        2026-11-21T02:27:24.123Z  published: generation 3
            api eu/eu-1 50.0 % -> 100.0 %
            api: moves: eu/eu-1 50.0 % -> 100.0 %
        ");
    }
}
