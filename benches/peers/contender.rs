//! Who takes part, and how each is started.

use std::net::SocketAddr;

use anyhow::Result;

use crate::forward;
use crate::rig::proxy::{Proxy, Recipe, Task, haproxy, nginx, pulsegate};

/// All of them, in the order of a round.
pub(crate) const CONTENDERS: [Recipe; 4] =
    [pulsegate::RECIPE, nginx::RECIPE, haproxy::RECIPE, forward::RECIPE];

/// Those that forward bytes and those that speak TLS: the forwarder does neither.
pub(crate) const WITHOUT_FORWARDER: [Recipe; 3] =
    [pulsegate::RECIPE, nginx::RECIPE, haproxy::RECIPE];

/// Those that forward datagrams.
pub(crate) const OF_DATAGRAMS: [Recipe; 2] = [pulsegate::RECIPE, nginx::RECIPE];

/// The peers with buffers of 64 KiB, as those who serve large bodies set them: nginx has eight of
/// 4 KiB for a response by default, HAProxy one of 16 KiB for each direction. They take part where
/// bodies are what is measured.
pub(crate) const LARGE_BUFFERS: [Recipe; 2] = [
    Recipe {
        name: "nginx-64k",
        prepare: |site| {
            let buffers = match site.task.protocol {
                "tcp" => "proxy_buffer_size 64k;",
                _ => "proxy_buffer_size 16k; proxy_buffers 8 64k; proxy_busy_buffers_size 128k;",
            };
            nginx::prepare(site, buffers)
        },
    },
    Recipe { name: "haproxy-64k", prepare: |site| haproxy::prepare(site, "tune.bufsize 65536") },
];

/// A proxy that takes part.
pub(crate) struct Contender {
    /// What it is called in this comparison; with its workers, if it takes part with several.
    pub(crate) label: String,
    /// How many workers it has.
    pub(crate) workers: usize,
    /// What it forwards.
    pub(crate) protocol: &'static str,
    /// The running proxy.
    pub(crate) proxy: Proxy,
}

/// Starts each recipe once per number of workers. The forwarder has one worker only.
pub(crate) async fn start(
    recipes: &[Recipe],
    upstream: SocketAddr,
    workers: &[usize],
    cores: &str,
    protocol: &'static str,
) -> Result<Vec<Contender>> {
    let mut contenders = Vec::new();
    for recipe in recipes {
        if workers.len() > 1 && recipe.name == forward::RECIPE.name {
            continue;
        }
        for count in workers {
            let label = match workers.len() {
                1 => recipe.name.to_owned(),
                _ => format!("{} w{count}", recipe.name),
            };
            let backends = &[upstream];
            let task = Task { backends, workers: *count, cores, checks: true, protocol };
            let proxy = Proxy::start(recipe, task).await?;
            contenders.push(Contender { label, workers: *count, protocol, proxy });
        }
    }
    Ok(contenders)
}
