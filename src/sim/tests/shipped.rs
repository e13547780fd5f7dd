//! The scenarios that are shipped: each has its report, reviewed as text, and what it is there to show.
//!
//! A report changes when a decision does: read it as an operator would before it is accepted.

use std::collections::BTreeSet;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::config::Config;
use crate::config::scenario::Scenario;
use crate::sim::{Run, simulate};

const SHIPPED: [&str; 7] = [
    "cascading-loss",
    "common-dependency",
    "flapping-zone",
    "region-loss",
    "slow-recovery",
    "thirteen-regions",
    "zone-loss",
];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("conf/scenarios")
}

fn played(name: &str) -> Run {
    let path = folder().join(name).with_extension("yaml");
    let own = Scenario::own_config(&path).unwrap().expect("it names its config");
    let config = Arc::new(Config::load(&own).unwrap().config);
    let (scenario, _) = Scenario::load(&path, &config).unwrap();
    simulate(&config, &scenario, 1, tokio::time::Instant::now().into_std())
}

/// The most that a zone gets between two minutes.
fn most(run: &Run, zone: &str, minutes: Range<u64>) -> f64 {
    let place = run.names.zones.iter().position(|(_, name)| **name == *zone).unwrap();
    let (from, to) =
        (Duration::from_secs(60 * minutes.start), Duration::from_secs(60 * minutes.end));
    let within = run.samples.iter().filter(|sample| sample.at > from + LATE && sample.at <= to);
    within.map(|sample| sample.zones[place].share).fold(0.0, f64::max)
}

/// What is drawn is a mean over so long at the most.
const LATE: Duration = Duration::from_secs(3);

#[test]
fn every_scenario_that_is_shipped_is_told_here() {
    let files = std::fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path());
    let yaml = files.filter(|path| path.extension().is_some_and(|end| end == "yaml"));
    let names: BTreeSet<String> =
        yaml.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect();
    assert_eq!(names.into_iter().collect::<Vec<_>>(), SHIPPED);
}

#[test]
fn zone_loss() {
    let run = played("zone-loss");
    assert_eq!((run.totals.failed, run.totals.shed), (0, 0));
    insta::assert_snapshot!(run.text());
}

#[test]
fn region_loss() {
    let run = played("region-loss");
    assert_eq!((run.totals.failed, run.totals.shed), (0, 0));
    insta::assert_snapshot!(run.text());
}

#[test]
fn flapping_zone() {
    let run = played("flapping-zone");
    let most = most(&run, "us-east-1b", 1..16);
    assert!(most < 0.002, "no more than the first stage while it flaps: {most}");
    insta::assert_snapshot!(run.text());
}

#[test]
fn slow_recovery() {
    let run = played("slow-recovery");
    let most = most(&run, "us-east-1a", 1..20);
    assert!(most > 0.0 && most < 0.002, "1 % of its sixth, and never more: {most}");
    insta::assert_snapshot!(run.text());
}

#[test]
fn cascading_loss() {
    let run = played("cascading-loss");
    // A second after each loss may be over: what failed is tried again elsewhere.
    assert!(run.totals.overloaded <= 9 && run.totals.failed == 0, "{:?}", run.totals);
    insta::assert_snapshot!(run.text());
}

#[test]
fn common_dependency() {
    let run = played("common-dependency");
    assert_eq!(run.totals.transitions, 0);
    insta::assert_snapshot!(run.text());
}

#[test]
fn thirteen_regions() {
    let run = played("thirteen-regions");
    assert_eq!((run.names.zones.len(), run.totals.failed, run.totals.shed), (65, 0, 0));
    insta::assert_snapshot!(run.text());
}
