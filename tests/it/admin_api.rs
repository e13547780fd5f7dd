//! The admin API over real sockets: what it tells, and to whom.

use std::os::unix::fs::PermissionsExt as _;

use serde_json::Value;

use crate::harness::{Backends, Client, Pulsegate, Response, Setup, Site, pulsegate, until};

/// One request to the admin API with these extra fields.
fn ask(site: &Site, request: &str, fields: &str) -> Response {
    asked(&site.proxy, request, fields)
}

fn asked(proxy: &Pulsegate, request: &str, fields: &str) -> Response {
    let admin = proxy.admin();
    let mut client = Client::connect(admin);
    client.send(format!("{request} HTTP/1.1\r\nHost: {admin}\r\n{fields}\r\n"));
    client.response()
}

fn json(response: &Response) -> Value {
    serde_json::from_slice(&response.body).unwrap_or_else(|e| panic!("{e}: {}", response.text()))
}

#[test]
fn it_is_alive_and_ready() {
    let site = Site::plain();
    assert_eq!(ask(&site, "GET /health", "").status, 200);
    assert_eq!(ask(&site, "GET /ready", "").status, 200);
}

#[test]
fn status_shows_pools_down_to_their_backends() {
    let site = Site::plain();
    let (mut client, mut upstream) = site.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    upstream.serve("ok");
    client.response();
    let status = json(&ask(&site, "GET /status", ""));
    assert_eq!(status["pools"][0]["name"], "site", "{status:#}");
    let region = &status["pools"][0]["regions"][0];
    assert_eq!(region["name"], "default");
    let zone = &region["zones"][0];
    assert_eq!((&zone["name"], zone["share"].as_f64()), (&Value::from("default"), Some(1.0)));
    let backend = &zone["backends"][0];
    assert_eq!(backend["address"], site.backends.address(0).to_string());
    assert_eq!(backend["health"], "up");
    assert_eq!(backend["counters"]["requests"], 1);
    assert_eq!(backend["counters"]["responses"]["2xx"], 1);
    let local = site.proxy.address("web").to_string();
    assert_eq!(status["listeners"][0]["addresses"][0]["local"], local);
}

#[test]
fn metrics_count_requests_and_refusals() {
    let site = Site::plain();
    let (mut client, mut upstream) = site.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    upstream.serve("ok");
    client.response();
    let mut bad = site.client();
    bad.send("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n");
    bad.refused();
    let metrics = ask(&site, "GET /metrics", "");
    assert!(metrics.head.get("content-type").is_some_and(|kind| kind.starts_with("text/plain")));
    let text = metrics.text();
    let value = |name: &str, label: &str| -> f64 {
        let lines = text.lines().filter(|line| line.starts_with(name) && line.contains(label));
        lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
    };
    assert_eq!(value("pulsegate_requests_total{", "2xx"), 1.0, "{text}");
    assert_eq!(value("pulsegate_bad_requests_total{", "\"host\""), 1.0, "{text}");
    assert_eq!(value("pulsegate_backend_requests_total{", "pool=\"site\""), 1.0, "{text}");
    assert_eq!(value("pulsegate_upstream_latency_seconds_count{", "site"), 1.0, "{text}");
}

#[test]
fn labels_never_come_from_a_client() {
    let site = Site::plain();
    let (mut client, mut upstream) =
        site.send("BREW /pot-of-gold HTTP/1.1\r\nHost: rainbow.example\r\nX: unicorn\r\n\r\n");
    upstream.serve("ok");
    client.response();
    let text = ask(&site, "GET /metrics", "").text();
    for word in ["BREW", "pot-of-gold", "rainbow", "unicorn"] {
        assert!(!text.contains(word), "`{word}` became a label");
    }
}

#[test]
fn tcp_without_a_token_may_only_read() {
    let site = Site::plain();
    let refused = ask(&site, "POST /reload", "Content-Length: 0\r\n");
    assert!(matches!(refused.status, 401 | 403), "{}", refused.text());
}

#[test]
fn a_token_gives_its_role() {
    let folder = Pulsegate::folder();
    std::fs::write(folder.path().join("operator"), "open-sesame\n").expect("a writable folder");
    std::fs::write(folder.path().join("viewer"), "peek\n").expect("a writable folder");
    let setup = Setup::default().top(
        "admin: { bind: 127.0.0.1:0, tokens: [ { role: operator, file: operator }, \
         { role: viewer, file: viewer } ] }",
    );
    let backends = Backends::start(1);
    let config = setup.config(backends.addresses());
    let proxy = Pulsegate::start(folder, &config);
    let site = Site { setup, proxy, backends };
    for (fields, expected) in [
        ("Authorization: Bearer open-sesame\r\n", 200),
        ("Authorization: Bearer peek\r\n", 403),
        ("Authorization: Bearer wrong\r\n", 401),
        ("", 401),
    ] {
        let fields = format!("{fields}Content-Length: 0\r\n");
        let response = ask(&site, "POST /reload", &fields);
        assert_eq!(response.status, expected, "{fields} {}", response.text());
        assert!(!response.text().contains("sesame"));
    }
    assert_eq!(ask(&site, "GET /status", "Authorization: Bearer peek\r\n").status, 200);
    assert!(!ask(&site, "GET /status", "").text().contains("sesame"));
}

#[test]
fn a_foreign_host_or_origin_is_refused() {
    let site = Site::plain();
    let admin = site.proxy.admin();
    for head in [
        String::from("Host: evil.example\r\n"),
        format!("Host: {admin}\r\nOrigin: http://evil.example\r\n"),
        format!("Host: {admin}\r\nOrigin: null\r\n"),
    ] {
        let mut client = Client::connect(admin);
        client.send(format!("GET /status HTTP/1.1\r\n{head}\r\n"));
        assert_eq!(client.response().status, 403, "{head}");
    }
    let same = format!("Origin: http://{admin}\r\n");
    assert_eq!(ask(&site, "GET /status", &same).status, 200);
}

#[test]
fn the_socket_is_its_owners_alone() {
    let site = Site::plain();
    let metadata = std::fs::metadata(site.proxy.socket()).expect("the socket is there");
    assert_eq!(metadata.permissions().mode() & 0o777, 0o600);
    let status = site.proxy.command("status");
    assert_eq!(status.code, Some(0), "{status:?}");
    assert!(status.stdout.contains("site"), "{status:?}");
}

#[test]
fn commands_say_so_when_nobody_is_there() {
    let site = Site::plain();
    std::fs::remove_file(site.proxy.socket()).expect("the socket is there");
    let status = site.proxy.command("status");
    assert_eq!(status.code, Some(1), "{status:?}");
    assert!(status.stderr.contains("admin.sock"), "{status:?}");
}

#[test]
fn unknown_paths_methods_and_large_bodies_are_refused() {
    let site = Site::plain();
    assert_eq!(ask(&site, "GET /nothing", "").status, 404);
    assert_eq!(ask(&site, "DELETE /status", "").status, 405);
    let admin = site.proxy.admin();
    let mut client = Client::connect(admin);
    client.send(format!(
        "POST /reload HTTP/1.1\r\nHost: {admin}\r\nContent-Length: 100000000\r\n\r\n"
    ));
    client.offer([b'x'; 200_000]);
    let (answer, _) = client.rest();
    assert!(!answer.starts_with(b"HTTP/1.1 200"), "{}", answer.escape_ascii());
}

#[test]
fn text_from_a_backend_is_escaped_and_capped_where_it_is_shown() {
    let server = crate::harness::Server::answering(std::sync::Arc::new(|_: &_| {
        let junk = "\u{1b}[31m\u{7}".repeat(200);
        format!("HTTP/1.1 500 {junk}\r\nContent-Length: 0\r\n\r\n").into_bytes()
    }));
    let setup = Setup::default().health(
        "{ application: { interval: 50ms, timeout: 1s, fall: 1, rise: 1, endpoints: [ /health ] } }",
    );
    let proxy = setup.over(&[&server]);
    let admin = proxy.admin();
    let text = until("a verdict", || {
        let text = Client::connect(admin).admin("/status").text();
        text.contains("\"down\"").then_some(text)
    });
    assert!(!text.contains('\u{1b}') && !text.contains("\\u001b[31m\\u0007\\u001b"), "{text}");
}

#[test]
fn why_a_backend_is_out_is_told_with_what_its_probes_saw() {
    let setup = Setup::default().health("{ network: { interval: 20ms, fall: 2 } }");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let nobody = taken.local_addr().expect("an address");
    drop(taken);
    let config = setup.config(&[nobody]);
    let proxy = Pulsegate::start(Pulsegate::folder(), &config);
    let socket = proxy.socket().display().to_string();
    let ask = |name: &str, more: &[&str]| {
        let words = ["status", "--backend", name, "--socket", &socket];
        pulsegate(words.iter().chain(more).map(|word| (*word).to_owned()))
    };
    let told = until("a verdict", || {
        let told = ask(&format!("site/{nobody}"), &[]);
        told.stdout.contains("network: down").then_some(told)
    });
    for part in
        ["down since ", ", by network: refused", "connect: down for ", " by fall", "  fail "]
    {
        assert!(told.stdout.contains(part), "{part} in {told:?}");
    }
    let whole: Value = serde_json::from_str(&ask(&nobody.to_string(), &["--json"]).stdout)
        .expect("JSON on standard output");
    let backend = &whole["pools"][0]["regions"][0]["zones"][0]["backends"][0];
    assert_eq!(
        (&backend["cause"], &backend["layers"][0]["verdict"]),
        (&"network".into(), &"down".into())
    );
    let history = backend["checks"][0]["history"].as_array().expect("single results");
    assert!(history.len() >= 2 && history[0]["result"] == "fail", "{whole:#}");

    let unknown = ask("127.0.0.1:99", &[]);
    assert_eq!(unknown.code, Some(2), "{unknown:?}");
    assert!(unknown.stderr.contains("there is no backend `127.0.0.1:99` "), "{unknown:?}");
    assert!(unknown.stderr.contains(&nobody.to_string()), "{unknown:?}");
    assert!(proxy.says("backend health changed").contains("cause=\"network\""));
}

#[test]
fn a_target_that_is_not_there_at_the_start_is_unknown_with_the_reason() {
    let setup = Setup::default().health("{ network: { interval: 10s, timeout: 1s, fall: 9 } }");
    let mut backends = Backends::start(1);
    backends.refuse(0);
    let config = setup.config(backends.addresses());
    let proxy = Pulsegate::start(Pulsegate::folder(), &config);
    let first = until("a first result", || {
        let status = json(&asked(&proxy, "GET /health/detailed", ""));
        let backend = status["pools"][0]["regions"][0]["zones"][0]["backends"][0].clone();
        (!backend["checks"][0]["history"].as_array()?.is_empty()).then_some(backend)
    });
    assert_eq!((&first["health"], &first["cause"]), (&"unknown".into(), &"network".into()));
    assert!(first["reason"].as_str().is_some_and(|why| why.starts_with("refused")), "{first:#}");
    assert_eq!(first["effective_weight"], 0.0);
}
