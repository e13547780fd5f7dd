//! The config in effect, as text.

use super::{valid, with_pool, with_route};
use crate::config::print;

fn round_trip(text: &str) -> String {
    let config = valid(text).config;
    let printed = print(&config);
    assert_eq!(format!("{config:#?}"), format!("{:#?}", valid(&printed).config), "{printed}");
    printed
}

#[test]
fn every_default_is_shown() {
    let printed = round_trip(
        "{ version: 1, workers: 2, listeners: { web: { bind: 127.0.0.1:80, pool: site } }, \
         pools: { site: { backends: [ 'app:80' ] } } }",
    );
    insta::assert_snapshot!(printed);
}

#[test]
fn text_that_looks_like_something_else_reads_back_as_typed() {
    for body in [
        "",
        "true",
        "null",
        "1",
        "~",
        "- x",
        "a: b",
        "#",
        "'",
        "\\",
        "\u{1}\u{7f}\u{85}",
        "\u{2028}",
        "\u{feff}",
        "é🦀",
        " x ",
        "a\nb\n",
        "\t",
        "x:",
        "[",
        "*a",
        "!x",
        "%x",
        "@",
    ] {
        let body = serde_json::to_string(body).unwrap();
        round_trip(&with_route(&format!("respond: {{ body: {body} }}")));
    }
}

#[test]
fn names_that_are_words_elsewhere_read_back() {
    let text = "version: 1\nlisteners: { 'true': { bind: 127.0.0.1:80, pool: 'off' } }\npools:\n  'off': { backends: [ '[::1]:80' ] }\nadmin: { socket: 'off' }\n";
    let printed = round_trip(text);
    assert!(printed.contains("socket: \"off\""), "{printed}");
}

#[test]
fn the_choices_of_a_route_read_back() {
    for route in [
        "pools: { site: 3 }",
        "pool: site, name: a, upgrades: [], rewrite: { prefix: / }",
        "pool: site, priority: critical",
        "pool: site, priority: { header: X-Priority, otherwise: low }",
        "redirect: { to: https }",
        "redirect: { to: '/new?x={host}', status: 302 }",
        "respond: ready, match: { host: ['[::1]', '*.B.example.com', A.Example.com., 10.0.0.1] }",
        "pool: site, match: { path: { regex: 'a|b' }, headers: { A: { regex: '\\d+ \"x\"' }, b: { present: true } } }",
        "pool: site, limits: { body_bytes: 0 }, timeouts: { total: 90s }, retries: { attempts: 1, idempotent: true }",
        "pool: site, rate_limit: { rate: 5/s }",
        "pool: site, rate_limit: [ { rate: 90/h, by: client, keys: 7 }, { rate: 1/m, name: a, by: { header: X-A } } ]",
        "pool: site, limits: { concurrent: 7 }",
        "pool: site, limits: { concurrent: { requests: 7, queue: { length: 0, timeout: 2s } } }",
        "pool: site, retries: { on: [], backoff: off, per_try: 1s, body_bytes: 0 }",
        "pool: site, retries: { on: [ timeout, 502-504, 429 ], backoff: { first: 5s, max: 10s } }",
        "pool: site, request_headers: { set: { Host: x, x-a: 'a \"b\": {c}' } }, response_headers: { remove: [A, b], add: { a: '1' } }",
    ] {
        round_trip(&with_route(route));
    }
}

#[test]
fn the_choices_of_a_pool_read_back() {
    for pool in [
        "backends: ['APP.internal.:80', 'unix:/tmp/a b.sock', '[0:0::1]:80'], health: off",
        "backends: [{ address: 1.2.3.4:5, name: a, weight: 0, backup: true }], algorithm: ip-hash",
        "backends: [ 1.2.3.4:5 ], algorithm: { ip-hash: { header: X-User } }",
        "backends: [ { address: 1.2.3.4:5, max_requests: 3 } ], max_requests: 5, limits: { concurrent: 9 }",
        "backends: [ 1.2.3.4:5 ], retries: { budget: 12.5%, min_per_second: 0 }",
        "backends: [ 1.2.3.4:5 ], health: { network: { jitter: 12.5%, interval: 90s, timeout: 1500ms } }",
        "backends: [ 1.2.3.4:5 ], health: { application: { host: 'a:1', endpoints: [ '/?a=1&b={c}', { path: /b, expect: { status: [ 200, 300-399 ] } } ] } }",
        "backends: [ 1.2.3.4:5 ], health: { network: { type: icmp }, process: {} }",
        "backends: [ 1.2.3.4:5 ], health: { process: { type: banner } }",
        "backends: [ 1.2.3.4:5 ], health: { process: { type: banner, prefix: 'SSH-2.0' } }",
        "backends: [ 1.2.3.4:5 ], health: { process: { type: tls } }",
        "backends: [ 1.2.3.4:5 ], health: { process: { type: tls, server_name: a.b } }",
        "backends: [ 1.2.3.4:5 ], health: { process: { type: grpc, tls: { verify: false } } }",
        "backends: [ 1.2.3.4:5 ], health: { process: { type: grpc, host: a, service: x.Y } }",
        "backends: [ 1.2.3.4:5 ], health: { process: { type: agent, port: 7, send: 'how?' } }",
        "backends: [ 1.2.3.4:5 ], health: { application: { endpoints: [ /a ], tls: { verify: false, server_name: a.b } } }",
        "backends: [ 1.2.3.4:5 ], health: { process: { type: http, host: a, path: /x, fall: 9 } }",
        "backends: [ 1.2.3.4:5 ], health: { business: { host: a, transaction: [ { get: /a }, { get: /b, expect: { status: 201 } } ] } }",
        "backends: [ 1.2.3.4:5 ], health: { application: { endpoints: [ { path: /a, expect: { headers: { A: 'x', b: { regex: 'c|d' }, e: { present: true } }, body: 'a', body_bytes: 1KiB, json: { /: a, /a: 1, /b: '1', /c: -1.50, /d: false, '/e~1f': 'false' } } } ] } }",
        "backends: [ 1.2.3.4:5 ], health: { application: { endpoints: [ { path: /a, expect: { body: { regex: 'a|b' } } } ] } }",
        "backends: [ 1.2.3.4:5 ], health: { business: { transaction: [ { post: /a, headers: { X: 'a$b' }, body: \"$x {y} ${ ${}\\n\", save: { a: { json: /b }, c: { regex: 'd' }, e: { header: F } } }, { delete: '/${a}/${c}?${e}', headers: { z: 'Bearer ${a}' }, body: '${c}' } ] } }",
        "backends: [ 1.2.3.4:5 ], health: { business: { query: { postgres: 'SELECT 1', user: a, password: { env: CARGO_PKG_NAME }, expect: 1 } } }",
        "backends: [ 1.2.3.4:5 ], health: { business: { query: { redis: 'GET  a', user: b, expect: c } } }",
        "backends: [ { address: 1.2.3.4:5, health: {} } ]",
        "backends: [ { address: 1.2.3.4:5, health: off }, { address: 1.2.3.4:6, health: { network: off } } ]",
        "backends: [ { address: 1.2.3.4:5, health: { address: ':6', host: a, network: off } } ]",
        "backends: [ { address: 'a:5', health: { address: ':6', phi: off, traffic: { window: 1s }, max_returns: off, start: up } } ]",
        "backends: [ { address: 1.2.3.4:5, health: { address: '[::1]:6', host: 'a:7', network: off, process: { type: banner } } } ], health: { process: {}, network: {} }",
        "backends: [ { address: 1.2.3.4:5, health: { address: 'unix:/a' , application: { endpoints: [ /b ] }, business: off } } ], health: off",
        "regions: { a: { weight: 0, zones: { z: { backends: [] }, y: { backends: [ 1.2.3.4:5 ] } } }, b: { weight: 2, zones: { z: { weight: 1, backends: [ 'u:1' ] } } } }",
    ] {
        round_trip(&with_pool(pool));
    }
}

#[test]
fn a_secret_is_printed_as_its_source() {
    let text = format!(
        "{}admin: {{ tokens: [ {{ role: viewer, env: CARGO_PKG_NAME }} ] }}\n",
        with_route("pool: site")
    );
    let config = valid(&text).config;
    assert_eq!(config.admin.tokens[0].secret.expose(), "pulsegate");
    let printed = round_trip(&text);
    assert!(printed.contains("- { role: viewer, env: CARGO_PKG_NAME }"), "{printed}");
    assert!(!printed.contains("pulsegate"), "{printed}");
    assert!(!format!("{config:?}").contains("\"pulsegate\""));
}
