//! What is asked of whom.

use insta::assert_snapshot;

use crate::config::Config;
use crate::health::probe_plan;
use crate::model::{Addresses, ProbeKind, ProxyVersion};

#[test]
fn a_backend_is_asked_in_its_own_way_where_it_has_one() {
    let text = "version: 1
listeners: { web: { bind: 127.0.0.1:80, pool: site } }
pools:
  site:
    backends:
      - 10.0.0.1:80
      - { address: 10.0.0.2:80, health: { address: ':9000', host: two.internal } }
      - { address: 10.0.0.3:80, health: { network: off, application: { endpoints: [ /own ] } } }
      - { address: 10.0.0.4:80, health: { host: four.internal, process: { host: its-own } } }
      - { address: 10.0.0.5:80, health: off }
    health:
      network: {}
      process: {}
      application: { host: site.internal, endpoints: [ /health ] }
";
    let config = Config::parse(text, None).unwrap().config;
    let plan = probe_plan(&config, &Addresses::default());
    let told = plan.probes.iter().map(|probe| {
        let asked = match &probe.kind {
            ProbeKind::StatusLine { host, path, .. } => format!("{path} of {host}"),
            ProbeKind::Http(ask) => format!("{} of {}", ask.request.path, ask.host),
            _ => "connect".to_owned(),
        };
        format!("{} at {}: {} {asked}", probe.backend, probe.address, probe.layer.name())
    });
    assert_snapshot!(told.collect::<Vec<_>>().join("\n"), @r"
    site/10.0.0.1:80 at 10.0.0.1:80: network connect
    site/10.0.0.1:80 at 10.0.0.1:80: process / of 10.0.0.1:80
    site/10.0.0.1:80 at 10.0.0.1:80: application /health of site.internal
    site/10.0.0.2:80 at 10.0.0.2:9000: network connect
    site/10.0.0.2:80 at 10.0.0.2:9000: process / of two.internal
    site/10.0.0.2:80 at 10.0.0.2:9000: application /health of two.internal
    site/10.0.0.3:80 at 10.0.0.3:80: process / of 10.0.0.3:80
    site/10.0.0.3:80 at 10.0.0.3:80: application /own of 10.0.0.3:80
    site/10.0.0.4:80 at 10.0.0.4:80: network connect
    site/10.0.0.4:80 at 10.0.0.4:80: process / of its-own
    site/10.0.0.4:80 at 10.0.0.4:80: application /health of four.internal
    ");
}

#[test]
fn who_talks_to_a_backend_behind_the_proxy_protocol_is_introduced() {
    let text = "version: 1
listeners: { mail: { bind: 127.0.0.1:25, protocol: tcp, pool: mail } }
pools:
  mail:
    proxy_protocol: v2
    backends:
      - 10.0.0.1:25
      - { address: 10.0.0.2:25, health: { address: ':9000' } }
    health:
      network: {}
      process: { type: banner, prefix: '220 ' }
";
    let config = Config::parse(text, None).unwrap().config;
    let plan = probe_plan(&config, &Addresses::default());
    let told = plan.probes.iter().map(|probe| {
        let version = probe.introduced.map_or("nobody", ProxyVersion::name);
        format!("{} at {}: {version}", probe.kind, probe.address)
    });
    assert_snapshot!(told.collect::<Vec<_>>().join("\n"), @r"
    connect at 10.0.0.1:25: nobody
    banner at 10.0.0.1:25: v2
    connect at 10.0.0.2:9000: nobody
    banner at 10.0.0.2:9000: nobody
    ");
}
