//! `pulsegate demo`.

use super::args::DemoArgs;
use super::failure::Failure;
use super::logging;
use crate::app;
use crate::app::demo::Trouble;

pub(super) fn execute(args: &DemoArgs) -> Result<(), Failure> {
    logging::start(&args.log)?;
    let trouble = match (args.kill_one_every, args.drill) {
        (Some(period), _) => Trouble::KillOneEvery(period),
        (None, true) => Trouble::Drill,
        (None, false) => Trouble::None,
    };
    Ok(app::demo::run(trouble)?)
}
