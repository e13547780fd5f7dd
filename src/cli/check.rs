//! `pulsegate check`.

use std::path::Path;

use super::args::CheckArgs;
use super::failure::{Failure, note, print};
use crate::config::{self, Config, Pool};

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
    let about = loaded.config.pools.iter();
    let about: String =
        about.flat_map(|pool| probing(pool).into_iter().chain(changes(pool))).collect();
    print(&format!("{}: ok, listeners: {listeners}, pools: {pools}\n{about}", path.display()))
}

/// What a pool's probes cost and when they see a fault, as one line.
fn probing(pool: &Pool) -> Option<String> {
    let loads = config::probe_loads(pool);
    let rate: f64 = loads.iter().map(|load| load.per_second).sum();
    let each = loads.iter().map(|load| {
        let (name, per_second) = (load.layer.name(), rounded(load.per_second));
        format!("{name} {per_second}/s, down within {} ms", load.detection.as_millis())
    });
    let each: Vec<String> = each.collect();
    let (name, rate) = (&pool.name, rounded(rate));
    (!each.is_empty()).then(|| format!("pool {name}: {rate} probes/s ({})\n", each.join("; ")))
}

/// How often automation could change a zone at the most, as one line; a lone zone is never changed.
fn changes(pool: &Pool) -> Option<String> {
    let zones = pool.regions.iter().map(|region| region.zones.len()).sum::<usize>();
    let most = pool.failover.transitions_per_hour(&pool.restoration).filter(|_| zones > 1)?;
    let (name, allowed) = (&pool.name, pool.failover.max_transitions);
    Some(format!("pool {name}: at most {most} changes of a zone in an hour ({allowed} allowed)\n"))
}

/// To the tenth, where there is one.
fn rounded(number: f64) -> String {
    let text = format!("{number:.1}");
    text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
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
    fn what_probing_costs_and_sees_is_told_by_pool() {
        let text = "version: 1
listeners: { web: { bind: 127.0.0.1:80, pool: site } }
pools: { site: { backends: [ 10.0.0.1:80 ], health: { network: {}, business: { transaction: [ { get: / } ] } } } }
";
        let config = Config::parse(text, None).unwrap().config;
        assert_eq!(
            probing(&config.pools[0]).unwrap(),
            "pool site: 10.2 probes/s (network 10/s, down within 270 ms; \
             business 0.2/s, down within 10000 ms)\n"
        );
    }

    #[test]
    fn how_often_a_zone_could_change_is_told_where_there_are_several() {
        let told = |zones: &str| {
            let text = format!(
                "version: 1\nlisteners: {{ web: {{ bind: 127.0.0.1:80, pool: site }} }}\npools: {{ \
                 site: {{ health: off, failover: {{ dwell: 1m }}, regions: {{ r: {{ zones: {{ {zones} \
                 }} }} }} }} }}\n"
            );
            changes(&Config::parse(&text, None).unwrap().config.pools[0])
        };
        let zones = ["a: { backends: [ 10.0.0.1:80 ] }", "b: { backends: [ 10.0.0.2:80 ] }"];
        assert_eq!(told(zones[0]), None);
        let line = "pool site: at most 92 changes of a zone in an hour (150 allowed)\n";
        assert_eq!(told(&zones.join(", ")).as_deref(), Some(line));
    }

    #[test]
    fn a_file_that_is_not_there_is_bad_usage() {
        let dir = tempfile::tempdir().unwrap();
        let failure = execute(&args(&dir.path().join("none.yaml"))).unwrap_err();
        assert!(matches!(failure, Failure::Problems(_)), "{failure:?}");
    }
}
