//! `explain` and `simulate` at the command line: what they print, and how they end.

use crate::harness::{Setup, pulsegate};

#[test]
fn a_running_process_explains_a_request() {
    let site = Setup::default()
        .route("{ match: { path: /closed }, respond: { status: 503, body: no } }")
        .route("{ name: all, pool: site }")
        .backends(2);
    let ask = |rest: &[&str]| {
        let socket = site.proxy.socket();
        let fixed = ["explain", "GET", "http://shop.example/x", "--socket"];
        let arguments = fixed.iter().map(std::ffi::OsStr::new).chain([socket.as_os_str()]);
        pulsegate(arguments.chain(rest.iter().map(std::ffi::OsStr::new)))
    };
    let told = ask(&[]);
    assert_eq!(told.code, Some(0), "{told:?}");
    let backend = site.backends.address(0).to_string();
    for part in
        ["route     - routes[0]: wants a path exactly /closed, not /x", "> all", &backend, "50.0 %"]
    {
        assert!(told.stdout.contains(part), "{part} in {told:?}");
    }

    let assumed = ask(&["--assume", &format!("backend=site/{backend}=drain")]);
    assert!(assumed.stdout.contains("lost: drain was ordered"), "{assumed:?}");
    assert!(assumed.stdout.contains("100.0 %"), "{assumed:?}");
    let again = ask(&[]);
    assert_eq!(again.stdout, told.stdout, "an assumption changes nothing");

    let wrong = ask(&["--assume", "zone=defualt=down"]);
    assert_eq!(wrong.code, Some(2), "{wrong:?}");
    assert!(wrong.stderr.contains("did you mean `default`?"), "{wrong:?}");
}

#[test]
fn a_config_explains_a_request_offline() {
    let told = pulsegate(
        "explain GET http://shop.example/ --config conf/regions.yaml --assume zone=us-east-1a=down"
            .split(' '),
    );
    assert_eq!(told.code, Some(0), "{told:?}");
    for part in ["assumed   zone=us-east-1a=down", "us-east-1b", "needs: "] {
        assert!(told.stdout.contains(part), "{part} in {told:?}");
    }
}

#[test]
fn a_config_explains_connections_and_datagrams_offline() {
    for (asked, parts) in [
        (
            "tcp://127.0.0.1:15432 --sni db.reports.example.com --client 10.1.2.3",
            [
                "TLS connection, server name db.reports.example.com",
                "> reports",
                "pool      site-db",
            ],
        ),
        ("udp://127.0.0.1:15353", ["datagram", "listener  dns", "pool      resolvers"]),
    ] {
        let words = asked.split(' ').chain(["--config", "conf/full.yaml"]);
        let told = pulsegate(["explain"].into_iter().chain(words));
        assert_eq!(told.code, Some(0), "{told:?}");
        for part in parts {
            assert!(told.stdout.contains(part), "{part} in {told:?}");
        }
    }
    let wrong = pulsegate("explain tcp://127.0.0.1:1 --config conf/full.yaml".split(' '));
    assert_eq!(wrong.code, Some(2), "{wrong:?}");
    assert!(wrong.stderr.contains("no tcp listener has that port"), "{wrong:?}");
}

#[test]
fn a_scenario_is_played_drawn_and_checked() {
    let folder = tempfile::tempdir().expect("a writable folder");
    let (scenario, picture) = (folder.path().join("s.yaml"), folder.path().join("s.svg"));
    let text = "version: 1\nabout: a test\nduration: 20s\nload: { shop: { rps: 50 } }\n\
                events: [ { at: 5s, kill: { zone: us-east-1a } } ]\n";
    std::fs::write(&scenario, text).expect("a writable folder");
    let play = |rest: &[&str]| {
        let fixed = ["simulate", "--config", "conf/regions.yaml", "--scenario"];
        let arguments = fixed.iter().map(std::ffi::OsStr::new).chain([scenario.as_os_str()]);
        pulsegate(arguments.chain(rest.iter().map(std::ffi::OsStr::new)))
    };
    let told = play(&["--svg", &picture.display().to_string()]);
    assert_eq!(told.code, Some(0), "{told:?}");
    assert!(told.stdout.contains("us-east-1a is gone"), "{told:?}");
    let picture = std::fs::read_to_string(picture).expect("a picture");
    assert!(picture.starts_with("<svg ") && picture.ends_with("</svg>\n"));
    assert_eq!(play(&["--json"]).stdout, play(&["--json"]).stdout, "the same seed");

    std::fs::write(&scenario, text.replace("us-east-1a", "us-east-9")).expect("a writable folder");
    let refused = play(&["--check"]);
    assert_eq!(refused.code, Some(2), "{refused:?}");
    assert!(refused.stderr.contains("s.yaml:5:"), "{refused:?}");
}
