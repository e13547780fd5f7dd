use std::pin::Pin;
use std::sync::atomic::Ordering::Relaxed;
use std::task::{Context, Poll};

use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use hyper::body::Frame;

use super::{Scene, TCP, send, with_tokens};
use crate::admin::view::{Events, Failed, Reloaded, Status};
use crate::admin::{Door, router};
use crate::config::AdminApi;
use crate::control::Actor;

fn failed(body: &str) -> Failed {
    serde_json::from_str(body).expect("every error is a JSON object with `error`")
}

#[tokio::test]
async fn health_and_readiness_are_two_things() {
    let scene = Scene::new(&AdminApi::default());
    for path in ["/health", "/ready"] {
        assert_eq!(scene.ask(Method::GET, path, TCP, &[]).await.0, StatusCode::OK, "{path}");
    }
    scene.fake.0.draining.store(true, Relaxed);
    assert_eq!(scene.ask(Method::GET, "/health", TCP, &[]).await.0, StatusCode::OK);
    let (status, _, body) = scene.ask(Method::GET, "/ready", TCP, &[]).await;
    assert_eq!(
        (status, failed(&body).error.as_str()),
        (StatusCode::SERVICE_UNAVAILABLE, "draining")
    );
}

#[tokio::test]
async fn an_unknown_path_is_404_and_a_wrong_method_405() {
    let scene = Scene::new(&AdminApi::default());
    for door in [Door::Unix, TCP] {
        let (status, _, body) = scene.ask(Method::GET, "/nothing", door, &[]).await;
        assert_eq!(status, StatusCode::NOT_FOUND);
        failed(&body);
        for (method, path, allowed) in [
            (Method::GET, "/reload", "POST"),
            (Method::DELETE, "/status", "GET,HEAD"),
            (Method::POST, "/metrics", "GET,HEAD"),
        ] {
            let (status, headers, body) = scene.ask(method, path, door, &[]).await;
            assert_eq!(status, StatusCode::METHOD_NOT_ALLOWED, "{path}");
            assert_eq!(headers["allow"], allowed);
            failed(&body);
        }
    }
}

#[tokio::test]
async fn events_are_the_newest_and_a_query_nobody_understands_is_400() {
    let scene = Scene::new(&AdminApi::default());
    for (path, numbers) in [("/events", &[1, 2, 3][..]), ("/events?limit=1", &[3])] {
        let (status, _, body) = scene.ask(Method::GET, path, TCP, &[]).await;
        assert_eq!(status, StatusCode::OK);
        let shown: Events = serde_json::from_str(&body).unwrap();
        let shown: Vec<u64> = shown.events.iter().map(|line| line.seq).collect();
        assert_eq!(shown, numbers, "{path}");
    }
    for query in ["limit=-1", "limit=x", "last=3"] {
        let (status, _, body) = scene.ask(Method::GET, &format!("/events?{query}"), TCP, &[]).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{query}");
        assert!(failed(&body).problems[0].contains("?limit=N"), "{body}");
    }
}

#[tokio::test]
async fn a_reload_is_put_down_to_who_asked() {
    let scene = Scene::new(&AdminApi::default());
    let (status, _, body) = scene.ask(Method::POST, "/reload", Door::Unix, &[]).await;
    assert_eq!(status, StatusCode::OK);
    let done: Reloaded = serde_json::from_str(&body).unwrap();
    assert_eq!(done.generation, 4);
    assert_eq!(*scene.fake.0.actors.lock().unwrap(), [Actor::Admin("tester".into())]);
}

#[tokio::test]
async fn a_refused_file_is_422_with_every_problem() {
    let scene = Scene::new(&AdminApi::default());
    let problems = ["f.yaml:1:1: a", "f.yaml:2:1: b\x1b[2J"].map(str::to_owned);
    *scene.fake.0.problems.lock().unwrap() = problems.to_vec();
    let (status, _, body) = scene.ask(Method::POST, "/reload", Door::Unix, &[]).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(failed(&body).problems, ["f.yaml:1:1: a", "f.yaml:2:1: b�[2J"]);
}

#[tokio::test]
async fn while_draining_a_reload_is_409() {
    let scene = Scene::new(&AdminApi::default());
    scene.fake.0.draining.store(true, Relaxed);
    let (status, ..) = scene.ask(Method::POST, "/reload", Door::Unix, &[]).await;
    assert_eq!(status, StatusCode::CONFLICT);
    assert!(scene.fake.0.actors.lock().unwrap().is_empty());
}

#[tokio::test]
async fn over_tcp_a_change_needs_an_operators_token() {
    let without = Scene::new(&AdminApi::default());
    let (status, ..) = without.ask(Method::POST, "/reload", TCP, &[]).await;
    assert_eq!(status, StatusCode::FORBIDDEN);

    let scene = Scene::new(&with_tokens());
    for (authorization, expected) in [
        (None, StatusCode::UNAUTHORIZED),
        (Some("Bearer wrong"), StatusCode::UNAUTHORIZED),
        (Some("Bearer view"), StatusCode::FORBIDDEN),
        (Some("Bearer op"), StatusCode::OK),
    ] {
        let headers: Vec<_> = authorization.map(|it| ("authorization", it)).into_iter().collect();
        let (status, headers, _) = scene.ask(Method::POST, "/reload", TCP, &headers).await;
        assert_eq!(status, expected, "{authorization:?}");
        assert_eq!(headers.contains_key("www-authenticate"), expected == StatusCode::UNAUTHORIZED);
    }
    assert_eq!(scene.fake.0.actors.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn beyond_loopback_even_health_needs_a_token() {
    let scene = Scene::new(&with_tokens());
    let Door::Tcp { local, .. } = TCP else { unreachable!() };
    let door = Door::Tcp { local, loopback: false };
    for path in ["/health", "/status", "/metrics", "/nothing"] {
        let (status, ..) = scene.ask(Method::GET, path, door, &[]).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{path}");
    }
    let token = [("authorization", "Bearer view")];
    assert_eq!(scene.ask(Method::GET, "/status", door, &token).await.0, StatusCode::OK);
}

#[tokio::test]
async fn a_page_in_a_browser_gets_nothing() {
    let scene = Scene::new(&with_tokens());
    let operator = ("authorization", "Bearer op");
    for foreign in
        [&[("host", "evil.example"), operator][..], &[("origin", "http://evil.example"), operator]]
    {
        for (method, path) in [(Method::GET, "/status"), (Method::POST, "/reload")] {
            let (status, _, body) = scene.ask(method, path, TCP, foreign).await;
            assert_eq!(status, StatusCode::FORBIDDEN, "{foreign:?}");
            failed(&body);
        }
    }
    assert!(scene.fake.0.actors.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_request_without_a_peer_is_refused() {
    let scene = Scene::new(&AdminApi::default());
    let request = Request::builder().uri("/status").body(Body::empty()).unwrap();
    let mut router = router(scene.state.clone());
    let response = tower_service::Service::call(&mut router, request).await.unwrap();
    assert_eq!(response.status(), StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_large_body_is_413() {
    let scene = Scene::new(&AdminApi::default());
    for (bytes, expected) in
        [(64 * 1024, StatusCode::OK), (64 * 1024 + 1, StatusCode::PAYLOAD_TOO_LARGE)]
    {
        let request = Request::builder().method(Method::POST).uri("/reload");
        let request = request.body(Body::from(vec![b'x'; bytes])).unwrap();
        let (status, ..) = send(router(scene.state.clone()), request, Door::Unix).await;
        assert_eq!(status, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_never_comes_is_given_up() {
    let scene = Scene::new(&AdminApi::default());
    let never = Body::new(Never);
    let request = Request::builder().method(Method::POST).uri("/reload").body(never).unwrap();
    let (status, ..) = send(router(scene.state.clone()), request, Door::Unix).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn once_control_has_ended_status_is_503_and_metrics_still_count() {
    let scene = Scene::new(&AdminApi::default());
    *scene.fake.0.status.lock().unwrap() = None;
    let (status, ..) = scene.ask(Method::GET, "/status", TCP, &[]).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    let (status, _, body) = scene.ask(Method::GET, "/metrics", TCP, &[]).await;
    assert_eq!(status, StatusCode::OK);
    assert!(body.contains("pulsegate_connections_accepted_total"));
}

#[tokio::test]
async fn no_answer_may_be_kept_or_reinterpreted() {
    let scene = Scene::new(&AdminApi::default());
    for path in ["/status", "/nothing"] {
        let (_, headers, body) = scene.ask(Method::GET, path, TCP, &[]).await;
        assert_eq!(headers["cache-control"], "no-store");
        assert_eq!(headers["x-content-type-options"], "nosniff");
        assert_eq!(headers["content-type"], "application/json");
        assert!(!body.contains('\u{1b}'));
    }
    let (_, _, body) = scene.ask(Method::GET, "/status", TCP, &[]).await;
    let status: Status = serde_json::from_str(&body).unwrap();
    assert_eq!(status.pools[0].regions[0].zones[0].backends[0].counters.errors(), 1);
}

/// A body that never comes.
struct Never;

impl hyper::body::Body for Never {
    type Data = bytes::Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        Poll::Pending
    }
}

#[tokio::test]
async fn single_results_are_told_in_detail_only() {
    let scene = Scene::new(&AdminApi::default());
    for (path, told) in
        [("/status", 0), ("/health/detailed", 3), ("/health/detailed?backend=api%2Fa+2", 3)]
    {
        let (status, _, body) = scene.ask(Method::GET, path, TCP, &[]).await;
        assert_eq!(status, StatusCode::OK, "{path}");
        assert!(!body.contains('\u{1b}'));
        let shown: Status = serde_json::from_str(&body).unwrap();
        let zones = shown.pools.iter().flat_map(|pool| &pool.regions).flat_map(|it| &it.zones);
        let backends: Vec<_> = zones.flat_map(|zone| &zone.backends).collect();
        let down = backends.iter().find(|backend| backend.health == "down").unwrap();
        let check = &down.checks[0];
        assert_eq!(
            (down.cause.as_deref(), check.decided_by.as_deref()),
            (Some("network"), Some("phi"))
        );
        assert_eq!(check.history.len(), told, "{path}");
        if let Some(last) = check.history.last() {
            assert_eq!((&*last.result, last.latency_us), ("fail", 250));
            assert!(last.reason.as_ref().unwrap().starts_with("refused"));
        }
    }
}

#[tokio::test]
async fn a_backend_that_there_is_none_of_is_refused() {
    let scene = Scene::new(&AdminApi::default());
    let (status, _, body) =
        scene.ask(Method::GET, "/health/detailed?backend=a%1b3", TCP, &[]).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(failed(&body).problems, ["there is no backend `a\u{1b}3`"]);
    let long = format!("/health/detailed?backend={}", "a".repeat(513));
    for path in [
        "/health/detailed?backend=",
        "/health/detailed?name=a",
        "/health/detailed?backend=a&backend=b",
        &long,
    ] {
        let (status, _, body) = scene.ask(Method::GET, path, TCP, &[]).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{path}");
        assert!(failed(&body).problems[0].contains("?backend="), "{body}");
    }
}
