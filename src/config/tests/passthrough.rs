//! Names whose TLS a listener does not end: how they are told, and what they cannot be.

use super::{problems, valid};
use crate::config::print;

/// A file of one listener that ends TLS, but for this `passthrough`.
fn with(passthrough: &str) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let one = rcgen::generate_simple_self_signed(["a.test".to_owned()]).unwrap();
    std::fs::write(path("one.pem"), one.cert.pem()).unwrap();
    std::fs::write(path("one.key"), one.signing_key.serialize_pem()).unwrap();
    let text = format!(
        "version: 1
listeners:
  web:
    bind: 127.0.0.1:443
    timeouts: {{ idle: 5s }}
    tls:
      certificates: [ {{ cert: {:?}, key: {:?} }} ]
      passthrough: {passthrough}
    routes: [ {{ name: all, pool: site }} ]
pools:
  site: {{ backends: [ 127.0.0.1:1 ] }}
  vault: {{ max_connections: 9, proxy_protocol: v2, backends: [ 127.0.0.1:2 ] }}
",
        path("one.pem"),
        path("one.key"),
    );
    (folder, text)
}

#[test]
fn it_reads_back_as_printed_with_every_default() {
    let routes = "routes: [ { name: v, match: { sni: vault.test } , pool: vault }, \
                  { match: { sni: none, alpn: h2 }, pool: vault } ]";
    let (_folder, text) = with(&format!("{{ {routes} }}"));
    let loaded = valid(&text);
    assert_eq!(loaded.warnings, []);
    let printed = print(&loaded.config);
    assert_eq!(format!("{:#?}", loaded.config), format!("{:#?}", valid(&printed).config));
    for line in [
        "- name: v",
        "sni: [ none ]",
        // Not the listener's, which is about requests.
        "timeouts: { idle: 1h, lifetime: off, connect_total: 5s }",
        "retries: { attempts: 3 }",
    ] {
        assert!(printed.contains(line), "{line} in {printed}");
    }
    let names = loaded.config.listeners[0].tcp().unwrap().forwards.iter();
    let names: Vec<_> = names.map(|forward| forward.name.to_string()).collect();
    assert_eq!(names, ["v", "passthrough[1]"], "apart from the listener's own routes[1]");
}

#[test]
fn what_cannot_be_passed_through_is_told() {
    for (passthrough, told) in [
        ("{}", "`routes` is missing"),
        ("{ routes: [] }", "the list is empty, so nothing would be passed through"),
        ("{ routes: [ { pool: vault } ] }", "matches every client"),
        ("{ routes: [ { match: { sni: '*' }, pool: vault } ] }", "a hostname such as"),
        ("{ routes: [ { match: { host: a.b }, pool: vault } ] }", "`host` is for listeners"),
        ("{ routes: [ { match: { sni: a.b }, respond: ready } ] }", "`respond` is for listeners"),
        ("{ routes: [ { match: { sni: a.b }, pool: vaul } ] }", "did you mean `vault`?"),
        ("{ routes: [ { name: all, match: { sni: a.b }, pool: vault } ] }", "`all` stands twice"),
        ("{ route: [] }", "did you mean `routes`?"),
        (
            "{ routes: [ { match: { sni: a.b }, pool: vault } ], timeouts: { head: 1s } }",
            "key \"head\"",
        ),
        (
            "{ routes: [ { match: { sni: a.b }, pool: vault } ], retries: { attempts: 0 } }",
            "1 to 10",
        ),
    ] {
        let (_folder, text) = with(passthrough);
        let problems = problems(&text);
        assert!(problems.contains(told), "{passthrough}: {problems}");
    }
}
