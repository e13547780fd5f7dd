//! Requests that come too soon: who is refused, in which words, and who is not.

use crate::harness::{Client, Server, Setup, pulsegate};

/// Slow enough that none becomes due while a test runs.
fn limited(limit: &str) -> Setup {
    Setup::default().listener(&format!("rate_limit: {limit}"))
}

/// How many of so many requests are let in.
fn let_in(client: &mut Client, request: &str, count: usize) -> usize {
    let ask = |client: &mut Client| client.ask(request).status;
    (0..count).filter(|_| ask(client) == 200).count()
}

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

#[test]
fn a_limit_is_one_for_all_workers_and_connections() {
    let server = Server::named("up");
    let proxy = limited("{ rate: 1/h, burst: 7 }").top("workers: 4").over(&[&server]);
    let mut clients: Vec<Client> = (0..12).map(|_| Client::connect(proxy.address("web"))).collect();
    let passed: usize = clients.iter_mut().map(|client| let_in(client, GET, 3)).sum();
    assert_eq!(passed, 7);
    let text = Client::connect(proxy.admin()).admin("/metrics").text();
    let counted =
        "pulsegate_rate_limited_total{listener=\"web\",route=\"\",limit=\"rate_limit[0]\"} 29\n";
    assert!(text.contains(counted), "{text}");
}

#[test]
fn who_comes_too_soon_is_told_when_to_come_back() {
    let server = Server::named("up");
    let proxy = limited("{ name: calm, rate: 60/h, burst: 2 }").over(&[&server]);
    let mut client = Client::connect(proxy.address("web"));
    assert_eq!(let_in(&mut client, GET, 2), 2);
    let response = client.ask(GET);
    assert_eq!(response.status, 429);
    let seconds = |name: &str| response.head.get(name).and_then(|value| value.parse().ok());
    let after: u64 = seconds("retry-after").expect("a number of seconds");
    assert!((55..=60).contains(&after), "{:?}", response.head);
    assert_eq!(response.head.get("ratelimit-policy"), Some("\"calm\";q=2"));
    let told = response.head.get("ratelimit").expect("what is left");
    assert!(told.starts_with("\"calm\";r=0;t=1"), "{told}");
    let socket = proxy.socket();
    let ask = ["explain".as_ref(), "GET".as_ref(), "http://a/".as_ref(), "--socket".as_ref()];
    let told = pulsegate(ask.into_iter().chain([socket.as_os_str()])).stdout;
    assert!(told.contains("calm: at most 60/h of all together, 2 at once; 1 refused"), "{told}");
}

#[test]
fn each_value_of_a_header_has_its_own_and_each_trusted_client() {
    let server = Server::named("up");
    let setup = limited("{ rate: 1/h, burst: 2, by: { header: x-api-key } }")
        .listener("trusted_proxies: 127.0.0.0/8");
    let proxy = setup.over(&[&server]);
    let mut client = Client::connect(proxy.address("web"));
    let with =
        |name: &str, value: &str| format!("GET / HTTP/1.1\r\nHost: a\r\n{name}: {value}\r\n\r\n");
    for value in ["one", "two"] {
        assert_eq!(let_in(&mut client, &with("X-Api-Key", value), 5), 2, "{value}");
    }
    // Who sends no key is known by the address that a trusted proxy names.
    for address in ["192.0.2.1", "192.0.2.2", "2001:db8::1", "2001:db8:0:1::1"] {
        let request = with("X-Forwarded-For", address);
        assert_eq!(let_in(&mut client, &request, 5), 2, "{address}");
    }
    assert_eq!(let_in(&mut client, &with("X-Forwarded-For", "2001:db8::2"), 5), 0);
}

#[test]
fn who_is_not_trusted_cannot_be_somebody_else() {
    let server = Server::named("up");
    let proxy = limited("{ rate: 1/h, burst: 2, by: client }").over(&[&server]);
    let mut client = Client::connect(proxy.address("web"));
    let passed = (0..5).filter(|n| {
        let request = format!("GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 192.0.2.{n}\r\n\r\n");
        client.ask(request).status == 200
    });
    assert_eq!(passed.count(), 2);
}

#[test]
fn a_route_has_limits_of_its_own_that_survive_a_reload() {
    let server = Server::named("up");
    let route = |rate: &str| {
        Setup::default()
            .route(&format!("{{ name: r, match: {{ path: /a }}, pool: site, rate_limit: {rate} }}"))
            .route("{ pool: site }")
    };
    let setup = route("[ { rate: 1/h, burst: 3 }, { name: other, rate: 1/h, burst: 2 } ]");
    let proxy = setup.over(&[&server]);
    let mut client = Client::connect(proxy.address("web"));
    let request = "GET /a HTTP/1.1\r\nHost: a\r\n\r\n";
    assert_eq!(let_in(&mut client, request, 5), 2, "all must hold");
    assert_eq!(let_in(&mut client, GET, 5), 5, "other routes are not limited");

    let setup = route("[ { rate: 1/h, burst: 3 }, { name: other, rate: 1/h, burst: 4 } ]");
    proxy.rewrite(&setup.config(&[server.address]));
    assert_eq!(proxy.command("reload").code, Some(0));
    assert_eq!(let_in(&mut client, request, 5), 0, "what was taken stays taken");
}
