//! What passes both ways, whatever the client speaks.

use super::{client, setup, site, trunk};
use crate::harness::{Answer, Client, Frames, Http2Server, Pulsegate, Request};

/// Tells what it was asked, with fields in order.
fn told(request: &Request) -> Answer {
    let head = &request.head;
    let mut lines = vec![format!("{} {}", head.method, head.uri)];
    let fields = head.headers.iter().chain(&request.trailers);
    let passed = |name: &str| !name.starts_with("x-forwarded") && name != "forwarded";
    let named = fields.filter(|(name, _)| passed(name.as_str()) && *name != "x-request-id");
    lines.extend(named.map(|(name, value)| format!("{name}: {}", value.to_str().unwrap_or("?"))));
    lines.push(String::from_utf8_lossy(&request.body).into_owned());
    Answer { body: lines.join("\n").into_bytes(), ..Answer::default() }
}

fn echoing() -> (Http2Server, Pulsegate) {
    let server = Http2Server::new(told);
    let proxy = setup("").over_addresses(&[server.address]);
    (server, proxy)
}

#[test]
fn a_request_of_http1_reaches_a_backend_as_a_stream() {
    let (_server, proxy) = echoing();
    let mut client = Client::connect(proxy.address("web"));
    let cases = [
        (
            "GET /a?b HTTP/1.1\r\nHost: A:80\r\nX-Env: dev\r\nConnection: x-hop\r\nX-Hop: 1\r\n\
             Keep-Alive: 5\r\nTE: trailers, gzip\r\nCookie: a=1; b=2\r\n\r\n",
            "GET http://A:80/a?b\nx-env: dev\ncookie: a=1; b=2\nvia: 1.1 pulsegate\nte: trailers\n",
        ),
        (
            "PUT /p HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
            "PUT http://a/p\nvia: 1.1 pulsegate\ncontent-length: 5\nhello",
        ),
        (
            "POST /c HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n\
             2\r\nhe\r\n3\r\nllo\r\n0\r\nX-Sum: 1\r\n\r\n",
            "POST http://a/c\nvia: 1.1 pulsegate\nx-sum: 1\nhello",
        ),
        ("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", "OPTIONS http://a*\nvia: 1.1 pulsegate\n"),
    ];
    for (request, expected) in cases {
        let response = client.ask(request);
        assert_eq!((response.status, response.text().as_str()), (200, expected));
    }
    let refused = client.ask("GET /a<b> HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(refused.status, 400);
}

#[test]
fn a_stream_reaches_a_backend_as_a_stream() {
    let (server, proxy) = echoing();
    let mut client = Frames::connect(proxy.address("web"));
    client.request(1, "POST", &[("te", "trailers"), ("x-env", "dev")], false);
    client.data(1, b"hel", false);
    client.data(1, b"lo", false);
    client.head(1, &[("x-sum", "2")], true);
    let told = "POST http://a.test/\nx-env: dev\nvia: 2 pulsegate\nte: trailers\nx-sum: 2\nhello";
    assert_eq!(client.answer(1), (200, told.to_owned()));
    client.request(3, "PUT", &[("content-length", "2")], false);
    client.data(3, b"hi", true);
    let told = "PUT http://a.test/\nvia: 2 pulsegate\ncontent-length: 2\nhi";
    assert_eq!(client.answer(3), (200, told.to_owned()));
    assert_eq!(server.connections(), 1);
}

#[test]
fn an_answer_passes_as_each_client_understands_it() {
    let server = Http2Server::new(|request| match request.head.uri.path() {
        "/trailers" => Answer {
            body: b"body".to_vec(),
            trailers: vec![("x-sum", "9".to_owned()), ("content-length", "4".to_owned())],
            ..Answer::default()
        },
        "/length" => Answer {
            fields: vec![("content-length", "4".to_owned())],
            body: b"body".to_vec(),
            ..Answer::default()
        },
        "/bare" => Answer { status: 404, ..Answer::default() },
        _ => Answer { status: 204, ..Answer::default() },
    });
    let proxy = setup("").over_addresses(&[server.address]);
    let mut client = Client::connect(proxy.address("web"));
    let response = client.get("/trailers");
    assert_eq!((response.text().as_str(), response.head.is_chunked()), ("body", true));
    assert_eq!(response.trailers, [("x-sum".to_owned(), "9".to_owned())]);
    assert!(response.head.lists("via", "2 pulsegate"), "{:?}", response.head);
    let response = client.get("/length");
    assert_eq!((response.text().as_str(), response.head.content_length()), ("body", Some(4)));
    let response = client.get("/bare");
    assert_eq!((response.status, response.head.content_length()), (404, Some(0)));
    assert_eq!(client.get("/none").status, 204);
    // HTTP/1.0 is told the end by the end.
    client.send("GET /trailers HTTP/1.0\r\n\r\n");
    assert_eq!(client.response().text(), "body");
    let mut client = Frames::connect(proxy.address("web"));
    let usual = [(":method", "GET"), (":scheme", "http"), (":authority", "a")];
    client.head(1, &[&usual[..], &[(":path", "/trailers")]].concat(), true);
    assert_eq!(client.next().status(), 200);
    assert_eq!(client.next().payload, b"body");
    let trailers = client.next();
    assert!(trailers.ends() && !trailers.payload.is_empty(), "{trailers:?}");
    client.head(3, &[&usual[..], &[(":path", "/bare")]].concat(), true);
    let head = client.next();
    assert_eq!((head.status(), head.ends()), (404, true));
}

#[test]
fn interim_answers_pass() {
    let site = site("");
    let mut client = site.client();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
    let mut backend = trunk(&site);
    assert_eq!(backend.asked(), 1);
    for status in ["103", "100"] {
        backend.head(1, &[(":status", status)], false);
        assert_eq!(client.response().status.to_string(), status);
    }
    client.send("hi");
    let piece = backend.next();
    assert_eq!((piece.payload.as_slice(), piece.ends()), (&b"hi"[..], true));
    backend.ok(1, "done");
    assert_eq!(client.response().text(), "done");
}

#[test]
fn large_bodies_pass_both_ways() {
    let server = Http2Server::new(|request| Answer {
        body: request.body.iter().map(|byte| byte ^ 1).collect(),
        ..Answer::default()
    });
    let proxy = setup("").over_addresses(&[server.address]);
    let body: Vec<u8> = (0..3_000_000_u32).map(|n| (n % 251) as u8).collect();
    let mut client = Client::connect(proxy.address("web"));
    let head = format!("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n", body.len());
    client.send(head);
    client.send(&body);
    let answer = client.response().body;
    assert!(answer.len() == body.len() && answer.iter().zip(&body).all(|(a, b)| *a == b ^ 1));
}

/// The first answer to a HEAD, a 204 and a 304 has no body, whatever its head says.
#[test]
fn a_head_alone_is_enough() {
    let site = client_and_backend("HEAD", "200");
    assert_eq!(site, (200, true));
    assert_eq!(client_and_backend("GET", "304"), (304, true));
}

fn client_and_backend(method: &str, status: &str) -> (u16, bool) {
    let site = site("");
    let mut client = client(&site);
    client.request(1, method, &[], true);
    let mut backend = trunk(&site);
    backend.asked();
    backend.head(1, &[(":status", status), ("content-length", "10")], true);
    let head = client.next();
    (head.status(), head.ends())
}
