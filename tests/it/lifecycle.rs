//! Starting, refusing to start, and stopping.

use rustix::process::Signal;

use crate::harness::{Finished, Pulsegate, Setup, Site, pulsegate};

/// Runs `pulsegate <command> --config` on a file of this text.
fn on_file(command: &str, config: &str) -> Finished {
    let folder = Pulsegate::folder();
    let path = folder.path().join("pulsegate.yaml");
    std::fs::write(&path, config).expect("a writable folder");
    pulsegate([command.as_ref(), "--config".as_ref(), path.as_os_str()])
}

#[test]
fn a_second_instance_on_the_same_port_fails_and_names_listener_and_address() {
    let site = Site::plain();
    let address = site.proxy.address("web").to_string();
    let second = Setup::default()
        .listener(&format!("bind: {address}"))
        .top("admin: { socket: other.sock }")
        .config(site.backends.addresses());
    let finished = on_file("run", &second);
    assert_eq!(finished.code, Some(1), "{finished:?}");
    assert!(finished.stderr.contains("web"), "{finished:?}");
    assert!(finished.stderr.contains(&address), "{finished:?}");
    assert!(!finished.stdout.contains("ready"), "{finished:?}");
}

#[test]
fn every_mistake_in_a_config_is_reported_at_once_with_its_line() {
    let config = "version: 1\nlisteners:\n  web:\n    bind: not-an-address\n    protocol: http\n    \
                  rotes: []\n    routes: [ { pool: nowhere } ]\npools:\n  site: { backends: [] }\n";
    for command in ["run", "check"] {
        let finished = on_file(command, config);
        assert_eq!(finished.code, Some(2), "{command}: {finished:?}");
        for expected in [
            "pulsegate.yaml:4:",
            "not-an-address",
            "pulsegate.yaml:6:",
            "rotes",
            "nowhere",
            "backends",
        ] {
            assert!(finished.stderr.contains(expected), "{command}: `{expected}` in {finished:?}");
        }
        assert!(finished.stderr.contains("routes"), "the nearest key: {finished:?}");
        assert!(!finished.stdout.contains("listening"), "nothing may start: {finished:?}");
    }
}

#[test]
fn what_is_not_yaml_is_reported_with_its_line() {
    let finished = on_file("check", "version: 1\nlisteners: [ {\n");
    assert_eq!(finished.code, Some(2), "{finished:?}");
    assert!(finished.stderr.contains("pulsegate.yaml:"), "{finished:?}");
}

#[test]
fn a_missing_file_is_named() {
    let finished = pulsegate(["run", "--config", "/nonexistent/pulsegate.yaml"]);
    assert_eq!(finished.code, Some(2), "{finished:?}");
    assert!(finished.stderr.contains("/nonexistent/pulsegate.yaml"), "{finished:?}");
}

#[test]
fn bad_usage_exits_with_2() {
    assert_eq!(pulsegate(["run", "--no-such-option"]).code, Some(2));
    assert_eq!(pulsegate(["no-such-command"]).code, Some(2));
}

#[test]
fn a_good_file_passes_the_check() {
    let config = Setup::default().config(&["127.0.0.1:9001".parse().expect("an address")]);
    let finished = on_file("check", &config);
    assert_eq!(finished.code, Some(0), "{finished:?}");
}

#[test]
fn check_shows_every_default_and_the_schema() {
    let folder = Pulsegate::folder();
    let path = folder.path().join("pulsegate.yaml");
    let config = Setup::default().config(&["127.0.0.1:9001".parse().expect("an address")]);
    std::fs::write(&path, config).expect("a writable folder");
    let file = path.as_os_str();
    let printed = pulsegate(["check".as_ref(), "--print".as_ref(), "--config".as_ref(), file]);
    assert_eq!(printed.code, Some(0), "{printed:?}");
    assert!(printed.stdout.contains("first_byte: 30s"), "{}", printed.stdout);
    // What it prints is a config again.
    let again = on_file("check", &printed.stdout);
    assert_eq!(again.code, Some(0), "{again:?}\n{}", printed.stdout);
    let schema = pulsegate(["check", "--schema"]);
    assert_eq!(schema.code, Some(0), "{schema:?}");
    let schema: serde_json::Value = serde_json::from_str(&schema.stdout).expect("JSON");
    assert!(schema["$schema"].is_string(), "{schema}");
}

#[test]
fn an_admin_address_open_to_the_world_needs_a_token() {
    let config = Setup::default()
        .top("admin: { bind: 0.0.0.0:0 }")
        .config(&["127.0.0.1:9001".parse().expect("an address")]);
    let finished = on_file("check", &config);
    assert_eq!(finished.code, Some(2), "{finished:?}");
    assert!(finished.stderr.contains("token"), "{finished:?}");
}

#[test]
fn a_drain_finishes_what_is_in_flight_and_exits_with_0() {
    for signal in [Signal::TERM, Signal::INT] {
        let site = Site::plain();
        let (mut client, mut upstream) = site.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        upstream.head();
        let mut idle = site.client();
        idle.send("GET /idle HTTP/1.1\r\nHost: a\r\n\r\n");
        site.accept().serve("idle");
        idle.response();
        site.proxy.signal(signal);
        idle.ended();
        upstream.ok("finished");
        let response = client.response();
        assert_eq!((response.text().as_str(), response.says_close()), ("finished", true));
        client.ended();
        let finished = site.proxy.finish();
        assert_eq!(finished.code, Some(0), "{finished:?}");
    }
}

#[test]
fn a_draining_process_takes_no_new_connections() {
    let site = Site::plain();
    let (mut client, mut upstream) = site.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    upstream.head();
    let address = site.proxy.address("web");
    site.proxy.signal(Signal::TERM);
    crate::harness::until("the listener to close", || {
        std::net::TcpStream::connect(address).is_err().then_some(())
    });
    upstream.ok("finished");
    assert_eq!(client.response().text(), "finished");
    assert_eq!(site.proxy.finish().code, Some(0));
}

#[test]
fn a_second_signal_stops_at_once() {
    let site = Site::plain();
    let (mut client, mut upstream) = site.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    upstream.head();
    let address = site.proxy.address("web");
    site.proxy.signal(Signal::TERM);
    // Two signals at once may be delivered as one.
    crate::harness::until("the drain to begin", || {
        std::net::TcpStream::connect(address).is_err().then_some(())
    });
    site.proxy.signal(Signal::TERM);
    client.rest();
    upstream.ended();
    site.proxy.finish();
}
