//! The event log: what happened is found again, after a rotation and after a restart.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use rustix::process::Signal;
use serde_json::Value;

use crate::harness::{Setup, Site, until};

fn kept() -> Site {
    Setup::default().top("state: { dir: state }").start()
}

fn log(site: &Site) -> PathBuf {
    site.proxy.path().join("state/events.jsonl")
}

/// The whole lines of a file that is being written.
fn lines(path: &PathBuf) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap_or_default();
    let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
    whole.lines().map(|line| serde_json::from_str(line).expect("one object per line")).collect()
}

fn has(path: &PathBuf, kind: &str) -> Option<Value> {
    lines(path).into_iter().find(|line| line["kind"] == kind)
}

#[test]
fn a_reload_is_in_the_log_with_who_asked_and_what_was_wrong() {
    let site = kept();
    assert_eq!(site.proxy.command("reload").code, Some(0));
    site.proxy.rewrite("version: 1\nlisteners: {}\npools: { site: {} }\n");
    assert_eq!(site.proxy.command("reload").code, Some(2));
    let refused = until("both reloads", || {
        let lines = lines(&log(&site));
        lines.into_iter().find(|line| line["kind"] == "reload" && line["ok"] == false)
    });
    assert!(refused["actor"].as_str().is_some_and(|who| who.starts_with("admin ")), "{refused}");
    assert!(!refused["problems"].as_array().expect("a list").is_empty(), "{refused}");
    let numbers: Vec<u64> = lines(&log(&site)).iter().filter_map(|it| it["seq"].as_u64()).collect();
    assert_eq!(numbers, (1..=numbers.len() as u64).collect::<Vec<_>>());

    let shown = site.proxy.command("events");
    assert_eq!(shown.code, Some(0), "{shown:?}");
    assert!(shown.stdout.contains("reload REFUSED, asked for by admin"), "{shown:?}");
}

#[test]
fn it_is_its_owners_alone() {
    let site = kept();
    let mode = |path: PathBuf| {
        let metadata = fs::metadata(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        metadata.permissions().mode() & 0o777
    };
    assert_eq!(mode(log(&site)), 0o600);
    assert_eq!(mode(site.proxy.path().join("state")), 0o700);
}

#[test]
fn after_sigusr1_it_goes_on_in_a_new_file() {
    let site = kept();
    until("the start", || has(&log(&site), "start"));
    let rotated = site.proxy.path().join("state/events.jsonl.1");
    fs::rename(log(&site), &rotated).expect("a writable folder");
    site.proxy.signal(Signal::USR1);
    until("the new file", || log(&site).exists().then_some(()));
    assert_eq!(site.proxy.command("reload").code, Some(0));
    until("the reload", || has(&log(&site), "reload"));
    assert!(has(&rotated, "reload").is_none());
}

#[test]
fn a_state_folder_that_cannot_be_used_is_said_before_anything_is_served() {
    let folder = crate::harness::Pulsegate::folder();
    fs::write(folder.path().join("state"), b"a file").expect("a writable folder");
    let config = folder.path().join("pulsegate.yaml");
    let dir = folder.path().join("state");
    let setup = Setup::default().top(&format!("state: {{ dir: {} }}", dir.display()));
    fs::write(&config, setup.config(&[([127, 0, 0, 1], 1).into()])).expect("a writable folder");
    let config = config.to_str().expect("a plain path");
    let ended = crate::harness::pulsegate(["run", "--config", config]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stderr.contains("state.dir") && !ended.stdout.contains("ready"), "{ended:?}");
}
