//! The paths, and what guards them.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{self, Body};
use axum::extract::{Request, State as Shared};
use axum::http::{HeaderValue, StatusCode, Uri, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::json;

use super::access::Peer;
use super::error::ApiError;
use super::{Source, State, alerts, collect, explain, orders, plan, versions, view};
use crate::control::Detail;
use crate::metrics;

/// From the whole request to its answer.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// Bytes of a request's body.
const BODY_BYTES: usize = 64 * 1024;

/// Bytes of a body that holds a configuration file, escaped; only for those who may change things.
const PLAN_BYTES: usize = 32 * 1024 * 1024;

/// Bytes of a backend's name in a query.
const NAME_BYTES: usize = 512;

/// Events shown when nobody says how many.
const EVENTS: usize = 100;

/// The API as a service. Each request must carry its [`Peer`] as an extension; one without is
/// refused.
pub fn router<C: Source>(state: State<C>) -> Router {
    Router::new()
        .route("/health", get(health))
        .route("/health/detailed", get(detailed::<C>))
        .route("/ready", get(ready::<C>))
        .route("/status", get(status::<C>))
        .route("/drains", get(drains::<C>))
        .route("/events", get(events::<C>))
        .route("/metrics", get(metrics::<C>))
        .route("/webhooks/alertmanager", post(alerts::receive::<C>))
        .route("/orders", get(orders::list::<C>).post(orders::give::<C>))
        .route("/explain", post(explain::answer::<C>))
        .route("/plan", post(plan::answer::<C>))
        .route("/reload", post(versions::reload::<C>))
        .route("/reload/confirm", post(versions::confirm::<C>))
        .route("/rollback", post(versions::roll_back::<C>))
        .fallback(async || ApiError::NotFound)
        .method_not_allowed_fallback(async || ApiError::MethodNotAllowed)
        .layer(middleware::from_fn_with_state(state.clone(), guard::<C>))
        .with_state(state)
}

/// Around every request: who may, how much, how long; and no cache keeps the answer.
async fn guard<C: Source>(
    Shared(state): Shared<State<C>>,
    request: Request,
    next: Next,
) -> Response {
    let answer = tokio::time::timeout(REQUEST_TIMEOUT, admitted(&state, request, next)).await;
    let mut response = match answer {
        Ok(Ok(response)) => response,
        Ok(Err(error)) => error.into_response(),
        Err(_) => ApiError::Timeout.into_response(),
    };
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

async fn admitted<C: Source>(
    state: &State<C>,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let (mut parts, body) = request.into_parts();
    let peer = parts.extensions.get::<Peer>().ok_or(ApiError::ReadOnly)?;
    let caller = state.access.admit(peer, &parts.headers)?;
    let large = parts.uri.path() == "/plan" && caller.may_change().is_ok();
    parts.extensions.insert(caller);
    let body = read(body, if large { PLAN_BYTES } else { BODY_BYTES }).await?;
    Ok(next.run(Request::from_parts(parts, body)).await)
}

/// The whole body, so that no handler needs a limit of its own.
async fn read(body: Body, most: usize) -> Result<Body, ApiError> {
    match body::to_bytes(body, most).await {
        Ok(bytes) => Ok(Body::from(bytes)),
        Err(error) if is_length_limit(&error) => Err(ApiError::BodyTooLarge),
        Err(_) => Err(ApiError::BodyBroken),
    }
}

fn is_length_limit(error: &axum::Error) -> bool {
    std::error::Error::source(error)
        .is_some_and(|source| source.is::<http_body_util::LengthLimitError>())
}

async fn health() -> Response {
    Json(json!({ "status": "alive" })).into_response()
}

async fn ready<C: Source>(Shared(state): Shared<State<C>>) -> Response {
    if state.control.ready() {
        return Json(view::Ready { ready: true }).into_response();
    }
    let failed = view::Failed { error: "draining".to_owned(), problems: Vec::new() };
    (StatusCode::SERVICE_UNAVAILABLE, Json(failed)).into_response()
}

async fn status<C: Source>(
    Shared(state): Shared<State<C>>,
) -> Result<Json<view::Status>, ApiError> {
    shown(&state, Detail::Brief).await
}

async fn drains<C: Source>(Shared(state): Shared<State<C>>) -> Json<view::Drains> {
    Json(view::drains(&state.live.ledger().drains().await))
}

async fn events<C: Source>(
    Shared(state): Shared<State<C>>,
    uri: Uri,
) -> Result<Json<view::Events>, ApiError> {
    let limit = match uri.query() {
        None | Some("") => EVENTS,
        Some(query) => query
            .strip_prefix("limit=")
            .and_then(|limit| limit.parse().ok())
            .ok_or(ApiError::Query("?limit=N, with N from 0 to 1000"))?,
    };
    let lines = state.control.events(limit).await;
    Ok(Json(view::Events { events: lines.iter().map(|line| (**line).clone()).collect() }))
}

async fn detailed<C: Source>(
    Shared(state): Shared<State<C>>,
    uri: Uri,
) -> Result<Json<view::Status>, ApiError> {
    let detail = match uri.query() {
        None | Some("") => Detail::Results,
        Some(query) => Detail::Backend(
            backend_asked(query).ok_or(ApiError::Query("?backend=NAME or ?backend=POOL/NAME"))?,
        ),
    };
    shown(&state, detail).await
}

fn backend_asked(query: &str) -> Option<Arc<str>> {
    let mut pairs = form_urlencoded::parse(query.as_bytes());
    let (key, name) = pairs.next()?;
    let one = pairs.next().is_none() && key == "backend";
    (one && (1..=NAME_BYTES).contains(&name.len())).then(|| name.into())
}

async fn shown<C: Source>(
    state: &State<C>,
    detail: Detail,
) -> Result<Json<view::Status>, ApiError> {
    let known = state.control.status(detail).await.ok_or(ApiError::Ended)?;
    let known = known.map_err(ApiError::Unanswerable)?;
    let (ready, now) = (state.control.ready(), (state.clock)());
    Ok(Json(view::status(&known, &state.live, ready, now)))
}

async fn metrics<C: Source>(Shared(state): Shared<State<C>>) -> Result<Response, ApiError> {
    let known = state.control.status(Detail::Brief).await.and_then(Result::ok);
    let text = collect::collect(&state, known.as_ref()).encode().map_err(|error| {
        tracing::error!(%error, "metrics");
        ApiError::Metrics
    })?;
    let kind = HeaderValue::from_static(metrics::CONTENT_TYPE);
    Ok(([(header::CONTENT_TYPE, kind)], text).into_response())
}
