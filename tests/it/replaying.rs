//! What a process has recorded is decided again.

use std::fs;
use std::path::PathBuf;

use crate::harness::{Backends, Finished, Pulsegate, Setup, Site, pulsegate, until};

const PROBED: &str = "{ network: { interval: 20ms, timeout: 20ms, fall: 3 } }";

/// A run in which a backend dies, somebody gives an order, the file is read again, and the process
/// starts again.
fn recorded() -> Site {
    let setup = Setup::default().health(PROBED).top("state: { dir: state, record: 8MiB }");
    let mut site = Site::start(setup, Backends::start(2));
    until("both are well", || {
        let events = site.proxy.command("events").stdout;
        (events.matches("-> up").count() == 2).then_some(())
    });
    site.backends.refuse(1);
    until("one is down", || site.proxy.command("events").stdout.contains("-> down").then_some(()));
    assert_eq!(site.proxy.command("reload").code, Some(0));
    let socket = site.proxy.socket();
    let drain = ["traffic", "site", "--percent", "50", "--for", "1h", "--socket"];
    let drain = pulsegate(drain.map(Into::into).into_iter().chain([socket.into_os_string()]));
    assert_eq!(drain.code, Some(0), "{drain:?}");
    Site { proxy: site.proxy.restart(), ..site }
}

fn file(proxy: &Pulsegate, name: &str) -> PathBuf {
    proxy.path().join("state").join(name)
}

fn replay(arguments: &[&PathBuf]) -> Finished {
    let arguments = arguments.iter().map(|path| path.as_os_str().to_owned());
    pulsegate([std::ffi::OsString::from("replay")].into_iter().chain(arguments))
}

#[test]
fn the_same_configuration_decides_the_same() {
    let site = recorded();
    let before = file(&site.proxy, "inputs.jsonl.1");
    let told = replay(&[&before]);
    assert_eq!(told.code, Some(0), "{told:?}");
    assert!(told.stdout.ends_with("identical"), "{told:?}");
    assert!(!told.stdout.contains("missing") && !told.stdout.contains(", 0 decisions"), "{told:?}");
    let both = replay(&[&site.proxy.path().join("state")]);
    assert!(both.stdout.ends_with("identical"), "{both:?}");
}

#[test]
fn a_process_that_took_over_from_another_is_decided_again_exactly() {
    let mut site = recorded();
    site.backends.listen(1);
    let second = file(&site.proxy, "inputs.jsonl");
    let told = until("it is back, in the recording", || {
        let told = replay(&[&second]);
        (told.code != Some(0) || !told.stdout.contains(", 0 decisions")).then_some(told)
    });
    assert_eq!(told.code, Some(0), "{told:?}");
    assert!(told.stdout.ends_with("identical"), "{told:?}");
    assert!(!told.stdout.contains("not compared"), "{told:?}");
}

#[test]
fn another_configuration_shows_where_it_differs() {
    let site = recorded();
    let patient = PROBED.replace("fall: 3", "fall: 300");
    let config = Setup::default().health(&patient).config(site.backends.addresses());
    let other = site.proxy.path().join("other.yaml");
    fs::write(&other, config).expect("a writable folder");
    let (log, with) = (file(&site.proxy, "inputs.jsonl.1"), PathBuf::from("--config"));
    let told = replay(&[&log, &with, &other]);
    assert_eq!(told.code, Some(0), "{told:?}");
    assert!(told.stdout.contains("  - backend site/"), "it does not go down: {told:?}");
    assert!(told.stdout.contains("recorded only (-), "), "{told:?}");
}

#[test]
fn a_broken_line_is_named() {
    let site = recorded();
    let text = fs::read_to_string(file(&site.proxy, "inputs.jsonl.1")).expect("a recording");
    let broken = file(&site.proxy, "broken.jsonl");
    let lines: Vec<&str> = text.lines().take(3).chain(["{ \"kind\": \"step\" }", ""]).collect();
    fs::write(&broken, lines.join("\n")).expect("a writable folder");
    let told = replay(&[&broken]);
    assert_eq!(told.code, Some(2), "{told:?}");
    assert!(told.stderr.contains("broken.jsonl: line 4: missing field"), "{told:?}");
    let nothing = replay(&[&file(&site.proxy, "none.jsonl")]);
    assert_eq!(nothing.code, Some(1), "{nothing:?}");
    assert!(nothing.stderr.contains("none.jsonl"), "{nothing:?}");
}
