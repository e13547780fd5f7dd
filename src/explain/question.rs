//! What is asked: one request, as a client would send it.

use std::net::IpAddr;

use hyper::Uri;

use super::view;

/// One request that is to be explained.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// Its method.
    pub method: String,
    /// The host and, if one was given, the port.
    pub authority: String,
    /// The port, if one was given.
    pub port: Option<u16>,
    /// The path without query, as sent.
    pub path: String,
    /// Names in lower case, and values.
    pub headers: Vec<(String, String)>,
    /// The client's address; `None` = nobody in particular.
    pub client: Option<IpAddr>,
    /// The listener it arrives at; `None` = by the port, or the first.
    pub listener: Option<String>,
    /// A zone to be told of what would have to change for it to get traffic.
    pub zone: Option<String>,
}

impl TryFrom<view::Question> for Question {
    type Error = String;

    /// Reads a question as it was typed.
    ///
    /// # Errors
    /// One line that says what is wrong with it.
    fn try_from(asked: view::Question) -> Result<Self, String> {
        let wrong = |what: &str, typed: &str, expected: &str| {
            let typed: String = typed.escape_debug().take(60).collect();
            format!("{what} `{typed}` is not understood (expected {expected})")
        };
        let token = |text: &str| {
            let allowed = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
            !text.is_empty() && text.bytes().all(allowed)
        };
        if !token(&asked.method) {
            return Err(wrong("the method", &asked.method, "one such as GET"));
        }
        let uri: Result<Uri, _> = asked.url.parse();
        let uri = uri.ok().filter(|uri| matches!(uri.scheme_str(), Some("http" | "https")));
        let parts = uri.as_ref().and_then(|uri| Some((uri, uri.authority()?)));
        let Some((uri, authority)) = parts else {
            return Err(wrong("the URL", &asked.url, "one such as http://shop.example/cart"));
        };
        let client = match &asked.client {
            None => None,
            Some(typed) => {
                let address = typed.parse();
                let expected = "an IP address such as 10.1.2.3";
                Some(address.map_err(|_| wrong("the client", typed, expected))?)
            }
        };
        let mut headers = Vec::new();
        for header in asked.headers {
            let parts = header.split_once(':').filter(|(name, _)| token(name));
            let Some((name, value)) = parts else {
                return Err(wrong("the header", &header, "`name: value`"));
            };
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        Ok(Self {
            method: asked.method,
            authority: authority.as_str().to_owned(),
            port: authority.port_u16(),
            path: uri.path().to_owned(),
            headers,
            client,
            listener: asked.listener,
            zone: asked.zone,
        })
    }
}
