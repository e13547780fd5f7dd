//! Backends that are configured by hostname.

use super::harness::Harness;
use crate::control::BackendEvidence;
use crate::decision::tests::fixture::{backend, config, flat, named};

fn start() -> Harness {
    let backends = vec![named("app", "app.test"), backend("fixed", 9)];
    Harness::start(config(vec![flat("site", backends)]))
}

fn shown(evidence: &BackendEvidence) -> String {
    let address = evidence.address.as_ref().map_or("-".to_owned(), ToString::to_string);
    let text = |text: &Option<std::sync::Arc<str>>| text.as_deref().unwrap_or("-").to_owned();
    format!(
        "{} {address} {} {} {}",
        evidence.key.name,
        evidence.health.name(),
        text(&evidence.reason),
        text(&evidence.lookup_failure)
    )
}

async fn evidence(harness: &Harness) -> Vec<String> {
    harness.client().evidence().await.iter().map(shown).collect()
}

#[tokio::test(start_paused = true)]
async fn an_unresolved_hostname_is_shown_with_its_reason() {
    let harness = start();
    assert_eq!(harness.started.ports.lookup_plan.borrow().lookups.len(), 1);
    assert_eq!(evidence(&harness).await[0], "app - unknown resolving -");
    harness.looked_up(Err("server failure")).await;
    // The status is asked over another channel; the lookup's event says when it has arrived.
    while harness.client().events(2).await.len() < 2 {
        tokio::task::yield_now().await;
    }
    assert_eq!(
        evidence(&harness).await,
        ["app - unknown server failure server failure", "fixed 10.0.0.9:80 unknown - -"]
    );
    assert_eq!(harness.client().counters().lookups_failed.get(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_resolved_hostname_is_probed_and_gets_traffic_once_it_passes() {
    let mut harness = start();
    harness.looked_up(Ok(&["10.0.0.1:80", "10.0.0.2:80"])).await;
    harness.next_table().await;
    assert_eq!(harness.weights(), "app/10.0.0.1:80=0 app/10.0.0.2:80=0 fixed=0");
    assert_eq!(harness.started.ports.probe_plan.borrow().probes.len(), 3);
    harness.up(&["app/10.0.0.2:80"]).await;
    assert_eq!(harness.weights(), "app/10.0.0.1:80=0 app/10.0.0.2:80=1 fixed=0");
}

#[tokio::test(start_paused = true)]
async fn failing_dns_keeps_the_last_good_answer() {
    let mut harness = start();
    harness.looked_up(Ok(&["10.0.0.1:80"])).await;
    harness.next_table().await;
    harness.up(&["app"]).await;
    harness.looked_up(Err("timeout")).await;
    harness.looked_up(Ok(&[])).await;
    harness.up(&["fixed"]).await;
    assert_eq!(harness.weights(), "app=1 fixed=1");
}
