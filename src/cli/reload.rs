//! `pulsegate reload` and `rollback`.

use super::args::{ReloadArgs, RemoteArgs};
use super::failure::{Failure, note, print};
use super::remote;
use crate::admin::view::Reloaded;
use crate::model::printable;

pub(super) fn execute(args: &ReloadArgs) -> Result<(), Failure> {
    if args.confirmed {
        remote::ask(&args.remote, async |client| client.confirm().await)?;
        return print("confirmed: it stays\n");
    }
    let done = remote::ask(&args.remote, async |client| client.reload(args.confirm).await)?;
    tell("reloaded", &done)?;
    if let Some(within) = args.confirm {
        let seconds = within.as_secs_f64();
        note(&format!("taken back in {seconds} s unless `pulsegate reload --confirmed` is said"));
    }
    Ok(())
}

pub(super) fn roll_back(args: &RemoteArgs) -> Result<(), Failure> {
    let done = remote::ask(args, async |client| client.roll_back().await)?;
    note("the file on disk is as it was: mend it before the next reload");
    tell("rolled back", &done)
}

fn tell(what: &str, done: &Reloaded) -> Result<(), Failure> {
    for warning in &done.warnings {
        note(&format!("warning: {}", printable(warning)));
    }
    print(&format!("{what}: generation {}\n", done.generation))
}
