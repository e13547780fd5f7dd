//! `tls` of a pool.

use super::problems;

#[test]
fn tls_is_for_pools_of_http_routes() {
    let text = "version: 1
listeners:
  db: { bind: 127.0.0.1:5432, protocol: tcp, pool: api }
pools:
  api: { backends: [ 1.2.3.4:5 ], tls: { verify: false } }
";
    let told = problems(text);
    assert!(
        told.starts_with("config:5:3: pools.api: `tls` is for pools of `http` routes"),
        "{told}"
    );
    for (tls, told) in [
        ("on", "config:5:40: pools.api.tls: \"on\" does not fit (expected `off`, or a mapping"),
        ("{ client: { cert: a.pem } }", "pools.api.tls.client"),
        ("{ sni: a.test }", "pools.api.tls.sni: unknown key \"sni\""),
    ] {
        let text = text.replace("{ verify: false }", tls).replace(", protocol: tcp", "");
        assert!(problems(&text).contains(told), "{}", problems(&text));
    }
}
