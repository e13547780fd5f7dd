//! `pulsegate status`.

use std::io;

use super::args::StatusArgs;
use super::failure::{Failure, print};
use super::{evidence, logging, remote, table};

pub(super) fn execute(args: &StatusArgs) -> Result<(), Failure> {
    let (remote, colours) = (&args.list.remote, logging::colours(&io::stdout()));
    match (&args.backend, args.list.json) {
        (None, false) => {
            let status = remote::ask(remote, async |client| client.status().await)?;
            print(&table::render(&status, colours))
        }
        (None, true) => {
            let answer = remote::ask(remote, async |client| client.status_json().await)?;
            print(&format!("{answer:#}\n"))
        }
        (Some(name), false) => {
            let status = remote::ask(remote, async |client| client.backend(name).await)?;
            print(&evidence::render(&status, colours))
        }
        (Some(name), true) => {
            let answer = remote::ask(remote, async |client| client.backend_json(name).await)?;
            print(&format!("{answer:#}\n"))
        }
    }
}
