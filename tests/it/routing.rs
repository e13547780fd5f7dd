//! Routes are found by one form of host and path, however a client writes them.

use crate::harness::{Backends, Setup, Site};

/// What the backend was asked for, or the status of the refusal.
fn forwarded(site: &Site, target: &str) -> Result<String, u16> {
    let mut client = site.client();
    client.send(format!("GET {target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"));
    let head = client.head();
    let status = head.start.split(' ').nth(1).and_then(|code| code.parse().ok()).expect("a status");
    head.get("x-target").map(str::to_owned).filter(|_| status == 200).ok_or(status)
}

/// A site whose backend tells in `X-Target` what it was asked for.
fn echo() -> (crate::harness::Server, Setup) {
    let server =
        crate::harness::Server::answering(std::sync::Arc::new(|head: &crate::harness::Head| {
            let target = head.start.split(' ').nth(1).unwrap_or_default();
            format!("HTTP/1.1 200 OK\r\nX-Target: {target}\r\nContent-Length: 0\r\n\r\n")
                .into_bytes()
        }));
    (server, Setup::default())
}

#[test]
fn paths_are_matched_and_forwarded_in_one_form() {
    let (server, setup) = echo();
    let proxy = setup.over(&[&server]);
    let site = Site { setup, proxy, backends: Backends::start(0) };
    for (target, expected) in [
        ("/", "/"),
        ("/a/./b", "/a/b"),
        ("/a/../b", "/b"),
        ("/a/b/..", "/a/"),
        ("/%61%62", "/ab"),
        ("/%7euser", "/~user"),
        ("/a%2fb", "/a%2Fb"),
        ("/a%20b", "/a%20b"),
        ("/a/%2e%2e/b", "/b"),
        ("/a//b", "/a/b"),
        ("/x?q=/../%zz", "/x?q=/../%zz"),
        ("/.../x", "/.../x"),
        ("http://a/abs?q=1", "/abs?q=1"),
        ("http://a", "/"),
        ("http://a?q", "/?q"),
    ] {
        assert_eq!(forwarded(&site, target).as_deref(), Ok(expected), "{target}");
    }
    for target in
        ["/%", "/%4", "/%zz", "/%00", "/..", "/../etc", "/a/../../b", "/%2e%2e/x", "/a\\b"]
    {
        assert_eq!(forwarded(&site, target), Err(400), "{target}");
    }
}

#[test]
fn slashes_are_treated_as_configured() {
    let cases = [
        ("{ escaped_slash: reject }", "/a%2Fb", Err(400)),
        ("{ escaped_slash: reject }", "/a%5cb", Err(400)),
        ("{ escaped_slash: decode }", "/a/..%2fb", Ok("/b")),
        ("{ merge_slashes: false }", "//a///b", Ok("//a///b")),
        ("{ reject_backslash: false }", "/a\\b", Ok("/a%5Cb")),
    ];
    for (paths, target, expected) in cases {
        let (server, setup) = echo();
        let setup = setup.listener(&format!("paths: {paths}"));
        let proxy = setup.over(&[&server]);
        let site = Site { setup, proxy, backends: Backends::start(0) };
        assert_eq!(
            forwarded(&site, target).as_deref().map_err(|e| *e),
            expected,
            "{paths} {target}"
        );
    }
}

#[test]
fn a_route_may_forward_the_raw_path() {
    let (server, setup) = echo();
    let setup = setup
        .route("{ match: { path: { prefix: /raw } }, pool: site, raw_path: true }")
        .route("{ respond: { status: 403, body: no } }");
    let proxy = setup.over(&[&server]);
    let site = Site { setup, proxy, backends: Backends::start(0) };
    assert_eq!(forwarded(&site, "/raw/%61/./x").as_deref(), Ok("/raw/%61/./x"));
    assert_eq!(forwarded(&site, "/raw/../secret"), Err(403));
}

#[test]
fn a_protected_prefix_cannot_be_dodged() {
    let setup = Setup::default()
        .route("{ match: { path: { prefix: /admin } }, respond: { status: 403, body: no } }");
    let site = setup.route("{ pool: site }").start();
    let mut client = site.client();
    for target in [
        "/admin",
        "/admin/x",
        "/%61dmin",
        "/./admin",
        "/x/../admin",
        "/x/%2e%2E/admin",
        "/admin?x",
        "http://a/admin",
        "http://a/x/../%61dmin",
    ] {
        assert_eq!(client.get(target).status, 403, "{target}");
    }
    site.backends.assert_untouched();
}

#[test]
fn hosts_are_compared_in_one_form() {
    let setup = Setup::default()
        .route("{ match: { host: api.example.com }, respond: { status: 200, body: exact } }")
        .route("{ match: { host: \"*.example.com\" }, respond: { status: 200, body: wild } }");
    let site = setup.start();
    let mut client = site.client();
    for (host, expected) in [
        ("api.example.com", "exact"),
        ("API.Example.COM", "exact"),
        ("api.example.com:8080", "exact"),
        ("api.example.com.", "exact"),
        ("api.example.com.:80", "exact"),
        ("www.example.com", "wild"),
        ("a.b.example.com", "wild"),
    ] {
        let response = client.ask(format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n"));
        assert_eq!(response.text(), expected, "{host}");
    }
    for host in ["example.com", "notexample.com", "api.example.com.evil.org", "127.0.0.1"] {
        let response = client.ask(format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n"));
        assert_eq!(response.status, 404, "{host}");
    }
}

#[test]
fn the_authority_of_an_absolute_target_wins_over_host() {
    let site = Site::plain();
    let (mut client, mut upstream) =
        site.send("GET http://real.example/x HTTP/1.1\r\nHost: other.example\r\n\r\n");
    let head = upstream.serve("ok");
    assert_eq!(head.start, "GET /x HTTP/1.1");
    assert_eq!(head.get("host"), Some("real.example"));
    assert_eq!(client.response().status, 200);
}

#[test]
fn the_first_matching_route_wins() {
    let setup = Setup::default()
        .route("{ match: { path: /exact }, respond: { status: 200, body: path } }")
        .route("{ match: { path: { regex: \"/item/[0-9]+\" } }, respond: { status: 200, body: regex } }")
        .route("{ match: { path: { prefix: /v1 } }, respond: { status: 200, body: prefix } }")
        .route("{ match: { methods: [ DELETE ] }, respond: { status: 200, body: method } }")
        .route("{ match: { headers: { x-beta: \"1\" } }, respond: { status: 200, body: equal } }")
        .route("{ match: { headers: { x-kind: { present: true } } }, respond: { status: 200, body: present } }")
        .route("{ match: { headers: { x-re: { regex: \"a+\" } } }, respond: { status: 200, body: header } }");
    let site = setup.start();
    let mut client = site.client();
    for (request, expected) in [
        ("GET /exact", "path"),
        ("GET /exact?q", "path"),
        ("GET /item/42", "regex"),
        ("GET /v1", "prefix"),
        ("GET /v1/x", "prefix"),
        ("DELETE /other", "method"),
    ] {
        let response = client.ask(format!("{request} HTTP/1.1\r\nHost: a\r\n\r\n"));
        assert_eq!(response.text(), expected, "{request}");
    }
    for (field, expected) in [
        ("X-Beta: 1", Some("equal")),
        ("x-BETA: 1", Some("equal")),
        ("X-Kind:", Some("present")),
        ("X-Re: aaa", Some("header")),
        ("X-Re: baaa", None),
        ("X-Beta: 2", None),
    ] {
        let response = client.ask(format!("GET / HTTP/1.1\r\nHost: a\r\n{field}\r\n\r\n"));
        let text = response.text();
        assert_eq!(Some(text.as_str()).filter(|_| response.status == 200), expected, "{field}");
    }
    for target in ["/exact/", "/item/42x", "/v10", "/nothing"] {
        assert_eq!(client.get(target).status, 404, "{target}");
    }
}

#[test]
fn no_route_is_404_and_keeps_the_connection() {
    let setup = Setup::default().route("{ match: { path: /only }, pool: site }");
    let site = setup.start();
    let mut client = site.client();
    let response = client.get("/other");
    assert_eq!((response.status, response.says_close()), (404, false));
    client.send("GET /only HTTP/1.1\r\nHost: a\r\n\r\n");
    site.accept().serve("found");
    assert_eq!(client.response().text(), "found");
}

#[test]
fn a_request_with_a_body_that_no_route_takes_does_not_desynchronise() {
    let setup = Setup::default().route("{ match: { path: /only }, pool: site }");
    let site = setup.start();
    let mut client = site.client();
    client.send(
        "POST /other HTTP/1.1\r\nHost: a\r\nContent-Length: 42\r\n\r\nGET /only HTTP/1.1\r\nHost: a\r\n\r\n",
    );
    let response = client.response();
    assert_eq!(response.status, 404);
    if response.says_close() {
        client.ended();
    } else {
        client.send("xxxxx");
        let fresh = client.get("/other");
        assert_eq!(fresh.status, 404);
    }
    site.backends.assert_untouched();
}
