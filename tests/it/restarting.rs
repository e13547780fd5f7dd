//! Zones that were out or on their way back when the process ended.

use serde_json::Value;

use crate::harness::{Finished, Pulsegate, Server, Setup, pulsegate, until};

/// Two zones of one backend each, a state folder, and checks that see a dead one soon.
fn start(servers: &[Server; 2]) -> Pulsegate {
    let zone = |name: &str, server: &Server| {
        format!("{name}: {{ backends: [ {{ name: {name}, address: \"{}\" }} ] }}", server.address)
    };
    let zones = format!("{}, {}", zone("eu-1", &servers[0]), zone("eu-2", &servers[1]));
    Setup::default()
        .health("{ network: { interval: 50ms, timeout: 2s, fall: 2, rise: 1 } }")
        .pool(&format!("regions: {{ eu: {{ zones: {{ {zones} }} }} }}"))
        .pool("failover: { hold_down: { first: 1h, max: 1h } }")
        .top("state: { dir: state }")
        .over(&[])
}

fn ask(proxy: &Pulsegate, words: &str) -> Finished {
    let socket = proxy.socket();
    let words = words.split(' ').map(str::to_owned);
    pulsegate(words.chain(["--socket".to_owned(), socket.display().to_string()]))
}

/// Waits until both backends are up and the first zone has this share.
fn until_share(proxy: &Pulsegate, share: f64) {
    until(&format!("both up and a share of {share}"), || {
        let status: Value = serde_json::from_str(&ask(proxy, "status --json").stdout).ok()?;
        let zones = status["pools"][0]["regions"][0]["zones"].as_array()?;
        let up = zones.iter().all(|zone| zone["backends"][0]["health"] == "up");
        let first = zones[0]["share"].as_f64()?;
        (up && (first - share).abs() < 1e-6).then_some(())
    });
}

/// Waits until the file in the state folder says this.
fn until_kept(proxy: &Pulsegate, word: &str) {
    let path = proxy.path().join("state/standings.json");
    until(&format!("{word} to be kept"), || {
        std::fs::read_to_string(&path).is_ok_and(|text| text.contains(word)).then_some(())
    });
}

#[test]
fn a_restart_forgets_neither_a_failure_nor_a_stage() {
    let mut servers = [Server::named("a"), Server::named("b")];
    let proxy = start(&servers);
    until_share(&proxy, 0.5);
    servers[0].kill();
    until_kept(&proxy, "\"out\"");
    servers[0].start();

    let proxy = proxy.restart();
    until_share(&proxy, 0.0);
    let told = ask(&proxy, "events").stdout;
    assert!(told.contains("its health is 0 %"), "{told}");

    let advanced = ask(&proxy, "restore zone eu-1 --advance");
    assert_eq!(advanced.code, Some(0), "{advanced:?}");
    until_share(&proxy, 0.005);
    until_kept(&proxy, "\"restoring\"");
    until_share(&proxy.restart(), 0.005);
}

#[test]
fn kept_standings_that_cannot_be_read_are_told_and_do_no_more() {
    let servers = [Server::named("a"), Server::named("b")];
    let mut proxy = start(&servers);
    let other = "{ \"version\": 99, \"content\": [] }";
    for (text, problem) in [("{ broken", "key must be a string"), (other, "of version 99")] {
        let path = proxy.path().join("state/standings.json");
        std::fs::write(path, text).expect("a writable folder");
        proxy = proxy.restart();
        let told = proxy.says("standings.json");
        assert!(told.contains(problem), "{told}");
        until_share(&proxy, 0.5);
    }
}
