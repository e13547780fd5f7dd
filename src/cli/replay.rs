//! `pulsegate replay`.

use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow, bail};

use super::args::ReplayArgs;
use super::failure::{Failure, print};
use crate::config::Config;
use crate::events::{self, tape};
use crate::sim;

/// Recordings tell times before their own beginning, and no clock reaches before the machine's.
const BEFORE: Duration = Duration::from_secs(30 * 86_400);

pub(super) fn execute(args: &ReplayArgs) -> Result<(), Failure> {
    let other = match &args.config {
        Some(path) => {
            let loaded =
                Config::load(path).map_err(|problems| Failure::Problems(problems.to_string()))?;
            Some(Arc::new(loaded.config))
        }
        None => None,
    };
    let mut files = Vec::new();
    for path in recordings(&args.logs)? {
        let file = File::open(&path).with_context(|| path.display().to_string())?;
        files.push((path, file));
    }
    let mut reading = None;
    let lines = files.into_iter().flat_map(|(path, file)| {
        reading = Some(path);
        tape::lines(file)
    });
    let epoch = tokio::time::Instant::now().into_std() + BEFORE;
    let replayed = sim::replay(lines, other.as_ref(), epoch);
    let replay = replayed.map_err(|corrupt| {
        let path = reading.map_or_else(String::new, |path| path.display().to_string());
        Failure::Bad(anyhow!("{path}: {corrupt}"))
    })?;
    print(&replay.text())?;
    if other.is_none() && !replay.identical() {
        return Err(anyhow!("the same configuration decided otherwise").into());
    }
    Ok(())
}

/// The files that are meant, in their order; a folder stands for all that was recorded in it.
fn recordings(named: &[PathBuf]) -> anyhow::Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for path in named {
        if !path.is_dir() {
            paths.push(path.clone());
            continue;
        }
        let found = events::files(path, tape::FILE).with_context(|| path.display().to_string())?;
        if found.is_empty() {
            bail!("{}: nothing was recorded here ({})", path.display(), tape::FILE);
        }
        paths.extend(found);
    }
    Ok(paths)
}
