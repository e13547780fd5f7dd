//! `pulsegate plan`.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context;

use super::failure::{Failure, print};
use super::plan_args::PlanArgs;
use super::remote;
use crate::config::{Config, Loaded};
use crate::explain::plan::between;
use crate::explain::plan::view::{Plan, Question};
use crate::model::printable;
use crate::sim;

pub(super) fn execute(args: &PlanArgs) -> Result<(), Failure> {
    let told = match &args.against {
        Some(old) => offline(old, &args.config)?,
        None => {
            let path = args.config.display().to_string();
            let config = fs::read_to_string(&args.config).with_context(|| path.clone());
            let config = config.map_err(Failure::Bad)?;
            let question = Question { config, path: Some(path) };
            remote::ask(&args.remote, async |client| client.plan(&question).await)?
        }
    };
    if args.json {
        print(&format!("{}\n", serde_json::to_string_pretty(&told)?))?;
    } else {
        let text = told.text();
        let lines: Vec<_> = text.lines().map(printable).collect();
        print(&format!("{}\n", lines.join("\n")))?;
    }
    if args.exit_code && !told.is_empty() { Err(Failure::Differs) } else { Ok(()) }
}

/// By cores that no process runs, in which every backend is well.
fn offline(old: &Path, new: &Path) -> Result<Plan, Failure> {
    let load = |path: &Path| -> Result<Loaded, Failure> {
        Config::load(path).map_err(|problems| Failure::Problems(problems.to_string()))
    };
    let (old, new) = (load(old)?, load(new)?);
    let now = tokio::time::Instant::now().into_std();
    let (before, _) = sim::all_well(&Arc::new(old.config), now);
    let (after, _) = sim::all_well(&Arc::new(new.config), now);
    let mut told = between(&before, &after, "well");
    told.warnings.extend(new.warnings.iter().map(ToString::to_string));
    Ok(told)
}
