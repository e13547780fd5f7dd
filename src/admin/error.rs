//! Every way a request can fail, and the one map from there to a response.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::view::Failed;

/// Why a request got no other answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ApiError {
    /// `Host` is missing, repeated, or names neither a bound address nor an allowed host.
    ForeignHost,
    /// A page of another origin asks.
    ForeignOrigin,
    /// A token is needed and none was presented.
    TokenMissing,
    /// The token presented is not one of the configured.
    TokenWrong,
    /// The caller may read only, and no token could change that.
    ReadOnly,
    /// The token presented is a viewer's.
    ViewerToken,
    /// No such path.
    NotFound,
    /// The path exists, the method does not.
    MethodNotAllowed,
    /// The request's body exceeds the limit.
    BodyTooLarge,
    /// The request's body did not arrive whole.
    BodyBroken,
    /// The query is not understood; what was expected instead.
    Query(&'static str),
    /// The body is not what was expected.
    Malformed(String),
    /// The order names what does not exist or makes no sense, with every problem.
    Senseless(Vec<String>),
    /// The order would leave these pools with nothing to serve them.
    Starves(Vec<String>),
    /// The question names what does not exist or is not understood.
    Unanswerable(String),
    /// The file was refused, with every problem.
    Refused(Vec<String>),
    /// There is nothing to confirm or to go back to, with the reason.
    Nothing(Vec<String>),
    /// The process is about to stop.
    Draining,
    /// No answer in time.
    Timeout,
    /// Control has ended.
    Ended,
    /// The metrics could not be written.
    Metrics,
}

impl ApiError {
    fn status(&self) -> StatusCode {
        match self {
            Self::TokenMissing | Self::TokenWrong => StatusCode::UNAUTHORIZED,
            Self::ForeignHost | Self::ForeignOrigin | Self::ReadOnly | Self::ViewerToken => {
                StatusCode::FORBIDDEN
            }
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::BodyBroken | Self::Query(_) | Self::Malformed(_) => StatusCode::BAD_REQUEST,
            Self::Refused(_) | Self::Senseless(_) | Self::Unanswerable(_) => {
                StatusCode::UNPROCESSABLE_ENTITY
            }
            Self::Draining | Self::Starves(_) | Self::Nothing(_) => StatusCode::CONFLICT,
            Self::Timeout | Self::Ended => StatusCode::SERVICE_UNAVAILABLE,
            Self::Metrics => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn text(&self) -> &'static str {
        match self {
            Self::ForeignHost => {
                "the Host header names neither this address nor one of admin.allowed_hosts"
            }
            Self::ForeignOrigin => "requests from pages of another origin are refused",
            Self::TokenMissing => "a bearer token is needed here",
            Self::TokenWrong => "the bearer token is not valid",
            Self::ReadOnly => {
                "read-only over TCP: use the unix socket, or configure an operator token"
            }
            Self::ViewerToken => "a viewer's token may only read",
            Self::NotFound => {
                "no such path (expected /health, /health/detailed, /ready, /status, /drains, /events,\
                 \x20/orders, /explain, /plan, /metrics, /webhooks/alertmanager,\
                 \x20/reload, /reload/confirm or /rollback)"
            }
            Self::MethodNotAllowed => "this path does not take this method",
            Self::BodyTooLarge => "the request's body is too large",
            Self::BodyBroken => "the request's body could not be read",
            Self::Malformed(_) => "the request's body is not understood",
            Self::Senseless(_) => "the order was refused; nothing changed",
            Self::Starves(_) => {
                "the order would leave a pool with nothing to serve it; nothing changed"
            }
            Self::Unanswerable(_) => "the question cannot be answered",
            Self::Query(_) => "the query is not understood",
            Self::Refused(_) => "the configuration was refused; the running one is unchanged",
            Self::Nothing(_) => "nothing changed",
            Self::Draining => "the process is draining and takes no changes",
            Self::Timeout => "no answer in time; a change asked for may still be carried out",
            Self::Ended => "the process is stopping",
            Self::Metrics => "the metrics could not be written",
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let status = self.status();
        let error = self.text().to_owned();
        let problems = match self {
            Self::Refused(problems) | Self::Senseless(problems) | Self::Nothing(problems) => {
                problems
            }
            Self::Malformed(problem) | Self::Unanswerable(problem) => vec![problem],
            Self::Starves(pools) => {
                let told = |pool| {
                    format!("pool {pool} would be left with nothing (--force, if it is meant)")
                };
                pools.iter().map(told).collect()
            }
            Self::Query(expected) => vec![format!("expected {expected}")],
            _ => Vec::new(),
        };
        let mut response = (status, Json(Failed { error, problems })).into_response();
        if status == StatusCode::UNAUTHORIZED {
            let scheme = HeaderValue::from_static("Bearer realm=\"pulsegate\"");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, scheme);
        }
        response
    }
}
