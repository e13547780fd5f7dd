//! What alerts order, and what is refused.

use axum::http::StatusCode;

use super::Scene;
use crate::config::{AdminApi, AlertAction, AlertPlace, AlertRule};
use crate::control::Actor;
use crate::events::wire;

fn scene() -> Scene {
    let rule = |name: &str, action| AlertRule {
        matches: vec![("alertname".to_owned(), name.to_owned())],
        place: AlertPlace::Zone("zone".to_owned()),
        action,
        lasts: None,
    };
    let alerts =
        vec![rule("ZoneBusy", AlertAction::Drain), rule("ZoneDown", AlertAction::Failover)];
    Scene::new(&AdminApi { alerts, ..AdminApi::default() })
}

fn alert(name: &str, labels: &str) -> String {
    told("firing", name, labels)
}

fn told(status: &str, name: &str, labels: &str) -> String {
    format!(
        r#"{{"status":"{status}","labels":{{"alertname":"{name}"{labels}}},
           "annotations":{{"summary":"x"}},"startsAt":"2026-11-21T00:00:00Z"}}"#
    )
}

async fn post(scene: &Scene, alerts: &[String]) -> (StatusCode, String) {
    let body = format!(r#"{{"version":"4","alerts":[{}]}}"#, alerts.join(","));
    scene.post("/webhooks/alertmanager", &body).await
}

const ZONE: &str = r#","zone":"eu-1""#;

#[tokio::test]
async fn a_mapped_alert_is_heeded_and_put_down_to_alertmanager() {
    let scene = scene();
    let (status, body) = post(&scene, &[alert("ZoneBusy", ZONE)]).await;
    assert_eq!((status, body.as_str()), (StatusCode::OK, r#"{"orders":1,"left":[]}"#));
    let actor = Actor::Admin("alertmanager by tester".into());
    assert_eq!(*scene.fake.0.actors.lock().unwrap(), [actor]);
    assert_eq!((scene.state.hooks.heeded(), scene.state.hooks.refused()), (1, 0));
}

#[tokio::test]
async fn an_unmapped_alert_or_one_without_its_label_orders_nothing_and_is_counted() {
    let scene = scene();
    for (alerts, expected) in [
        (vec![alert("DiskFull", ZONE)], "no rule of admin.alerts matches alert DiskFull"),
        (vec![alert("ZoneBusy", "")], "alert ZoneBusy has no label `zone`"),
        (vec![alert("ZoneBusy", ZONE), alert("DiskFull", ZONE)], "no rule of admin.alerts"),
        (vec![], "0 alerts (expected 1 to 64)"),
        (vec![alert("ZoneBusy", ZONE); 65], "65 alerts"),
    ] {
        let (status, body) = post(&scene, &alerts).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{body}");
        assert!(body.contains(expected), "{expected} in {body}");
    }
    assert!(scene.fake.0.actors.lock().unwrap().is_empty());
    assert_eq!((scene.state.hooks.heeded(), scene.state.hooks.refused()), (0, 5));
}

#[tokio::test]
async fn a_zone_that_does_not_exist_orders_nothing_of_the_group() {
    let scene = scene();
    // The stand-in knows no zone to fail over.
    let group = [alert("ZoneBusy", ZONE), alert("ZoneDown", ZONE)];
    assert_eq!(post(&scene, &group).await.0, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!((scene.state.hooks.heeded(), scene.state.hooks.refused()), (0, 1));
}

#[tokio::test]
async fn what_an_operator_ordered_no_alert_replaces_or_ends() {
    let scene = scene();
    let drained = |actor: &str, zone: &str| wire::Order {
        scope: wire::Scope::Zone { pool: None, region: None, zone: zone.to_owned() },
        action: wire::Action::Drain { over_ms: None },
        actor: actor.to_owned(),
        why: String::new(),
        since_ms: 0,
        until_ms: None,
    };
    let asked = async |standing: Vec<wire::Order>, alert: String| {
        *scene.fake.0.standing.lock().unwrap() = standing;
        scene.fake.0.actors.lock().unwrap().clear();
        let (status, body) = post(&scene, &[alert]).await;
        assert_eq!(status, StatusCode::OK, "{body}");
        (scene.fake.0.actors.lock().unwrap().len(), body)
    };
    let (firing, resolved) = (alert("ZoneBusy", ZONE), told("resolved", "ZoneBusy", ZONE));
    let operators = vec![drained("admin uid 0", "eu-1")];
    let left = r#"{"orders":0,"left":["zone eu-1: drain was ordered by admin uid 0"]}"#;
    assert_eq!(asked(operators.clone(), firing.clone()).await, (0, left.to_owned()));
    assert_eq!(asked(operators, resolved.clone()).await, (0, left.to_owned()));
    // Another zone is another matter.
    assert_eq!(asked(vec![drained("admin uid 0", "eu-2")], firing.clone()).await.0, 1);
    // What an alert ordered is ended, or said again; where there is nothing to end, nothing is.
    let alerts = vec![drained("admin alertmanager by tester", "eu-1")];
    assert_eq!(asked(alerts.clone(), resolved.clone()).await.0, 1);
    assert_eq!(asked(alerts, firing).await.0, 1);
    assert_eq!(asked(vec![], resolved).await.0, 0);
}

#[tokio::test]
async fn what_is_no_alert_is_400() {
    let scene = scene();
    for body in ["", "{}", "[]", r#"{"alerts":[{"status":"maybe","labels":{}}]}"#, "\u{0}"] {
        let (status, answer) = scene.post("/webhooks/alertmanager", body).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{body}: {answer}");
    }
    assert_eq!(scene.state.hooks.refused(), 5);
}
