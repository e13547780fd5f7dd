//! `pulsegate status`.

use std::io;

use super::args::StatusArgs;
use super::failure::{Failure, print};
use super::{logging, remote, table};

pub(super) fn execute(args: &StatusArgs) -> Result<(), Failure> {
    if args.json {
        let answer = remote::ask(&args.remote, async |client| client.status_json().await)?;
        return print(&format!("{answer:#}\n"));
    }
    let status = remote::ask(&args.remote, async |client| client.status().await)?;
    print(&table::render(&status, logging::colours(&io::stdout())))
}
