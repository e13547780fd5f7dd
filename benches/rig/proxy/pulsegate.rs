//! Pulsegate as shipped, its health checks included; only the access log is off.

use std::ffi::OsString;
use std::fmt::Write as _;

use anyhow::Result;

use super::{CERTIFICATE, Recipe, Site, Task};

pub(crate) const RECIPE: Recipe =
    Recipe { name: "pulsegate", prepare: |site| prepare(site, as_shipped(site)) };

/// The admin API's socket, in the proxy's directory.
pub(crate) const ADMIN_SOCKET: &str = "admin.sock";

/// The pool's line about health.
fn as_shipped(site: &Site<'_>) -> &'static str {
    if site.task.checks { "" } else { "health: off" }
}

/// Serves a site, with this line about the pool's health.
pub(crate) fn prepare(site: &Site<'_>, health: &str) -> Result<Vec<OsString>> {
    let file = site.dir.join("pulsegate.yaml");
    std::fs::write(&file, config(site, health)?)?;
    let binary = env!("CARGO_BIN_EXE_pulsegate");
    Ok(vec![binary.into(), "run".into(), "--config".into(), file.into()])
}

fn config(site: &Site<'_>, health: &str) -> Result<String> {
    let mut backends = String::new();
    for backend in site.task.backends {
        writeln!(backends, "      - {backend}")?;
    }
    let dir = site.dir.display();
    let Site { listen, task: Task { workers, protocol, .. }, .. } = site;
    let [cert, key] = CERTIFICATE;
    let (protocol, tls) = match *protocol {
        "https" | "h2" => (
            "http",
            format!("tls: {{ certificates: [ {{ cert: {dir}/{cert}, key: {dir}/{key} }} ] }}"),
        ),
        "h2c" => ("http", String::new()),
        protocol => (protocol, String::new()),
    };
    Ok(format!(
        "version: 1
listeners:
  web:
    bind: {listen}
    protocol: {protocol}
    access_log: off
    {tls}
    pool: site
pools:
  site:
    backends:
{backends}    {health}
admin: {{ bind: 127.0.0.1:0, socket: {dir}/{ADMIN_SOCKET} }}
workers: {workers}
"
    ))
}
