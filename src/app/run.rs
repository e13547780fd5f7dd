//! `pulsegate run`: an instance, and the signals it obeys.

use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;

use super::access_logs;
use super::instance::{Instance, Lost, StartError};
use super::signals::{Asked, Signals};
use super::system::raise_open_files;
use crate::config::defaults::DRAIN_DEADLINE;
use crate::config::{Config, Loaded};
use crate::control::{Actor, Fresh};

/// Why a run ended badly.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// Nothing was started.
    #[error(transparent)]
    Start(#[from] StartError),
    /// A part of it broke down.
    #[error(transparent)]
    Lost(#[from] Lost),
    /// Standard output is closed, or signals cannot be handled.
    #[error("{0}")]
    System(#[from] io::Error),
}

/// Runs the configuration that was loaded from `path`, until told to stop.
///
/// # Errors
/// It could not be started, or broke down.
pub fn run(path: PathBuf, loaded: Loaded) -> Result<(), RunError> {
    raise_open_files();
    let load = Arc::new(move || load(&path));
    let mut instance = Instance::start(loaded.config, load)?;
    let mut signals = instance.block_on(async { Signals::listen() })?;
    announce(&instance)?;
    serve(&mut instance, &mut signals)?;
    stop(instance, signals);
    Ok(())
}

fn load(path: &std::path::Path) -> Result<Fresh, Vec<String>> {
    let Loaded { config, warnings } = Config::load(path)
        .map_err(|problems| problems.to_string().lines().map(str::to_owned).collect::<Vec<_>>())?;
    let unwritable: Vec<String> =
        access_logs::unwritable(&config).map(|log| log.to_string()).collect();
    if !unwritable.is_empty() {
        return Err(unwritable);
    }
    Ok(Fresh { config, warnings: warnings.iter().map(ToString::to_string).collect() })
}

/// Says where it listens; scripts wait for the last line.
pub(super) fn announce(instance: &Instance) -> io::Result<()> {
    let mut out = io::stdout().lock();
    for (name, address) in instance.listeners() {
        writeln!(out, "listening {name} {address}")?;
    }
    for address in instance.admin() {
        writeln!(out, "admin {address}")?;
    }
    writeln!(out, "ready")?;
    out.flush()
}

/// Obeys signals until one says stop.
pub(super) fn serve(instance: &mut Instance, signals: &mut Signals) -> Result<(), RunError> {
    loop {
        match instance.wait(signals.next())? {
            Asked::Reload => reload(instance),
            Asked::ReopenLogs => instance.reopen_logs(),
            Asked::Stop => return Ok(()),
        }
    }
}

/// Control reports how it went, to the log and to whoever asks the admin API.
fn reload(instance: &Instance) {
    let client = instance.client().clone();
    instance.spawn(async move { drop(client.reload(Actor::Signal, None).await) });
}

/// Stops gently; at once when told so again or when the drain's deadline has passed.
pub(super) fn stop(instance: Instance, mut signals: Signals) {
    tracing::info!(deadline_s = DRAIN_DEADLINE.as_secs(), "draining");
    instance.stop(async move {
        let again = async { while signals.next().await != Asked::Stop {} };
        if tokio::time::timeout(DRAIN_DEADLINE, again).await.is_err() {
            tracing::warn!("the drain's deadline has passed: open connections are cut");
        }
    });
}
