//! What is told, and that it is what the data plane does.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::view::{self, Explanation};
use super::{Assumption, Known, Question, assume, explain};
use crate::balance::ip_hash;
use crate::config::Config;
use crate::decision::tests::fixture::order;
use crate::decision::{Input, State};
use crate::health::probe_plan;
use crate::live::Live;
use crate::model::{Action, Observation, Outcome, ProbeSpec, Scope};
use crate::table::{self, Picker, Table};

const CONFIG: &str = r#"
version: 1
listeners:
  web:
    bind: 127.0.0.1:8080
    routes:
      - { name: api, match: { host: api.example, path: { prefix: /v1 } }, pool: hashed }
      - { name: post, match: { methods: [ POST ] }, respond: { status: 405, body: no } }
      - { name: beta, match: { headers: { x-beta: { present: true } } }, pools: { shop: 90, hashed: 10 } }
      - { name: all, pool: shop }
  db: { bind: 10.0.9.1:5432, protocol: tcp, pool: hashed }
  db2: { bind: "10.0.9.2:5432", protocol: tcp, pool: even }
  tls:
    bind: "[::]:8443"
    protocol: tcp
    client_hello: { otherwise: default }
    routes:
      - { name: shop, match: { sni: [ shop.example, "*.shop.example" ] }, pool: shop }
      - { name: h2, match: { sni: none, alpn: [ h2, grpc ] }, pool: hashed }
      - { name: rest, pool: even }
  strict: { bind: 127.0.0.1:8444, protocol: tcp, routes: [ { match: { sni: a.example }, pool: even } ] }
  dns: { bind: 127.0.0.1:5353, protocol: udp, pool: hashed }
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
"#;

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

fn bytes(url: &str) -> view::Question {
    question("", url)
}

fn tls(sni: Option<&str>, alpn: &[&str]) -> view::Question {
    let alpn = alpn.iter().map(|one| (*one).to_owned()).collect();
    view::Question { sni: sni.map(str::to_owned), alpn, ..bytes("tcp://[::1]:8443") }
}

#[test]
fn a_connection_is_followed_by_its_hello_down_to_its_backend() {
    let (state, now) = well();
    let client = Some("10.1.2.3".to_owned());
    let asked = view::Question { client, ..tls(Some(""), &["http/1.1", "h2"]) };
    insta::assert_snapshot!(told(&state, now, asked).unwrap().text());
}

#[test]
fn a_datagram_is_followed_down_to_its_backend() {
    let (state, now) = well();
    let client = Some("10.1.2.3".to_owned());
    let asked = view::Question { client, ..bytes("udp://127.0.0.1:5353") };
    insta::assert_snapshot!(told(&state, now, asked).unwrap().text());
}

/// By the table's own choice: what is explained is what [`Listener::forward`] does.
#[test]
fn a_hello_is_told_which_route_it_takes_and_what_the_others_want() {
    let (state, now) = well();
    let route = |asked| {
        let told = told(&state, now, asked).unwrap();
        let taken = told.routes.iter().find(|route| route.mismatch.is_none());
        let missed = told.routes.iter().filter_map(|route| route.mismatch.clone());
        (taken.map(|route| route.name.clone()), missed.collect::<Vec<_>>().join("; "), told.action)
    };
    let no_name = "wants server name shop.example or *.shop.example, not none";
    let no_alpn = "wants ALPN h2 or grpc, not none";
    for (asked, taken, missed) in [
        (tls(Some("SHOP.example."), &[]), Some("shop"), String::new()),
        (tls(Some("a.b.shop.example"), &["h2"]), Some("shop"), String::new()),
        (tls(Some(""), &["grpc"]), Some("h2"), no_name.to_owned()),
        (tls(Some(""), &[]), Some("rest"), format!("{no_name}; {no_alpn}")),
        (tls(None, &[]), Some("rest"), "wants a TLS hello; wants a TLS hello".to_owned()),
        (bytes("tcp://10.0.9.1:5432"), Some("db"), String::new()),
    ] {
        let (name, reasons, action) = route(asked.clone());
        assert_eq!(reasons, missed, "{asked:?}");
        assert_eq!(action, "forwarded to a backend");
        let expected = taken.filter(|_| asked.url.contains("8443"));
        assert!(expected.is_none_or(|taken| name.as_deref() == Some(taken)), "{name:?}: {asked:?}");
    }
    let (taken, _, action) = route(bytes("tcp://127.0.0.1:8444"));
    assert_eq!((taken, &*action), (None, "reset: it does not begin with a TLS hello"));
    let strict = view::Question { url: "tcp://127.0.0.1:8444".to_owned(), ..tls(Some("b"), &[]) };
    let (taken, missed, action) = route(strict);
    assert_eq!((taken, &*action), (None, "reset: no route matches"));
    assert_eq!(missed, "wants server name a.example, not b");
}

#[test]
fn bytes_arrive_at_the_listener_of_their_very_address() {
    let (state, now) = well();
    let at = |asked| told(&state, now, asked).map(|told| told.listener);
    let named =
        |url, listener: &str| view::Question { listener: Some(listener.to_owned()), ..bytes(url) };
    for (asked, expected) in [
        (bytes("tcp://10.0.9.1:5432"), "db"),
        (bytes("tcp://10.0.9.2:5432"), "db2"),
        (bytes("tcp://db.example:5432"), "db"),
        (bytes("tcp://10.9.9.9:8443"), "tls"),
        (named("tcp://x", "db2"), "db2"),
        (bytes("udp://127.0.0.1:5353"), "dns"),
    ] {
        assert_eq!(at(asked).as_deref(), Ok(expected));
    }
    for (asked, expected) in [
        (bytes("udp://127.0.0.1:5432"), "no udp listener has that port (there are: dns at"),
        (bytes("tcp://127.0.0.1:1"), "no tcp listener has that port (there are: db at"),
        (named("udp://x", "db"), "the listener `db` does not speak udp"),
        (
            view::Question { listener: Some("db".to_owned()), ..question("GET", "http://a/") },
            "does not speak http",
        ),
        (question("GET", "tcp://127.0.0.1:5432"), "no method"),
        (bytes("http://a/"), "the method ``"),
        (view::Question { sni: Some("a".to_owned()), ..bytes("udp://a:5353") }, "a server name"),
        (bytes("sctp://a:1"), "the URL `sctp://a:1`"),
    ] {
        let error = at(asked).unwrap_err();
        assert!(error.contains(expected), "{error}");
    }
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
fn a_zone_whose_region_is_out_is_told_so() {
    let (mut state, now) = well();
    let region = Scope::Region { pool: None, region: "east".into() };
    state.step([order(region, Action::Fail { to: None }, now)], now);
    let told = told(&state, now, question("GET", "http://shop.example/")).unwrap();
    let a = &told.pools[0].regions[0].zones[0];
    let lost = a.lost.as_deref().unwrap_or_default();
    assert!(lost.starts_with("its region is out: fail of region east ordered by"), "{lost}");
    assert_eq!(a.needs, ["its region must be well again, or restored by order"]);
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
