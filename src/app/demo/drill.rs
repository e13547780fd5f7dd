//! A drill: a zone is killed, then a region, each comes back in stages, and what it took is told
//! beside what was asked for.
//!
//! Run a load against the demo meanwhile: it says whether anybody noticed, and without requests there
//! is nothing to judge the stages by.

use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, interval, sleep, timeout};

use super::backend::Backend;
use crate::control::Client;
use crate::model::{Health, Phase, ZonePlan};

/// Between two steps.
const PAUSE: Duration = Duration::from_secs(4);
/// Within what traffic is to have left a zone that was noticed to be gone.
const MOVED_WITHIN: Duration = Duration::from_secs(1);
/// Within what all of a region's failover is to be done.
const REGION_WITHIN: Duration = Duration::from_secs(3);
/// How often it is looked whether something happened: the precision of what is told.
const LOOK: Duration = Duration::from_millis(2);
/// Shares that differ by less are told as one.
const SAME: f64 = 0.001;
/// How long anything may take before the drill gives up waiting for it.
const PATIENCE: Duration = Duration::from_secs(120);

/// What is killed.
#[derive(Clone, Copy)]
enum Place {
    Zone(&'static str),
    Region(&'static str),
}

impl Place {
    fn text(self) -> String {
        match self {
            Self::Zone(name) => format!("zone {name}"),
            Self::Region(name) => format!("region {name}"),
        }
    }

    fn has(self, region: &str, zone: &str) -> bool {
        match self {
            Self::Zone(name) => zone == name,
            Self::Region(name) => region == name,
        }
    }
}

/// Kills and brings back, once.
pub(super) async fn run(world: Vec<Arc<Backend>>, client: Client) {
    for place in [Place::Zone("us-east-1a"), Place::Region("us-east-1")] {
        if step(&world, &client, place).await.is_none() {
            tell("drill: given up, it took too long");
            return;
        }
    }
    tell("drill: done");
}

async fn step(world: &[Arc<Backend>], client: &Client, place: Place) -> Option<()> {
    let name = place.text();
    let victims = || world.iter().filter(|it| place.has(&it.region, &it.zone));
    let active = |zone: &ZonePlan| zone.share > 0.0 && zone.standing.phase == Phase::Active;
    until(client, |zones| zones.iter().all(active)).await?;
    sleep(PAUSE).await;
    let before = share(client, place);
    tell(&format!("drill: {name} is killed now; it has {:.1} % of the traffic", before * 100.0));
    let killed = Instant::now();
    victims().for_each(|victim| victim.kill());
    let ours = |zones: &[ZonePlan]| -> Vec<ZonePlan> {
        zones.iter().filter(|zone| place.has(&zone.region, &zone.zone)).cloned().collect()
    };
    let down = |zone: &ZonePlan| zone.backends.iter().any(|it| it.health == Health::Down);
    until(client, |zones| ours(zones).iter().any(down)).await?;
    let noticed = killed.elapsed();
    let out = |zone: &ZonePlan| zone.share <= 0.0 && zone.standing.phase == Phase::Out;
    until(client, |zones| ours(zones).iter().all(out)).await?;
    let moved = killed.elapsed();
    tell(&format!("drill:   noticed after {} ms", noticed.as_millis()));
    match place {
        Place::Zone(_) => judge("traffic moved after that", moved - noticed, MOVED_WITHIN),
        Place::Region(_) => judge("failover complete", moved, REGION_WITHIN),
    }
    sleep(PAUSE).await;
    for victim in victims() {
        if let Err(error) = victim.revive().await {
            tell(&format!("drill: {} cannot return: {error}", victim.name));
        }
    }
    tell(&format!("drill: {name} is back; it is given:"));
    returned(client, place, before).await
}

/// Tells each share on the way back, until it is what it was.
async fn returned(client: &Client, place: Place, before: f64) -> Option<()> {
    let back = Instant::now();
    let mut told = 0.0;
    let mut look = interval(LOOK);
    while told < before - SAME {
        look.tick().await;
        let share = share(client, place);
        if (share - told).abs() > SAME {
            told = share;
            let (after, percent) = (back.elapsed().as_secs_f64(), share * 100.0);
            tell(&format!("drill:   after {after:.1} s {percent:.1} % of the traffic"));
        }
        if back.elapsed() > PATIENCE {
            return None;
        }
    }
    Some(())
}

/// The part of the traffic that a place gets.
fn share(client: &Client, place: Place) -> f64 {
    let zones = zones(client);
    zones.iter().filter(|it| place.has(&it.region, &it.zone)).map(|zone| zone.share).sum()
}

/// Waits until the demo's zones are so.
async fn until(client: &Client, is_so: impl Fn(&[ZonePlan]) -> bool) -> Option<()> {
    let wait = async {
        let mut look = interval(LOOK);
        while !is_so(&zones(client)) {
            look.tick().await;
        }
    };
    timeout(PATIENCE, wait).await.ok()
}

fn zones(client: &Client) -> Vec<ZonePlan> {
    client.table().plan.pools.first().map(|pool| pool.zones.clone()).unwrap_or_default()
}

fn judge(what: &str, took: Duration, asked: Duration) {
    let verdict = if took <= asked { "met" } else { "MISSED" };
    let (took, asked) = (took.as_millis(), asked.as_millis());
    tell(&format!("drill:   {what}: {took} ms; asked: {asked} ms at most; {verdict}"));
}

fn tell(text: &str) {
    // Whoever started the demo may not be listening any more.
    drop(writeln!(io::stdout().lock(), "{text}"));
}
