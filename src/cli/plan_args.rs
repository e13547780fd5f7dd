//! What `plan` is asked, as typed.

use std::path::PathBuf;

use clap::Args;

use super::args::RemoteArgs;

#[derive(Debug, Args)]
pub(super) struct PlanArgs {
    /// The new configuration file
    #[arg(long, short, value_name = "FILE")]
    pub(super) config: PathBuf,
    /// Compare with this file instead of the running process, every backend taken to be well
    #[arg(long, value_name = "FILE", conflicts_with_all = ["socket", "url"])]
    pub(super) against: Option<PathBuf>,
    /// Print the answer as JSON
    #[arg(long)]
    pub(super) json: bool,
    /// Exit with 3 if anything would change
    #[arg(long)]
    pub(super) exit_code: bool,
    #[command(flatten)]
    pub(super) remote: RemoteArgs,
}
