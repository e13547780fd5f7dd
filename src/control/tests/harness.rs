//! Control with scripted edges: the file, the sockets, the probes and DNS are the test's.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use crate::config::{
    Config, EscapedSlash, Listener, ListenerLimits, ListenerTimeouts, PathOptions, Protocol,
};
use crate::control::{
    Actor, Client, Control, Detail, Fresh, ReloadError, Reloaded, StartError, Started, Status,
};
use crate::decision::tests::fixture::{fail, pass};
use crate::live::{self, Live};
use crate::model::{Lookup, LookupSpec, UnixMillis};

/// What the loader answers next.
type Script = Arc<Mutex<Result<Config, Vec<String>>>>;

/// A running control and the test's end of everything.
pub(super) struct Harness {
    pub(super) started: Started,
    pub(super) live: Arc<Live>,
    pub(super) generations: watch::Receiver<u64>,
    /// How often the file was loaded.
    pub(super) loads: Arc<AtomicUsize>,
    script: Script,
    gate: Gate,
    taken: Taken,
}

/// While true, the file cannot be read to its end.
type Gate = Arc<(Mutex<bool>, Condvar)>;

/// Addresses that are in use by somebody else.
type Taken = Arc<Mutex<Vec<SocketAddr>>>;

impl Harness {
    pub(super) fn start(config: Config) -> Self {
        Self::try_start(config, &[]).unwrap_or_else(|error| panic!("{error}"))
    }

    pub(super) fn try_start(config: Config, taken: &[&str]) -> Result<Self, StartError> {
        let script: Script = Arc::new(Mutex::new(Err(vec!["no script".to_owned()])));
        let taken = Arc::new(Mutex::new(taken.iter().map(|at| at.parse().unwrap()).collect()));
        let live = Arc::new(Live::new(1));
        let loads = Arc::<AtomicUsize>::default();
        let (load_script, load_count) = (Arc::clone(&script), Arc::clone(&loads));
        let gate = Gate::default();
        let load_gate = Arc::clone(&gate);
        let open_taken = Arc::clone(&taken);
        let started = Control {
            config,
            live: Arc::clone(&live),
            open: Arc::new(move |listener, bind, _| open(listener, bind, &open_taken)),
            load: Arc::new(move || {
                load_count.fetch_add(1, Relaxed);
                let (held, released) = &*load_gate;
                drop(released.wait_while(held.lock().unwrap(), |held| *held).unwrap());
                let config = load_script.lock().unwrap().clone()?;
                Ok(Fresh { config, warnings: vec!["a warning".to_owned()] })
            }),
            clock: || UnixMillis(1_000_000),
            events: None,
            tap: None,
            record: None,
            state_dir: None,
        }
        .start()?;
        let generations = started.reader.changes();
        Ok(Self { started, live, generations, loads, script, gate, taken })
    }

    pub(super) fn client(&self) -> &Client {
        &self.started.client
    }

    pub(super) async fn status(&self) -> Status {
        self.client().status(Detail::Results).await.unwrap().unwrap()
    }

    /// What the file says from now on.
    pub(super) fn write(&self, file: Result<Config, Vec<String>>) {
        *self.script.lock().unwrap() = file;
    }

    /// Whether loading the file is held up from now on.
    pub(super) fn hold(&self, hold: bool) {
        *self.gate.0.lock().unwrap() = hold;
        self.gate.1.notify_all();
    }

    /// Somebody else takes this address.
    pub(super) fn take(&self, address: &str) {
        self.taken.lock().unwrap().push(address.parse().unwrap());
    }

    pub(super) async fn reload(&self, config: Config) -> Result<Reloaded, ReloadError> {
        self.write(Ok(config));
        self.client().reload(Actor::Signal, None).await
    }

    pub(super) async fn passes(&self, names: &[&str]) {
        for name in names {
            let seen = pass("site", name, Instant::now().into_std());
            self.started.ports.observations.send(seen).await.unwrap();
        }
    }

    pub(super) async fn fails(&self, name: &str, times: usize) {
        for _ in 0..times {
            let seen = fail("site", name, Instant::now().into_std());
            self.started.ports.observations.send(seen).await.unwrap();
        }
    }

    pub(super) async fn looked_up(&self, outcome: Result<&[&str], &str>) {
        let spec = LookupSpec {
            pool: "site".into(),
            backend: "app".into(),
            host: "app.test".into(),
            port: 80,
        };
        let parsed = |all: &[&str]| all.iter().map(|text| text.parse().unwrap()).collect();
        let outcome = outcome.map(parsed).map_err(Into::into);
        self.started.ports.lookups.send(Lookup { spec, outcome }).await.unwrap();
    }

    /// Waits for the next table; how long that took.
    pub(super) async fn next_table(&mut self) -> Duration {
        let before = Instant::now();
        self.generations.changed().await.unwrap();
        before.elapsed()
    }

    /// The table after the next burst of good news.
    pub(super) async fn up(&mut self, names: &[&str]) {
        self.passes(names).await;
        self.next_table().await;
    }

    pub(super) fn generation(&self) -> u64 {
        self.started.reader.load().generation
    }

    /// The published backends with their effective weights.
    pub(super) fn weights(&self) -> String {
        let table = self.started.reader.load();
        let zones = table.plan.pools.iter().flat_map(|pool| &pool.zones);
        let backends = zones.flat_map(|zone| &*zone.backends);
        let shown = backends.map(|one| format!("{}={}", one.name, one.effective_weight));
        shown.collect::<Vec<_>>().join(" ")
    }
}

fn open(listener: &Listener, bind: SocketAddr, taken: &Taken) -> io::Result<live::Listener> {
    if taken.lock().unwrap().contains(&bind) {
        return Err(io::Error::new(io::ErrorKind::AddrInUse, "address in use"));
    }
    Ok(live::Listener::new(
        Arc::clone(&listener.name),
        bind,
        bind,
        listener.protocol.transport(),
        Vec::new(),
    ))
}

pub(super) fn listener(name: &str, bind: &str) -> Listener {
    let second = Duration::from_secs(1);
    Listener {
        name: name.into(),
        bind: vec![bind.parse().unwrap()],
        protocol: Protocol::Http,
        tls: None,
        passthrough: None,
        http2: None,
        proxy_protocol: None,
        trusted_proxies: Vec::new(),
        access_log: None,
        timeouts: ListenerTimeouts { head: second, idle: second },
        limits: ListenerLimits {
            head_bytes: 1024,
            headers: 10,
            connections: 10,
            per_client: None,
            handshakes: None,
        },
        clients: None,
        rate_limits: Vec::new(),
        paths: PathOptions {
            escaped_slash: EscapedSlash::Keep,
            merge_slashes: false,
            reject_backslash: true,
        },
        reserved_headers: Arc::default(),
        routes: Vec::new(),
    }
}
