//! What is accepted, and what it becomes.

use std::time::Duration;

use super::{valid, with_pool, with_route};
use crate::config::{
    Action, Algorithm, HashKey, HeaderCondition, HeadroomLimit, HostMatch, LogPath, PathMatch,
    Target,
};

#[test]
fn settings_are_inherited_from_the_file_to_listener_to_route() {
    let config = valid(
        "version: 1
defaults:
  timeouts: { head: 1s, idle: 2s, connect: 3s, first_byte: 4s, body_idle: 5s, pool_idle: 6s, total: 7s }
  limits: { head_bytes: 2KiB, headers: 9, connections: 10, body_bytes: 11 }
listeners:
  a:
    bind: 127.0.0.1:1
    timeouts: { head: 11s, total: off }
    limits: { headers: 19, body_bytes: 1MiB }
    routes: [ { pool: p, timeouts: { first_byte: 44s }, limits: { body_bytes: off } } ]
  b: { bind: 127.0.0.1:2, pool: p }
pools: { p: { backends: [ 1.2.3.4:5 ], timeouts: { connect: 33s } } }
",
    )
    .config;
    let second = Duration::from_secs;
    let [a, b] = &config.listeners[..] else { panic!("two listeners") };
    assert_eq!((a.timeouts.head, a.timeouts.idle), (second(11), second(2)));
    assert_eq!((a.limits.head_bytes, a.limits.headers, a.limits.connections), (2048, 19, 10));
    let route = &a.routes[0];
    assert_eq!(route.timeouts.first_byte, second(44));
    assert_eq!(route.timeouts.body_idle, second(5));
    assert_eq!((route.timeouts.total, route.body_bytes), (None, None));
    assert_eq!(b.timeouts.head, second(1));
    assert_eq!((b.routes[0].timeouts.total, b.routes[0].body_bytes), (Some(second(7)), Some(11)));
    let pool = &config.pools[0].timeouts;
    assert_eq!((pool.connect, pool.idle), (second(33), second(6)));
}

#[test]
fn a_listeners_pool_is_the_last_route() {
    let config = valid(&with_route("respond: ready, match: { path: /ready }")).config;
    let routes = &config.listeners[0].routes;
    assert_eq!((&*routes[0].name, &*routes[1].name), ("routes[0]", "routes[1]"));
    assert!(matches!(routes[0].action, Action::Ready));
    assert!(matches!(&routes[1].action, Action::Pools(pools) if pools == &[(0, 1)]));
    assert!(routes[1].matches.is_everything());
}

#[test]
fn a_split_leaves_out_what_has_no_weight() {
    let text = "version: 1
listeners: { web: { bind: 127.0.0.1:80, routes: [ { pools: { a: 0, b: 3, c: 1 } } ] } }
pools: { a: { backends: [ 1.2.3.4:1 ] }, b: { backends: [ 1.2.3.4:1 ] }, c: { backends: [ 1.2.3.4:1 ] } }
";
    let loaded = valid(text);
    assert_eq!(loaded.warnings, []);
    let action = &loaded.config.listeners[0].routes[0].action;
    assert!(matches!(action, Action::Pools(pools) if pools == &[(1, 3), (2, 1)]), "{action:?}");
}

#[test]
fn matches_are_brought_to_the_form_requests_are_compared_in() {
    let text = with_route(
        "pool: site, match: { host: [ API.Example.COM., '*.Example.com', '[0:0::1]' ], \
         path: { regex: '/v[0-9]+' }, headers: { X-A: 1, X-B: { present: false }, X-C: { regex: 'a|b' } } }",
    );
    let config = valid(&text).config;
    let matches = &config.listeners[0].routes[0].matches;
    assert_eq!(
        matches.hosts,
        [
            HostMatch::Exact("api.example.com".into()),
            HostMatch::Wildcard(".example.com".into()),
            HostMatch::Exact("[::1]".into()),
        ]
    );
    let Some(PathMatch::Regex(path)) = &matches.path else { panic!("a regex") };
    assert!(path.is_match(b"/v12") && !path.is_match(b"/v12/") && !path.is_match(b"x/v1"));
    let names: Vec<&str> = matches.headers.iter().map(|header| &*header.name).collect();
    assert_eq!(names, ["x-a", "x-b", "x-c"]);
    assert!(matches!(&matches.headers[0].condition, HeaderCondition::Equal(v) if &**v == "1"));
    let HeaderCondition::Regex(value) = &matches.headers[2].condition else { panic!("a regex") };
    assert!(value.is_match(b"b") && !value.is_match(b"ab") && !value.is_match(b"b\n"));
}

#[test]
fn a_backend_has_four_forms_of_address() {
    let text = with_pool(
        "backends: [ 10.0.0.1:80, '[0:0::1]:80', 'unix:/run/a.sock', 'App.internal.:8080' ]",
    );
    let config = valid(&text).config;
    let backends = &config.pools[0].regions[0].zones[0].backends;
    let names: Vec<&str> = backends.iter().map(|backend| &*backend.name).collect();
    assert_eq!(names, ["10.0.0.1:80", "[::1]:80", "unix:/run/a.sock", "app.internal:8080"]);
    assert!(matches!(&backends[3].target, Target::Host { port: 8080, .. }));
}

#[test]
fn without_a_health_block_the_network_is_asked_and_nothing_else() {
    let health = |keys: &str| {
        let text = with_pool(&format!("backends: [ 1.2.3.4:5 ]{keys}"));
        valid(&text).config.pools[0].health.clone()
    };
    let default = health("");
    let cadence = default.network.clone().unwrap().cadence;
    assert_eq!(
        (cadence.interval, cadence.timeout),
        (Duration::from_millis(100), Duration::from_millis(50))
    );
    assert_eq!((cadence.fall, cadence.rise, cadence.jitter), (3, 2, 0.1));
    assert_eq!(default.application, None);
    assert_eq!(health(", health: { network: {} }"), default);

    let off = health(", health: off");
    assert_eq!((off.network, off.application), (None, None));

    let application = health(
        ", health: { application: { endpoints: [ /a, { path: /b, expect: { status: 200 } } ] } }",
    );
    assert_eq!(application.network, None);
    let endpoints = application.application.unwrap().endpoints;
    assert_eq!((&*endpoints[0].path, &endpoints[0].expect.status[..]), ("/a", &[(200, 399)][..]));
    assert_eq!((&*endpoints[1].path, &endpoints[1].expect.status[..]), ("/b", &[(200, 200)][..]));
}

#[test]
fn headroom_is_watched_where_capacities_say_what_it_is_or_where_somebody_asks() {
    let limit = |zones: &str, failover: &str| {
        let text =
            format!("{{ regions: {{ r: {{ zones: {{ {zones} }} }} }}, health: off{failover} }}");
        let config = valid(&format!(
            "{{ version: 1, listeners: {{ web: {{ bind: 127.0.0.1:80, pool: p }} }}, pools: {{ p: {text} }} }}"
        ));
        config.config.pools[0].failover.headroom
    };
    let (free, bounded) =
        ("{ backends: [ 1.1.1.1:1 ] }", "{ backends: [ 1.1.1.2:1 ], capacity: { rps: 5 } }");
    assert_eq!(limit(&format!("a: {bounded}"), ""), None, "there is no other zone");
    assert_eq!(limit(&format!("a: {free}, b: {free}").replacen("1.1.1.1", "1.1.1.3", 1), ""), None);
    let both = format!("a: {free}, b: {bounded}");
    assert_eq!(limit(&both, ""), Some(HeadroomLimit::default()));
    assert_eq!(limit(&both, ", failover: { headroom: off }"), None);
    let asked = limit(&format!("a: {free}"), ", failover: { headroom: { min: 80%, for: 1m } }");
    let lasts = Duration::from_secs(60);
    assert_eq!(asked, Some(HeadroomLimit { min: 0.8, margin: 0.05, lasts }));
}

#[test]
fn ip_hash_hashes_the_client_or_a_header() {
    let algorithm = |text: &str| {
        valid(&with_pool(&format!("backends: [ 1.2.3.4:5 ], algorithm: {text}"))).config.pools[0]
            .algorithm
            .clone()
    };
    assert_eq!(algorithm("ip-hash"), Algorithm::IpHash(HashKey::Client));
    let header = HashKey::Header("x-user".into());
    assert_eq!(algorithm("{ ip-hash: { header: X-User } }"), Algorithm::IpHash(header));
}

#[test]
fn access_log_goes_to_standard_output_unless_told_otherwise() {
    let log = |key: &str| {
        let text = with_route("pool: site").replace("bind:", &format!("{key} bind:"));
        valid(&text).config.listeners[0].access_log.clone().map(|log| log.path)
    };
    assert_eq!(log(""), Some(LogPath::Stdout));
    assert_eq!(log("access_log: off,"), None);
    assert_eq!(log("access_log: { path: /var/log/a },"), Some(LogPath::File("/var/log/a".into())));
}

#[test]
fn keys_that_begin_with_x_are_ignored_unless_they_name_headers() {
    let text = "version: 1
x-a: { anything: [ 1 ] }
listeners:
  x-template: 7
  web:
    x-b: 1
    bind: 127.0.0.1:80
    routes: [ { x-c: 1, pool: p, match: { headers: { x-d: '1' } }, request_headers: { set: { x-e: '1' } } } ]
pools: { x-f: {}, p: { x-g: 1, backends: [ { x-h: 1, address: 1.2.3.4:5 } ] } }
";
    let config = valid(text).config;
    assert_eq!((config.listeners.len(), config.pools.len()), (1, 1));
    let route = &config.listeners[0].routes[0];
    assert_eq!(&*route.matches.headers[0].name, "x-d");
    assert_eq!(&*route.request_headers.set[0].0, "x-e");
}
