//! What is told of a change, reviewed as text.

use super::*;
use crate::decision::tests::fixture::fail;

const OLD: &str = "
version: 1
listeners:
  web:
    bind: 127.0.0.1:8080
    routes:
      - { name: beta, match: { headers: { x-beta: { present: true } } }, pool: old }
      - { name: all, pool: shop }
pools:
  shop:
    regions:
      east:
        zones:
          a: { backends: [ { name: a1, address: 10.0.0.1:80 }, { name: a2, address: 10.0.0.2:80 } ] }
          b: { backends: [ { name: b1, address: 10.0.1.1:80 }, { name: b2, address: 10.0.1.2:80 } ] }
    health: { network: { fall: 3 } }
  old: { backends: [ 10.9.0.1:80 ], health: off }
";

const NEW: &str = "
version: 1
listeners:
  web:
    bind: 127.0.0.1:8080
    limits: { connections: 500 }
    routes:
      - { name: all, pool: shop }
  more: { bind: 127.0.0.1:8081, pool: shop }
pools:
  shop:
    regions:
      east:
        zones:
          a: { backends: [ { name: a1, address: 10.0.0.1:80 } ] }
          b: { backends: [ { name: b1, address: 10.0.1.1:80 }, { name: b2, address: 10.0.1.9:80 } ] }
          c: { backends: [ { name: a2, address: 10.0.0.2:80 }, { name: c1, address: 10.0.2.1:80 } ] }
    health: { network: { fall: 5 } }
reload: { watch: true }
workers: 7
";

fn config(text: &str) -> Arc<Config> {
    let text =
        if text.contains("workers") { text.to_owned() } else { format!("{text}workers: 2\n") };
    Arc::new(Config::parse(&text, None).unwrap_or_else(|e| panic!("{e}")).config)
}

/// A core in which every backend has passed its checks.
fn well(text: &str) -> (State, Instant) {
    let now = tokio::time::Instant::now().into_std();
    let nobody =
        "version: 1\nlisteners: { web: { bind: 127.0.0.1:80, respond: ready } }\nworkers: 2\n";
    let nobody = nobody.replace("respond: ready", "routes: [ { respond: ready } ]");
    let before = State::new(config(&nobody), now);
    let mut state = before.clone();
    state.step([Input::Configured(config(text))], now);
    welcome(&mut state, &before, now);
    let now = follow(&mut state, now);
    (state, now)
}

#[test]
fn a_change_is_told_part_by_part() {
    let (state, now) = well(OLD);
    insta::assert_snapshot!(plan(&state, &config(NEW), now).text());
}

#[test]
fn the_same_changes_nothing_however_it_is_typed() {
    let (state, now) = well(OLD);
    let same = OLD.replace(
        "health: { network: { fall: 3 } }",
        "health: { network: { fall: 3, timeout: 50ms } }",
    );
    let told = plan(&state, &config(&same), now);
    assert!(told.is_empty() && told.warnings.is_empty(), "{told:?}");
    assert_eq!(told.text(), "nothing would change\n");
}

#[test]
fn the_order_of_routes_is_told_where_it_changes() {
    let (state, now) = well(OLD);
    let (beta, all) = (
        "      - { name: beta, match: { headers: { x-beta: { present: true } } }, pool: old }\n",
        "      - { name: all, pool: shop }\n",
    );
    let turned = OLD.replace(beta, "").replace(all, &format!("{all}{beta}"));
    let turned = turned.replace("name: all, pool", "name: all, match: { path: /x }, pool");
    let told = plan(&state, &config(&turned), now).text();
    assert!(told.contains("    order of routes: beta, all -> all, beta\n"), "{told}");
}

#[test]
fn what_moves_depends_on_how_backends_are_now() {
    let (mut state, now) = well(OLD);
    let without_a1 = OLD.replace("{ name: a1, address: 10.0.0.1:80 }, ", "");
    let told = plan(&state, &config(&without_a1), now);
    let moved = told.pools[0].moved;
    assert!((moved - 1.0 / 6.0).abs() < 1e-9, "{told:?}");
    // The other one of its zone is down: without it nobody is left there.
    let down = |at| Input::Observed(fail("shop", "a2", at));
    let at = |n: u32| now + n * Duration::from_millis(100);
    (1..=3).for_each(|n| drop(state.step([down(at(n))], at(n))));
    follow(&mut state, at(3));
    let told = plan(&state, &config(&without_a1), at(3));
    assert_eq!(
        told.pools[0].zones.iter().find(|zone| zone.zone == "a").map(|it| it.after),
        Some(0.0)
    );
}

#[test]
fn a_pool_that_nobody_would_serve_and_a_zone_that_could_no_longer_be_spared_are_warned_of() {
    let (state, now) = well(OLD);
    let nobody = OLD.replace(
        "{ backends: [ 10.9.0.1:80 ], health: off }",
        "{ backends: [ { address: 10.9.0.1:80, weight: 0 } ], health: off }",
    );
    let told = plan(&state, &config(&nobody), now);
    assert_eq!(told.warnings, ["pool old: nobody would be left to serve it"]);
    let capacity = |rps: u32| {
        let zone = format!("{{ capacity: {{ rps: {rps} }}, backends:");
        OLD.replace("a: { backends:", &format!("a: {zone}"))
            .replace("b: { backends:", &format!("b: {zone}"))
    };
    let (mut state, now) = well(&capacity(100));
    let traffic = crate::model::Traffic {
        requests: 80,
        answered: 80,
        ..crate::model::Traffic::none(crate::decision::tests::fixture::key("shop", "a1"))
    };
    let at = |n: u32| now + n * Duration::from_secs(1);
    (1..=60).for_each(|n| drop(state.step([Input::Sampled(traffic.clone())], at(n))));
    let told = plan(&state, &config(&capacity(50)), at(60));
    assert!(
        told.warnings[0].starts_with("pool shop: could no longer lose its largest zone"),
        "{told:?}"
    );
}
