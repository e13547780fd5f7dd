use std::collections::{HashMap, HashSet};

use axum::http::Method;

use super::{Scene, TCP};
use crate::config::AdminApi;

#[tokio::test]
async fn status_is_as_documented() {
    let scene = Scene::new(&AdminApi::default());
    let (_, _, body) = scene.ask(Method::GET, "/status", TCP, &[]).await;
    let mut value: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!(value["version"].take(), env!("CARGO_PKG_VERSION"));
    insta::assert_snapshot!("status", serde_json::to_string_pretty(&value).unwrap());
}

#[tokio::test]
async fn metrics_are_as_documented() {
    let scene = Scene::new(&AdminApi::default());
    let (_, headers, body) = scene.ask(Method::GET, "/metrics", TCP, &[]).await;
    assert_eq!(headers["content-type"], "text/plain; version=0.0.4; charset=utf-8");
    insta::assert_snapshot!("metrics", body.replace(env!("CARGO_PKG_VERSION"), "VERSION"));
}

#[tokio::test]
async fn metrics_keep_the_rules_of_the_exposition_format() {
    let scene = Scene::new(&AdminApi::default());
    let (_, _, body) = scene.ask(Method::GET, "/metrics", TCP, &[]).await;
    assert!(body.ends_with('\n'));
    let mut kinds = HashMap::new();
    let mut series = HashSet::new();
    let mut family = String::new();
    for line in body.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            family = rest.split(' ').next().unwrap().to_owned();
            assert!(!kinds.contains_key(&family), "HELP twice: {family}");
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            assert_eq!(name, family, "TYPE follows its HELP");
            assert!(kinds.insert(name.to_owned(), kind.to_owned()).is_none(), "{name} twice");
        } else {
            let (labelled, value) = line.rsplit_once(' ').unwrap();
            let name = labelled.split('{').next().unwrap();
            let kind = &kinds[&family];
            if kind == "histogram" {
                let suffix = name.strip_prefix(family.as_str()).unwrap();
                assert!(["_bucket", "_sum", "_count"].contains(&suffix), "{line}");
            } else {
                assert_eq!(name, family, "samples follow their family");
            }
            let value: f64 = value.parse().unwrap();
            assert!(kind != "counter" || value >= 0.0, "{line}");
            assert!(series.insert(labelled.to_owned()), "{labelled} twice");
        }
    }
    let missing: Vec<_> =
        crate::metrics::names::ALL.iter().filter(|it| !kinds.contains_key(it.name)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}
