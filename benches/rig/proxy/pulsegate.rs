//! Pulsegate as shipped, its health checks included; only the access log is off.

use std::ffi::OsString;
use std::fmt::Write as _;

use anyhow::Result;

use super::{Recipe, Site, Task};

pub(crate) const RECIPE: Recipe = Recipe { name: "pulsegate", prepare };

/// The admin API's socket, in the proxy's directory.
pub(crate) const ADMIN_SOCKET: &str = "admin.sock";

fn prepare(site: &Site<'_>) -> Result<Vec<OsString>> {
    let file = site.dir.join("pulsegate.yaml");
    std::fs::write(&file, config(site)?)?;
    let binary = env!("CARGO_BIN_EXE_pulsegate");
    Ok(vec![binary.into(), "run".into(), "--config".into(), file.into()])
}

fn config(site: &Site<'_>) -> Result<String> {
    let mut backends = String::new();
    for backend in site.task.backends {
        writeln!(backends, "      - {backend}")?;
    }
    let dir = site.dir.display();
    let Site { listen, task: Task { workers, checks, .. }, .. } = site;
    let health = if *checks { "" } else { "    health: off\n" };
    Ok(format!(
        "version: 1
listeners:
  web:
    bind: {listen}
    protocol: http
    access_log: off
    routes: [ {{ pool: site }} ]
pools:
  site:
    backends:
{backends}{health}admin: {{ bind: 127.0.0.1:0, socket: {dir}/{ADMIN_SOCKET} }}
workers: {workers}
"
    ))
}
