//! What is known of backends outlives a reload and the process.

use std::fs;

use serde_json::Value;

use crate::harness::{Backends, Pulsegate, Setup, pulsegate, until};

/// Two backends, the second of which refuses, asked every ten seconds; with a state folder.
fn one_refuses() -> (Pulsegate, Backends, String) {
    let mut backends = Backends::start(2);
    backends.refuse(1);
    let setup = Setup::default()
        .health("{ network: { interval: 10s, timeout: 1s, fall: 2, jitter: 0% } }")
        .top("state: { dir: state }");
    let config = setup.config(backends.addresses());
    let proxy = Pulsegate::start(Pulsegate::folder(), &config);
    (proxy, backends, config)
}

/// What is known of the backend of this number.
fn known(proxy: &Pulsegate, number: usize) -> Value {
    let status = proxy_status(proxy);
    status["pools"][0]["regions"][0]["zones"][0]["backends"][number].clone()
}

fn proxy_status(proxy: &Pulsegate) -> Value {
    let socket = proxy.socket().display().to_string();
    let told = pulsegate(["status", "--json", "--socket", &socket]);
    serde_json::from_str(&told.stdout).expect("JSON on standard output")
}

fn until_judged(proxy: &Pulsegate) {
    until("both verdicts", || {
        let told = [0, 1].map(|number| known(proxy, number)["health"].clone());
        (told == ["up", "down"]).then_some(())
    });
}

#[test]
fn verdicts_and_results_outlive_a_restart_and_a_reload() {
    let (proxy, _backends, config) = one_refuses();
    until_judged(&proxy);
    let before = [0, 1].map(|number| known(&proxy, number));
    let same = |proxy: &Pulsegate| {
        for (number, before) in before.iter().enumerate() {
            let now = known(proxy, number);
            for key in ["health", "cause", "reason", "flips"] {
                assert_eq!(now[key], before[key], "{key} of {now:#}");
            }
            let results = now["checks"][0]["results"].as_str().expect("results").to_owned();
            let earlier = before["checks"][0]["results"].as_str().expect("results");
            assert!(results.starts_with(earlier), "{earlier} in {results}");
        }
    };
    proxy.rewrite(&config.replace("fall: 2", "fall: 2, rise: 3"));
    assert_eq!(proxy.command("reload").code, Some(0));
    same(&proxy);
    let proxy = proxy.restart();
    same(&proxy);
    let (started, since) =
        (proxy_status(&proxy)["started"].clone(), known(&proxy, 1)["since"].clone());
    assert!(since.as_str() < started.as_str(), "{since} < {started}");
    let events = proxy.command("events").stdout;
    assert!(events.contains("unknown -> down (network): refused"), "{events}");
}

#[test]
fn a_file_that_is_not_understood_is_reported_and_left() {
    for (text, said) in [
        ("\u{1b}[2J not JSON", "health.json"),
        ("{\"version\":7,\"content\":{}}", "it is of version 7 (expected 1)"),
        ("[]", "health.json"),
    ] {
        let (proxy, _backends, _) = one_refuses();
        until_judged(&proxy);
        let socket = proxy.socket().display().to_string();
        let ordered = pulsegate(["weight", "zone", "default", "7", "--socket", &socket]);
        assert_eq!(ordered.code, Some(0), "{ordered:?}");
        let proxy = proxy.restart_with(|folder| {
            fs::write(folder.join("state/health.json"), text).expect("it was written at the end");
        });
        let line = proxy.says("kept health is not used");
        assert!(line.contains(said), "{line}");
        assert!(!line.contains('\u{1b}'), "{line:?}");
        assert!(proxy.command("orders").stdout.contains("weight of zone"), "orders are kept");
        until_judged(&proxy);
    }
}
