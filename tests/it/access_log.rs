//! One line of JSON for each exchange, whatever became of it.

use rustix::process::Signal;
use serde_json::Value;

use crate::harness::{Pulsegate, Setup, Site, pulsegate, until};

/// A site that logs to `access.log` in its folder.
fn logging(setup: Setup) -> Site {
    setup.listener("access_log: { path: access.log }").start()
}

/// Waits for the `n`th line of this file.
pub(crate) fn line(site: &Site, file: &str, n: usize) -> Value {
    line_of(&site.proxy, file, n)
}

/// The same where backends are not scripted.
pub(crate) fn line_of(proxy: &Pulsegate, file: &str, n: usize) -> Value {
    let path = proxy.path().join(file);
    until("a log line", || {
        let text = std::fs::read_to_string(&path).ok()?;
        // A last line without its newline is still being written.
        let whole = &text[..=text.rfind('\n')?];
        let line = whole.lines().nth(n)?;
        Some(serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}")))
    })
}

#[test]
fn a_line_tells_what_became_of_a_request() {
    let site = logging(Setup::default().route("{ name: all, pool: site }"));
    let (mut client, mut upstream) = site.send(
        "POST /a?b=c HTTP/1.1\r\nHost: Shop.Example\r\nUser-Agent: tester/1\r\nContent-Length: 3\r\n\r\nabc",
    );
    let (head, _) = upstream.request();
    upstream.ok("hello");
    client.response();
    let line = line(&site, "access.log", 0);
    for (key, expected) in [
        ("listener", Value::from("web")),
        ("client", Value::from("127.0.0.1")),
        ("client_port", Value::from(client.local().port())),
        ("request_id", Value::from(head.get("x-request-id").expect("an id"))),
        ("method", Value::from("POST")),
        ("path", Value::from("/a?b=c")),
        ("protocol", Value::from("HTTP/1.1")),
        ("route", Value::from("all")),
        ("pool", Value::from("site")),
        ("backend", Value::from(site.backends.address(0).to_string())),
        ("status", Value::from(200)),
        ("attempts", Value::from(1)),
        ("bytes_in", Value::from(3)),
        ("bytes_out", Value::from(5)),
        ("ended", Value::from("done")),
        ("user_agent", Value::from("tester/1")),
    ] {
        assert_eq!(line[key], expected, "{key} in {line}");
    }
    assert!(line["host"].as_str().is_some_and(|host| host.eq_ignore_ascii_case("shop.example")));
    for key in ["time", "total_us", "first_byte_us", "connect_us"] {
        assert!(!line[key].is_null(), "{key} in {line}");
    }
}

#[test]
fn refusals_and_departures_have_their_lines() {
    let site = logging(Setup::default().route("{ match: { path: /x }, pool: site }"));
    let mut client = site.client();
    client.send("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n");
    client.refused();
    let first = line(&site, "access.log", 0);
    assert_eq!((&first["status"], &first["ended"]), (&400.into(), &"bad_request".into()));
    site.client().get("/none");
    let second = line(&site, "access.log", 1);
    assert_eq!((&second["status"], &second["route"]), (&404.into(), &Value::Null));
    let (client, mut upstream) = site.send("GET /x HTTP/1.1\r\nHost: a\r\n\r\n");
    upstream.head();
    client.reset();
    let third = line(&site, "access.log", 2);
    assert_eq!((&third["status"], &third["ended"]), (&Value::Null, &"client_left".into()));
}

#[test]
fn a_retried_request_tells_its_attempts() {
    let setup = Setup::default().listener("access_log: { path: access.log }");
    let site = setup.backends(2);
    let (mut client, mut upstream) = site.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    upstream.head();
    upstream.reset();
    let mut other = site.accept();
    other.serve("ok");
    client.response();
    let line = line(&site, "access.log", 0);
    assert_eq!(line["attempts"], 2, "{line}");
    assert_eq!(line["backend"], site.backends.address(other.backend).to_string());
}

#[test]
fn hostile_text_stays_inside_its_string() {
    let site = logging(Setup::default());
    let (mut client, mut upstream) = site.send(
        b"GET /\"},{\"x HTTP/1.1\r\nHost: a\r\nUser-Agent: \"\\\xff\xe2\x80\xae\",\"x\":\"\r\n\r\n",
    );
    upstream.serve("ok");
    client.response();
    let line = line(&site, "access.log", 0);
    assert_eq!(line["status"], 200);
    assert!(line["path"].as_str().is_some_and(|path| path.contains("\"},{\"x")), "{line}");
    let raw = std::fs::read_to_string(site.proxy.path().join("access.log")).expect("the log");
    assert!(!raw.contains('\u{202e}'), "{raw}");
}

#[test]
fn the_file_is_reopened_on_signal() {
    let site = logging(Setup::default().route("{ respond: { status: 200, body: ok } }"));
    let mut client = site.client();
    client.get("/one");
    assert_eq!(line(&site, "access.log", 0)["path"], "/one");
    let (log, rotated) = (site.proxy.path().join("access.log"), site.proxy.path().join("rotated"));
    std::fs::rename(&log, &rotated).expect("the log is there");
    site.proxy.signal(Signal::USR1);
    // The signal takes its time: lines go to the old file until the new one is there.
    until("the new file", || {
        client.get("/two");
        log.exists().then_some(())
    });
    client.get("/three");
    let new = until("the last line", || {
        std::fs::read_to_string(&log).ok().filter(|text| text.contains("/three"))
    });
    let old = std::fs::read_to_string(&rotated).expect("the old file");
    let lines = old.lines().count() + new.lines().count();
    let sent = 2 + (old.matches("/two").count() + new.matches("/two").count());
    assert_eq!(lines, sent, "lines were lost or doubled");
}

#[test]
fn lines_go_to_standard_output_by_default() {
    let site = Setup::default()
        .listener("access_log: { path: stdout }")
        .route("{ respond: { status: 200, body: ok } }")
        .start();
    site.client().get("/shown");
    let line = site.proxy.prints("/shown");
    let line: Value = serde_json::from_str(&line).expect("a JSON line");
    assert_eq!(line["status"], 200);
}

#[test]
fn what_found_no_backend_names_its_pool() {
    let site = logging(Setup::default());
    let address = site.backends.address(0).to_string();
    let weightless = format!("{{ address: \"{address}\", weight: 0 }}");
    let config = site.setup.config(site.backends.addresses());
    site.proxy.rewrite(&config.replace(&format!("\"{address}\""), &weightless));
    let reloaded = site.proxy.command("reload");
    assert_eq!(reloaded.code, Some(0), "{reloaded:?}");
    let response = site.client().get("/");
    let line = line(&site, "access.log", 0);
    assert_eq!((&line["status"], &line["ended"]), (&503.into(), &"no_backend".into()));
    assert_eq!((&line["pool"], &line["backend"]), (&"site".into(), &Value::Null));
    assert_eq!(line["bytes_out"], response.body.len(), "{line}");
}

#[test]
fn a_log_that_cannot_be_written_is_refused_at_start_and_at_reload() {
    let site = logging(Setup::default());
    let config = site.setup.config(site.backends.addresses());
    site.proxy.rewrite(&config.replace("access.log", "missing/access.log"));
    let reloaded = site.proxy.command("reload");
    assert_eq!(reloaded.code, Some(2), "{reloaded:?}");
    let config = site.proxy.config();
    let started = pulsegate(["run".as_ref(), "--config".as_ref(), config.as_os_str()]);
    assert_eq!(started.code, Some(1), "{started:?}");
    for finished in [reloaded, started] {
        for expected in ["listener `web`", "missing/access.log"] {
            assert!(finished.stderr.contains(expected), "`{expected}` in {finished:?}");
        }
    }
}
