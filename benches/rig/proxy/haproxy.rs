//! HAProxy: one process per run, upstream connections always reused, no logs, no checks.

use std::ffi::OsString;
use std::fmt::Write as _;

use anyhow::Result;

use super::{CERTIFICATE, Recipe, Site, Task};

pub(crate) const RECIPE: Recipe = Recipe { name: "haproxy", prepare: |site| prepare(site, "") };

/// Serves a site, with these global settings besides.
pub(crate) fn prepare(site: &Site<'_>, more: &str) -> Result<Vec<OsString>> {
    let file = site.dir.join("haproxy.cfg");
    std::fs::write(&file, config(site, more)?)?;
    // The master that Debian's unit runs too: it passes the listening sockets on at a reload.
    Ok(vec!["haproxy".into(), "-W".into(), "-f".into(), file.into()])
}

fn config(site: &Site<'_>, more: &str) -> Result<String> {
    let mut servers = String::new();
    for (index, backend) in site.task.backends.iter().enumerate() {
        writeln!(servers, "  server s{index} {backend}")?;
    }
    let dir = site.dir.display();
    let Site { listen, task: Task { workers, protocol, .. }, .. } = site;
    let (mode, tls) = match *protocol {
        "https" | "h2" => (
            "http",
            format!(
                " ssl crt {dir}/{} ssl-min-ver TLSv1.3 no-tls-tickets{}",
                CERTIFICATE[0],
                if *protocol == "h2" { " alpn h2" } else { "" },
            ),
        ),
        "h2c" => ("http", " proto h2".to_owned()),
        protocol => (protocol, String::new()),
    };
    let reuse = if mode == "http" { "  http-reuse always\n" } else { "" };
    // Of pairs as many as the usual limit on open files allows.
    let connections = if mode == "http" { 9_000 } else { 9_900 };
    Ok(format!(
        "global
  nbthread {workers}
  maxconn {connections}
  {more}
  stats socket {dir}/haproxy.sock mode 600 level admin expose-fd listeners
defaults
  mode {mode}
  backlog 4096
  timeout connect 5s
  timeout client 60s
  timeout server 60s
frontend web
  bind {listen}{tls}
  default_backend site
backend site
  balance roundrobin
{reuse}{servers}"
    ))
}
