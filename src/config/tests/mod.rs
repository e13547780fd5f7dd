//! The file's form as its authors meet it: what is accepted, what is refused and in which words.

mod backend_tls;
mod certificates;
mod conf;
mod datagrams;
mod forms;
mod hooks;
mod hostile;
mod http2;
mod mistakes;
mod passthrough;
mod printing;
mod protections;
mod scenario;
mod shapes;

use super::{Config, Loaded};

/// The config of this text, which must be valid.
fn valid(text: &str) -> Loaded {
    match Config::parse(text, None) {
        Ok(loaded) => loaded,
        Err(problems) => panic!("{problems}\nin\n{text}"),
    }
}

/// What is wrong with this text, which must not be valid.
fn problems(text: &str) -> String {
    match Config::parse(text, None) {
        Ok(_) => panic!("accepted:\n{text}"),
        Err(problems) => problems.to_string(),
    }
}

/// A file with one listener that leads to the pool `site`, of which `pool` are the further keys.
fn with_pool(pool: &str) -> String {
    format!(
        "version: 1\nlisteners: {{ web: {{ bind: 127.0.0.1:80, pool: site }} }}\npools:\n  site: {{ {pool} }}\n"
    )
}

/// A file with one listener of one route, of which `route` are the further keys.
fn with_route(route: &str) -> String {
    format!(
        "version: 1\npools: {{ site: {{ backends: [ 127.0.0.1:9 ] }} }}\nlisteners:\n  web: {{ bind: 127.0.0.1:80, pool: site, routes: [ {{ {route} }} ] }}\n"
    )
}
