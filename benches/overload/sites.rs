//! How Pulsegate is set up for each part.

use std::ffi::OsString;
use std::fmt::Write as _;

use anyhow::Result;

use crate::rig::proxy::{Recipe, Site, pulsegate::ADMIN_SOCKET};

/// Nothing protects anybody.
pub(crate) const BARE: Recipe = Recipe {
    name: "none",
    prepare: |site| {
        serve(
            site,
            "    limits: { min_rate: off }\n    routes: [ { pool: site, retries: { attempts: 1 } } ]",
            "    health: off",
        )
    },
};

/// Everything protects everybody, and has no reason to act.
pub(crate) const GUARDED: Recipe = Recipe {
    name: "all",
    prepare: |site| {
        serve(
            site,
            "    limits: { connections: 20000, connections_per_client: 10000, body_bytes: 10MiB }
    deny: [ 192.0.2.0/24, 198.51.100.0/24, \"2001:db8::/32\" ]
    trusted_proxies: 10.0.0.0/8
    rate_limit: [ { rate: 1000000/s }, { name: client, rate: 1000000/s, by: client } ]
    routes:
      - pool: site
        priority: { header: x-priority, otherwise: normal }
        timeouts: { total: 30s, budget_header: x-timeout-ms }
        limits: { concurrent: 10000 }
        rate_limit: { name: route, rate: 1000000/s, by: { header: x-api-key } }
        retries: { attempts: 3, on: [ connect-failure, reset, timeout, 502-504 ] }",
            "    max_requests: 10000
    limits: { concurrent: 10000 }
    retries: { budget: 20% }
    health: { network: {}, traffic: {} }",
        )
    },
};

/// Whatever failed is tried again, as often as the budget allows.
pub(crate) const RETRYING: Recipe = Recipe {
    name: "retrying",
    prepare: |site| {
        serve(
            site,
            "    routes: [ { pool: site, retries: { attempts: 3, on: [ 500-599 ], backoff: off } } ]",
            "    retries: { budget: 20%, min_per_second: 3 }\n    health: off",
        )
    },
};

/// As shipped.
pub(crate) const SHIPPED: Recipe =
    Recipe { name: "shipped", prepare: |site| serve(site, "    pool: site", "    health: off") };

/// Every key has a limit of its own, which nobody reaches.
pub(crate) const KEYED: Recipe = Recipe {
    name: "keyed",
    prepare: |site| {
        serve(
            site,
            "    pool: site\n    rate_limit: { rate: 1000000/s, by: { header: x-key }, keys: 1000000 }",
            "    health: off",
        )
    },
};

/// Before backends that do what they like.
pub(crate) const TORMENTED: Recipe = Recipe {
    name: "tormented",
    prepare: |site| {
        serve(
            site,
            "    routes: [ { pool: site, timeouts: { first_byte: 1s, body_idle: 1s, total: 5s } } ]",
            "    timeouts: { connect: 500ms, pool_idle: 1s }\n    health: { network: {}, process: {}, traffic: {} }",
        )
    },
};

/// One zone that declares what it can carry, and routes that say by a header who goes first.
pub(crate) fn shedding(site: &Site<'_>, rps: u64) -> Result<Vec<OsString>> {
    let backends: Vec<_> = site.task.backends.iter().map(ToString::to_string).collect();
    write(
        site,
        "    trusted_proxies: 127.0.0.0/8
    routes: [ { pool: site, priority: { header: x-priority, otherwise: normal } } ]",
        &format!(
            "    algorithm: least-connections
    health: off
    regions: {{ one: {{ zones: {{ one: {{ capacity: {{ rps: {rps} }}, backends: [ {} ] }} }} }} }}",
            backends.join(", ")
        ),
    )
}

/// Serves a site, with these lines of the listener and the pool.
fn serve(site: &Site<'_>, listener: &str, pool: &str) -> Result<Vec<OsString>> {
    let mut backends = String::from("    backends:\n");
    for backend in site.task.backends {
        writeln!(backends, "      - {backend}")?;
    }
    write(site, listener, &format!("{backends}{pool}"))
}

/// Writes a site's configuration, and says how it is served.
fn write(site: &Site<'_>, listener: &str, pool: &str) -> Result<Vec<OsString>> {
    let (dir, workers) = (site.dir.display(), site.task.workers);
    let listen = site.listen;
    let config = format!(
        "version: 1
workers: {workers}
admin: {{ bind: 127.0.0.1:0, socket: {dir}/{ADMIN_SOCKET} }}
listeners:
  web:
    bind: {listen}
    access_log: off
{listener}
pools:
  site:
{pool}
"
    );
    let file = site.dir.join("pulsegate.yaml");
    std::fs::write(&file, config)?;
    let binary = env!("CARGO_BIN_EXE_pulsegate");
    Ok(vec![binary.into(), "run".into(), "--config".into(), file.into()])
}
