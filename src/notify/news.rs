//! Which lines are news for an address, and whose restart is due.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;

use super::wire::Notice;
use crate::config::News;
use crate::events::wire::{Event, Line};

/// Backends whose restart may be due; those beyond are not asked for.
const WATCHED: usize = 65_536;

/// What one address is told of.
#[derive(Debug)]
pub(super) struct Watch {
    events: Vec<News>,
    restart_after: Option<Duration>,
    /// Backends that are down, by pool and name; `None` = its restart was asked for already.
    down: HashMap<(String, String), Option<Waiting>>,
}

/// A backend whose restart is not due yet.
#[derive(Debug)]
struct Waiting {
    due: Instant,
    /// When it was said to be down, and why.
    since: String,
    why: String,
}

impl Watch {
    pub(super) fn new(events: Vec<News>, restart_after: Option<Duration>) -> Self {
        let restart_after = restart_after.filter(|_| events.contains(&News::Restart));
        Self { events, restart_after, down: HashMap::new() }
    }

    /// What it is told because of a line.
    pub(super) fn see(&mut self, line: &Line) -> Vec<Notice> {
        let notice = |event: News, pool: &str, text: String| Notice {
            version: 1,
            event: event.name(),
            at: line.at.clone(),
            pool: pool.to_owned(),
            region: None,
            zone: None,
            backend: None,
            from: None,
            to: None,
            text,
        };
        let mut told = Vec::new();
        match &line.event {
            Event::Moved { pool, region, zone, from, to, because, escalated, .. } => {
                let place = match zone {
                    Some(zone) => format!("{pool}/{region}/{zone}"),
                    None => format!("{pool}/{region}"),
                };
                let about = |notice: Notice| Notice {
                    region: Some(region.clone()),
                    zone: zone.clone(),
                    from: Some(from.clone()),
                    to: Some(to.clone()),
                    ..notice
                };
                if from != to || !escalated {
                    let text = format!("{place} {from} -> {to}: {because}");
                    told.push(about(notice(News::Transition, pool, text)));
                }
                if *escalated {
                    let text = format!("{place} does not recover: {because}");
                    told.push(about(notice(News::Escalation, pool, text)));
                }
            }
            Event::CommonCause { pool, failure } => {
                let text = match failure {
                    Some(failure) => format!(
                        "{pool}: business checks fail alike in every zone ({failure}): no failover"
                    ),
                    None => format!("{pool}: business checks no longer fail alike in every zone"),
                };
                told.push(notice(News::Escalation, pool, text));
            }
            Event::Headroom { pool, low, headroom } => {
                told.push(notice(News::Headroom, pool, headroom_text(pool, *low, *headroom)));
            }
            Event::Health { pool, backend, to, reason, .. } => {
                let key = (pool.clone(), backend.clone());
                let why = reason.clone().unwrap_or_default();
                match self.restart_after {
                    Some(after) if to == "down" => {
                        if self.down.len() < WATCHED {
                            let (due, since) = (Instant::now() + after, line.at.clone());
                            self.down.entry(key).or_insert(Some(Waiting { due, since, why }));
                        }
                    }
                    _ => drop(self.down.remove(&key)),
                }
            }
            _ => {}
        }
        told.retain(|notice| self.events.iter().any(|event| event.name() == notice.event));
        told
    }

    /// When the next restart is to be asked for.
    pub(super) fn due(&self) -> Option<Instant> {
        self.down.values().flatten().map(|waiting| waiting.due).min()
    }

    /// The restarts that are to be asked for by now; once per time that a backend is down.
    pub(super) fn elapse(&mut self) -> Vec<Notice> {
        let now = Instant::now();
        let after = self.restart_after.unwrap_or_default();
        let mut told = Vec::new();
        for ((pool, backend), waiting) in &mut self.down {
            let due = waiting.take_if(|waiting| waiting.due <= now);
            let Some(Waiting { since, why, .. }) = due else { continue };
            let seconds = after.as_secs();
            let text = format!("{pool}/{backend} is down for {seconds} s ({why}): restart it");
            told.push(Notice {
                version: 1,
                event: News::Restart.name(),
                at: since,
                pool: pool.clone(),
                region: None,
                zone: None,
                backend: Some(backend.clone()),
                from: None,
                to: None,
                text,
            });
        }
        told.sort_by(|a, b| a.text.cmp(&b.text));
        told
    }
}

fn headroom_text(pool: &str, low: bool, headroom: f64) -> String {
    let percent = headroom * 100.0;
    match low {
        true => format!(
            "{pool} could not lose its largest zone now: the others carry {percent:.0} % of what is \
             asked of it"
        ),
        false => format!("{pool} can lose its largest zone again ({percent:.0} %)"),
    }
}
