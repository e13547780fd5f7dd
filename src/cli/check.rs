//! `pulsegate check`.

use std::path::Path;

use super::args::CheckArgs;
use super::failure::{Failure, note, print};
use crate::config::{self, Config};

pub(super) fn execute(args: &CheckArgs) -> Result<(), Failure> {
    match &args.config {
        Some(path) => check(path, args.print),
        None => print(&format!("{:#}\n", config::schema())),
    }
}

fn check(path: &Path, all: bool) -> Result<(), Failure> {
    let loaded = Config::load(path).map_err(|it| Failure::Problems(it.to_string()))?;
    for warning in &loaded.warnings {
        note(&format!("warning: {warning}"));
    }
    if all {
        return print(&config::print(&loaded.config));
    }
    let (listeners, pools) = (loaded.config.listeners.len(), loaded.config.pools.len());
    print(&format!("{}: ok, listeners: {listeners}, pools: {pools}\n", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(config: &Path) -> CheckArgs {
        CheckArgs { config: Some(config.to_owned()), print: false, schema: false }
    }

    #[test]
    fn a_mistake_is_exit_code_2_with_its_place() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f.yaml");
        std::fs::write(&path, "version: 1\nlisteners: {}\npools: { p: { backend: [] } }\n")
            .unwrap();
        let failure = execute(&args(&path)).unwrap_err();
        let Failure::Problems(report) = failure else { panic!("{failure:?}") };
        assert!(report.contains("f.yaml:3:"), "{report}");
    }

    #[test]
    fn a_file_that_is_not_there_is_bad_usage() {
        let dir = tempfile::tempdir().unwrap();
        let failure = execute(&args(&dir.path().join("none.yaml"))).unwrap_err();
        assert!(matches!(failure, Failure::Problems(_)), "{failure:?}");
    }
}
