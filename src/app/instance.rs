//! A whole balancer in this process: started, asked, and ended in order.

use std::convert::Infallible;
use std::io;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::access_logs::{self, UnwritableLog};
use super::clock::wall_clock;
use super::prober;
use super::workers::Workers;
use crate::access_log::Writer;
use crate::admin;
use crate::config::{self, Config, EventLog};
use crate::control::{self, Client, Control, Load, Started};
use crate::discovery;
use crate::events::{self, Bounds};
use crate::live::{self, Live};
use crate::model::Transport;
use crate::net;
use crate::notify;
use crate::state_dir::{StateDir, StateError};

/// Events that may wait to be handed on to webhooks.
const LINES: usize = 4_096;
/// Threads of each runtime for what may block: a reload goes on while the state folder's disk hangs.
const BLOCKING: usize = 2;
/// How long each log may take to write out what it holds.
const LOG_GRACE: Duration = Duration::from_secs(2);

/// Why nothing was started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// An access log could not be opened.
    #[error(transparent)]
    AccessLog(#[from] UnwritableLog),
    /// A listener could not be opened.
    #[error(transparent)]
    Listeners(#[from] control::StartError),
    /// The state folder could not be used.
    #[error("state.dir: {0}")]
    State(#[from] StateError),
    /// The admin API could not be opened.
    #[error(transparent)]
    Admin(#[from] admin::BindError),
    /// The system refused a thread or a runtime.
    #[error("cannot start: {0}")]
    System(#[from] io::Error),
}

/// A running balancer.
pub struct Instance {
    /// Runs control and nothing else.
    control_runtime: Runtime,
    /// Runs what may wait: the admin API, lookups of names, webhooks.
    runtime: Runtime,
    client: Client,
    log: Writer,
    events: Option<events::Writer>,
    record: Option<events::Writer>,
    listeners: Vec<(Arc<str>, SocketAddr)>,
    admin: AdminApi,
    parts: Parts,
}

/// What must not end before it is asked to.
struct Parts {
    workers: Workers,
    control: JoinHandle<()>,
    /// Completes when the prober ends.
    probes: oneshot::Receiver<Infallible>,
}

/// The admin API, serving.
struct AdminApi {
    addresses: Vec<SocketAddr>,
    /// Dropped or told: either means stop.
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

/// What ended though nobody asked it to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Lost {
    /// The data-plane worker of this number.
    #[error("worker {0} ended unexpectedly")]
    Worker(usize),
    /// The one writer of tables.
    #[error("control ended unexpectedly")]
    Control,
    /// The prober: nobody would learn that a backend is down.
    #[error("the prober ended unexpectedly")]
    Prober,
}

impl Instance {
    /// Opens everything the configuration asks for and starts serving. `load` is what a reload
    /// loads.
    ///
    /// # Errors
    /// Something could not be opened; nothing is left running then.
    pub fn start(config: Config, load: Arc<Load>) -> Result<Self, StartError> {
        access_logs::unwritable(&config).next().map_or(Ok(()), Err)?;
        let live = Arc::new(Live::new(config.workers.get()));
        let log = Writer::start()?;
        let control_runtime = runtime("control")?;
        let runtime = runtime("admin")?;
        let state_dir = config.state_dir.as_deref().map(StateDir::open).transpose()?;
        let log_of = |name, bounds| {
            state_dir.clone().map(|dir| events::Writer::start(dir, name, bounds)).transpose()
        };
        let EventLog { file_bytes, files } = config.event_log;
        let events = log_of(events::FILE, Bounds { file_bytes, older: files.max(2) - 1 })?;
        // The recorder knows where a file may end.
        let of_two = Bounds { file_bytes: None, older: 1 };
        let record = match config.record_bytes {
            Some(most) => log_of(events::tape::FILE, of_two)?.map(|writer| (writer, most)),
            None => None,
        };
        let settings = config.admin.clone();
        let webhooks = config.webhooks.clone();
        let tapped = (!webhooks.is_empty()).then(|| events::Tap::new(LINES));
        let (tap, lines) = tapped.unzip();
        let control = Control {
            config,
            live: Arc::clone(&live),
            open: Arc::new(open),
            load,
            clock: wall_clock,
            events: events.clone(),
            tap: tap.clone(),
            record: record.clone(),
            state_dir,
        };
        let server = runtime.block_on(admin::Server::bind(&settings))?;
        let Started { reader, client, ports, task } =
            control_runtime.block_on(async { control.start() })?;
        let probes = prober::start(ports.probe_plan, ports.observations)?;
        let resolver = Arc::new(discovery::SystemResolver::default());
        runtime.spawn(discovery::run(ports.lookup_plan, ports.lookups, resolver));
        let told = Arc::<notify::Counters>::default();
        if let Some(lines) = lines {
            runtime.spawn(notify::run(webhooks, lines, Arc::clone(&told)));
        }
        let tallies = admin::Tallies {
            access_log: log.losses(),
            event_log: events.as_ref().map(events::Writer::losses).unwrap_or_default(),
            rotations: events.as_ref().map(events::Writer::rotations).unwrap_or_default(),
            untold: tap.as_ref().map(events::Tap::losses).unwrap_or_default(),
            told,
        };
        let state =
            admin::State::new(client.clone(), Arc::clone(&live), tallies, wall_clock, &settings);
        let admin = serve_admin(&runtime, server, state);
        let table = client.table();
        let bound = table.listeners.iter().flat_map(|listener| &listener.sockets);
        let listeners = bound.map(|socket| (Arc::clone(&socket.name), socket.local)).collect();
        let workers = Workers::start(&live, &reader, &client, &log)?;
        let record = record.map(|(writer, _)| writer);
        let parts = Parts { workers, control: task, probes };
        Ok(Self { control_runtime, runtime, client, log, events, record, listeners, admin, parts })
    }

    /// Each listener's name and address, as bound.
    #[must_use]
    pub fn listeners(&self) -> &[(Arc<str>, SocketAddr)] {
        &self.listeners
    }

    /// The admin API's TCP addresses, as bound.
    #[must_use]
    pub fn admin(&self) -> &[SocketAddr] {
        &self.admin.addresses
    }

    /// The door to control.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Opens the log files again.
    pub fn reopen_logs(&self) {
        self.log.reopen();
        self.events.iter().for_each(events::Writer::reopen);
    }

    /// Lets something run beside the admin API.
    pub fn spawn(&self, future: impl Future<Output = ()> + Send + 'static) {
        self.runtime.spawn(future);
    }

    /// Runs something beside the admin API, and waits for it.
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.runtime.block_on(future)
    }

    /// Waits for `event`.
    ///
    /// # Errors
    /// A part of the instance was lost before it.
    pub fn wait<F: Future>(&mut self, event: F) -> Result<F::Output, Lost> {
        let Self { runtime, parts: Parts { workers, control, probes }, .. } = self;
        runtime.block_on(async {
            tokio::select! {
                output = event => Ok(output),
                index = workers.lost() => Err(Lost::Worker(index)),
                _ = control => Err(Lost::Control),
                _ = probes => Err(Lost::Prober),
            }
        })
    }

    /// Takes nothing new and lets what is in flight finish, until `hurry` completes; then ends.
    ///
    /// Must be called outside of any runtime.
    pub fn stop(self, hurry: impl Future<Output = ()>) {
        let Self { control_runtime, runtime, client, log, events, record, admin, parts, .. } = self;
        let Parts { mut workers, .. } = parts;
        client.start_drain();
        runtime.block_on(workers.drain(hurry));
        workers.stop();
        let recorded = async { tokio::time::timeout(LOG_GRACE, client.record()).await };
        if runtime.block_on(recorded).is_err() {
            tracing::warn!("health could not be written in time: a restart forgets some of it");
        }
        // The admin API answers to the end: an operator may want to watch.
        drop(admin.stop);
        if runtime.block_on(admin.task).is_err() {
            tracing::error!("the admin API panicked");
        }
        if !log.shutdown(LOG_GRACE) {
            tracing::warn!("the access log could not be written out in time");
        }
        if events.is_some_and(|events| !events.flush(LOG_GRACE)) {
            tracing::warn!("the event log could not be written out in time");
        }
        if record.is_some_and(|record| !record.flush(LOG_GRACE)) {
            tracing::warn!("the recording could not be written out in time");
        }
        runtime.shutdown_background();
        control_runtime.shutdown_background();
    }
}

/// A runtime of one thread of that name.
///
/// Control has one to itself: a scrape never delays a decision, and since a config and the tables
/// built from it are made and freed by the same threads, the allocator finds the last one's room
/// again. Spread over many threads each would keep room of its own, and reloads would grow the process.
fn runtime(name: &'static str) -> io::Result<Runtime> {
    Builder::new_multi_thread()
        .worker_threads(1)
        .max_blocking_threads(BLOCKING)
        .thread_name(name)
        .enable_all()
        .build()
}

fn serve_admin(runtime: &Runtime, server: admin::Server, state: admin::State<Client>) -> AdminApi {
    let addresses = server.addresses().collect();
    let (stop, stopped) = oneshot::channel::<()>();
    let task = runtime.spawn(server.serve(state, async {
        let _ = stopped.await;
    }));
    AdminApi { addresses, stop, task }
}

fn open(
    listener: &config::Listener,
    bind: SocketAddr,
    workers: usize,
) -> io::Result<live::Listener> {
    let transport = listener.protocol.transport();
    let (local, sockets): (_, Vec<_>) = match transport {
        Transport::Tcp => {
            let sockets = net::listen(bind, workers, net::FirstWord::on(listener))?;
            let local = sockets.first().map(TcpListener::local_addr);
            (local, sockets.into_iter().map(live::Socket::Stream).collect())
        }
        Transport::Udp => {
            let sockets = net::bind(bind, workers)?;
            let local = sockets.first().map(UdpSocket::local_addr);
            (local, sockets.into_iter().map(live::Socket::Datagram).collect())
        }
    };
    let local = local.unwrap_or(Ok(bind))?;
    Ok(live::Listener::new(Arc::clone(&listener.name), bind, local, transport, sockets))
}
