//! `pulsegate simulate`.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;

use super::args::SimulateArgs;
use super::failure::{Failure, note, print};
use crate::config::scenario::Scenario;
use crate::config::{Config, Problem, Problems};
use crate::sim;

pub(super) fn execute(args: &SimulateArgs) -> Result<(), Failure> {
    let path = config_of(args)?;
    let loaded = Config::load(&path).map_err(|problems| refused(&problems))?;
    let config = Arc::new(loaded.config);
    let (scenario, doubts) =
        Scenario::load(&args.scenario, &config).map_err(|problems| refused(&problems))?;
    warn(&doubts);
    if args.check {
        let (events, loads) = (scenario.events.len(), scenario.loads.len());
        let file = args.scenario.display();
        return print(&format!("{file}: ok, events: {events}, loads: {loads}\n"));
    }
    let epoch = tokio::time::Instant::now().into_std();
    let run = sim::simulate(&config, &scenario, args.seed, epoch);
    if let Some(path) = &args.svg {
        fs::write(path, run.svg()).with_context(|| format!("--svg {}", path.display()))?;
    }
    print(&if args.json { run.json() } else { run.text() })
}

/// The config that is named here, or else the one the scenario names.
fn config_of(args: &SimulateArgs) -> Result<PathBuf, Failure> {
    if let Some(path) = &args.config {
        return Ok(path.clone());
    }
    let own = Scenario::own_config(&args.scenario).map_err(|problems| refused(&problems))?;
    own.ok_or_else(|| {
        let file = args.scenario.display();
        Failure::Bad(anyhow::anyhow!(
            "{file} names no config (expected `config: FILE` in it, or --config FILE)"
        ))
    })
}

fn refused(problems: &Problems) -> Failure {
    Failure::Problems(problems.to_string())
}

fn warn(doubts: &[Problem]) {
    for doubt in doubts {
        note(&format!("warning: {doubt}"));
    }
}
