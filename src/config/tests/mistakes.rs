//! The report as its reader sees it: everything at once, in the order of lines, with the cure.

use super::{problems, valid, with_pool, with_route};
use crate::config::Problem;

#[test]
fn a_file_full_of_mistakes_is_reported_in_one_run() {
    insta::assert_snapshot!(problems(include_str!("mistakes.yaml")));
}

#[test]
fn what_belongs_to_later_versions_is_known_but_not_available() {
    let text = "version: 1
listeners:
  db: { bind: 127.0.0.1:5432, protocol: tcp, pool: api }
  tls: { bind: 127.0.0.1:443, tls: { certificates: [] }, pool: api }
pools:
  api:
    backends: [ { address: 1.2.3.4:5, max_connections: 3 } ]
    health: { passive: {}, phi: {} }
    failover: {}
    restoration: {}
";
    insta::assert_snapshot!(problems(text));
}

#[test]
fn what_is_allowed_but_doubtful_is_a_warning() {
    let text = "version: 1
listeners:
  web:
    bind: 127.0.0.1:80
    routes:
      - { pool: a, match: { path: { prefix: / } } }
      - { respond: ready, match: { path: /ready } }
    pool: a
pools:
  a:
    backends: [ { address: 1.2.3.4:5, weight: 0 } ]
    health: { network: { interval: 10ms } }
  b: { backends: [ 1.2.3.4:5 ] }
";
    let warnings: Vec<String> = valid(text).warnings.iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(warnings.join("\n"));
}

#[test]
fn a_priority_that_could_not_hold_is_told() {
    for (route, told) in [
        (
            "pool: site, priority: hihg",
            "expected `critical`, `high`, `normal` or `low`; did you mean `high`?",
        ),
        ("pool: site, priority: { otherwise: low }", "`header` is missing"),
        ("pool: site, priority: { header: 'a b' }", "expected a header name"),
        ("respond: ready, priority: low", "only a forwarded request has a priority"),
    ] {
        let problems = problems(&with_route(route));
        assert!(problems.contains(told), "`{told}` in {problems}");
    }
    let tcp = with_route("pool: site, priority: { header: x-priority }");
    let problems = problems(&tcp.replace("web: { ", "web: { protocol: tcp, "));
    assert!(problems.contains("only HTTP has headers"), "{problems}");
    let unheard = valid(&with_route("pool: site, priority: { header: x-priority }")).warnings;
    let told = |it: &Problem| it.to_string().contains("nobody's header is looked at");
    assert!(unheard.iter().any(told), "{unheard:?}");
}

#[test]
fn a_syntax_error_is_one_problem_with_its_line() {
    assert_eq!(
        problems("version: 1\nlisteners: {\n  web: [\n"),
        "config:4:1: this is not valid YAML: while parsing a node, did not find expected node content"
    );
}

#[test]
fn what_yaml_makes_of_common_text_is_told_with_the_cure() {
    for (text, cure) in [
        ("version: 1\n\tlisteners: {}\n", "(indent with spaces)"),
        ("host: *.example.com\n", "needs quotes, as \"*.example.com\")"),
        ("host: @home\n", "(text that begins with a sign needs quotes)"),
        ("version: 1\nbind: [ [::1]:80 ]\n", "text that begins with `[` or `{` needs quotes)"),
    ] {
        let problems = problems(text);
        assert!(problems.lines().any(|line| line.ends_with(cure)), "{problems}");
    }
}

#[test]
fn an_empty_file_and_a_second_document_are_told() {
    assert_eq!(
        problems("# nothing\n"),
        "config:1:1: the file is empty (expected `version: 1` and `listeners`)"
    );
    assert!(problems("version: 1\n---\nversion: 1\n").contains("a second document begins here"));
    assert_eq!(
        problems("[ 1 ]"),
        "config:1:1: a list does not fit here (expected a mapping with `version`, `defaults` and more)"
    );
}

#[test]
fn a_secret_typed_into_the_file_is_refused_and_never_repeated() {
    for token in
        ["hunter2", "{ role: operator, token: hunter2 }", "{ role: operator, secret: hunter2 }"]
    {
        let text = format!("{}admin: {{ tokens: [ {token} ] }}\n", with_route("pool: site"));
        let problems = problems(&text);
        assert!(
            problems.contains("a secret never stands in this file (expected `{ file: path }`"),
            "{problems}"
        );
        assert!(!problems.contains("hunter2"), "{problems}");
    }
    for token in [
        "{ role: viewer, env: hunter2 }",
        "{ role: viewer, file: hunter2 }",
        "{ role: viewer, env: [ hunter2 ] }",
    ] {
        let text = format!("{}admin: {{ tokens: [ {token} ] }}\n", with_route("pool: site"));
        assert!(!problems(&text).contains("hunter2"));
    }
}

#[test]
fn an_empty_secret_is_refused() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "\n").unwrap();
    let token = format!("{{ role: viewer, file: {:?} }}", file.path());
    let text = format!("{}admin: {{ tokens: [ {token} ] }}\n", with_route("pool: site"));
    assert!(problems(&text).ends_with("the secret is empty"));
}

#[test]
fn what_a_probe_cannot_do_is_told_with_its_place() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let empty = format!("{{ ca: {:?} }}", file.path());
    for (layer, told) in [
        (
            "process: { type: tls, path: / }",
            "process.path: `path` belongs to `type: http`, and this is `type: tls` (remove one)",
        ),
        ("process: { type: agent }", "process: `port` is missing (expected the agent's port)"),
        ("process: { type: grpc, service: '' }", "process.service: the text is empty"),
        ("process: { type: tls, server_name: 'a b' }", "process.server_name: \"a b\" does not fit"),
        (
            "application: { endpoints: [ /a ], tls: { ca: nowhere.pem } }",
            "application.tls.ca: the file cannot be read: No such file",
        ),
        (
            &format!("application: {{ endpoints: [ /a ], tls: {empty} }}"),
            "application.tls.ca: the file holds no certificate",
        ),
        (
            "application: { endpoints: [ /a ], tls: { ca: x, verify: false } }",
            "application.tls.ca: with `verify: false` nobody vouches",
        ),
    ] {
        assert_told(layer, told);
    }
}

/// A config with this layer is refused, and this is said of it.
fn assert_told(layer: &str, told: &str) {
    let all = problems(&with_pool(&format!("backends: [ 1.2.3.4:5 ], health: {{ {layer} }}")));
    assert!(all.contains(&format!(": pools.site.health.{told}")), "{all}");
}

#[test]
fn what_an_answer_or_a_transaction_cannot_be_is_told_with_its_place() {
    for (layer, told) in [
        ("business: { transaction: [] }", "business.transaction: the list is empty"),
        (
            "business: {}",
            "business: it is not clear what is done (expected `transaction` or `query`)",
        ),
        (
            "business: { transaction: [ { expect: {} } ] }",
            "business.transaction[0]: the step asks nothing (expected one of `get`",
        ),
        (
            "business: { transaction: [ { get: /a, put: /a } ] }",
            "business.transaction[0]: this needs exactly one key (expected `get`, `head`",
        ),
        (
            "business: { transaction: [ { get: '/${token}', save: { token: { json: /t } } } ] }",
            "business.transaction[0].get: no value is called `token` here (expected a name under",
        ),
        (
            "business: { transaction: [ { get: /, save: { token: { header: a } } }, { get: '/${tokn}' } ] }",
            "business.transaction[1].get: no value is called `tokn` here (did you mean `${token}`?)",
        ),
        (
            "business: { transaction: [ { get: /, save: { a: { json: 'a' } } } ] }",
            "business.transaction[0].save.a.json: \"a\" does not fit (expected a JSON pointer",
        ),
        (
            "business: { transaction: [ { get: /, save: { a: { regex: '(' } } } ] }",
            "business.transaction[0].save.a.regex: this is not a regular expression: unclosed group",
        ),
        (
            "business: { transaction: [ { get: /, headers: { Host: a } } ] }",
            "business.transaction[0].headers.Host: `host` is written by the prober itself",
        ),
        (
            "business: { query: { postgres: 'SELECT 1' } }",
            "business.query: `user` is missing (expected a user's name)",
        ),
        (
            "business: { query: { postgres: a, user: b, password: hunter2 } }",
            "business.query.password: a secret never stands in this file",
        ),
        (
            "business: { query: { redis: PING, database: a } }",
            "business.query.database: `database` belongs to `postgres` (remove it)",
        ),
        (
            "application: { endpoints: [ { path: /, expect: { body: { regex: '[' } } } ] }",
            "application.endpoints[0].expect.body.regex: this is not a regular expression",
        ),
        (
            "application: { endpoints: [ { path: /, expect: { headers: { a: { regex: '*' } } } } ] }",
            "application.endpoints[0].expect.headers.a.regex: this is not a regular expression",
        ),
        (
            "application: { endpoints: [ { path: /, expect: { json: { /a~2: b } } } ] }",
            "application.endpoints[0].expect.json.\"/a~2\": \"/a~2\" does not fit (expected a JSON pointer",
        ),
    ] {
        assert_told(layer, told);
    }
}

#[test]
fn what_cannot_be_asked_of_a_backend_is_told() {
    for (pool, told) in [
        (
            "backends: [ 'unix:/run/a' ], health: { network: { type: icmp } }",
            "backends[0]: a unix socket has no host to ping",
        ),
        (
            "backends: [ { address: 'unix:/run/a', health: { process: { type: agent, port: 1 } } } ]",
            "backends[0]: an agent has a port, a unix socket none",
        ),
        (
            "backends: [ { address: 1.2.3.4:5, health: { address: 'app:80' } } ]",
            "backends[0].health.address: \"app:80\" is a hostname (expected an address such as",
        ),
        (
            "backends: [ { address: 1.2.3.4:5, health: { address: ':0' } } ]",
            "backends[0].health.address: \":0\" does not fit (expected an address such as",
        ),
        (
            "backends: [ { address: 'unix:/run/a', health: { address: ':80' } } ]",
            "backends[0]: a unix socket is on no host whose port could be probed",
        ),
        (
            "backends: [ { address: 1.2.3.4:5, health: on } ]",
            "backends[0].health: \"on\" does not fit (expected `off`, or a mapping with",
        ),
        (
            "backends: [ { address: 1.2.3.4:5, health: { business: {} } } ]",
            "backends[0].health.business: ",
        ),
        (
            "backends: [ { address: 1.2.3.4:5, health: { proces: {} } } ]",
            "backends[0].health.proces: unknown key \"proces\" (did you mean `process`?)",
        ),
    ] {
        let all = problems(&with_pool(pool));
        assert!(all.contains(&format!(": pools.site.{told}")), "{all}");
    }
}

#[test]
fn more_probes_than_anybody_means_are_a_warning() {
    let backends: Vec<String> = (0..=200).map(|n| format!("10.0.0.{n}:80")).collect();
    let pool = |interval: &str| {
        let backends = backends.join(", ");
        with_pool(&format!(
            "backends: [ {backends} ], health: {{ network: {{ interval: {interval}, timeout: 10ms }} }}"
        ))
    };
    assert_eq!(valid(&pool("11ms")).warnings, []);
    let warnings = valid(&pool("10ms")).warnings;
    assert!(
        warnings[0].to_string().contains("these pools ask for 20100 probes a second"),
        "{warnings:?}"
    );
}

#[test]
fn a_backend_that_could_hang_unseen_is_a_warning() {
    let slow = "business: { transaction: [ { get: / } ] }";
    for (pool, line) in [
        (format!("backends: [ 1.2.3.4:5 ], health: {{ {slow} }}"), Some("10s of `business`")),
        (
            format!(
                "backends: [ 1.2.3.4:5, {{ address: 1.2.3.4:6, health: {{ network: off, {slow} }} }} ]"
            ),
            Some("10s of `business`"),
        ),
        (format!("backends: [ 1.2.3.4:5 ], health: {{ network: {{}}, {slow} }}"), None),
        ("backends: [ 1.2.3.4:5 ], health: off".to_owned(), None),
    ] {
        let warnings = valid(&with_pool(&pool)).warnings;
        let told: Vec<String> = warnings.iter().map(ToString::to_string).collect();
        assert_eq!(told.len(), usize::from(line.is_some()), "{told:?}");
        let hangs = "pools.site: a backend that hangs is down only after";
        assert!(line.is_none_or(|line| told[0].contains(&format!("{hangs} {line}"))), "{told:?}");
    }
}

#[test]
fn an_admin_address_others_can_reach_needs_a_token() {
    let text =
        format!("{}admin: {{ bind: [ 127.0.0.1:1, 0.0.0.0:9900 ] }}\n", with_route("pool: site"));
    assert!(problems(&text).contains("0.0.0.0:9900 can be reached from other machines"));
}

#[test]
fn one_address_is_bound_once() {
    let text = "version: 1
listeners:
  a: { bind: [ 127.0.0.1:80, 127.0.0.1:80, 127.0.0.1:0, 127.0.0.1:0 ], pool: p }
  b: { bind: 127.0.0.1:80, pool: p }
pools: { p: { backends: [ 1.2.3.4:5 ] } }
admin: { bind: 127.0.0.1:80 }
";
    assert_eq!(
        problems(text),
        "config:3:3: listeners.a: 127.0.0.1:80 is bound twice by this listener\n\
         config:4:3: listeners.b: 127.0.0.1:80 is already bound by listener `a`\n\
         config:6:8: admin: 127.0.0.1:80 is already bound by listener `a`"
    );
}

#[test]
fn a_redirect_cannot_leave_for_a_host_the_client_names() {
    for to in [
        "/{path}",
        "//{host}",
        "{path}",
        "{host}",
        "https:///x",
        "javascript:x",
        "https://{path}",
        "/{x}",
        "/a b",
        "/\\x",
    ] {
        let text = with_route(&format!("redirect: {{ to: '{to}' }}"));
        assert!(problems(&text).contains(".redirect.to: "), "{to}");
    }
}

#[test]
fn framing_headers_cannot_be_edited() {
    for name in crate::config::check::FORBIDDEN_EDITS {
        for edit in [
            format!("set: {{ {name}: x }}"),
            format!("add: {{ {name}: x }}"),
            format!("remove: [ {name} ]"),
        ] {
            let text = with_route(&format!("pool: site, request_headers: {{ {edit} }}"));
            assert!(problems(&text).contains("cannot be edited"), "{edit}");
        }
    }
    for edit in ["remove: host", "add: { host: x }"] {
        let text = with_route(&format!("pool: site, request_headers: {{ {edit} }}"));
        assert!(problems(&text).contains("`host` can be replaced only"), "{edit}");
    }
    for edit in
        ["set: { 'x y': z }", "set: { x: \"a\\r\\nb\" }", "add: { x: ' a' }", "remove: [ '' ]"]
    {
        let text = with_route(&format!("pool: site, response_headers: {{ {edit} }}"));
        problems(&text);
    }
}

#[test]
fn a_regular_expression_is_bounded_and_whole_before_it_is_anchored() {
    for (regex, why) in [
        ("a)|(b", "this is not a regular expression"),
        ("[", "unclosed character class"),
        ("(a{1000}){1000}", "compiles to more than"),
        ("(?x) a # b", "this is not a regular expression"),
    ] {
        let text = with_route(&format!("pool: site, match: {{ path: {{ regex: '{regex}' }} }}"));
        let problems = problems(&text);
        assert!(problems.contains(why), "{problems}");
        assert_eq!(problems.lines().count(), 1, "{problems}");
    }
}

#[test]
fn weights_are_for_all_siblings_or_for_none() {
    let zones = "a: { weight: 1, backends: [ 1.2.3.4:1 ] }, b: { backends: [ 1.2.3.4:2 ] }";
    let text = with_pool(&format!("regions: {{ r: {{ zones: {{ {zones} }} }} }}"));
    assert!(
        problems(&text)
            .contains("site.regions.r.zones.b: this zone has no `weight`, but another has")
    );
    let regions = "r: { zones: { a: { backends: [ 1.2.3.4:1 ] } } }, s: { weight: 1, zones: { a: { backends: [ 1.2.3.4:2 ] } } }";
    let text = with_pool(&format!("regions: {{ {regions} }}"));
    assert!(
        problems(&text).contains("site.regions.r: this region has no `weight`, but another has")
    );
}

#[test]
fn a_backend_stands_once_in_its_pool() {
    let text = with_pool(
        "backends: [ 'APP:80', { name: x, address: a:1 }, 'app.:80', { name: x, address: b:1 } ]",
    );
    let problems = problems(&text);
    assert!(
        problems.contains("backends[2]: the pool has a backend \"app:80\" already"),
        "{problems}"
    );
    assert!(problems.contains("backends[3]: the pool has a backend \"x\" already"), "{problems}");
}

#[test]
fn an_address_out_of_form_is_told_with_the_forms() {
    for (address, why) in [
        ("app", "has no port"),
        ("http://app:80", "has a scheme"),
        ("app:0", "has no valid port"),
        ("app:65536", "has no valid port"),
        ("1.2.3.4:0", "port cannot be 0"),
        ("0.0.0.0:80", "to listen on, not to connect to"),
        ("1.2.3:80", "does not fit"),
        ("300.1.1.1:80", "does not fit"),
        ("a_b-.c:80", "does not fit"),
        ("::1:80", "does not fit"),
        ("unix:", "a unix socket's path has"),
        ("", "the text is empty"),
    ] {
        let problems = problems(&with_pool(&format!("backends: [ '{address}' ]")));
        assert!(problems.contains(why), "{address}: {problems}");
    }
}

#[test]
fn a_phi_that_contradicts_itself_is_told() {
    let health = |phi: &str| {
        with_pool(&format!("backends: [ a:1 ], health: {{ network: {{}}, phi: {phi} }}"))
    };
    insta::assert_snapshot!(problems(&health("{ suspect: 17 }")), @"config:4:58: pools.site.health.phi: `suspect` (17) is above `failed` (16): a silence would be a verdict before it is a suspicion");
    insta::assert_snapshot!(problems(&health("on")), @r#"config:4:58: pools.site.health.phi: "on" does not fit (expected `off`, or a mapping with `suspect`, `failed` and more)"#);
    assert_eq!(valid(&health("off")).config.pools[0].health.phi, None);
}

#[test]
fn a_consequence_that_is_none_is_told() {
    let health = |on_failure: &str| {
        let application = format!("{{ endpoints: [ /health ], on_failure: {on_failure} }}");
        with_pool(&format!("backends: [ a:1 ], health: {{ application: {application} }}"))
    };
    insta::assert_snapshot!(problems(&health("{ degrade: 0% }")), @"config:4:91: pools.site.health.application.on_failure: `degrade: 0%` leaves nothing of the weight (expected more, or `remove`)");
    insta::assert_snapshot!(problems(&health("degraded")), @r#"config:4:91: pools.site.health.application.on_failure: "degraded" does not fit (expected `remove` or `degrade`; did you mean `degrade`?)"#);
    insta::assert_snapshot!(problems(&health("{ degrade: 50 }")), @r#"config:4:102: pools.site.health.application.on_failure.degrade: "50" does not fit (expected a ratio from `0%` to `100%`)"#);
    let warnings = valid(&health("{ degrade: 100% }")).warnings;
    assert!(warnings[0].to_string().contains("has no consequence"), "{warnings:?}");
    let degrade = |text| valid(&health(text)).config.pools[0].health.application.clone();
    assert_eq!(degrade("degrade").unwrap().degrade, Some(0.5));
    assert_eq!(degrade("remove").unwrap().degrade, None);
}

#[test]
fn what_makes_an_ejection_endless_or_idle_is_told() {
    let health = |keys: &str| {
        let health = format!("{{ network: {{}}, traffic: {{ {keys} }} }}");
        with_pool(&format!("backends: [ a:1 ], health: {health}"))
    };
    insta::assert_snapshot!(problems(&health("trial_share: 0%")), @"config:4:62: pools.site.health.traffic: `trial_share: 0%` gives a trial no request: who is ejected would never come back (expected more than `0%`)");
    insta::assert_snapshot!(problems(&health("eject: 10m")), @"config:4:62: pools.site.health.traffic: `eject` (10m) is longer than `eject_max` (5m)");
    insta::assert_snapshot!(problems(&health("slow: { max: 10% }")), @"config:4:70: pools.site.health.traffic.slow: `above` is missing (expected a duration from 1ms to 30s, as `100ms`, `10s`, `5m` or `1h`)");
    let warnings = valid(&health("max_errors: 100%")).warnings;
    assert!(warnings[0].to_string().contains("eject nobody"), "{warnings:?}");
    let warnings = valid(&health("slow: { above: 300ms }")).warnings;
    assert!(warnings[0].to_string().contains("acts as 500ms"), "{warnings:?}");
    assert!(valid(&health("slow: { above: 500ms }")).warnings.is_empty());
}
