//! The configuration file, watched.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use super::harness::{Harness, listener};
use crate::config::{ClientList, Clients, ListSource, Listener};
use crate::control::Actor;
use crate::decision::tests::fixture::{backend, config, flat};

#[tokio::test(start_paused = true)]
async fn each_content_is_tried_once_and_a_bad_one_is_reported_once() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("pulsegate.yaml");
    fs::write(&path, "first").unwrap();
    let mut site = config(vec![flat("site", vec![backend("a", 1)])]);
    (site.path, site.watch) = (Some(path.clone()), true);
    let harness = Harness::start(site.clone());
    let settle = || tokio::time::sleep(Duration::from_secs(5));

    settle().await;
    assert_eq!(harness.loads.load(Relaxed), 0, "nothing has changed");

    harness.write(Err(vec!["half of it is missing".to_owned()]));
    fs::write(&path, "half").unwrap();
    settle().await;
    assert_eq!(harness.loads.load(Relaxed), 1);
    assert_eq!(harness.generation(), 1);
    let report = harness.client().last_reload().await.unwrap();
    assert_eq!(report.actor, Actor::File);
    assert!(report.result.is_err());

    harness.write(Ok(site));
    fs::write(&path, "whole").unwrap();
    settle().await;
    assert_eq!(harness.loads.load(Relaxed), 2);
    assert_eq!(harness.generation(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_file_nobody_asked_to_watch_is_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("pulsegate.yaml");
    fs::write(&path, "first").unwrap();
    let mut site = config(vec![flat("site", vec![backend("a", 1)])]);
    site.path = Some(path.clone());
    let harness = Harness::start(site);
    fs::write(&path, "second").unwrap();
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(harness.loads.load(Relaxed), 0);
}

#[tokio::test(start_paused = true)]
async fn a_list_of_clients_is_watched_with_the_config_that_names_it() {
    let directory = tempfile::tempdir().unwrap();
    let (path, list) = (directory.path().join("pulsegate.yaml"), directory.path().join("deny"));
    for file in [&path, &list] {
        fs::write(file, "first").unwrap();
    }
    let mut site = config(vec![flat("site", vec![backend("a", 1)])]);
    (site.path, site.watch) = (Some(path.clone()), true);
    let harness = Harness::start(site.clone());
    let settle = || tokio::time::sleep(Duration::from_secs(5));
    settle().await;
    fs::write(&list, "second").unwrap();
    settle().await;
    assert_eq!(harness.loads.load(Relaxed), 0, "no list is named yet");

    let sources = vec![ListSource::File(list.clone())];
    let deny = ClientList { sources, ..ClientList::default() };
    let clients = Some(Arc::new(Clients { allow: None, deny }));
    site.listeners = vec![Listener { clients, ..listener("web", "127.0.0.1:80") }];
    harness.write(Ok(site));
    fs::write(&path, "names the list").unwrap();
    settle().await;
    assert_eq!(harness.loads.load(Relaxed), 1, "what the list holds then is in force");
    fs::write(&list, "third").unwrap();
    settle().await;
    assert_eq!(harness.loads.load(Relaxed), 2);
}
