//! What a route may do with a request besides passing it on.

use std::collections::BTreeMap;

use crate::harness::{Client, Server, Setup, Site};

#[test]
fn a_fixed_response() {
    let setup = Setup::default()
        .route("{ match: { path: /teapot }, respond: { status: 418, body: \"short and stout\" } }");
    let site = setup.start();
    let mut client = site.client();
    let response = client.get("/teapot");
    assert_eq!((response.status, response.text().as_str()), (418, "short and stout"));
    assert_eq!(response.head.get("content-type"), Some("text/plain; charset=utf-8"));
    client.send("HEAD /teapot HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(client.response_to("HEAD").head.content_length(), Some(15));
    assert_eq!(client.get("/teapot").status, 418);
}

#[test]
fn a_redirect_to_https() {
    let setup = Setup::default().route("{ redirect: { to: https, status: 308 } }");
    let site = setup.start();
    let response = site.client().ask("GET /a/b?c=d HTTP/1.1\r\nHost: shop.example:8080\r\n\r\n");
    assert_eq!(response.status, 308);
    let location = response.head.get("location").expect("a location");
    assert_eq!(location, "https://shop.example/a/b?c=d", "port 8080 speaks no TLS");
}

#[test]
fn a_redirect_to_a_location() {
    let setup = Setup::default()
        .route("{ redirect: { to: \"https://new.example/from/{host}{path}\", status: 302 } }");
    let site = setup.start();
    let response = site.client().ask("GET /a?b HTTP/1.1\r\nHost: Old.Example\r\n\r\n");
    assert_eq!(response.status, 302);
    let location = response.head.get("location").map(str::to_ascii_lowercase);
    assert_eq!(location.as_deref(), Some("https://new.example/from/old.example/a?b"));
}

#[test]
fn a_redirect_cannot_be_split_by_the_request() {
    let setup =
        Setup::default().route("{ redirect: { to: \"https://new.example{path}\", status: 302 } }");
    let site = setup.start();
    let response = site.client().get("/a%0d%0aSet-Cookie:%20x=y");
    assert_eq!(response.status, 302);
    assert!(!response.head.has("set-cookie"));
    let location = response.head.get("location").unwrap_or_default();
    assert!(location.to_ascii_lowercase().contains("%0d%0a"), "{location}");
}

#[test]
fn readiness_as_a_response() {
    let setup = Setup::default().route("{ match: { path: /lb-health }, respond: ready }");
    let site = setup.start();
    assert_eq!(site.client().get("/lb-health").status, 200);
}

#[test]
fn header_edits_of_requests_and_responses() {
    let setup = Setup::default().route(
        "{ pool: site, \
           request_headers: { set: { x-env: prod }, add: { x-tag: edge }, remove: [ x-debug ] }, \
           response_headers: { set: { server: gate }, add: { x-served: \"yes\" }, remove: [ x-secret ] } }",
    );
    let site = setup.start();
    let (mut client, mut upstream) = site.send(
        "GET / HTTP/1.1\r\nHost: a\r\nX-Env: test\r\nX-Tag: client\r\nX-Debug: 1\r\nX-Env: b\r\n\r\n",
    );
    let head = upstream.head();
    assert_eq!(head.get("x-env"), Some("prod"));
    assert_eq!(head.all("x-tag"), ["client", "edge"]);
    assert!(!head.has("x-debug"));
    upstream.send(
        "HTTP/1.1 200 OK\r\nServer: app\r\nX-Served: app\r\nX-Secret: s\r\nContent-Length: 0\r\n\r\n",
    );
    let head = client.response().head;
    assert_eq!(head.get("server"), Some("gate"));
    assert_eq!(head.all("x-served"), ["app", "yes"]);
    assert!(!head.has("x-secret"));
}

#[test]
fn a_prefix_is_rewritten() {
    let setup = Setup::default()
        .route("{ match: { path: { prefix: /api } }, pool: site, rewrite: { prefix: /v2/app } }")
        .route("{ match: { path: { prefix: /strip } }, pool: site, rewrite: { prefix: / } }");
    let site = setup.start();
    let (mut client, mut upstream) = site.send("GET /api/x?q=1 HTTP/1.1\r\nHost: a\r\n\r\n");
    for (next, expected) in [
        ("/api", "/v2/app/x?q=1"),
        ("/strip/x", "/v2/app"),
        ("/strip", "/x"),
        ("/api/../api/%2e/y", "/"),
        ("/api", "/v2/app/y"),
    ] {
        assert_eq!(upstream.serve("ok").start, format!("GET {expected} HTTP/1.1"));
        client.response();
        client.send(format!("GET {next} HTTP/1.1\r\nHost: a\r\n\r\n"));
    }
}

/// How many of `n` requests over one connection each server answered.
fn counts(client: &mut Client, n: usize) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for _ in 0..n {
        let response = client.get("/");
        assert_eq!(response.status, 200);
        *counts.entry(response.text()).or_default() += 1;
    }
    counts
}

#[test]
fn a_split_follows_its_weights() {
    let (blue, green) = (Server::named("blue"), Server::named("green"));
    let setup = Setup::default()
        .route("{ pools: { site: 75, other: 25 } }")
        .another_pool("other", green.address);
    let proxy = setup.over(&[&blue]);
    let counts = counts(&mut Client::connect(proxy.address("web")), 400);
    // Six standard deviations wide, should the choice be random.
    assert!((248..=352).contains(&counts["blue"]), "{counts:?}");
    assert_eq!(counts["blue"] + counts["green"], 400);
}

#[test]
fn round_robin_is_even() {
    let servers = [Server::named("a"), Server::named("b"), Server::named("c")];
    let proxy = Setup::default().over(&servers.each_ref());
    let counts = counts(&mut Client::connect(proxy.address("web")), 30);
    assert_eq!(counts.values().copied().collect::<Vec<_>>(), [10, 10, 10]);
}

#[test]
fn zones_and_regions_share_by_weight() {
    let servers = [Server::named("east"), Server::named("west")];
    let [east, west] = servers.each_ref().map(|server| server.address);
    let setup = Setup::default().pool(&format!(
        "regions: {{ east: {{ weight: 3, zones: {{ a: {{ backends: [ \"{east}\" ] }} }} }}, \
         west: {{ weight: 1, zones: {{ b: {{ backends: [ \"{west}\" ] }} }} }} }}"
    ));
    let proxy = setup.over(&[]);
    let counts = counts(&mut Client::connect(proxy.address("web")), 400);
    assert!((248..=352).contains(&counts["east"]), "{counts:?}");
}

#[test]
fn ip_hash_keeps_a_client_on_its_backend() {
    let servers = [Server::named("a"), Server::named("b"), Server::named("c")];
    let proxy = Setup::default().pool("algorithm: ip-hash").over(&servers.each_ref());
    let address = proxy.address("web");
    let first = counts(&mut Client::connect(address), 20);
    assert_eq!(first.len(), 1, "{first:?}");
    assert_eq!(counts(&mut Client::connect(address), 20), first);
}

#[test]
fn least_connections_avoids_the_busy_backend() {
    let setup = Setup::default().pool("algorithm: least-connections");
    let site: Site = setup.backends(2);
    let (mut busy, mut held) = site.send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n");
    held.head();
    let (mut client, mut upstream) = site.send("GET /quick HTTP/1.1\r\nHost: a\r\n\r\n");
    for _ in 0..4 {
        assert_eq!(upstream.backend, 1 - held.backend);
        upstream.serve("quick");
        assert_eq!(client.response().text(), "quick");
        client.send("GET /quick HTTP/1.1\r\nHost: a\r\n\r\n");
    }
    upstream.serve("quick");
    held.ok("slow");
    assert_eq!(busy.response().text(), "slow");
}
