//! What protects: contradictions are told, choices read back.

use super::{problems, valid, with_pool, with_route};

#[test]
fn retries_that_contradict_themselves_are_told() {
    for (retries, message) in [
        ("on: conect-failure", "did you mean `connect-failure`?"),
        ("on: unavailible", "did you mean `unavailable`?"),
        ("on: [ 200 ]", "\"200\" is no status that a failure has (expected 400 to 599"),
        ("on: [ 504-502 ]", "\"504-502\" is no status that a failure has"),
        ("on: \"\"", "the text is empty"),
        ("attempts: 11", "expected a whole number from 1 to 10"),
        ("backoff: { first: 2s, max: 1s }", "the first pause is longer than the longest"),
        ("backoff: on", "expected `off`"),
        (
            "per_try: 3s",
            "one try may not take as long as all of them together (expected less than the route's `timeouts.total`, 3s)",
        ),
        ("body_bytes: 2MiB", "expected a size from 0 to 1MiB"),
    ] {
        let route = format!("pool: site, timeouts: {{ total: 3s }}, retries: {{ {retries} }}");
        let found = problems(&with_route(&route));
        assert!(found.contains(message), "{found}");
    }
    let found = problems(&with_pool("backends: [ 1.2.3.4:5 ], retries: { budget: 120% }"));
    assert!(found.contains("expected a ratio from `0%` to `100%`"), "{found}");
    for (retries, message) in [
        ("attempts: 1, on: reset", "with `attempts: 1` nothing is ever tried again"),
        ("per_try: 1s", "`timeout` is not among what is tried again"),
        ("on: [ reset, unavailable ]", "calls of gRPC are POST requests"),
    ] {
        let warnings =
            valid(&with_route(&format!("pool: site, retries: {{ {retries} }}"))).warnings;
        assert!(warnings.iter().any(|it| it.message.contains(message)), "{warnings:?}");
    }
}

#[test]
fn codes_of_grpc_are_read_back() {
    let codes = "cancelled, deadline-exceeded, internal, resource-exhausted, unavailable";
    let retries = format!("on: [ reset, {codes}, 503 ], idempotent: true");
    let loaded = valid(&with_route(&format!("pool: site, retries: {{ {retries} }}")));
    assert!(!loaded.warnings.iter().any(|it| it.message.contains("gRPC")), "{:?}", loaded.warnings);
    let on = loaded.config.listeners[0].routes[0].retries.on;
    assert_eq!(on.names().join(", "), format!("reset, {codes}, 503"));
    assert!(on.codes.has(14) && !on.codes.has(12));
}

#[test]
fn limits_that_contradict_each_other_are_told() {
    let backends = "backends: [ 1.2.3.4:5, { address: 1.2.3.4:6, max_requests: 7 } ]";
    let found = problems(&with_pool(&format!("{backends}, limits: {{ concurrent: 5 }}")));
    assert!(
        found.contains(
            "the backend \"1.2.3.4:6\" may have 7 requests at once, and its whole pool only 5"
        ),
        "{found}"
    );
    let route = "version: 1\nlisteners:\n  web:\n    bind: 127.0.0.1:80\n    routes: [ { ROUTE } ]\npools: { a: { backends: [ 1.2.3.4:5 ], limits: { concurrent: 5 } }, b: { backends: [ 1.2.3.4:5 ] } }\n";
    let with = |route_keys: &str| route.replace("ROUTE", route_keys);
    for (keys, message) in [
        (
            "pool: a, limits: { concurrent: 6 }",
            "the route may have 6 requests at once, and where it leads only 5",
        ),
        ("respond: ready, limits: { concurrent: 6 }", "only what is forwarded takes time"),
        ("pool: a, limits: { concurrent: 0 }", "expected a whole number from 1"),
        ("pool: a, limits: { concurrent: { queue: {} } }", "`requests` is missing"),
    ] {
        let found = problems(&with(keys));
        assert!(found.contains(message), "{found}");
    }
    valid(&with("pools: { a: 1, b: 1 }, limits: { concurrent: 6 }"));
    let tcp = "version: 1\nlisteners: { db: { bind: 127.0.0.1:80, protocol: http, pool: site } }\npools: { site: { backends: [ 1.2.3.4:5 ], max_connections: 3 } }\n";
    assert!(problems(tcp).contains("use `max_requests`"));
}

#[test]
fn rate_limits_that_could_not_be_meant_are_told() {
    for (limit, message) in [
        ("{ burst: 5 }", "`rate` is missing (expected a rate such as 1000/s"),
        ("{ rate: 1000 }", "expected a rate such as 1000/s, 30/m or 100/h"),
        ("{ rate: 10/d }", "expected a rate such as 1000/s, 30/m or 100/h"),
        ("{ rate: 0/s }", "nothing could ever come"),
        ("{ rate: 2000000/s }", "\"2000000/s\" is more than can be counted exactly"),
        ("{ rate: 1/s, by: clients }", "did you mean `client`?"),
        ("{ rate: 1/s, by: {} }", "nothing is named"),
        ("{ rate: 1/s, by: { header: a, v4: 8 } }", "a header's value is no network"),
        ("[ { rate: 1/s, name: a }, { rate: 2/s, name: a } ]", "the name `a` stands twice"),
    ] {
        let found = problems(&with_route(&format!("pool: site, rate_limit: {limit}")));
        assert!(found.contains(message), "{found}");
    }
    for protocol in ["tcp", "udp"] {
        let text = format!(
            "version: 1\nlisteners: {{ a: {{ bind: 127.0.0.1:80, protocol: {protocol}, pool: p, rate_limit: {{ rate: 1/s }} }} }}\npools: {{ p: {{ backends: [ 1.2.3.4:5 ] }} }}\n"
        );
        assert!(problems(&text).contains("`rate_limit` is for listeners of `protocol: http`"));
    }
}

#[test]
fn lists_of_clients_that_contradict_each_other_are_told() {
    let with = |keys: &str| {
        format!(
            "version: 1\nlisteners: {{ a: {{ bind: 127.0.0.1:80, pool: p, {keys} }} }}\npools: {{ p: {{ backends: [ 1.2.3.4:5 ] }} }}\n"
        )
    };
    for (keys, message) in [
        ("allow: []", "nobody is allowed, so nobody could ever connect"),
        (
            "allow: 10.1.0.0/16, deny: 10.0.0.0/8",
            "10.1.0.0/16 is allowed, and all of it is denied by 10.0.0.0/8",
        ),
        ("deny: 10.0.0.1/8", "did you mean `10.0.0.0/8`?"),
        ("deny: { file: /nowhere/list }", "the file cannot be read"),
        ("deny: nobody", "expected a network such as 10.0.0.0/8"),
    ] {
        let found = problems(&with(keys));
        assert!(found.contains(message), "{found}");
    }
    valid(&with("protocol: tcp, deny: 10.0.0.0/8"));
    valid(&with("protocol: udp, deny: 10.0.0.0/8"));
    let printed =
        crate::config::print(&valid(&with("allow: 10.0.0.0/8, deny: 10.1.0.0/16")).config);
    assert_eq!(printed, crate::config::print(&valid(&printed).config));
}

#[test]
fn a_budget_has_a_header_of_its_own() {
    for (name, message) in
        [("host", "has a meaning of its own"), ("'a b'", "expected a header name")]
    {
        let route = format!("pool: site, timeouts: {{ budget_header: {name} }}");
        let found = problems(&with_route(&route));
        assert!(found.contains(message), "{found}");
    }
}

#[test]
fn limits_that_others_make_void_are_told() {
    let with = |protocol: &str, defaults: &str, limits: &str| {
        format!(
            "version: 1\ndefaults: {{ limits: {{ {defaults} }} }}\nlisteners: {{ a: {{ bind: 127.0.0.1:80, pool: p, protocol: {protocol}, limits: {{ {limits} }} }} }}\npools: {{ p: {{ backends: [ 1.2.3.4:5 ] }} }}\n"
        )
    };
    for (protocol, defaults, limits, message) in [
        (
            "http",
            "",
            "connections: 10, connections_per_client: 11",
            "`connections_per_client` is 11, and there may be only 10 connections in all",
        ),
        (
            "tcp",
            "connections_per_client: 11",
            "connections: 10",
            "`connections_per_client` is 11, and there may be only 10 connections in all",
        ),
        ("http", "handshakes: 30000", "", "`handshakes` is 30000, and there may be only 20000"),
        ("http", "", "handshakes: 10", "there are no handshakes without `tls`"),
        ("udp", "", "handshakes: 10", "`handshakes` is for listeners of `protocol: http`"),
        ("http", "", "connections_per_client: 0", "expected `off`, or a whole number from 1"),
    ] {
        let found = problems(&with(protocol, defaults, limits));
        assert!(found.contains(message), "{found}");
    }
    let inherited = with("udp", "handshakes: 10, connections_per_client: 5", "");
    let printed = crate::config::print(&valid(&inherited).config);
    assert!(printed.contains("connections_per_client: 5"), "{printed}");
    assert_eq!(printed, crate::config::print(&valid(&printed).config));
}

#[test]
fn a_least_rate_is_inherited_in_parts() {
    let with = |defaults: &str, route: &str| {
        format!(
            "version: 1\ndefaults: {{ limits: {{ min_rate: {defaults} }} }}\nlisteners: {{ a: {{ bind: 127.0.0.1:80, routes: [ {{ pool: p, limits: {{ min_rate: {route} }} }} ] }} }}\npools: {{ p: {{ backends: [ 1.2.3.4:5 ] }} }}\n"
        )
    };
    for (defaults, route, rate) in [
        ("off", "{ request: 1KiB }", "{ request: 1KiB, response: off, grace: 30s }"),
        ("{ grace: 5s }", "{ response: off }", "{ request: 500, response: off, grace: 5s }"),
        ("{ request: 9 }", "off", "off"),
    ] {
        let printed = crate::config::print(&valid(&with(defaults, route)).config);
        assert!(printed.contains(&format!("min_rate: {rate}")), "{printed}");
        assert_eq!(printed, crate::config::print(&valid(&printed).config));
    }
    for (route, message) in [
        ("fast", "expected `off` or `{ request: 500, response: 500, grace: 30s }`"),
        ("{ request: 0 }", "expected `off`, or a size from 1 to 1GiB"),
        ("{ request: off, response: off, grace: 1s }", "nothing is asked of a client"),
    ] {
        let found = problems(&with("off", route));
        assert!(found.contains(message), "{found}");
    }
}

#[test]
fn memory_for_buffers_is_enough_for_each_worker() {
    let with = |limits: &str| {
        format!(
            "version: 1\nworkers: 4\nlimits: {{ {limits} }}\nlisteners: {{ a: {{ bind: 127.0.0.1:80, pool: p }} }}\npools: {{ p: {{ backends: [ 1.2.3.4:5 ] }} }}\n"
        )
    };
    let found = problems(&with("buffers: 2MiB"));
    assert!(found.contains("cut into 4 parts") && found.contains("expected `4MiB`"), "{found}");
    assert!(problems(&with("buffers: 1KiB")).contains("a size from 1MiB"));
    assert!(problems(&with("memory: 1GiB")).contains("not available in this version"));
    let printed = crate::config::print(&valid(&with("buffers: 4MiB")).config);
    assert!(printed.contains("limits: { buffers: 4MiB }"), "{printed}");
    assert_eq!(printed, crate::config::print(&valid(&printed).config));
}

#[test]
fn thresholds_that_could_never_act_are_told() {
    let with = |keys: &str| with_pool(&format!("backends: [ 1.2.3.4:5 ], {keys}"));
    for (keys, message) in [
        ("shed: {}", "nothing is named (expected one of `concurrent`, `queue` and `adaptive`)"),
        ("shed: on", "expected a mapping with `concurrent`, `queue` and more"),
        ("shed: { queue: 50% }", "nobody ever waits here: the pool has no `limits.concurrent`"),
        (
            "max_requests: 3, queue: { length: 0 }, shed: { queue: 50% }",
            "nobody ever waits here: `queue.length` is 0",
        ),
        ("max_requests: 3, shed: { queue: 100% }", "expected more than `0%` and less than `100%`"),
        (
            "limits: { concurrent: 5 }, queue: { length: 5 }, shed: { concurrent: 10 }",
            "10 requests can never be under way: `limits.concurrent` and `queue.length` let only 10",
        ),
        (
            "shed: { adaptive: { min: 9, max: 8 } }",
            "the least is more than the most: `min` is 9 and `max` 8",
        ),
        (
            "limits: { concurrent: 5 }, queue: { length: 5 }, shed: { adaptive: on }",
            "the least number is 10, and `limits.concurrent` and `queue.length` let only 10 in",
        ),
        (
            "shed: { concurrent: 10, adaptive: on }",
            "the set threshold is 10, and the adaptive one never goes below 10",
        ),
        ("shed: { adaptive: { tolerance: 0% } }", "no two answers take equally long"),
    ] {
        let found = problems(&with(keys));
        assert!(found.contains(message), "{keys}: {found}");
    }
    for keys in [
        "shed: off",
        "shed: { concurrent: 1 }",
        "shed: { adaptive: on }",
        "shed: { adaptive: off, concurrent: 3 }",
        "max_requests: 3, shed: { queue: 40%, adaptive: { min: 1, window: 1s } }",
    ] {
        let printed = crate::config::print(&valid(&with(keys)).config);
        assert_eq!(printed, crate::config::print(&valid(&printed).config), "{keys}");
    }
    let tcp = "version: 1\nlisteners: { db: { bind: 127.0.0.1:80, protocol: tcp, pool: site } }\npools: { site: { backends: [ 1.2.3.4:5 ], shed: { concurrent: 3 } } }\n";
    assert!(problems(tcp).contains("`shed` is for pools of `http` routes"));
}

#[test]
fn breakers_that_could_never_open_or_close_are_told() {
    let with = |keys: &str| with_pool(&format!("backends: [ 1.2.3.4:5 ], breaker: {keys}"));
    for (keys, message) in [
        ("{ trial_share: 0% }", "the pool would never be let in again"),
        ("{ max_errors: 100% }", "it could never open"),
        ("{ max_errors: 100%, slow: { above: 1s, max: 100% } }", "it could never open"),
        ("{ min_requests: 0 }", "expected a whole number from 1"),
        ("{ slow: {} }", "`above` is missing"),
        ("maybe", "expected `on` or `off`"),
    ] {
        let found = problems(&with(keys));
        assert!(found.contains(message), "{keys}: {found}");
    }
    for keys in ["on", "off", "{ window: 5s, max_errors: 100%, slow: { above: 1s } }"] {
        let printed = crate::config::print(&valid(&with(keys)).config);
        assert_eq!(printed, crate::config::print(&valid(&printed).config), "{keys}");
    }
    let tcp = "version: 1\nlisteners: { db: { bind: 127.0.0.1:80, protocol: tcp, pool: site } }\npools: { site: { backends: [ 1.2.3.4:5 ], breaker: on } }\n";
    assert!(problems(tcp).contains("`breaker` is for pools of `http` routes"));
}

#[test]
fn levels_of_degraded_service_name_what_there_is() {
    let with = |levels: &str| {
        format!(
            "version: 1\ndegradation: [ {levels} ]\nlisteners:\n  web: {{ bind: 127.0.0.1:80, routes: [ {{ name: api, match: {{ path: /a }}, pool: site }}, {{ name: ready, respond: ready }} ] }}\n  db: {{ bind: 127.0.0.1:81, protocol: tcp, routes: [ {{ name: sql, pool: site }} ] }}\npools: {{ site: {{ backends: [ 1.2.3.4:5 ] }} }}\n"
        )
    };
    for (level, message) in [
        ("{ name: a, refuse: {} }", "nothing is refused (expected `priority` or `routes`)"),
        ("{ name: a, refuse: { priority: [] } }", "nothing is refused"),
        ("{ name: a, refuse: { priority: lo } }", "expected `critical`, `high`, `normal` or `low`"),
        (
            "{ name: a, refuse: { priority: [ low, normal, high, critical ] } }",
            "every class is refused, and so is everything",
        ),
        ("{ name: off, refuse: { priority: low } }", "`off` ends the level that was ordered"),
        (
            "{ name: a, refuse: { priority: low } }, { name: a, refuse: { priority: high } }",
            "there is a level `a` already",
        ),
        ("{ name: a, refuse: { routes: api } }", "expected a route as listener/route"),
        ("{ name: a, refuse: { routes: wed/api } }", "no listener \"wed\" (did you mean `web`?)"),
        ("{ name: a, refuse: { routes: web/apy } }", "no route \"apy\" (did you mean `api`?)"),
        ("{ name: a, refuse: { routes: web/ready } }", "only what is forwarded can be refused"),
    ] {
        let found = problems(&with(level));
        assert!(found.contains(message), "{level}: {found}");
    }
    let doubtful = valid(&with("{ name: a, refuse: { priority: critical } }")).warnings;
    assert!(
        doubtful.iter().any(|it| it.message.contains("`critical` is refused and `low` is not"))
    );
    let level = "{ name: a, refuse: { priority: [ low, normal ], routes: [ web/api, db/sql ] }, respond: { status: 200, body: x } }";
    let printed = crate::config::print(&valid(&with(level)).config);
    assert_eq!(printed, crate::config::print(&valid(&printed).config));
    assert!(printed.contains("web/api"), "{printed}");
}

#[test]
fn a_limit_by_certificate_needs_clients_that_are_asked_for_one() {
    let text = "version: 1\nlisteners: { a: { bind: 127.0.0.1:80, routes: [ { pool: p, rate_limit: { name: of-each, rate: 1/s, by: certificate } } ] } }\npools: { p: { backends: [ 1.2.3.4:5 ] } }\n";
    let found = problems(text);
    assert!(found.contains("`of-each` counts by certificate, and no client is asked"), "{found}");
}
