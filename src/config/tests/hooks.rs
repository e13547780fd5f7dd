//! What comes in by webhook and what goes out: every mistake with its line.

use super::{problems, valid};
use crate::config::Trust;

#[test]
fn an_alert_rule_says_what_it_is_about() {
    let text = "\
version: 1
listeners: {}
pools: { site: { backends: [ 10.0.0.1:80 ] } }
admin:
  alerts:
    - { match: { severity: critical }, action: drain }
    - { match: { severity: critical }, zone: zone, region: region, action: drain }
    - { match: {}, zone: zone, action: explode }
    - { zone: zone, action: pause, for: 0s }
";
    let told = problems(text);
    for (line, expected) in [
        ("config:6:", "(expected `zone` or `region`)"),
        ("config:7:", "(expected `zone` or `region`)"),
        ("config:8:", "every alert would match"),
        ("config:8:", "explode"),
        ("config:9:", "match"),
        ("config:9:", "0s"),
    ] {
        let found = told.lines().any(|it| it.starts_with(line) && it.contains(expected));
        assert!(found, "{line} {expected} in\n{told}");
    }
}

#[test]
fn a_webhook_says_where_to_and_of_what() {
    let text = "\
version: 1
listeners: { web: { bind: 127.0.0.1:0, pool: site } }
pools: { site: { backends: [ 10.0.0.1:80 ] } }
webhooks:
  - { url: \"https://a.example/\", tls: { ca: none.pem } }
  - { url: \"ftp://a.example/\" }
  - { url: \"http://user@a.example/\" }
  - { url: \"http://a.example/\", events: [ explosion ], token: abc }
  - { url: \"http://a.example/\", events: [], restart_after: 0s }
  - { url: \"http://a.example/\", tls: { verify: false } }
";
    let told = problems(text);
    for (line, expected) in [
        ("config:5:", "the file cannot be read"),
        ("config:6:", "does not say where to"),
        ("config:7:", "does not say where to"),
        ("config:8:", "explosion"),
        ("config:8:", "a secret never stands in this file"),
        ("config:9:", "it would be told of nothing"),
        ("config:9:", "0s"),
        ("config:10:", "the URL is not https"),
    ] {
        let found = told.lines().any(|it| it.starts_with(line) && it.contains(expected));
        assert!(found, "{line} {expected} in\n{told}");
    }
}

#[test]
fn a_webhook_that_is_https_is_verified_unless_that_is_ordered_otherwise() {
    let of = |hook: &str| {
        let config = valid(&format!(
            "{{ version: 1, listeners: {{ web: {{ bind: 127.0.0.1:0, pool: p }} }}, pools: {{ p: \
             {{ backends: [ 10.0.0.1:80 ] }} }}, webhooks: [ {{ {hook} }} ] }}"
        ));
        let hook = config.config.webhooks[0].clone();
        let tls = hook.tls.map(|tls| (tls.server_name.to_string(), tls.trust));
        (hook.authority, tls)
    };
    let (at, tls) = of("url: 'https://hooks.example/x'");
    let (name, trust) = tls.unwrap();
    assert_eq!((&*at, &*name), ("hooks.example:443", "hooks.example"));
    assert!(matches!(trust, Trust::System(_)));
    let (at, tls) = of("url: 'https://[::1]:9/', tls: { verify: false, server_name: a.example }");
    assert_eq!((&*at, tls), ("[::1]:9", Some(("a.example".to_owned(), Trust::Anyone))));
    assert_eq!(of("url: 'http://hooks.example/'"), ("hooks.example:80".to_owned(), None));
}
