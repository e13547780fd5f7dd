//! `pulsegate bench` against servers that answer, refuse and are not there.
//!
//! The machine that runs this may be busy, so nothing here depends on how fast anything was: the
//! generator may be as late as it likes, and targets are either out of reach or cannot be missed.

use std::net::{Ipv4Addr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rustix::process::Signal;
use serde_json::Value;

use crate::harness::{Finished, Head, Program, Server, Setup, pulsegate};

/// Runs `pulsegate bench <url> <options>`, however late the generator is.
fn bench(url: &str, options: &str) -> Finished {
    let line = format!("bench {url} --late-limit 1h {options}");
    pulsegate(line.split_whitespace())
}

fn json(finished: &Finished) -> Value {
    serde_json::from_str(&finished.stdout).unwrap_or_else(|e| panic!("{e}: {finished:?}"))
}

fn url(server: &Server) -> String {
    format!("http://{}/", server.address)
}

#[test]
fn every_request_of_the_schedule_is_sent_and_targets_that_are_met_exit_with_0() {
    let server = Server::named("ok");
    let options = "--rate 500 --duration 400ms --connections 3 --target p50=1m,errors=0% --json";
    let finished = bench(&url(&server), options);
    assert_eq!(finished.code, Some(0), "{finished:?}");
    let report = json(&finished);
    assert_eq!(report["requests"]["due"], 200);
    assert_eq!(report["requests"]["answered"], 200);
    assert_eq!(report["verdict"], "met");
    assert_eq!(server.requests(), 200);
}

#[test]
fn what_warms_a_server_up_is_sent_and_not_counted() {
    let server = Server::named("ok");
    let options = "--rate 100 --duration 200ms --warm-up 300ms --connections 3 --json";
    let finished = bench(&url(&server), options);
    assert_eq!(finished.code, Some(0), "{finished:?}");
    let report = json(&finished);
    assert_eq!(
        (&report["requests"]["due"], &report["requests"]["answered"]),
        (&20.into(), &20.into())
    );
    assert_eq!(server.requests(), 50);
}

#[test]
fn a_target_out_of_reach_exits_with_1_and_is_named() {
    let server = Server::named("ok");
    let finished = bench(&url(&server), "--rate 100 --duration 100ms --target max=1us,p50=1m");
    assert_eq!(finished.code, Some(1), "{finished:?}");
    assert!(finished.stdout.contains("MISSED  max=1us"), "{finished:?}");
    assert!(finished.stdout.contains("met     p50=1m"), "{finished:?}");
}

#[test]
fn a_server_that_fails_quickly_is_not_fast() {
    let calls = AtomicUsize::new(0);
    let reply = move |_: &Head| {
        let status = if calls.fetch_add(1, Ordering::SeqCst).is_multiple_of(2) {
            "200 OK"
        } else {
            "503 No"
        };
        format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n").into_bytes()
    };
    let server = Server::answering(Arc::new(reply));
    let options = "--rate 200 --duration 200ms --connections 1 --target p99=1m,errors=10%";
    let finished = bench(&url(&server), options);
    assert_eq!(finished.code, Some(1), "{finished:?}");
    assert!(finished.stdout.contains("status-5xx 20"), "{finished:?}");
    assert!(finished.stdout.contains("MISSED  p99=1m      measured failed"), "{finished:?}");
    assert!(finished.stdout.contains("MISSED  errors=10%  measured 50.0000 %"), "{finished:?}");
}

#[test]
fn method_headers_and_body_are_sent_as_given() {
    let reply = |head: &Head| {
        let right = head.start == "PUT /a?b HTTP/1.1"
            && head.get("x-one") == Some("1")
            && head.get("content-length") == Some("5");
        let status = if right { "200 OK" } else { "400 Bad" };
        format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n").into_bytes()
    };
    let server = Server::answering(Arc::new(reply));
    let folder = tempfile::tempdir().expect("a temporary folder");
    let body = folder.path().join("body");
    std::fs::write(&body, "hello").expect("a writable folder");
    let url = format!("http://{}/a?b", server.address);
    let options = format!(
        "--method PUT --header x-one:1 --body-file {} --rate 100 --duration 100ms --target errors=0%",
        body.display()
    );
    let finished = bench(&url, &options);
    assert_eq!(finished.code, Some(0), "{finished:?}");
}

#[test]
fn what_is_wrong_is_told_in_one_line_before_any_load() {
    let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let address = free.local_addr().expect("a bound socket");
    drop(free);
    let refused = format!("http://{address}/");
    let server = Server::named("ok");
    let good = url(&server);
    for (url, options, code, told) in [
        (refused.as_str(), "", 1, "Connection refused"),
        ("http://no-such-host.invalid/", "", 1, "no-such-host.invalid: cannot be resolved"),
        ("ftp://a/", "", 2, "expected a URL"),
        (&good, "--target p9x=5ms", 2, "unknown name"),
        (&good, "--target latency=5ms", 2, "unknown name"),
        (&good, "--rate 0", 2, "rate 0: expected more than 0"),
        (&good, "--rate 2000000", 2, "at most 1000000"),
        (&good, "--body-file /nonexistent", 2, "/nonexistent"),
        (&good, "--header nonsense", 2, "expected `name: value`"),
    ] {
        let finished = bench(url, options);
        assert_eq!(finished.code, Some(code), "{url} {options}: {finished:?}");
        assert!(finished.stderr.contains(told), "`{told}` in {finished:?}");
        assert!(finished.stdout.is_empty(), "{finished:?}");
    }
    assert_eq!(server.requests(), 0);
}

#[test]
fn ctrl_c_ends_the_run_and_prints_what_was_measured() {
    let server = Server::named("ok");
    let line = format!("bench {} --rate 100 --duration 1h --late-limit 1h", url(&server));
    let program = Program::start(line.split(' '));
    program.says("answered");
    program.signal(Signal::INT);
    let finished = program.finish();
    assert_eq!(finished.code, Some(0), "{finished:?}");
    assert!(finished.stdout.contains("INTERRUPTED after"), "{finished:?}");
    assert!(finished.stdout.contains("latency ms"), "{finished:?}");
}

#[test]
fn results_are_drawn_saved_and_compared() {
    let server = Server::named("ok");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = |name: &str| folder.path().join(name).display().to_string();
    for name in ["a", "b"] {
        let report = path(&format!("{name}.html"));
        let options = format!("--rate 300 --duration 200ms --json --report {report}");
        let finished = bench(&url(&server), &options);
        assert_eq!(finished.code, Some(0), "{finished:?}");
        std::fs::write(path(&format!("{name}.json")), &finished.stdout).expect("writable");
        let page = std::fs::read_to_string(report).expect("the page was written");
        assert!(page.contains("</svg>"), "{page}");
    }
    let [a, b] = ["a.json", "b.json"].map(path);
    let finished = pulsegate(["bench", "--compare", &a, &b]);
    assert!(finished.stdout.contains("p99 by window"), "{finished:?}");
    let finished = pulsegate(["bench", "--compare", &a, &b, &a]);
    assert_eq!(finished.code, Some(2), "{finished:?}");
    let finished = pulsegate(["bench", "--compare", &a, &path("none.json")]);
    assert_eq!(finished.code, Some(2), "{finished:?}");
    assert!(finished.stderr.contains("none.json"), "{finished:?}");
}

#[test]
fn what_the_balancer_did_meanwhile_is_in_the_result() {
    let server = Server::named("ok");
    let proxy = Setup::default().over(&[&server]);
    let socket = proxy.socket();
    let (url, socket) = (format!("http://{}/", proxy.address("web")), socket.display());
    let line = format!("bench {url} --duration 1h --late-limit 1h --json --scenario {socket}");
    let program = Program::start(line.split(' '));
    program.says("answered");
    proxy.signal(Signal::HUP);
    proxy.says("reloaded");
    program.signal(Signal::INT);
    let report = json(&program.finish());
    let marks = report["marks"].as_array().expect("a list");
    let reloaded =
        |mark: &Value| mark["text"].as_str().is_some_and(|it| it.starts_with("reloaded"));
    assert!(marks.iter().any(reloaded), "{marks:?}");
    let refused = bench(&url, "--scenario /nonexistent/events.jsonl");
    assert_eq!(refused.code, Some(2), "{refused:?}");
    assert!(refused.stderr.contains("/nonexistent/events.jsonl"), "{refused:?}");
}
