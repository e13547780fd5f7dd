//! What the API makes of an order, good or bad.

use axum::http::{Method, StatusCode};

use super::{Scene, TCP, with_tokens};
use crate::admin::view::{Failed, Given};
use crate::config::AdminApi;
use crate::control::Actor;

async fn give(body: &str) -> (StatusCode, String) {
    Scene::new(&AdminApi::default()).post("/orders", body).await
}

#[tokio::test]
async fn an_order_is_put_down_to_who_gave_it() {
    let scene = Scene::new(&AdminApi::default());
    let body = r#"{"scope":{"of":"zone","zone":"eu-1"},"action":{"do":"drain"},"why":"x"}"#;
    let (status, body) = scene.post("/orders", body).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    let given: Given = serde_json::from_str(&body).unwrap();
    assert_eq!((given.generation, given.dry_run), (5, false));
    assert_eq!(*scene.fake.0.actors.lock().unwrap(), [Actor::Admin("tester".into())]);
}

#[tokio::test]
async fn a_body_nobody_understands_is_400() {
    for body in [
        "",
        "drain it",
        r#"{"scope":{"of":"planet"},"action":{"do":"drain"}}"#,
        r#"{"scope":{"of":"all"},"action":{"do":"explode"}}"#,
        r#"{"scope":{"of":"pool","pool":"api","zone":"x"},"action":{"do":"drain"}}"#,
        r#"{"scope":{"of":"all"},"action":{"do":"pause"},"forever":true}"#,
        r#"{"scope":{"of":"all"},"action":{"do":"weight","weight":-1}}"#,
    ] {
        let (status, answer) = give(body).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{body}: {answer}");
        let failed: Failed = serde_json::from_str(&answer).unwrap();
        assert_eq!(failed.problems.len(), 1, "{answer}");
    }
}

#[tokio::test]
async fn numbers_out_of_range_and_unknown_names_are_422() {
    for body in [
        r#"{"scope":{"of":"pool","pool":"api"},"action":{"do":"traffic","part":1.5}}"#,
        r#"{"scope":{"of":"zone","zone":"a"},"action":{"do":"weight","weight":65536}}"#,
        r#"{"scope":{"of":"zone","zone":"a"},"action":{"do":"drain"},"for_ms":0}"#,
        r#"{"scope":{"of":"zone","zone":"a"},"action":{"do":"fail"}}"#,
    ] {
        let (status, answer) = give(body).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{body}: {answer}");
    }
}

#[tokio::test]
async fn a_stop_is_confirmed_by_name_and_what_starves_a_pool_is_409() {
    let stop = |confirm: &str| {
        format!(r#"{{"scope":{{"of":"region","region":"eu"}},"action":{{"do":"stop"}}{confirm}}}"#)
    };
    for wrong in ["", r#","confirm":"us""#] {
        let (status, answer) = give(&stop(wrong)).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{answer}");
        assert!(answer.contains("confirmed by its region's name"), "{answer}");
    }
    let (status, answer) = give(&stop(r#","confirm":"eu""#)).await;
    assert_eq!(status, StatusCode::CONFLICT, "{answer}");
    assert!(answer.contains("pool api would be left with nothing"), "{answer}");
    let (status, _) = give(&stop(r#","confirm":"eu","force":true"#)).await;
    assert_eq!(status, StatusCode::OK);
}

#[tokio::test]
async fn a_viewer_changes_nothing() {
    let scene = Scene::new(&with_tokens());
    let token = [("authorization", "Bearer view")];
    for path in ["/orders", "/reload", "/reload/confirm", "/rollback"] {
        let (status, _, _) = scene.ask(Method::POST, path, TCP, &token).await;
        assert_eq!(status, StatusCode::FORBIDDEN, "{path}");
    }
    assert!(scene.fake.0.actors.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_rollback_to_nothing_is_409() {
    let scene = Scene::new(&AdminApi::default());
    assert_eq!(scene.post("/reload/confirm", "").await.0, StatusCode::OK);
    assert_eq!(scene.post("/rollback", "").await.0, StatusCode::CONFLICT);
    for query in ["confirm_ms=0", "confirm_ms=x", "confirm=5m"] {
        let (status, _) = scene.post(&format!("/reload?{query}"), "").await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{query}");
    }
}
