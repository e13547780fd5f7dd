//! The one request that is repeated, checked before anything is sent.

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{
    ACCEPT, CONNECTION, CONTENT_LENGTH, EXPECT, HOST, HeaderMap, HeaderName, HeaderValue,
    TRANSFER_ENCODING, UPGRADE, USER_AGENT,
};
use hyper::http::uri::Authority;
use hyper::{Method, Uri, Version};

use crate::model::printable;

const AGENT: HeaderValue =
    HeaderValue::from_static(concat!("pulsegate-bench/", env!("CARGO_PKG_VERSION")));

/// A request that can be sent.
#[derive(Clone, Debug)]
pub struct Request {
    /// The absolute URL, with `http` or `https`.
    pub(super) url: Uri,
    pub(super) method: Method,
    /// All but `Content-Length`.
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

/// A request that cannot be sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadRequest {
    /// The URL is of another form.
    #[error("{0}: expected a URL as http://host:port/path or https://host/path")]
    Url(String),
    /// Not a method.
    #[error("method `{0}`: expected a token such as GET or POST")]
    Method(String),
    /// A method that makes a tunnel.
    #[error("method CONNECT: a tunnel has no latency per request")]
    Connect,
    /// Not `name: value`.
    #[error("header `{0}`: expected `name: value`")]
    Header(String),
    /// A header that the generator sets itself.
    #[error("header `{0}`: the generator frames requests and keeps connections itself")]
    Framing(HeaderName),
}

impl Request {
    /// Checks the parts, as typed: headers as `name: value`.
    ///
    /// # Errors
    /// The first part that cannot be sent, with its text.
    pub fn new(
        url: &str,
        method: &str,
        headers: &[String],
        body: Bytes,
    ) -> Result<Self, BadRequest> {
        let url = parse_url(url)?;
        let method: Method =
            method.parse().map_err(|_| BadRequest::Method(printable(method).into_owned()))?;
        if method == Method::CONNECT {
            return Err(BadRequest::Connect);
        }
        let mut map = HeaderMap::new();
        for line in headers {
            let (name, value) = header(line)?;
            map.append(name, value);
        }
        map.entry(USER_AGENT).or_insert(AGENT);
        map.entry(ACCEPT).or_insert(HeaderValue::from_static("*/*"));
        Ok(Self { url, method, headers: map, body })
    }

    /// Where it goes: the URL.
    #[must_use]
    pub fn url(&self) -> &Uri {
        &self.url
    }

    /// Its method.
    #[must_use]
    pub fn method(&self) -> &Method {
        &self.method
    }

    /// The URL asks for TLS.
    #[must_use]
    pub fn is_tls(&self) -> bool {
        self.url.scheme_str() == Some("https")
    }

    /// The host to connect to, without the brackets of an IPv6 address.
    pub(super) fn host(&self) -> &str {
        let host = self.url.host().unwrap_or_default();
        host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
    }

    pub(super) fn port(&self) -> u16 {
        self.url.port_u16().unwrap_or(if self.is_tls() { 443 } else { 80 })
    }

    /// Whether a length goes with the body: it has one, or the method announces one.
    fn has_length(&self) -> bool {
        !self.body.is_empty() || [Method::POST, Method::PUT, Method::PATCH].contains(&self.method)
    }

    /// The bytes of the request in HTTP/1.1.
    pub(super) fn http1(&self) -> Bytes {
        let target = self.url.path_and_query().map_or("/", |target| target.as_str());
        let mut out = format!("{} {target} HTTP/1.1\r\n", self.method).into_bytes();
        let mut field = |name: &str, value: &[u8]| {
            for part in [name.as_bytes(), b": ", value, b"\r\n"] {
                out.extend_from_slice(part);
            }
        };
        if !self.headers.contains_key(HOST) {
            let authority = self.url.authority().map_or("", |authority| authority.as_str());
            field("Host", authority.as_bytes());
        }
        for (name, value) in &self.headers {
            field(name.as_str(), value.as_bytes());
        }
        if self.has_length() {
            field(CONTENT_LENGTH.as_str(), self.body.len().to_string().as_bytes());
        }
        out.extend_from_slice(b"\r\n");
        out.extend_from_slice(&self.body);
        out.into()
    }

    /// The request in HTTP/2, where the host is part of the URL.
    pub(super) fn http2(&self) -> hyper::Request<Full<Bytes>> {
        let mut request = hyper::Request::new(Full::new(self.body.clone()));
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = self.url.clone();
        *request.version_mut() = Version::HTTP_2;
        *request.headers_mut() = self.headers.clone();
        let host = request.headers_mut().remove(HOST);
        let named = host.and_then(|host| Authority::try_from(host.as_bytes()).ok());
        if let Some(authority) = named {
            let mut parts = self.url.clone().into_parts();
            parts.authority = Some(authority);
            // Of three parts that were in a URL one was replaced by its like.
            *request.uri_mut() = Uri::from_parts(parts).unwrap_or_default();
        }
        request
    }
}

fn parse_url(text: &str) -> Result<Uri, BadRequest> {
    let wrong = || BadRequest::Url(printable(text).into_owned());
    let url: Uri = text.parse().map_err(|_| wrong())?;
    let has_scheme = matches!(url.scheme_str(), Some("http" | "https"));
    let authority = url.authority().ok_or_else(wrong)?;
    // A port that is no number, or user and password, would silently be something else.
    let port = authority.as_str().rsplit_once(':').map(|(_, port)| port);
    let bad_port = port.is_some_and(|port| !port.ends_with(']')) && authority.port_u16().is_none();
    if !has_scheme || authority.as_str().contains('@') || authority.host().is_empty() || bad_port {
        return Err(wrong());
    }
    Ok(url)
}

fn header(line: &str) -> Result<(HeaderName, HeaderValue), BadRequest> {
    let wrong = || BadRequest::Header(printable(line).into_owned());
    let (name, value) = line.split_once(':').ok_or_else(wrong)?;
    let name: HeaderName = name.parse().map_err(|_| wrong())?;
    let value: HeaderValue = value.trim().parse().map_err(|_| wrong())?;
    if [CONNECTION, CONTENT_LENGTH, EXPECT, TRANSFER_ENCODING, UPGRADE].contains(&name) {
        return Err(BadRequest::Framing(name));
    }
    Ok((name, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(url: &str, method: &str, headers: &[&str]) -> Result<Request, BadRequest> {
        let headers: Vec<String> = headers.iter().map(|line| (*line).to_owned()).collect();
        Request::new(url, method, &headers, Bytes::new())
    }

    #[test]
    fn a_request_is_written_as_a_small_client_writes_it() {
        let get = request("http://[::1]:8080/a?b=c", "GET", &["X-A: 1", "x-a: 2"]).unwrap();
        let text = String::from_utf8(get.http1().to_vec()).unwrap();
        let agent = concat!("pulsegate-bench/", env!("CARGO_PKG_VERSION"));
        assert_eq!(
            text,
            format!(
                "GET /a?b=c HTTP/1.1\r\nHost: [::1]:8080\r\nx-a: 1\r\nx-a: 2\r\n\
                 user-agent: {agent}\r\naccept: */*\r\n\r\n"
            )
        );
        assert_eq!((get.host(), get.port()), ("::1", 8080));
        let post = Request::new("http://a", "POST", &["Host: b".to_owned()], "body".into());
        let text = String::from_utf8(post.unwrap().http1().to_vec()).unwrap();
        assert!(text.starts_with("POST / HTTP/1.1\r\nhost: b\r\n"), "{text}");
        assert!(text.ends_with("content-length: 4\r\n\r\nbody"), "{text}");
    }

    #[test]
    fn in_http2_the_host_is_part_of_the_url() {
        let uri = |headers: &[&str]| {
            let request = request("https://a:1/b", "GET", headers).unwrap().http2();
            assert!(!request.headers().contains_key(HOST));
            request.uri().to_string()
        };
        assert_eq!(uri(&[]), "https://a:1/b");
        assert_eq!(uri(&["Host: c"]), "https://c/b");
    }

    #[test]
    fn ports_follow_the_scheme() {
        assert_eq!(request("https://a", "GET", &[]).unwrap().port(), 443);
        assert_eq!(request("http://a", "GET", &[]).unwrap().port(), 80);
    }

    #[test]
    fn what_cannot_be_sent_is_named() {
        for url in
            ["", "a", "/x", "ftp://a/", "http://", "http://u@a/", "http://a:99999/", "http://a:b/"]
        {
            assert_eq!(request(url, "GET", &[]).unwrap_err(), BadRequest::Url(url.into()), "{url}");
        }
        let wrong = |method| request("http://a", method, &[]).unwrap_err();
        assert_eq!(wrong("G T"), BadRequest::Method("G T".into()));
        assert_eq!(wrong("CONNECT"), BadRequest::Connect);
        for line in ["x", ": y", "a b: c", "a: b\r\nc: d"] {
            let error = request("http://a", "GET", &[line]).unwrap_err();
            assert!(matches!(error, BadRequest::Header(_)), "{line:?}: {error}");
        }
        for line in ["Connection: close", "content-length: 3", "Transfer-Encoding: chunked"] {
            let error = request("http://a", "GET", &[line]).unwrap_err();
            assert!(matches!(error, BadRequest::Framing(_)), "{line}");
        }
    }
}
