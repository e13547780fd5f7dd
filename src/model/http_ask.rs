//! An HTTP request of a probe, and which answer to it passes.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use regex::bytes::Regex;

use super::{Secret, TlsAsk};

/// One HTTP request and the answer expected.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HttpAsk {
    /// Over TLS, if so.
    pub tls: Option<TlsAsk>,
    /// By HTTP/2 instead of HTTP/1.1.
    pub http2: bool,
    /// The `Host` header, or `:authority`.
    pub host: Arc<str>,
    /// What is sent.
    pub request: HttpRequest,
    /// Which answer passes.
    pub expect: Expect,
}

impl fmt::Display for HttpAsk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.request.method.name(), self.request.path)
    }
}

/// What is sent.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HttpRequest {
    /// The method.
    pub method: HttpMethod,
    /// The origin-form target.
    pub path: Template,
    /// Further headers; names in lower case.
    pub headers: Vec<(Arc<str>, Template)>,
    /// The body; may be empty.
    pub body: Template,
}

impl HttpRequest {
    /// A `GET` of this target.
    #[must_use]
    pub fn get(path: Arc<str>) -> Self {
        let (path, body) = (Template::text(path), Template::default());
        Self { method: HttpMethod::Get, path, headers: Vec::new(), body }
    }
}

/// The methods a probe may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HttpMethod {
    /// `GET`
    Get,
    /// `HEAD`
    Head,
    /// `POST`
    Post,
    /// `PUT`
    Put,
    /// `PATCH`
    Patch,
    /// `DELETE`
    Delete,
}

impl HttpMethod {
    /// The name on the wire.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }
}

/// Text in which named values may stand.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Template(pub Vec<Part>);

/// A piece of a [`Template`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Part {
    /// As it is.
    Text(Arc<str>),
    /// The value of this name.
    Value(Arc<str>),
}

impl Template {
    /// Text without values.
    #[must_use]
    pub fn text(text: Arc<str>) -> Self {
        Self(vec![Part::Text(text)])
    }
}

impl fmt::Display for Template {
    /// As it is written in a config: `/orders/${id}`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|part| match part {
            Part::Text(text) => f.write_str(text),
            Part::Value(name) => write!(f, "${{{name}}}"),
        })
    }
}

impl Expect {
    /// Any answer at all, without a body.
    #[must_use]
    pub fn anything() -> Self {
        let (headers, json) = (Vec::new(), Vec::new());
        Self { status: vec![(100, 599)], headers, body: None, json, body_bytes_max: 0 }
    }
}

/// What an HTTP answer must be like: all of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Expect {
    /// Status codes, as inclusive ranges; at least one.
    pub status: Vec<(u16, u16)>,
    /// Headers, by their names in lower case.
    pub headers: Vec<(Arc<str>, HeaderTest)>,
    /// The body.
    pub body: Option<BodyTest>,
    /// Values in a JSON body, by pointer (RFC 6901), each as JSON text.
    pub json: Vec<(Arc<str>, Arc<str>)>,
    /// The most bytes the body may have.
    pub body_bytes_max: usize,
}

/// What a header must be like.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum HeaderTest {
    /// One of its values is this.
    Is(Arc<str>),
    /// One of its values matches as a whole.
    Matches(Pattern),
    /// It is there, or it is not.
    Present(bool),
}

/// What a body must be like.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum BodyTest {
    /// This stands somewhere in it.
    Contains(Arc<str>),
    /// This matches somewhere in it.
    Matches(Pattern),
}

/// A compiled regular expression; equal to one that was typed the same.
#[derive(Clone, Debug)]
pub struct Pattern(pub Regex);

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_str() == other.0.as_str()
    }
}

impl Eq for Pattern {}

impl Hash for Pattern {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.as_str().hash(state);
    }
}

/// Several requests in order, with values carried from one to those after it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Transaction {
    /// Values that are known before, by name.
    pub secrets: Vec<(Arc<str>, Secret)>,
    /// At least one.
    pub steps: Vec<TransactionStep>,
}

/// One request of a transaction.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TransactionStep {
    /// What is asked.
    pub ask: HttpAsk,
    /// Values taken from the answer, by name.
    pub save: Vec<(Arc<str>, Source)>,
}

/// Where in an answer a value is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    /// The value at this pointer (RFC 6901) of a JSON body: a string's text, or a number or boolean.
    Json(Arc<str>),
    /// The first group of this expression, or all that matches, in the body.
    Body(Pattern),
    /// The first value of this header.
    Header(Arc<str>),
}
