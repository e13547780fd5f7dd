//! `pulsegate reload`.

use super::args::RemoteArgs;
use super::failure::{Failure, note, print};
use super::remote;
use crate::model::printable;

pub(super) fn execute(args: &RemoteArgs) -> Result<(), Failure> {
    let done = remote::ask(args, async |client| client.reload().await)?;
    for warning in &done.warnings {
        note(&format!("warning: {}", printable(warning)));
    }
    print(&format!("reloaded: generation {}\n", done.generation))
}
