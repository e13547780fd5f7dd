//! Puts control together and sets it going.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::client::{Client, Shared};
use super::clock::{WallClock, anchor};
use super::event::Event;
use super::journal::Journal;
use super::limits::Limits;
use super::listeners::{Open, open_all};
use super::ordering::drained_listeners;
use super::recall::Recall;
use super::recorder::Recorder;
use super::reload::{Load, Reloads};
use super::sample::Sampler;
use super::standings::Standings;
use super::task::{Inbox, Outbox, Task, Times};
use super::versions::Versions;
use super::watch::watch;
use super::{keep, line, renewals};
use crate::config::Config;
use crate::decision::{Change, Input, State};
use crate::events::tape::wire::Left;
use crate::events::{self, Anchor};
use crate::kept;
use crate::live::{self, Live};
use crate::model::{Lookup, LookupPlan, Observation, Order, ProbePlan};
use crate::state_dir::StateDir;
use crate::table::{self, Publisher, Reader};

/// Commands and questions that may wait.
const COMMANDS: usize = 64;
/// Observations that may wait; a prober that is ahead of control waits.
const OBSERVATIONS: usize = 4_096;
/// Ends of lookups that may wait.
const LOOKUPS: usize = 256;

/// What control is made of.
pub struct Control {
    /// The configuration to start with.
    pub config: Config,
    /// What outlives tables; decides the number of workers.
    pub live: Arc<Live>,
    /// Opens listeners.
    pub open: Arc<Open>,
    /// Loads the configuration again.
    pub load: Arc<Load>,
    /// Tells the time.
    pub clock: WallClock,
    /// Where events are written, if anywhere.
    pub events: Option<events::Writer>,
    /// Who hands on what happened, if anybody does.
    pub tap: Option<events::Tap>,
    /// Where what is decided from is recorded, and how much of it at most.
    pub record: Option<(events::Writer, u64)>,
    /// Where orders are kept over a restart, if anywhere.
    pub state_dir: Option<StateDir>,
}

/// Control, running.
pub struct Started {
    /// Reads the published table; the first one is published.
    pub reader: Reader,
    /// Asks and orders. Control ends when the last one is dropped.
    pub client: Client,
    /// What its helpers at the network are to be connected to.
    pub ports: Ports,
    /// The task itself.
    pub task: JoinHandle<()>,
}

/// The ends that probes and discovery hold. Both plans end when control does.
pub struct Ports {
    /// What shall be probed.
    pub probe_plan: watch::Receiver<Arc<ProbePlan>>,
    /// Takes what the probes saw.
    pub observations: mpsc::Sender<Observation>,
    /// Which hostnames shall be followed.
    pub lookup_plan: watch::Receiver<Arc<LookupPlan>>,
    /// Takes how the lookups ended.
    pub lookups: mpsc::Sender<Lookup>,
}

/// Nothing was started: some listeners could not be opened, or kept orders could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", problems.join("\n"))]
pub struct StartError {
    /// One line for each, naming the listener and the address, or the file.
    pub problems: Vec<String>,
}

impl Control {
    /// Opens the listeners, publishes the first table and starts the task, on the runtime this is
    /// called in. Backends that are to be checked get no traffic before their first passing check.
    ///
    /// # Errors
    ///
    /// [`StartError`] if a listener cannot be opened or kept orders cannot be read; nothing is left
    /// open then.
    pub fn start(self) -> Result<Started, StartError> {
        let Self { config, live, open, load, clock, events, tap, record, state_dir } = self;
        let config = Arc::new(config);
        let workers = live.worker_count();
        // One moment by both clocks, so that whoever decides a recording again turns one into the
        // other as was done here.
        let begun = anchor(clock);
        let now = Instant::from_std(begun.instant);
        let orders = kept_orders(state_dir.as_ref(), begun)?;
        let drained = drained_listeners(&orders);
        let opened = open_all(&config, &[], &drained, workers, &*open);
        let listeners = opened.map_err(|problems| StartError { problems })?;
        listeners.iter().for_each(|listener| live.add_listener(listener));

        let mut state = State::new(Arc::clone(&config), now.into_std());
        let left = state_dir.as_ref().map(left);
        let recalled = left.as_ref().map(|left| resumed(&mut state, left, begun));
        let first = state.step(orders.iter().cloned().map(Input::Ordered), now.into_std());
        let (publisher, reader) = Publisher::new(first_table(&state, &live, &listeners));
        let shared = Arc::<Shared>::default();
        shared.counters.generation.add(1);

        let (commands, asked) = mpsc::channel(COMMANDS);
        let (outbox, ports, observations, lookups) = connect();
        let mut journal = Journal::new(clock, events, tap);
        let (made, started) = ((begun.instant, begun.wall), begun.wall);
        let record = record.map(|(writer, most)| Recorder::start(writer, most, &state, made, left));
        let identity = line::configuration(&config);
        journal.record(Event::Started { config: identity.clone() });
        orders.into_iter().for_each(|order| journal.record(Event::Ordered { order }));
        let recall = state_dir.clone().map(Recall::new);
        let mut task = Task {
            state,
            publisher,
            live,
            listeners,
            shared: Arc::clone(&shared),
            clock,
            journal,
            recorder: record,
            sampler: Sampler::default(),
            limits: Limits::default(),
            reloads: Reloads::new(load, Arc::clone(&open), workers, Arc::clone(&config)),
            open,
            standings: Standings::new(state_dir.as_ref()),
            keeper: state_dir.map(keeper),
            recall,
            outbox,
            times: Times::begun(started, now),
            last_reload: None,
            versions: Versions::new(&config, identity),
            refused: BTreeMap::new(),
            unpruned: false,
        };
        task.note(recalled.unwrap_or_default());
        task.note(first.changes);
        task.follow_members();
        if let Some(path) = &config.path {
            tokio::spawn(watch(path.clone(), reader.clone(), commands.downgrade()));
        }
        tokio::spawn(renewals::watch(reader.clone(), clock, commands.downgrade()));
        let task = tokio::spawn(task.run(Inbox { commands: asked, observations, lookups }));
        let client = Client { commands, shared, reader: reader.clone() };
        Ok(Started { reader, client, ports, task })
    }
}

/// What a process before has left of what it saw.
fn left(dir: &StateDir) -> Left {
    let read = |file: &str| {
        let read = dir.read(file).map_err(|error| error.to_string());
        let text = read.and_then(|bytes| {
            let text = String::from_utf8(bytes.unwrap_or_default());
            text.map_err(|error| format!("{}: {error}", dir.path(file).display()))
        });
        match text {
            Ok(text) => Some(text).filter(|text| !text.is_empty()),
            Err(problem) => {
                tracing::warn!(%problem, "what a process before has left is not used");
                None
            }
        }
    };
    Left { health: read(kept::HEALTH), standings: read(kept::STANDINGS) }
}

/// Lets a new core take that over: what it changes.
fn resumed(state: &mut State, left: &Left, anchor: Anchor) -> Vec<Change> {
    let kept::Resumed { changes, standings, health } = kept::resume(state, left, anchor);
    if let Err(problem) = standings {
        let file = kept::STANDINGS;
        tracing::error!(
            file, %problem,
            "how zones and regions stood cannot be read: all of them begin as active"
        );
    }
    match health {
        Ok(0) => {}
        Ok(entries) => {
            tracing::warn!(
                file = kept::HEALTH,
                entries,
                "entries of kept health are not understood"
            );
        }
        Err(error) => {
            let file = kept::HEALTH;
            tracing::warn!(file, %error, "kept health is not used: every backend starts unknown");
        }
    }
    changes
}

/// The orders that a process before left standing.
fn kept_orders(dir: Option<&StateDir>, anchor: Anchor) -> Result<Vec<Order>, StartError> {
    let Some(dir) = dir else { return Ok(Vec::new()) };
    keep::load(dir, anchor).map_err(|problem| StartError { problems: vec![problem] })
}

fn keeper(dir: StateDir) -> mpsc::UnboundedSender<keep::Write> {
    let (writes, queue) = mpsc::unbounded_channel();
    tokio::spawn(keep::write_all(dir, queue));
    writes
}

fn first_table(state: &State, live: &Live, listeners: &[Arc<live::Listener>]) -> table::Table {
    table::build(&table::Inputs {
        config: state.config(),
        plan: state.plan(),
        live,
        listeners,
        previous: None,
        generation: 1,
    })
}

fn connect() -> (Outbox, Ports, mpsc::Receiver<Observation>, mpsc::Receiver<Lookup>) {
    let (probes, probe_plan) = watch::channel(Arc::<ProbePlan>::default());
    let (lookups, lookup_plan) = watch::channel(Arc::<LookupPlan>::default());
    let (observations, observed) = mpsc::channel(OBSERVATIONS);
    let (looked_up, ended) = mpsc::channel(LOOKUPS);
    let ports = Ports { probe_plan, observations, lookup_plan, lookups: looked_up };
    (Outbox { probes, lookups }, ports, observed, ended)
}
