//! Reloading, as far as it happens beside the control loop: reading the file and opening sockets
//! may block, and nothing else may wait for it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::task::JoinSet;

use super::listeners::{Open, open_all};
use super::{Actor, ReloadError, Reloaded, line};
use crate::config::{Config, Token};
use crate::events::wire::Configuration;
use crate::live;

/// Loads the configuration again: the new one, or every problem, one line of text each.
pub type Load = dyn Fn() -> Result<Fresh, Vec<String>> + Send + Sync;

/// A configuration newly loaded.
#[derive(Debug)]
pub struct Fresh {
    /// It.
    pub config: Config,
    /// What its author should know, one line of text each.
    pub warnings: Vec<String>,
}

/// All that a reload needs before it can be published.
#[derive(Debug)]
pub(super) struct Prepared {
    pub(super) config: Arc<Config>,
    pub(super) identity: Configuration,
    /// Every listening address of the config; some were open before.
    pub(super) listeners: Vec<Arc<live::Listener>>,
    pub(super) warnings: Vec<String>,
}

/// The sockets there are, and the listeners that shall have none.
pub(super) struct Sockets<'a> {
    pub(super) open: &'a [Arc<live::Listener>],
    pub(super) drained: BTreeSet<Arc<str>>,
}

/// Somebody who asked for a reload, and the way back.
pub(super) struct Asker {
    pub(super) actor: Actor,
    /// It is taken back unless it is confirmed within this time.
    pub(super) confirm: Option<Duration>,
    pub(super) answer: oneshot::Sender<Result<Reloaded, ReloadError>>,
}

/// Prepares one reload at a time. Whoever asks while one is under way shares the next, because
/// the file may have changed since it was read.
pub(super) struct Reloads {
    load: Arc<Load>,
    open: Arc<Open>,
    workers: usize,
    /// The config the process started with: some of it holds until the process ends.
    first: Arc<Config>,
    waiting: Vec<Asker>,
    asked: Vec<Asker>,
    running: JoinSet<Result<Prepared, Vec<String>>>,
}

impl Reloads {
    pub(super) fn new(
        load: Arc<Load>,
        open: Arc<Open>,
        workers: usize,
        first: Arc<Config>,
    ) -> Self {
        let (waiting, asked, running) = (Vec::new(), Vec::new(), JoinSet::new());
        Self { load, open, workers, first, waiting, asked, running }
    }

    pub(super) fn ask(&mut self, asker: Asker, sockets: &Sockets<'_>) {
        self.waiting.push(asker);
        self.begin(sockets);
    }

    /// Begins the next reload if one is waited for and none is under way.
    pub(super) fn begin(&mut self, sockets: &Sockets<'_>) {
        if self.waiting.is_empty() || !self.running.is_empty() {
            return;
        }
        self.asked = std::mem::take(&mut self.waiting);
        let (load, open) = (Arc::clone(&self.load), Arc::clone(&self.open));
        let (first, current) = (Arc::clone(&self.first), sockets.open.to_vec());
        let drained = sockets.drained.clone();
        let workers = self.workers;
        self.running
            .spawn_blocking(move || prepare(&*load, &*open, workers, &first, (&current, &drained)));
    }

    /// Waits until the reload under way is prepared; for ever while there is none. May be dropped
    /// and called again.
    pub(super) async fn prepared(&mut self) -> Result<Prepared, Vec<String>> {
        match self.running.join_next().await {
            Some(Ok(result)) => result,
            Some(Err(_)) => Err(vec!["loading the configuration broke off".to_owned()]),
            None => std::future::pending().await,
        }
    }

    /// Those who asked for the reload that was prepared.
    pub(super) fn take_askers(&mut self) -> Vec<Asker> {
        std::mem::take(&mut self.asked)
    }
}

fn prepare(
    load: &Load,
    open: &Open,
    workers: usize,
    first: &Config,
    (current, drained): (&[Arc<live::Listener>], &BTreeSet<Arc<str>>),
) -> Result<Prepared, Vec<String>> {
    let Fresh { config, mut warnings } = load()?;
    warnings.extend(needs_restart(first, &config));
    let listeners = open_all(&config, current, drained, workers, open)?;
    let identity = line::configuration(&config);
    Ok(Prepared { config: Arc::new(config), identity, listeners, warnings })
}

/// One line for each setting that is not what the process started with and only takes effect when
/// it starts again.
fn needs_restart(first: &Config, new: &Config) -> impl Iterator<Item = String> {
    let token = |token: &Token| (token.role, token.secret.clone());
    let tokens = |config: &Config| config.admin.tokens.iter().map(token).collect::<Vec<_>>();
    let admin = first.admin.bind != new.admin.bind
        || first.admin.socket != new.admin.socket
        || first.admin.allowed_hosts != new.admin.allowed_hosts
        || first.admin.alerts != new.admin.alerts
        || tokens(first) != tokens(new);
    let differs = [
        ("workers", first.workers != new.workers),
        ("admin", admin),
        ("webhooks", first.webhooks != new.webhooks),
        ("state.dir", first.state_dir != new.state_dir),
        ("state.events", first.event_log != new.event_log),
        ("state.record", first.record_bytes != new.record_bytes),
    ];
    let changed = differs.into_iter().filter(|(_, differs)| *differs);
    changed.map(|(key, _)| format!("{key}: the change takes effect after a restart"))
}
