//! The one place where what went wrong becomes a status.
//!
//! A client asks two things of an error: whose fault was it, and may I try again? 4xx says "yours",
//! 502 "the backend's", 503 "nobody is there to ask, come back", 504 "it took too long".

use crate::model::{BadRequest, Ended};

/// Why an exchange got no response from a backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The request is refused.
    Request(BadRequest),
    /// No route matches.
    NoRoute,
    /// It is for a host that the connection's certificate does not vouch for (RFC 9110 §15.5.20).
    Misdirected,
    /// No backend may take it.
    NoBackend,
    /// It is one of those that no zone has room for.
    Shed,
    /// It asks for a protocol that is not passed on here.
    Protocol,
    /// Its pool is left alone for a while.
    CircuitOpen,
    /// It is one of those that a level of degraded service does without.
    Degraded,
    /// It comes too soon.
    TooMany,
    /// Most of the memory for buffers is in use.
    NoMemory,
    /// There was no place for it, and as many waited as may.
    QueueFull,
    /// No place became free in time.
    QueueTimeout,
    /// No connection to a backend could be opened.
    Connect,
    /// Opening a connection took too long.
    ConnectTimeout,
    /// There was no agreement with a backend by TLS.
    Tls,
    /// A backend closed or reset before its response.
    Reset,
    /// A backend went down before its response.
    Down,
    /// A backend was drained, and the drain did not wait any longer.
    Drained,
    /// A backend answered with a status that was to be tried again, and then nobody was left to ask.
    Status,
    /// A backend's response was refused.
    Response,
    /// No response in time.
    Timeout,
    /// The route's total deadline passed.
    Total,
    /// The client did not send its head in time.
    SlowHead,
    /// The client did not send its body in time.
    SlowBody,
}

impl Failure {
    /// The status it is answered with, and a sentence for the person who reads it.
    pub(crate) fn status(self) -> (u16, &'static str) {
        match self {
            Self::Request(reason) => refusal(reason),
            Self::NoRoute => (404, "no route matches this request"),
            Self::Misdirected => (421, "this connection was opened for another host"),
            Self::Protocol => (501, "this protocol is not passed on here"),
            Self::NoBackend => (503, "no backend can take this request now"),
            Self::Shed => (503, "more is asked than can be borne now"),
            Self::CircuitOpen => (503, "the service fails, and is left alone for a while"),
            Self::Degraded => (503, "the service does without this for a while"),
            Self::TooMany => (429, "too many requests: come back later"),
            Self::NoMemory => (503, "too much is under way to begin more"),
            Self::QueueFull => (503, "too many wait already"),
            Self::QueueTimeout => (503, "no place became free in time"),
            Self::Connect => (502, "no connection to a backend could be opened"),
            Self::ConnectTimeout => (504, "connecting to a backend took too long"),
            Self::Tls => (502, "no secure connection with a backend could be agreed on"),
            Self::Reset => (502, "the backend closed the connection before it answered"),
            Self::Down => (502, "the backend went down before it answered"),
            Self::Drained => (503, "the backend was taken out before it answered"),
            Self::Status => (502, "the backend failed, and no other could be asked"),
            Self::Response => (502, "the backend's answer was not valid HTTP"),
            Self::Timeout => (504, "the backend did not answer in time"),
            Self::Total => (504, "the request took longer than its route allows"),
            Self::SlowHead => (408, "the request head did not arrive in time"),
            Self::SlowBody => (408, "the request body did not arrive in time"),
        }
    }

    /// Can the next request on this connection not be found any more?
    pub(crate) fn spoils_connection(self) -> bool {
        matches!(self, Self::Request(_) | Self::SlowHead | Self::SlowBody)
    }

    /// How the exchange is said to have ended.
    pub(crate) fn ended(self) -> Ended {
        match self {
            Self::Request(_) => Ended::BadRequest,
            Self::NoRoute | Self::Misdirected | Self::Protocol => Ended::Local,
            Self::NoBackend => Ended::NoBackend,
            Self::Shed => Ended::Shed,
            Self::CircuitOpen => Ended::CircuitOpen,
            Self::Degraded => Ended::Degraded,
            Self::TooMany => Ended::RateLimited,
            Self::NoMemory => Ended::NoMemory,
            Self::QueueFull => Ended::QueueFull,
            Self::QueueTimeout => Ended::QueueTimeout,
            Self::Connect | Self::ConnectTimeout => Ended::ConnectFailed,
            Self::Tls => Ended::TlsFailed,
            Self::Reset => Ended::UpstreamReset,
            Self::Down => Ended::BackendDown,
            Self::Drained => Ended::Drained,
            Self::Status => Ended::UpstreamStatus,
            Self::Response => Ended::BadResponse,
            Self::Timeout => Ended::UpstreamTimeout,
            Self::Total => Ended::TotalTimeout,
            Self::SlowHead | Self::SlowBody => Ended::ClientTimeout,
        }
    }
}

fn refusal(reason: BadRequest) -> (u16, &'static str) {
    match reason {
        BadRequest::RequestLine => (400, "the request line is malformed"),
        BadRequest::Target => (400, "the request target is malformed"),
        BadRequest::Path => (400, "the path is malformed or ambiguous"),
        BadRequest::Header => (400, "a header line is malformed"),
        BadRequest::BareNewline => (400, "a line does not end in CRLF"),
        BadRequest::Host => (400, "Host is missing, repeated or malformed"),
        BadRequest::LengthAndCoding => (400, "both Content-Length and Transfer-Encoding"),
        BadRequest::ContentLength => (400, "Content-Length is repeated or malformed"),
        BadRequest::TransferEncoding => (400, "Transfer-Encoding is not one single chunked"),
        BadRequest::Chunk => (400, "the chunked body is malformed"),
        BadRequest::Trailer => (400, "the trailers are malformed"),
        BadRequest::HeadTooLarge => (431, "the request head is too large"),
        BadRequest::TooManyHeaders => (431, "the request has too many header fields"),
        BadRequest::BodyTooLarge => (413, "the request body is too large"),
        BadRequest::Expectation => (417, "Expect is not 100-continue"),
        BadRequest::Method => (405, "the method is not served here"),
        BadRequest::Version => (505, "the protocol version is not HTTP/1.0 or HTTP/1.1"),
    }
}
