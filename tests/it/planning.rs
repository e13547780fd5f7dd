//! `plan` at the command line: what a change would do, with what is so now, and how it ends.

use std::ffi::OsStr;
use std::path::Path;

use crate::harness::{Backends, Finished, Setup, Site, pulsegate, until};

const PROBED: &str = "{ network: { interval: 20ms, timeout: 20ms, fall: 3 } }";

fn plan(site: &Site, config: &Path, rest: &[&str]) -> Finished {
    let socket = site.proxy.socket();
    let fixed = [OsStr::new("plan"), OsStr::new("--config"), config.as_os_str()];
    let with = [OsStr::new("--socket"), socket.as_os_str()];
    pulsegate(fixed.into_iter().chain(with).chain(rest.iter().map(OsStr::new)))
}

fn written(site: &Site, name: &str, text: &str) -> std::path::PathBuf {
    let path = site.proxy.path().join(name);
    std::fs::write(&path, text).expect("a writable folder");
    path
}

#[test]
fn a_change_is_told_and_nothing_is_put_in_force() {
    let setup = Setup::default().health(PROBED);
    let mut site = Site::start(setup.clone(), Backends::start(2));
    let running = std::fs::read_to_string(site.proxy.config()).expect("its configuration");
    let same = written(&site, "same.yaml", &running);
    let told = plan(&site, &same, &["--exit-code"]);
    assert_eq!((told.code, &*told.stdout), (Some(0), "nothing would change"), "{told:?}");

    site.backends.refuse(1);
    until("one is down", || site.proxy.command("events").stdout.contains("-> down").then_some(()));
    // Only the one that is down would be left.
    let other = written(&site, "other.yaml", &setup.config(&site.backends.addresses()[1..]));
    let told = plan(&site, &other, &["--exit-code"]);
    assert_eq!(told.code, Some(3), "{told:?}");
    let gone = format!("- backend site/{}", site.backends.address(0));
    for part in [&*gone, "every backend as it is now", "! pool site: nobody would be left"] {
        assert!(told.stdout.contains(part), "{part} in {told:?}");
    }
    assert_eq!(plan(&site, &other, &[]).code, Some(0));
    let json = plan(&site, &other, &["--json"]);
    let json: serde_json::Value = serde_json::from_str(&json.stdout).expect("JSON");
    assert_eq!(json["things"][0]["change"], "removed", "{json}");
    assert!(plan(&site, &same, &[]).stdout.contains("nothing would change"));
}

#[test]
fn a_file_with_mistakes_is_refused_with_all_of_them() {
    let site = Setup::default().start();
    let wrong = written(&site, "new.yaml", "version: 1\nlisteners: {}\npools: { site: {} }\n");
    let told = plan(&site, &wrong, &[]);
    assert_eq!(told.code, Some(2), "{told:?}");
    assert!(told.stderr.contains("new.yaml:2:") && told.stderr.contains("new.yaml:3:"), "{told:?}");
}

#[test]
fn two_files_are_compared_without_a_process() {
    let folder = tempfile::tempdir().expect("a writable folder");
    let old = std::fs::read_to_string("conf/regions.yaml").expect("an example");
    let new = folder.path().join("new.yaml");
    std::fs::write(&new, old.replacen("weight: 50", "weight: 40", 1)).expect("a writable folder");
    let new = new.to_str().expect("a plain path");
    let told = pulsegate(["plan", "--against", "conf/regions.yaml", "--config", new]);
    assert_eq!(told.code, Some(0), "{told:?}");
    for part in ["~ region ", "weight: 50 -> 40", "with every backend well", "% would move"] {
        assert!(told.stdout.contains(part), "{part} in {told:?}");
    }
}
