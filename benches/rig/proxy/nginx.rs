//! nginx: keep-alive on both sides without a request limit, no logs, no temporary files.

use std::ffi::OsString;
use std::fmt::Write as _;

use anyhow::Result;

use super::{CERTIFICATE, Recipe, Site, Task};

pub(crate) const RECIPE: Recipe = Recipe { name: "nginx", prepare: |site| prepare(site, "") };

/// Serves a site, with these directives besides.
pub(crate) fn prepare(site: &Site<'_>, more: &str) -> Result<Vec<OsString>> {
    let file = site.dir.join("nginx.conf");
    std::fs::write(&file, config(site, more)?)?;
    let dir = site.dir.as_os_str().to_owned();
    Ok(vec![
        "nginx".into(),
        "-e".into(),
        "stderr".into(),
        "-p".into(),
        dir,
        "-c".into(),
        file.into(),
    ])
}

fn config(site: &Site<'_>, more: &str) -> Result<String> {
    let mut servers = String::new();
    for backend in site.task.backends {
        writeln!(servers, "    server {backend};")?;
    }
    let dir = site.dir.display();
    let Site { listen, task: Task { workers, .. }, .. } = site;
    // With several workers each has its own accept queue, as with the others.
    let reuseport = if *workers > 1 { " reuseport" } else { "" };
    let [cert, key] = CERTIFICATE;
    let (ssl, tls) = match site.task.protocol {
        "http" => ("", String::new()),
        "h2c" => (" http2", String::new()),
        "https" | "h2" => (
            if site.task.protocol == "h2" { " ssl http2" } else { " ssl" },
            format!(
                "ssl_certificate {dir}/{cert}; ssl_certificate_key {dir}/{key}; ssl_protocols TLSv1.3;
    ssl_session_cache off; ssl_session_tickets off;"
            ),
        ),
        _ => return Ok(stream(site, &servers, reuseport, more)),
    };
    Ok(format!(
        "daemon off;
worker_processes {workers};
worker_rlimit_nofile 20000;
pid {dir}/nginx.pid;
events {{ worker_connections 18000; }}
http {{
  access_log off;
  keepalive_requests 100000000;
  client_body_temp_path {dir}/body;
  proxy_temp_path {dir}/proxy;
  fastcgi_temp_path {dir}/fastcgi;
  uwsgi_temp_path {dir}/uwsgi;
  scgi_temp_path {dir}/scgi;
  upstream site {{
{servers}    keepalive 4096;
    keepalive_requests 100000000;
  }}
  server {{
    listen {listen}{ssl} backlog=4096{reuseport};
    {tls}
    location / {{
      proxy_pass http://site;
      proxy_http_version 1.1;
      proxy_set_header Connection \"\";
      proxy_max_temp_file_size 0;
      {more}
    }}
  }}
}}
"
    ))
}

/// Bytes are forwarded; Debian ships the module for it in `libnginx-mod-stream`.
fn stream(site: &Site<'_>, servers: &str, reuseport: &str, more: &str) -> String {
    let dir = site.dir.display();
    let Site { listen, task: Task { workers, protocol, .. }, .. } = site;
    let (kind, nodelay) = match *protocol {
        "udp" => ("udp", ""),
        _ => ("backlog=4096", "tcp_nodelay on;"),
    };
    format!(
        "daemon off;
load_module /usr/lib/nginx/modules/ngx_stream_module.so;
worker_processes {workers};
worker_rlimit_nofile 20000;
pid {dir}/nginx.pid;
events {{ worker_connections 19900; }}
stream {{
  upstream site {{
{servers}  }}
  server {{
    listen {listen} {kind}{reuseport};
    proxy_pass site;
    {nodelay}
    {more}
  }}
}}
"
    )
}
