//! Which headers cross the proxy, and who may claim to be whom.

use crate::harness::{Head, Setup, Site};

const TRUSTING: &str = "trusted_proxies: [ 127.0.0.0/8 ]";

/// The head a backend sees when a client sends these fields.
fn seen(setup: Setup, fields: &str) -> Head {
    let site = setup.start();
    let (mut client, mut upstream) =
        site.send(format!("GET / HTTP/1.1\r\nHost: site.example\r\n{fields}\r\n"));
    let head = upstream.serve("ok");
    assert_eq!(client.response().status, 200);
    head
}

#[test]
fn a_backend_is_told_who_asks() {
    let head = seen(Setup::default(), "");
    assert_eq!(head.get("host"), Some("site.example"));
    assert_eq!(head.get("x-forwarded-for"), Some("127.0.0.1"));
    assert_eq!(head.get("x-forwarded-proto"), Some("http"));
    assert_eq!(head.get("x-forwarded-host"), Some("site.example"));
    let forwarded = head.get("forwarded").unwrap_or_default().to_ascii_lowercase();
    assert!(forwarded.contains("for=127.0.0.1"), "{forwarded}");
    assert!(forwarded.contains("proto=http"), "{forwarded}");
    assert!(head.get("via").is_some_and(|via| via.starts_with("1.1 ")), "{head:?}");
    let id = head.get("x-request-id").expect("a request id");
    assert!(!id.is_empty() && id.len() <= 64 && id.bytes().all(|b| b.is_ascii_graphic()), "{id}");
}

#[test]
fn an_untrusted_client_can_claim_nothing() {
    let head = seen(
        Setup::default(),
        "X-Forwarded-For: 1.2.3.4\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: evil\r\n\
         Forwarded: for=1.2.3.4\r\nX-Request-Id: forged\r\nX-Real-IP: 1.2.3.4\r\n\
         X-Forwarded-For: 5.6.7.8\r\n",
    );
    assert_eq!(head.get("x-forwarded-for"), Some("127.0.0.1"));
    assert_eq!(head.get("x-forwarded-proto"), Some("http"));
    assert_eq!(head.get("x-forwarded-host"), Some("site.example"));
    assert_ne!(head.get("x-request-id"), Some("forged"));
    let text = String::from_utf8_lossy(&head.raw).into_owned();
    assert!(!text.contains("1.2.3.4") && !text.contains("5.6.7.8"), "{text}");
}

#[test]
fn a_trusted_proxy_is_believed_and_extended() {
    let head = seen(
        Setup::default().listener(TRUSTING),
        "X-Forwarded-For: 1.2.3.4\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: shop\r\n\
         Forwarded: for=1.2.3.4\r\nX-Request-Id: trace-1\r\n",
    );
    assert_eq!(head.get("x-forwarded-for"), Some("1.2.3.4, 127.0.0.1"));
    assert_eq!(head.get("x-forwarded-proto"), Some("https"));
    assert_eq!(head.get("x-forwarded-host"), Some("shop"));
    assert_eq!(head.get("x-request-id"), Some("trace-1"));
    let forwarded = head.get("forwarded").unwrap_or_default();
    assert!(forwarded.starts_with("for=1.2.3.4, for=127.0.0.1"), "{forwarded}");
}

#[test]
fn a_request_id_that_is_no_token_is_replaced() {
    for id in ["two words", "quote\"", &"x".repeat(65), "semi;colon", ""] {
        let head = seen(Setup::default().listener(TRUSTING), &format!("X-Request-Id: {id}\r\n"));
        let made = head.get("x-request-id").expect("a request id");
        assert!(made != id && !made.is_empty(), "{id:?} became {made:?}");
    }
}

#[test]
fn two_requests_have_two_ids() {
    let site = Site::plain();
    let (mut client, mut upstream) = site.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    let first = upstream.serve("ok");
    client.response();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    let second = upstream.serve("ok");
    assert_ne!(first.get("x-request-id"), second.get("x-request-id"));
}

#[test]
fn via_is_extended_both_ways() {
    let site = Site::plain();
    let (mut client, mut upstream) =
        site.send("GET / HTTP/1.0\r\nHost: a\r\nVia: 1.1 edge\r\n\r\n");
    let head = upstream.head();
    let via = head.all("via").join(", ");
    assert!(via.starts_with("1.1 edge, 1.0 "), "{via}");
    upstream.send("HTTP/1.1 200 OK\r\nVia: 1.1 inner\r\nContent-Length: 0\r\n\r\n");
    let via = client.response().head.all("via").join(", ");
    assert!(via.starts_with("1.1 inner, 1.1 "), "{via}");
}

#[test]
fn hop_by_hop_headers_of_a_request_are_stripped() {
    let head = seen(
        Setup::default(),
        "Connection: keep-alive, X-Hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\n\
         Proxy-Connection: keep-alive\r\nTE: trailers\r\nProxy-Authorization: Basic eA==\r\n\
         X-End: 1\r\n",
    );
    for name in [
        "connection",
        "x-hop",
        "keep-alive",
        "proxy-connection",
        "te",
        "proxy-authorization",
        "upgrade",
    ] {
        assert!(!head.has(name), "`{name}` in {head:?}");
    }
    assert_eq!(head.get("x-end"), Some("1"));
}

#[test]
fn hop_by_hop_headers_of_a_response_are_stripped() {
    let site = Site::plain();
    let (mut client, mut upstream) = site.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    upstream.head();
    upstream.send(
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: keep-alive, X-Hop\r\nX-Hop: 1\r\n\
         Keep-Alive: timeout=5\r\nProxy-Connection: keep-alive\r\nUpgrade: h2c\r\nX-End: 1\r\n\r\nok",
    );
    let head = client.response().head;
    for name in ["x-hop", "keep-alive", "proxy-connection", "upgrade"] {
        assert!(!head.has(name), "`{name}` in {head:?}");
    }
    assert_eq!(head.get("x-end"), Some("1"));
}

#[test]
fn connection_cannot_remove_what_a_backend_relies_on() {
    let site = Site::plain();
    let (mut client, mut upstream) = site.send(
        "POST / HTTP/1.1\r\nHost: site.example\r\nAuthorization: Basic eA==\r\nContent-Length: 2\r\n\
         Connection: host, authorization, content-length, x-forwarded-for, x-request-id, \
         x-forwarded-proto, forwarded, via, transfer-encoding\r\n\r\nhi",
    );
    let (head, body) = upstream.request();
    assert_eq!(head.get("host"), Some("site.example"));
    assert_eq!(head.get("authorization"), Some("Basic eA=="));
    assert_eq!(head.get("x-forwarded-for"), Some("127.0.0.1"));
    for name in ["x-forwarded-proto", "x-request-id", "via", "forwarded"] {
        assert!(head.has(name), "no `{name}` in {head:?}");
    }
    assert_eq!(body, b"hi");
    upstream.ok("ok");
    assert_eq!(client.response().status, 200);
}

#[test]
fn connection_cannot_remove_what_a_route_sets() {
    let setup = Setup::default().route("{ pool: site, request_headers: { set: { x-env: prod } } }");
    let head = seen(setup, "Connection: x-env\r\nX-Env: forged\r\n");
    assert_eq!(head.get("x-env"), Some("prod"));
}

#[test]
fn underscore_twins_of_identity_headers_are_dropped() {
    let head = seen(
        Setup::default().listener(TRUSTING),
        "X_Forwarded_For: 1.2.3.4\r\nX_Forwarded-Proto: https\r\nX_Request_Id: forged\r\n\
         X_Real_IP: 1.2.3.4\r\nContent_Length: 5\r\nTransfer_Encoding: chunked\r\nX_Other: fine\r\n",
    );
    for name in [
        "x_forwarded_for",
        "x_forwarded-proto",
        "x_request_id",
        "x_real_ip",
        "content_length",
        "transfer_encoding",
    ] {
        assert!(!head.has(name), "`{name}` in {head:?}");
    }
    assert_eq!(head.get("x_other"), Some("fine"));
}

#[test]
fn other_headers_pass_untouched_and_in_order() {
    let head = seen(
        Setup::default(),
        "X-A: 1\r\nAccept: text/html;q=0.9, */*\r\nCookie: a=b; c=\"d\"\r\nX-A: 2\r\nX-Empty:\r\n",
    );
    assert_eq!(head.all("x-a"), ["1", "2"]);
    assert_eq!(head.get("accept"), Some("text/html;q=0.9, */*"));
    assert_eq!(head.get("cookie"), Some("a=b; c=\"d\""));
    assert_eq!(head.get("x-empty"), Some(""));
    let cookies = "X-A: 1\r\nAccept: text/html;q=0.9, */*\r\nCookie: a=b; c=\"d\"\r\nX-A: 2\r\n";
    assert!(String::from_utf8_lossy(&head.raw).contains(cookies), "{head:?}");
}

#[test]
fn repeated_response_headers_are_kept_apart() {
    let site = Site::plain();
    let (mut client, mut upstream) = site.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    upstream.head();
    upstream
        .send("HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(client.response().head.all("set-cookie"), ["a=1", "b=2"]);
}
