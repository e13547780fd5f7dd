//! Writes a request head for a backend, straight into the bytes that will be sent.

use std::sync::Arc;

use httparse::Header;

use crate::config::{HeaderEdits, IdentityHeaders};
use crate::l7::budget;
use crate::l7::http1::{Body, Facts, Request};
use crate::l7::version::Version;
use crate::net::tls::ClientIdentity;

use super::edits::{append, is_edited, put_edits};
use super::identity::{Origin, append_identity};
use super::name::{Known, is_listed, known};
use super::websocket_key::WebSocketKey;

/// Everything a backend is told.
pub(crate) struct Outgoing<'a, 'h, 'b> {
    /// The request as parsed.
    pub(crate) request: &'a Request<'h, 'b>,
    /// What it means.
    pub(crate) facts: &'a Facts<'b>,
    /// The path to ask for, normalised or raw, rewritten or not.
    pub(crate) path: &'a str,
    /// Put in front of `path`, when the route rewrites a prefix.
    pub(crate) prefix: &'a str,
    /// Who asks.
    pub(crate) origin: Origin<'a>,
    /// The protocol to upgrade to, when the route lets it pass.
    pub(crate) upgrade: Option<&'a str>,
    /// The key of its handshake, where the client has none to give.
    pub(crate) key: Option<&'a WebSocketKey>,
    /// The route's edits.
    pub(crate) edits: &'a HeaderEdits,
    /// Headers that say who a client has proved to be: not taken from it.
    pub(crate) reserved: &'a [Arc<str>],
    /// In which of them to say so of this one, and what.
    pub(crate) proved: Option<(&'a IdentityHeaders, &'a ClientIdentity)>,
    /// The backend may send trailers, and the client has said that it takes them.
    pub(crate) trailers: bool,
    /// The header that tells how long an answer is waited for, where there is such a one, and
    /// whether that is to be told.
    pub(crate) budget: Option<(&'a str, bool)>,
}

/// Appends the whole head, its empty line included; returns where the budget is to be told, if it is.
pub(crate) fn write_request(out: &mut Vec<u8>, outgoing: &Outgoing<'_, '_, '_>) -> Option<usize> {
    let Outgoing { request, facts, origin, edits, .. } = outgoing;
    for part in [request.method, " ", outgoing.prefix, outgoing.path, facts.query] {
        out.extend_from_slice(part.as_bytes());
    }
    out.extend_from_slice(b" HTTP/1.1\r\n");
    if !is_edited(edits, "host") {
        append(out, "Host", origin.authority.as_bytes());
    }
    let crumbs = request.version == Version::Http2;
    for header in request.headers {
        if passes(outgoing, header.name) && !(crumbs && is_cookie(header)) {
            append(out, header.name, header.value);
        }
    }
    if crumbs && passes(outgoing, "cookie") {
        append_cookies(request.headers, out);
    }
    append_identity(out, origin, request.headers, edits);
    if let Some((names, client)) = outgoing.proved {
        append_proved(out, names, client, edits);
    }
    append(out, "Via", request.version.via());
    put_edits(edits, |name, value| append(out, name, value));
    match facts.body {
        Body::Chunked | Body::Stream => append(out, "Transfer-Encoding", b"chunked"),
        Body::Length(length) => {
            append(out, "Content-Length", itoa::Buffer::new().format(length).as_bytes());
        }
        Body::None if needs_zero_length(request.method) => append(out, "Content-Length", b"0"),
        Body::None => {}
    }
    if outgoing.trailers {
        append(out, "TE", b"trailers");
    }
    if facts.expect_continue {
        append(out, "Expect", b"100-continue");
    }
    if let Some(protocol) = outgoing.upgrade {
        append(out, "Connection", b"Upgrade");
        append(out, "Upgrade", protocol.as_bytes());
        if let Some(key) = outgoing.key {
            append(out, "Sec-WebSocket-Key", key.key.as_bytes());
        }
    }
    let budget_at = outgoing.budget.and_then(|(name, told)| told.then(|| budget::write(out, name)));
    out.extend_from_slice(b"\r\n");
    budget_at
}

fn is_cookie(header: &Header<'_>) -> bool {
    header.name.eq_ignore_ascii_case("cookie")
}

/// HTTP/2 lets a cookie come in pieces, HTTP/1.1 knows one header of it (RFC 9113 §8.2.3).
fn append_cookies(headers: &[Header<'_>], out: &mut Vec<u8>) {
    let cookies = headers.iter().filter(|header| is_cookie(header));
    for (index, cookie) in cookies.clone().enumerate() {
        out.extend_from_slice(if index == 0 { b"cookie: " } else { b"; " });
        out.extend_from_slice(cookie.value);
    }
    if cookies.count() > 0 {
        out.extend_from_slice(b"\r\n");
    }
}

/// A method that usually has a body says when it has none (RFC 9110 §8.6).
fn needs_zero_length(method: &str) -> bool {
    matches!(method, "POST" | "PUT" | "PATCH")
}

/// Says who the client has proved to be.
fn append_proved(
    out: &mut Vec<u8>,
    names: &IdentityHeaders,
    client: &ClientIdentity,
    edits: &HeaderEdits,
) {
    let told = [
        (&names.subject, &client.subject),
        (&names.names, &client.names),
        (&names.fingerprint, &client.fingerprint),
    ];
    for (name, value) in told {
        if let Some(name) = name.as_ref().filter(|name| !is_edited(edits, name)) {
            append(out, name, value.as_bytes());
        }
    }
}

/// Is it that name, as some backends read it: with `_` for `-`?
fn is_twin(reserved: &str, name: &str) -> bool {
    let same = |(a, b): (u8, u8)| {
        let read = |byte: u8| if byte == b'_' { b'-' } else { byte.to_ascii_lowercase() };
        read(a) == read(b)
    };
    reserved.len() == name.len() && reserved.bytes().zip(name.bytes()).all(same)
}

fn passes(outgoing: &Outgoing<'_, '_, '_>, name: &str) -> bool {
    let allowed = match known(name) {
        Some(Known::Claim) => outgoing.origin.trusted,
        // `Connection` cannot name these away: the backend would lose a check it relies on.
        Some(Known::Authorization | Known::Via) => return !is_edited(outgoing.edits, name),
        Some(_) => false,
        None => true,
    };
    if outgoing.key.is_some() && name.eq_ignore_ascii_case("sec-websocket-key") {
        return false;
    }
    if outgoing.budget.is_some_and(|(budget, _)| budget.eq_ignore_ascii_case(name)) {
        return false;
    }
    let reserved = || outgoing.reserved.iter().any(|reserved| is_twin(reserved, name));
    let listed = || outgoing.facts.lists && is_listed(outgoing.request.headers, name);
    allowed && !reserved() && !listed() && !is_edited(outgoing.edits, name)
}

#[cfg(test)]
mod tests {
    use std::mem::MaybeUninit;

    use super::*;
    use crate::l7::http1::{facts, parse_request};

    fn written(head: &str, trusted: bool, edits: &HeaderEdits) -> String {
        let mut room = [const { MaybeUninit::uninit() }; 32];
        let request = parse_request(head.as_bytes(), &mut room).unwrap();
        let facts = facts(&request).unwrap();
        let origin = Origin {
            peer: "192.0.2.7:5000".parse().unwrap(),
            trusted,
            scheme: "http",
            authority: facts.authority.unwrap_or("local"),
            id: "id1",
        };
        let outgoing = Outgoing {
            request: &request,
            facts: &facts,
            path: facts.path,
            prefix: "",
            origin,
            upgrade: None,
            key: None,
            edits,
            reserved: &[],
            proved: None,
            trailers: false,
            budget: None,
        };
        let mut out = Vec::new();
        write_request(&mut out, &outgoing);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn an_untrusted_client_cannot_say_who_it_is() {
        let head = "GET /x?y HTTP/1.1\r\nHost: A\r\nX-Forwarded-For: 1.1.1.1\r\nX_Forwarded_For: 2\r\n\
                    Forwarded: for=3\r\nX-Real-IP: 4\r\nX-Request-Id: five\r\nAccept: */*\r\n\r\n";
        insta::assert_snapshot!(written(head, false, &HeaderEdits::default()), @r#"
        GET /x?y HTTP/1.1
        Host: A
        Accept: */*
        X-Forwarded-For: 192.0.2.7
        X-Forwarded-Proto: http
        X-Forwarded-Host: A
        Forwarded: for=192.0.2.7;host="A";proto=http
        X-Request-Id: id1
        Via: 1.1 pulsegate
        "#);
    }

    #[test]
    fn a_trusted_proxy_is_believed_and_extended() {
        let head = "GET / HTTP/1.1\r\nHost: A\r\nX-Forwarded-For: 1.1.1.1\r\nX-Forwarded-Proto: https\r\n\
                    Forwarded: for=1.1.1.1\r\nVia: 1.1 edge\r\nX-Real-IP: 4\r\n\r\n";
        insta::assert_snapshot!(written(head, true, &HeaderEdits::default()), @r#"
        GET / HTTP/1.1
        Host: A
        Via: 1.1 edge
        X-Real-IP: 4
        X-Forwarded-For: 1.1.1.1, 192.0.2.7
        X-Forwarded-Proto: https
        X-Forwarded-Host: A
        Forwarded: for=1.1.1.1, for=192.0.2.7;host="A";proto=http
        X-Request-Id: id1
        Via: 1.1 pulsegate
        "#);
    }

    #[test]
    fn hop_by_hop_headers_stay_and_connection_cannot_remove_what_protects() {
        let head = "POST / HTTP/1.1\r\nHost: A\r\nConnection: x-hop, host, authorization, content-length\r\n\
                    X-Hop: 1\r\nTE: gzip\r\nKeep-Alive: 5\r\nHTTP2-Settings: AA\r\nUpgrade: h2c\r\n\
                    Authorization: Basic x\r\nContent-Length: 3\r\n\r\n";
        let out = written(head, false, &HeaderEdits::default());
        for gone in ["X-Hop", "TE:", "Keep-Alive", "HTTP2-Settings", "Upgrade", "Connection"] {
            assert!(!out.contains(gone), "{gone} in {out}");
        }
        for there in ["\r\nHost: A\r\n", "Authorization: Basic x\r\n", "Content-Length: 3\r\n"] {
            assert_eq!(out.matches(there).count(), 1, "{there} in {out}");
        }
    }

    #[test]
    fn edits_remove_set_and_add() {
        let edits = HeaderEdits {
            remove: vec!["x-debug".into()],
            set: vec![
                ("x-env".into(), "prod".into()),
                ("x-forwarded-proto".into(), "https".into()),
            ],
            add: vec![("x-tag".into(), "new".into())],
        };
        let head = "GET / HTTP/1.1\r\nHost: A\r\nX-Debug: 1\r\nX-Env: dev\r\nX-Tag: old\r\n\r\n";
        let out = written(head, false, &edits);
        assert!(
            !out.contains("X-Debug") && !out.contains("dev") && !out.contains("Proto: http\r\n")
        );
        assert!(out.contains("x-env: prod\r\n") && out.contains("x-forwarded-proto: https\r\n"));
        assert!(out.contains("X-Tag: old\r\n") && out.contains("x-tag: new\r\n"));
    }
}
