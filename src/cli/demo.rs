//! `pulsegate demo`.

use super::args::DemoArgs;
use super::failure::Failure;
use super::logging;
use crate::app;

pub(super) fn execute(args: &DemoArgs) -> Result<(), Failure> {
    logging::start(&args.log)?;
    Ok(app::demo::run(args.kill_one_every)?)
}
