//! `pulsegate demo`: a whole world in one process, to watch failover with nothing to set up.
//!
//! Three regions with two zones of two small backends each, the proxy in front of them, and, if
//! asked for, somebody who keeps killing one of them.

mod backend;
mod chaos;
mod drill;

use std::io::{self, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use super::instance::Instance;
use super::run::{RunError, announce, serve, stop};
use super::signals::Signals;
use super::system::raise_open_files;
use crate::config::{Config, Loaded};
use crate::control::Fresh;

use backend::Backend;

const REGIONS: [(&str, u32); 3] = [("us-east-1", 50), ("eu-west-1", 30), ("ap-south-1", 20)];
const ZONES: [&str; 2] = ["a", "b"];
const BACKENDS: usize = 2;

const PROXY: &str = "127.0.0.1:8080";
const ADMIN: &str = "127.0.0.1:9900";

/// Who makes trouble in the demo.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// Nobody.
    None,
    /// A backend is killed so often, and comes back.
    KillOneEvery(Duration),
    /// A zone is killed, then a region; each comes back, and what it took is told.
    Drill,
}

/// Runs the demo until told to stop.
///
/// # Errors
/// An address is in use, or the system refuses something.
pub fn run(trouble: Trouble) -> Result<(), RunError> {
    raise_open_files();
    let backends = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name("demo-backends")
        .enable_all()
        .build()?;
    let world = backends.block_on(backend::start_all(&names()))?;
    let text = config_text(&world, trouble);
    let Loaded { config, .. } = parse(&text)?;
    let load = Arc::new(move || match parse(&text) {
        Ok(Loaded { config, .. }) => Ok(Fresh { config, warnings: Vec::new() }),
        Err(error) => Err(vec![error.to_string()]),
    });
    let mut instance = Instance::start(config, load)?;
    let mut signals = instance.block_on(async { Signals::listen() })?;
    welcome(&world, trouble)?;
    announce(&instance)?;
    match trouble {
        Trouble::None => {}
        Trouble::KillOneEvery(period) => drop(backends.spawn(chaos::run(world, period))),
        Trouble::Drill => {
            drop(backends.spawn(drill::run(world, instance.client().clone())));
        }
    }
    serve(&mut instance, &mut signals)?;
    stop(instance, signals);
    backends.shutdown_background();
    Ok(())
}

/// Every backend's region, zone and name, in the order of the config.
fn names() -> Vec<[String; 3]> {
    let mut names = Vec::new();
    for (region, _) in REGIONS {
        for zone in ZONES {
            for number in 1..=BACKENDS {
                let zone = format!("{region}{zone}");
                let name = format!("{zone}-{number}");
                names.push([region.to_owned(), zone, name]);
            }
        }
    }
    names
}

fn parse(text: &str) -> io::Result<Loaded> {
    Config::parse(text, None)
        .map_err(|problems| io::Error::other(format!("the demo's own config: {problems}")))
}

/// Stages that can be watched: by default they take a quarter of an hour.
const QUICK: &str = "    failover: { dwell: 1s, hold_down: { first: 3s, max: 30s, decay: 1m }, max_transitions: 10000 }
    restoration:
      proving: 2s
      stages: [ { share: 5%, hold: 3s }, { share: 20%, hold: 3s }, { share: 50%, hold: 3s }, { share: 100% } ]
      watch: 3s
      gate: { alpha: 5%, beta: 20%, min_requests: 20, worse_by: 10, errors_below: 20% }
";

fn config_text(world: &[Arc<Backend>], trouble: Trouble) -> String {
    let mut text = format!(
        "version: 1\n\
         listeners:\n  \
           web: {{ bind: {PROXY}, protocol: http, access_log: off, pool: site }}\n\
         admin: {{ bind: {ADMIN}, socket: off }}\n\
         pools:\n  site:\n    \
             health:\n      network: {{}}\n      application: {{ endpoints: [ /health ] }}\n"
    );
    if trouble == Trouble::Drill {
        text.push_str(QUICK);
    }
    text.push_str("    regions:\n");
    for (region, weight) in REGIONS {
        text.push_str(&format!("      {region}:\n        weight: {weight}\n        zones:\n"));
        for zone in ZONES {
            let zone = format!("{region}{zone}");
            let members: Vec<String> = world
                .iter()
                .filter(|backend| backend.zone == zone)
                .map(|backend| {
                    format!("{{ name: {}, address: \"{}\" }}", backend.name, backend.address)
                })
                .collect();
            text.push_str(&format!(
                "          {zone}: {{ backends: [ {} ] }}\n",
                members.join(", ")
            ));
        }
    }
    text
}

fn welcome(world: &[Arc<Backend>], trouble: Trouble) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "Pulsegate demo: {} backends in {} regions.", world.len(), REGIONS.len())?;
    writeln!(out, "\nTry, in another terminal:\n")?;
    let mut show = |command: &str, what: &str| writeln!(out, "  {command:<52}  {what}");
    show(&format!("curl http://{PROXY}/"), "one request, answered by one of them")?;
    let program = program();
    show(&format!("{program} status --url http://{ADMIN}"), "who takes which share, and why")?;
    show(&format!("curl http://{ADMIN}/metrics"), "what Prometheus would see")?;
    if let Some(backend) = world.first() {
        let ends = format!("end {}; it stays down", backend.name);
        show(&format!("curl -X POST http://{}/kill", backend.address), &ends)?;
    }
    match trouble {
        Trouble::KillOneEvery(period) => {
            writeln!(
                out,
                "\nEvery {} s one backend is killed, and returns halfway to the next. No request fails:\n",
                period.as_secs_f64()
            )?;
            writeln!(out, "  while sleep 0.1; do curl -sf http://{PROXY}/ || echo FAILED; done\n")?;
        }
        Trouble::Drill => writeln!(
            out,
            "\nA zone is killed, then a region. Meanwhile, in another terminal:\n\n  \
             {program} bench http://{PROXY}/ --rate 1000 --duration 70s --target errors=0%\n  \
             {program} status --url http://{ADMIN}\n"
        )?,
        Trouble::None => writeln!(
            out,
            "\nStart it with --kill-one-every 5s to watch failover. Ctrl-C ends it.\n"
        )?,
    }
    out.flush()
}

/// This program as it was called: `pulsegate` is not yet on the path of who tries the demo.
fn program() -> String {
    std::env::args().next().unwrap_or_else(|| "pulsegate".to_owned())
}

/// Where a backend of the demo listens.
fn any_port() -> SocketAddr {
    ([127, 0, 0, 1], 0).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_demos_config_is_valid_and_has_twelve_backends() {
        let world: Vec<Arc<Backend>> = names()
            .into_iter()
            .enumerate()
            .map(|(index, name)| {
                Arc::new(Backend::new(name, ([127, 0, 0, 1], 9000 + index as u16).into()))
            })
            .collect();
        for trouble in [Trouble::None, Trouble::Drill] {
            let loaded = parse(&config_text(&world, trouble)).unwrap();
            assert_eq!(loaded.warnings, []);
        }
        let loaded = parse(&config_text(&world, Trouble::None)).unwrap();
        assert!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
        let regions = &loaded.config.pools[0].regions;
        let count: usize =
            regions.iter().flat_map(|region| &region.zones).map(|zone| zone.backends.len()).sum();
        assert_eq!((regions.len(), count), (3, 12));
    }
}
