//! What is told, and that it is what the data plane does.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::view::{self, Explanation};
use super::{Assumption, Known, Question, assume, explain};
use crate::balance::ip_hash;
use crate::config::Config;
use crate::decision::{Input, State};
use crate::health::probe_plan;
use crate::live::Live;
use crate::model::{Observation, Outcome, ProbeSpec};
use crate::table::{self, Picker, Table};

const CONFIG: &str = "
version: 1
listeners:
  web:
    bind: 127.0.0.1:8080
    routes:
      - { name: api, match: { host: api.example, path: { prefix: /v1 } }, pool: hashed }
      - { name: post, match: { methods: [ POST ] }, respond: { status: 405, body: no } }
      - { name: beta, match: { headers: { x-beta: { present: true } } }, pools: { shop: 90, hashed: 10 } }
      - { name: all, pool: shop }
pools:
  shop: &shop
    regions:
      east:
        weight: 70
        zones:
          a: { backends: [ { name: a1, address: 10.0.0.1:80 }, { name: a2, address: 10.0.0.2:80, weight: 3 } ] }
          b: { backends: [ { name: b1, address: 10.0.0.3:80 } ] }
      west:
        weight: 30
        zones: { c: { backends: [ { name: c1, address: 10.0.0.4:80 }, { name: c2, address: 10.0.0.5:80 } ] } }
    health: { network: {} }
  hashed: { <<: *shop, algorithm: ip-hash }
  even:
    algorithm: least-connections
    backends: [ 10.0.1.1:80, 10.0.1.2:80, 10.0.1.3:80 ]
    health: { network: {} }
";

/// A core to which every backend is well.
fn well() -> (State, Instant) {
    let config = Arc::new(Config::parse(CONFIG, None).unwrap().config);
    let now = tokio::time::Instant::now().into_std();
    let mut state = State::new(Arc::clone(&config), now);
    let pass = |probe: ProbeSpec| {
        Input::Observed(Observation {
            backend: probe.backend,
            layer: probe.layer,
            check: probe.check,
            at: now,
            latency: Duration::ZERO,
            outcome: Outcome::Pass,
            agent: None,
        })
    };
    let probes = probe_plan(&config, state.addresses()).probes;
    state.step(probes.into_iter().map(pass), now);
    let then = now + Duration::from_secs(1);
    state.step([], then);
    (state, then)
}

fn table(state: &State) -> Table {
    table::build(&table::Inputs {
        config: state.config(),
        plan: state.plan(),
        live: &Live::new(1),
        listeners: &[],
        previous: None,
        generation: 7,
    })
}

fn question(method: &str, url: &str) -> view::Question {
    view::Question { method: method.to_owned(), url: url.to_owned(), ..view::Question::default() }
}

fn told(state: &State, now: Instant, asked: view::Question) -> Result<Explanation, String> {
    let question = Question::try_from(asked)?;
    explain(Known { table: &table(state), report: state.report(), now }, &question)
}

#[test]
fn a_request_is_followed_down_to_its_backends() {
    let (state, now) = well();
    let asked = view::Question {
        client: Some("10.1.2.3".to_owned()),
        zone: Some("b".to_owned()),
        ..question("GET", "http://API.example:8080/v1/%61?q=1")
    };
    insta::assert_snapshot!(told(&state, now, asked).unwrap().text());
}

#[test]
fn routes_that_do_not_match_say_what_they_want() {
    let (state, now) = well();
    insta::assert_snapshot!(
        told(&state, now, question("GET", "http://shop.example/")).unwrap().text()
    );
}

#[test]
fn an_assumption_is_decided_not_guessed() {
    let (mut state, now) = well();
    let parse = |text: &str, state: &State| Assumption::parse(text, state);
    let down = parse("zone=a=down", &state).unwrap();
    let drained = parse("backend=shop/c1=drain", &state).unwrap();
    let then = assume(&mut state, &[down, drained], now);
    let told = told(&state, then, question("GET", "http://shop.example/")).unwrap();
    let zone = |name: &str| {
        let regions = told.pools[0].regions.iter();
        regions.flat_map(|region| &region.zones).find(|zone| zone.name == name).unwrap().clone()
    };
    assert_eq!(zone("a").share, 0.0);
    assert!(zone("a").lost.is_some() && !zone("a").needs.is_empty(), "{told:#?}");
    assert!(zone("b").share > 0.3);
    let c1 = &zone("c").backends[0];
    assert_eq!((c1.share, c1.lost.as_deref()), (0.0, Some("drain was ordered")));
}

#[test]
fn what_does_not_fit_is_told_with_the_nearest_name() {
    let (state, now) = well();
    let wrong = |asked: view::Question| told(&state, now, asked).unwrap_err();
    let get = || question("GET", "http://shop.example/");
    for (asked, expected) in [
        (question("GE T", "http://a/"), "the method `GE T`"),
        (question("GET", "shop.example/x"), "the URL `shop.example/x`"),
        (question("GET", "http://a/%"), "refused with 400"),
        (view::Question { client: Some("x\u{1b}".to_owned()), ..get() }, "the client `x\\u{1b}`"),
        (view::Question { headers: vec!["x".to_owned()], ..get() }, "the header `x`"),
        (view::Question { listener: Some("wev".to_owned()), ..get() }, "did you mean `web`?"),
        (view::Question { zone: Some("z".to_owned()), ..get() }, "there is no zone `z`"),
    ] {
        let error = wrong(asked);
        assert!(error.contains(expected), "{error}");
    }
    for (text, expected) in [
        ("zone=a", "is not understood"),
        ("zone=a=gone", "is not understood"),
        ("planet=a=down", "is not understood"),
        ("region=eats=down", "did you mean `east`?"),
        ("backend=shop/a9=down", "did you mean `shop/a1`?"),
    ] {
        let error = Assumption::parse(text, &state).unwrap_err();
        assert!(error.contains(expected), "{error}");
    }
}

/// 10^6 random requests per algorithm, under one generation: how often each backend is chosen is
/// what the explanation states.
#[test]
fn frequencies_are_as_explained() {
    const REQUESTS: u32 = 1_000_000;
    let (state, _) = well();
    let table = table(&state);
    let mut rng = fastrand::Rng::with_seed(4);
    for pool in table.pools() {
        let stated: HashMap<Arc<str>, f64> = pool
            .odds(None)
            .iter()
            .flat_map(|zone| &zone.backends)
            .map(|odds| (Arc::clone(&odds.backend.name), odds.share))
            .collect();
        assert!((stated.values().sum::<f64>() - 1.0).abs() < 1e-9);
        let mut picker = Picker::new(rng.u64(..));
        let mut counts: HashMap<Arc<str>, u32> = HashMap::new();
        for _ in 0..REQUESTS {
            let client = std::net::Ipv4Addr::from(rng.u32(..));
            let key = ip_hash::address_key(client.into());
            let lease = pool.choose(&mut picker, Some(key), &[]).unwrap();
            *counts.entry(Arc::clone(&lease.name)).or_default() += 1;
        }
        let squares = stated.iter().map(|(name, share)| {
            let expected = share * f64::from(REQUESTS);
            let seen = counts.get(name).copied().unwrap_or_default();
            (f64::from(seen) - expected).powi(2) / expected
        });
        let (chi_square, limit) = (squares.sum::<f64>(), limit(stated.len() - 1));
        assert!(chi_square < limit, "{}: {chi_square} of {limit}: {counts:?}", pool.name);
    }
}

/// What chi-square exceeds once in a million runs (Wilson and Hilferty, 1931).
fn limit(freedom: usize) -> f64 {
    let ninth = 2.0 / (9.0 * freedom as f64);
    freedom as f64 * (1.0 - ninth + 4.753 * ninth.sqrt()).powi(3)
}
