//! How the contenders are set up: each as its operators would for quick failover.

use std::ffi::OsString;
use std::fmt::Write as _;

use anyhow::Result;

use crate::backend::LAST_STEP;
use crate::rig::proxy::{Recipe, Site, Task, pulsegate};

/// Pulsegate with the network layer alone, at its shipped cadence.
pub(crate) const NETWORK: Recipe = Recipe {
    name: "pulsegate",
    prepare: |site| pulsegate::prepare(site, "health: { network: {} }"),
};

/// Pulsegate without a probe that could matter: what is found out, traffic finds out.
pub(crate) const TRAFFIC: Recipe = Recipe {
    name: "pulsegate",
    prepare: |site| pulsegate::prepare(site, "health: { network: { interval: 60s, timeout: 1s } }"),
};

/// Pulsegate with network and process layers at their shipped cadences.
pub(crate) const PROCESS: Recipe = Recipe {
    name: "pulsegate",
    prepare: |site| pulsegate::prepare(site, "health: { network: {}, process: {} }"),
};

/// Pulsegate with all four layers at their shipped cadences.
pub(crate) const ALL: Recipe = Recipe {
    name: "pulsegate",
    prepare: |site| {
        pulsegate::prepare(
            site,
            &format!(
                "health: {{ network: {{}}, process: {{}}, application: {{ endpoints: [ /health ] }}, \
                 business: {{ transaction: [ {{ get: /login }}, {{ get: {LAST_STEP} }} ] }} }}"
            ),
        )
    },
};

/// HAProxy, checking as often as Pulsegate's process layer, retrying whatever it can.
pub(crate) const HAPROXY: Recipe = Recipe { name: "haproxy", prepare: haproxy };

fn haproxy(site: &Site<'_>) -> Result<Vec<OsString>> {
    let mut servers = String::new();
    for (index, backend) in site.task.backends.iter().enumerate() {
        writeln!(servers, "  server s{index} {backend} check")?;
    }
    let Site { listen, task: Task { workers, .. }, .. } = site;
    let config = format!(
        "global
  nbthread {workers}
  maxconn 9000
defaults
  mode http
  backlog 4096
  timeout connect 1s
  timeout client 60s
  timeout server 5s
  timeout check 250ms
frontend web
  bind {listen}
  default_backend site
backend site
  balance roundrobin
  http-reuse always
  option httpchk GET /health
  option redispatch 1
  retries 3
  retry-on all-retryable-errors
  default-server inter 500ms fall 3 rise 2 on-marked-down shutdown-sessions
{servers}"
    );
    let file = site.dir.join("haproxy.cfg");
    std::fs::write(&file, config)?;
    Ok(vec!["haproxy".into(), "-W".into(), "-f".into(), file.into()])
}
