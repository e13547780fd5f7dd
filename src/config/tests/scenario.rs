//! Scenarios: every mistake with its line, and every shipped one without any.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::config::Config;
use crate::config::scenario::{Scenario, Verb};
use crate::model::{Action, Scope};

const CONFIG: &str = "
version: 1
listeners: { web: { bind: 127.0.0.1:0, pool: shop } }
pools:
  shop:
    regions:
      east: { zones: { a: { backends: [ { name: a1, address: 10.0.0.1:80 } ] }, b: { backends: [ 10.0.0.2:80 ] } } }
      west: { zones: { c: { backends: [ 10.0.0.3:80 ] } } }
  cart: { backends: [ { name: a1, address: 10.0.0.9:80 } ] }
";

fn config() -> Config {
    Config::parse(CONFIG, None).unwrap().config
}

fn parsed(events: &str) -> Result<Scenario, String> {
    let head = "version: 1\nabout: a test\nduration: 10m\nload: { shop: { rps: 10 } }\nevents:\n";
    let text = format!("{head}{events}");
    Scenario::parse(&text, None, &config()).map(|(scenario, _)| scenario).map_err(|e| e.to_string())
}

#[test]
fn a_scenario_full_of_mistakes_is_reported_in_one_run() {
    let problems = Scenario::parse(include_str!("scenario_mistakes.yaml"), None, &config());
    insta::assert_snapshot!(problems.unwrap_err());
}

#[test]
fn what_never_happens_is_a_warning() {
    let text = "version: 1\nabout: a test\nduration: 1m\nload: {}\nevents:\n  \
                - { at: 60s, kill: { zone: a } }\n";
    let (_, warnings) = Scenario::parse(text, None, &config()).unwrap();
    let [warning] = &warnings[..] else { panic!("{warnings:?}") };
    assert_eq!(
        warning.to_string(),
        "config:6:5: events[0]: this never happens: the scenario ends at 1m"
    );
}

#[test]
fn what_ends_by_itself_is_two_events_in_the_order_of_time() {
    let scenario =
        parsed("  - { at: 2m, return: { zone: b } }\n  - { at: 1m, kill: { zone: a, for: 5m } }\n")
            .unwrap();
    let minutes = |m: u64| Duration::from_secs(60 * m);
    let at: Vec<Duration> = scenario.events.iter().map(|event| event.at).collect();
    assert_eq!(at, [minutes(1), minutes(2), minutes(6)]);
    assert_eq!(scenario.events[0].verb, Verb::Kill { silent: true });
    assert_eq!(scenario.events[2].verb, Verb::Return);
}

#[test]
fn a_backend_is_found_by_its_pool() {
    let scenario = parsed("  - { at: 1m, drain: { pool: cart, backend: a1 } }\n").unwrap();
    let Scope::Backend(key) = &scenario.events[0].place else { panic!("{scenario:?}") };
    assert_eq!(key.to_string(), "cart/a1");
    assert!(matches!(
        scenario.events[0].verb,
        Verb::Order { action: Action::Drain { over: None }, .. }
    ));
}

fn shipped() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("conf/scenarios");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> =
        files.filter(|path| path.extension().is_some_and(|e| e == "yaml")).collect();
    files.sort();
    files
}

#[test]
fn every_shipped_scenario_is_valid_without_a_warning() {
    assert!(!shipped().is_empty());
    for path in shipped() {
        let own = Scenario::own_config(&path).unwrap().expect("it names its config");
        let loaded = Config::load(&own).unwrap_or_else(|problems| panic!("{problems}"));
        assert_eq!(loaded.warnings, [], "{}", own.display());
        let read = Scenario::load(&path, &loaded.config);
        let (_, warnings) = read.unwrap_or_else(|problems| panic!("{problems}"));
        assert_eq!(warnings, [], "{}", path.display());
    }
}
