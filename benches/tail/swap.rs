//! Tables of ten thousand backends, swapped every 10 ms while the parent says so.
//!
//! Control merges bursts and would publish less often; this drives what is below it.

use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::plane::Plane;
use crate::rig::proxy::{Recipe, Site, pulsegate as binary};

/// The data plane as shipped, in a child of this program.
pub(crate) const RECIPE: Recipe = Recipe { name: "pulsegate", prepare };

const EVERY: Duration = Duration::from_millis(10);

fn prepare(site: &Site<'_>) -> Result<Vec<OsString>> {
    let command = (binary::RECIPE.prepare)(site)?;
    let file = command.into_iter().next_back().context("no file")?;
    Ok(vec![std::env::current_exe()?.into(), "swap".into(), file])
}

/// Is the child: serves, begins to swap at SIGHUP, and leaves it at the next.
pub(crate) async fn serve(file: &Path) -> Result<()> {
    let mut plane = Plane::start(file)?;
    let mut hangup = signal(SignalKind::hangup())?;
    loop {
        hangup.recv().await;
        let mut ticks = interval(EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let (before, started) = (plane.published(), Instant::now());
        loop {
            tokio::select! {
                _ = ticks.tick() => { plane.turn(); }
                _ = hangup.recv() => break,
            }
        }
        let swaps = plane.published() - before;
        crate::rig::results::say(&format!("{swaps} swaps in {:?}", started.elapsed()))?;
    }
}
