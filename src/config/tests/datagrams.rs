//! Listeners of datagrams: what has no meaning there, and what may share a port with them.

use super::{problems, valid};
use crate::config::Protocol;

#[test]
fn what_makes_no_sense_for_datagrams_is_refused() {
    let text = "version: 1
listeners:
  dns:
    bind: 127.0.0.1:53
    protocol: udp
    proxy_protocol: { from: 10.0.0.0/8 }
    timeouts: { idle: 5s, lifetime: 1h }
    limits: { connections: 5, headers: 3 }
    routes: [ { match: { sni: a.example }, pool: told }, { pool: plain } ]
  dns-over-tcp: { bind: 127.0.0.1:53, protocol: tcp, pool: plain }
pools:
  told: { proxy_protocol: v2, health: off, backends: [ unix:/run/dns.sock ] }
  plain: { backends: [ 1.2.3.4:53 ] }
";
    insta::assert_snapshot!(problems(text), @r"
    config:6:21: listeners.dns.proxy_protocol: `proxy_protocol` is for listeners of `protocol: http` or `tcp` (remove it)
    config:7:37: listeners.dns.timeouts.lifetime: `lifetime` is for listeners of `protocol: http` or `tcp` (remove it)
    config:8:40: listeners.dns.limits.headers: `headers` is for listeners of `protocol: http` (remove it)
    config:9:24: listeners.dns.routes[0].match: `match` is for listeners of `protocol: http` or `tcp` (remove it)
    config:12:3: pools.told: `proxy_protocol` is for `tcp` listeners only, and a `udp` listener leads here (give each a pool of its own)
    config:12:3: pools.told: a unix socket takes no datagrams from a `udp` listener
    ");
}

#[test]
fn one_port_may_take_connections_and_datagrams() {
    let text = "version: 1
listeners:
  dns: { bind: 127.0.0.1:53, protocol: udp, pool: plain }
  dns-over-tcp: { bind: 127.0.0.1:53, protocol: tcp, pool: plain }
pools:
  plain: { backends: [ 1.2.3.4:53 ] }
";
    let loaded = valid(text);
    assert!(matches!(loaded.config.listeners[0].protocol, Protocol::Udp(_)));
    let told: Vec<String> = loaded.warnings.iter().map(ToString::to_string).collect();
    assert!(told.iter().any(|line| line.contains("only if they take TCP")), "{told:?}");
}
