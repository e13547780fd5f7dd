//! What is published, and when.

use std::time::Duration;

use super::harness::Harness;
use crate::decision::tests::fixture::{backend, config, flat, key};
use crate::events::wire::Event;
use crate::model::Layer;

const COLLECTED: Duration = Duration::from_millis(10);

fn three() -> Harness {
    let backends = vec![backend("a", 1), backend("b", 2), backend("c", 3)];
    Harness::start(config(vec![flat("site", backends)]))
}

#[tokio::test(start_paused = true)]
async fn the_first_table_is_there_at_once_and_gives_nothing_to_the_unknown() {
    let harness = three();
    assert!(harness.client().ready());
    assert_eq!(harness.generation(), 1);
    assert_eq!(harness.weights(), "a=0 b=0 c=0");
    assert_eq!(harness.started.ports.probe_plan.borrow().probes.len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_burst_of_good_news_is_one_table() {
    let mut harness = three();
    harness.passes(&["a", "b", "c"]).await;
    assert_eq!(harness.next_table().await, COLLECTED);
    assert_eq!(harness.generation(), 2);
    assert_eq!(harness.weights(), "a=1 b=1 c=1");
    assert_eq!(harness.client().counters().swaps.get(), 1);
    assert_eq!(harness.client().counters().probes(Layer::Network).passed.get(), 3);
}

#[tokio::test(start_paused = true)]
async fn bad_news_does_not_wait() {
    let mut harness = three();
    harness.up(&["a", "b", "c"]).await;
    harness.fails("b", 3).await;
    assert_eq!(harness.next_table().await, Duration::ZERO);
    assert_eq!(harness.weights(), "a=1 b=0 c=1");

    harness.passes(&["b", "b"]).await;
    assert_eq!(harness.next_table().await, COLLECTED);
    assert_eq!(harness.weights(), "a=1 b=1 c=1");
}

#[tokio::test(start_paused = true)]
async fn what_changes_nothing_is_not_published() {
    let mut harness = three();
    harness.up(&["a", "b", "c"]).await;
    harness.passes(&["a", "b", "c"]).await;
    harness.fails("a", 2).await;
    harness.status().await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(harness.generation(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_fails_is_looked_at_before_the_next_tick() {
    let mut harness = three();
    harness.up(&["a", "b", "c"]).await;
    let failing = harness.live.backend(&key("site", "c"));
    failing.worker(0).connect_failures.add(1);
    harness.client().suspects().notify_one();
    assert!(harness.next_table().await <= COLLECTED);
    assert_eq!(harness.weights(), "a=1 b=1 c=0");
}

#[tokio::test(start_paused = true)]
async fn a_tick_finds_failing_connections_by_itself() {
    let mut harness = three();
    harness.up(&["a", "b", "c"]).await;
    harness.live.backend(&key("site", "c")).worker(0).connect_failures.add(1);
    assert!(harness.next_table().await <= Duration::from_millis(100));
    assert_eq!(harness.weights(), "a=1 b=1 c=0");
}

#[tokio::test(start_paused = true)]
async fn old_tables_are_freed_by_control() {
    let mut harness = three();
    let held = harness.started.reader.load();
    harness.up(&["a"]).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(harness.client().counters().tables_held.get(), 1);
    drop(held);
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(harness.client().counters().tables_held.get(), 0);
}

#[tokio::test(start_paused = true)]
async fn the_status_tells_what_is_and_why() {
    let mut harness = three();
    harness.up(&["a", "b"]).await;
    harness.fails("b", 3).await;
    harness.next_table().await;
    let status = harness.status().await;
    assert_eq!(status.generation, 3);
    assert!(!status.draining && status.last_reload.is_none());
    let zone = &status.pools[0].regions[0].zones[0];
    assert!((zone.share - 1.0).abs() < 1e-9);
    let shown: Vec<String> = zone
        .backends
        .iter()
        .map(|one| {
            let reason = one.reason.as_deref().unwrap_or("-");
            let marks = &one.checks[0].marks;
            format!("{} {} {reason} {marks:?}", one.key.name, one.health.name())
        })
        .collect();
    assert_eq!(shown, ["a up - \"+\"", "b down refused: connect \"+---\"", "c unknown - \"\""]);
    assert_eq!(
        status.report,
        [
            "site: eligibility: left out b, because it is down (refused: connect)",
            "site: eligibility: left out c, waits for its first passing check"
        ]
    );
    assert_eq!(harness.client().evidence().await.len(), 3);
}

#[tokio::test(start_paused = true)]
async fn events_are_kept_in_order() {
    let mut harness = three();
    harness.up(&["a"]).await;
    let lines = harness.client().events(10).await;
    let shown: Vec<String> = lines.iter().map(|line| json(&line.event)).collect();
    assert!(shown[0].starts_with(r#"{"kind":"start","version":""#), "{}", shown[0]);
    assert_eq!(
        shown[1..],
        [
            r#"{"kind":"health","pool":"site","backend":"a","from":"unknown","to":"up","factor":1.0,"cause":"network"}"#,
            r#"{"kind":"published","generation":2,"moves":[{"pool":"site","region":"default","zone":"default","before":0.0,"after":1.0}],"because":["site: eligibility: left out b, waits for its first passing check","site: eligibility: left out c, waits for its first passing check"]}"#,
        ]
    );
    assert_eq!(lines[1].inputs, lines[2].inputs, "an output adds nothing to the inputs");
    assert_ne!(lines[0].inputs, lines[1].inputs);
}

fn json(event: &Event) -> String {
    serde_json::to_string(event).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_drain_ends_readiness() {
    let harness = three();
    harness.client().start_drain();
    assert!(!harness.client().ready());
    assert!(harness.status().await.draining);
}

#[tokio::test(start_paused = true)]
async fn it_ends_with_the_last_client() {
    let harness = three();
    let mut probe_plan = harness.started.ports.probe_plan.clone();
    probe_plan.mark_unchanged();
    drop(harness.started.client);
    harness.started.task.await.unwrap();
    assert!(probe_plan.changed().await.is_err(), "the probes are told to end");
}
