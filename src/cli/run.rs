//! `pulsegate run`.

use super::args::RunArgs;
use super::failure::{Failure, note};
use super::logging;
use crate::app;
use crate::config::Config;

pub(super) fn execute(args: &RunArgs) -> Result<(), Failure> {
    logging::start(&args.log)?;
    let loaded = Config::load(&args.config).map_err(|it| Failure::Problems(it.to_string()))?;
    for warning in &loaded.warnings {
        note(&format!("warning: {warning}"));
    }
    Ok(app::run(args.config.clone(), loaded)?)
}
