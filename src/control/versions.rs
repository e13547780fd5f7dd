//! Which configuration is in force, which was before, and whether it may stay.
//!
//! The worst reload is the one that cuts off whoever made it: the mistake is in force and cannot be
//! taken back over the wire. So a reload may be made on trial. Unless somebody who can still reach
//! the process confirms it in time, the configuration before comes back by itself.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::event::Event;
use super::ordering::drained_listeners;
use super::reload::{Asker, Prepared};
use super::task::{Task, sockets};
use super::{Actor, ReloadError, ReloadReport, Reloaded};
use crate::config::Config;
use crate::decision::Input;
use crate::events::wire::Configuration;

/// The configurations there are to choose from.
#[derive(Debug)]
pub(super) struct Versions {
    current: Version,
    previous: Option<Version>,
    /// When the current one ends unless it is confirmed.
    trial: Option<Trial>,
}

/// A configuration that is or was in force.
#[derive(Clone, Debug)]
struct Version {
    config: Arc<Config>,
    identity: Configuration,
}

#[derive(Debug)]
struct Trial {
    until: Instant,
    /// What comes back: the last one that was not itself on trial.
    proven: Version,
}

impl Versions {
    pub(super) fn new(config: &Arc<Config>, identity: Configuration) -> Self {
        let current = Version { config: Arc::clone(config), identity };
        Self { current, previous: None, trial: None }
    }

    /// When the configuration in force ends unless it is confirmed.
    pub(super) fn unconfirmed_until(&self) -> Option<Instant> {
        self.trial.as_ref().map(|trial| trial.until)
    }

    /// Puts the same with renewed certificates in its place.
    fn refresh(&mut self, config: Arc<Config>) {
        self.current.config = config;
    }

    fn replace(&mut self, version: Version, trial: Option<Duration>) {
        let before = std::mem::replace(&mut self.current, version);
        let proven = match self.trial.take() {
            Some(trial) => trial.proven,
            None => before.clone(),
        };
        self.trial = trial.map(|length| Trial { until: Instant::now() + length, proven });
        self.previous = Some(before);
    }
}

impl Task {
    /// Puts what was prepared in force, and tells everybody who asked for it.
    pub(super) fn reloaded(&mut self, prepared: Result<Prepared, Vec<String>>) {
        let generation = self.publisher.current().generation + 1;
        let result = match &prepared {
            Ok(prepared) => Ok(Reloaded { generation, warnings: prepared.warnings.clone() }),
            Err(problems) => Err(ReloadError { problems: problems.clone() }),
        };
        let askers = self.reloads.take_askers();
        for Asker { actor, .. } in &askers {
            let config = prepared.as_ref().ok().map(|prepared| prepared.identity.clone());
            self.told(actor.clone(), result.clone(), config);
        }
        if let Ok(Prepared { config, identity, listeners, .. }) = prepared {
            let trial = askers.iter().filter_map(|asker| asker.confirm).min();
            self.versions.replace(Version { config: Arc::clone(&config), identity }, trial);
            listeners.iter().for_each(|listener| self.live.add_listener(listener));
            self.listeners = listeners;
            self.take_over(config);
        }
        for asker in askers {
            drop(asker.answer.send(result.clone()));
        }
        self.reloads.begin(&sockets(&self.state, &self.listeners));
    }

    /// Lets the configuration in force stay.
    ///
    /// # Errors
    /// None is on trial: it was confirmed before, or has been taken back.
    pub(super) fn confirm(&mut self, actor: Actor) -> Result<(), ReloadError> {
        let Some(_) = self.versions.trial.take() else {
            let problem = "no reload waits to be confirmed".to_owned();
            return Err(ReloadError { problems: vec![problem] });
        };
        self.journal.record(Event::Confirmed { actor });
        Ok(())
    }

    /// Goes back to the configuration before the one in force.
    ///
    /// # Errors
    /// There is none, or one of its listeners cannot be opened; nothing changed then.
    pub(super) fn roll_back(&mut self, actor: Actor) -> Result<Reloaded, ReloadError> {
        let Some(previous) = self.versions.previous.clone() else {
            let problem = "there is no configuration before this one".to_owned();
            return Err(ReloadError { problems: vec![problem] });
        };
        self.go_back_to(previous, actor)
    }

    /// The time to confirm is over.
    pub(super) fn revert(&mut self) {
        let Some(trial) = self.versions.trial.take() else { return };
        // What cannot be opened again was told; the configuration on trial stays then.
        drop(self.go_back_to(trial.proven, Actor::Unconfirmed));
    }

    fn go_back_to(&mut self, version: Version, actor: Actor) -> Result<Reloaded, ReloadError> {
        let drained = drained_listeners(self.state.orders());
        let result = self.open_listeners(&version.config, &drained);
        let generation = self.publisher.current().generation + 1;
        let result = result.map(|()| Reloaded { generation, warnings: Vec::new() });
        let result = result.map_err(|problems| ReloadError { problems });
        let identity = result.is_ok().then(|| version.identity.clone());
        self.told(actor, result.clone(), identity);
        if result.is_ok() {
            let config = Arc::clone(&version.config);
            self.versions.replace(version, None);
            self.take_over(config);
        }
        result
    }

    fn told(
        &mut self,
        actor: Actor,
        result: Result<Reloaded, ReloadError>,
        config: Option<Configuration>,
    ) {
        let counters = &self.shared.counters;
        let ended = if result.is_ok() { &counters.reloads_ok } else { &counters.reloads_failed };
        ended.add(1);
        let (at, report) = ((self.clock)(), result.clone());
        self.last_reload = Some(ReloadReport { at, actor: actor.clone(), result: report });
        self.journal.record(Event::Reload { actor, result, config });
    }

    /// Publishes the configuration in force with renewed certificates.
    pub(super) fn refresh(&mut self, config: Arc<Config>) {
        self.versions.refresh(Arc::clone(&config));
        self.take_over(config);
    }

    /// Publishes a configuration whose listeners are open, whether or not its plan differs: routes
    /// may.
    fn take_over(&mut self, config: Arc<Config>) {
        self.times.configured = (self.clock)();
        let step = self.take([Input::Configured(config)]);
        self.note(step.changes);
        // A listener may have been drained or undrained since the sockets were prepared.
        let drained = drained_listeners(self.state.orders());
        if let Err(problem) = self.follow_listener_orders(&drained) {
            tracing::error!(%problem, "a listener stays as it was");
        }
        self.publish();
        self.follow_members();
    }
}
