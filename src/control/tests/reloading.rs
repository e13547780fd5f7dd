//! Reloads: what they carry over, and that a refused one touches nothing.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use super::harness::{Harness, listener};
use crate::config::Config;

use crate::control::Actor;
use crate::decision::tests::fixture::{backend, config, flat};
use crate::events::wire::Event;

fn site(names: &[(&str, u8)]) -> Config {
    config(vec![flat("site", names.iter().map(|(name, host)| backend(name, *host)).collect())])
}

fn listening(listeners: &[(&str, &str)]) -> Config {
    let mut config = site(&[("a", 1)]);
    config.listeners = listeners.iter().map(|(name, bind)| listener(name, bind)).collect();
    config
}

#[tokio::test(start_paused = true)]
async fn health_and_counters_carry_over() {
    let mut harness = Harness::start(site(&[("a", 1), ("b", 2)]));
    harness.up(&["a", "b"]).await;
    let before = Arc::clone(
        &harness.started.reader.load().pools().next().unwrap().zones[0].backends()[0].live,
    );

    let reloaded = harness.reload(site(&[("new", 3), ("a", 1)])).await.unwrap();
    assert_eq!(reloaded.generation, 3);
    assert_eq!(reloaded.warnings, ["a warning"]);
    assert_eq!(harness.weights(), "new=0 a=1");
    let table = harness.started.reader.load();
    let after = &table.pools().next().unwrap().zones[0].backends()[1].live;
    assert!(Arc::ptr_eq(&before, after));
    let probed = harness.started.ports.probe_plan.borrow();
    let probed: Vec<&str> = probed.probes.iter().map(|probe| &*probe.backend.name).collect();
    assert_eq!(probed, ["new", "a"]);
}

#[tokio::test(start_paused = true)]
async fn a_bad_file_touches_nothing() {
    let mut harness = Harness::start(site(&[("a", 1)]));
    harness.up(&["a"]).await;
    harness.write(Err(vec!["line 1: bad".to_owned(), "line 2: worse".to_owned()]));
    let error = harness.client().reload(Actor::Admin("operator".into()), None).await.unwrap_err();
    assert_eq!(error.to_string(), "line 1: bad\nline 2: worse");
    assert_eq!(harness.generation(), 2);
    assert_eq!(harness.weights(), "a=1");

    let report = harness.client().last_reload().await.unwrap();
    assert_eq!(report.actor, Actor::Admin("operator".into()));
    assert_eq!(report.result, Err(error));
    assert_eq!(harness.client().counters().reloads_failed.get(), 1);
    assert_eq!(harness.client().counters().reloads_ok.get(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_port_in_use_refuses_the_reload_and_says_which() {
    let harness = Harness::start(listening(&[("web", "127.0.0.1:8080")]));
    harness.take("127.0.0.1:9090");
    let new = listening(&[("web", "127.0.0.1:8080"), ("more", "127.0.0.1:9090")]);
    let error = harness.reload(new).await.unwrap_err();
    assert_eq!(
        error.problems,
        ["listener `more`: cannot listen on 127.0.0.1:9090: address in use"]
    );
    assert_eq!(harness.generation(), 1);
    assert_eq!(harness.started.reader.load().listeners.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_port_in_use_refuses_the_start_and_says_which() {
    let config = listening(&[("web", "127.0.0.1:8080"), ("more", "127.0.0.1:9090")]);
    let error = Harness::try_start(config, &["127.0.0.1:8080"]).err().unwrap();
    assert_eq!(
        error.to_string(),
        "listener `web`: cannot listen on 127.0.0.1:8080: address in use"
    );
}

#[tokio::test(start_paused = true)]
async fn unchanged_listeners_keep_their_sockets() {
    let harness = Harness::start(listening(&[("web", "127.0.0.1:8080")]));
    let before = Arc::clone(&harness.started.reader.load().listeners[0].sockets[0]);
    // Held by this process itself: opening it again would fail.
    harness.take("127.0.0.1:8080");
    harness
        .reload(listening(&[("more", "127.0.0.1:9090"), ("web", "127.0.0.1:8080")]))
        .await
        .unwrap();
    let table = harness.started.reader.load();
    assert!(Arc::ptr_eq(&before, &table.listeners[1].sockets[0]));
    assert!(harness.live.listener(&"more".into(), "127.0.0.1:9090".parse().unwrap()).is_some());

    let renamed = listening(&[("renamed", "127.0.0.1:8080")]);
    let error = harness.reload(renamed).await.unwrap_err();
    assert_eq!(
        error.problems,
        ["listener `renamed`: cannot listen on 127.0.0.1:8080: address in use \
          (held by listener `web` of this process)"]
    );
}

#[tokio::test(start_paused = true)]
async fn what_needs_a_restart_is_said_until_it_happens() {
    let harness = Harness::start(site(&[("a", 1)]));
    let mut new = site(&[("a", 1)]);
    new.workers = NonZeroUsize::new(8).unwrap();
    new.state_dir = Some(PathBuf::from("state"));
    new.admin.bind = vec!["127.0.0.1:9900".parse().unwrap()];
    for _ in 0..2 {
        let reloaded = harness.reload(new.clone()).await.unwrap();
        assert_eq!(
            reloaded.warnings,
            [
                "a warning",
                "workers: the change takes effect after a restart",
                "admin: the change takes effect after a restart",
                "state.dir: the change takes effect after a restart"
            ]
        );
    }
}

#[tokio::test(start_paused = true)]
async fn those_who_ask_while_a_reload_is_under_way_share_the_next() {
    let harness = Harness::start(site(&[("a", 1)]));
    harness.write(Ok(site(&[("a", 1)])));
    harness.hold(true);
    let ask = || harness.client().reload(Actor::Signal, None);
    let release = async {
        // Commands are answered in order: by now all four have been heard.
        harness.status().await;
        harness.hold(false);
    };
    let (one, two, three, four, ()) = tokio::join!(biased; ask(), ask(), ask(), ask(), release);
    let generations: Vec<u64> =
        [one, two, three, four].into_iter().map(|reloaded| reloaded.unwrap().generation).collect();
    assert_eq!(generations, [2, 3, 3, 3]);
    assert_eq!(harness.loads.load(Relaxed), 2);
    let events = harness.client().events(100).await;
    let reloads = events.iter().filter(|event| matches!(event.event, Event::Reload { .. }));
    assert_eq!(reloads.count(), 4);
}

#[tokio::test(start_paused = true)]
async fn what_nobody_confirms_is_taken_back() {
    let mut harness = Harness::start(site(&[("a", 1)]));
    harness.write(Ok(site(&[("b", 2)])));
    let minute = Duration::from_secs(60);
    harness.client().reload(Actor::Signal, Some(minute)).await.unwrap();
    assert_eq!(harness.weights(), "b=0");
    harness.next_table().await;
    assert!(harness.next_table().await >= minute - Duration::from_millis(1));
    assert_eq!(harness.weights(), "a=0");
    let error = harness.client().confirm(Actor::Signal).await.unwrap_err();
    assert_eq!(error.problems, ["no reload waits to be confirmed"]);
    let report = harness.status().await.last_reload.unwrap();
    assert_eq!(report.actor, Actor::Unconfirmed);
}

#[tokio::test(start_paused = true)]
async fn what_somebody_confirms_stays() {
    let harness = Harness::start(site(&[("a", 1)]));
    harness.write(Ok(site(&[("b", 2)])));
    let minute = Duration::from_secs(60);
    harness.client().reload(Actor::Signal, Some(minute)).await.unwrap();
    harness.client().confirm(Actor::Signal).await.unwrap();
    tokio::time::sleep(2 * minute).await;
    assert_eq!(harness.weights(), "b=0");
}

#[tokio::test(start_paused = true)]
async fn of_two_on_trial_the_last_proven_one_comes_back() {
    let harness = Harness::start(site(&[("a", 1)]));
    let minute = Duration::from_secs(60);
    for name in ["b", "c"] {
        harness.write(Ok(site(&[(name, 2)])));
        harness.client().reload(Actor::Signal, Some(minute)).await.unwrap();
    }
    tokio::time::sleep(2 * minute).await;
    assert_eq!(harness.weights(), "a=0");
}

#[tokio::test(start_paused = true)]
async fn a_rollback_goes_to_what_was_before_and_there_and_back() {
    let harness = Harness::start(site(&[("a", 1)]));
    let error = harness.client().roll_back(Actor::Signal).await.unwrap_err();
    assert_eq!(error.problems, ["there is no configuration before this one"]);
    harness.reload(site(&[("b", 2)])).await.unwrap();
    for expected in ["a=0", "b=0"] {
        let done = harness.client().roll_back(Actor::Signal).await.unwrap();
        assert_eq!((harness.weights().as_str(), done.generation), (expected, harness.generation()));
    }
}

#[tokio::test(start_paused = true)]
async fn a_rollback_that_cannot_listen_changes_nothing() {
    let harness = Harness::start(listening(&[("web", "127.0.0.1:8080")]));
    harness.reload(listening(&[("more", "127.0.0.1:9090")])).await.unwrap();
    harness.take("127.0.0.1:8080");
    let error = harness.client().roll_back(Actor::Signal).await.unwrap_err();
    assert!(error.problems[0].contains("cannot listen on 127.0.0.1:8080"), "{error}");
    assert_eq!(harness.started.reader.load().listeners[0].settings.name, "more".into());
}
