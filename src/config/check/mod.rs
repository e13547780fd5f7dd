//! From the tree to a [`Config`]: one crossing that finds every problem.
//!
//! Siblings have one shape: a `static` table of keys and a function that reads a mapping by it.
//! Where a value is wrong the reading goes on with a stand-in; the stand-ins are never seen, since a
//! single problem refuses the whole file.

mod action;
mod admin;
mod alert;
mod backend;
mod backend_tls;
mod breaker;
mod clients;
mod compression;
mod concurrent;
mod defaults;
mod degradation;
mod failover;
mod header;
mod health;
mod http_only;
mod listener;
mod matches;
mod min_rate;
mod name;
pub(super) mod passthrough;
mod pool;
mod priority;
mod probing;
mod proxy_protocol;
mod rate_limit;
mod regex;
mod restoration;
mod retries;
mod route;
pub(super) mod scenario;
mod secret;
mod shed;
mod state;
mod tcp;
mod tls;
mod udp;
mod webhook;

#[cfg(test)]
pub(super) use self::header::FORBIDDEN_EDITS;
pub(super) use self::rate_limit::auto_name as limit_auto_name;
pub(super) use self::regex::pattern;
pub(super) use self::route::auto_name;

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;

use self::defaults::Inherited;
use super::problem::{Report, nearest, shown};
use super::raw::Node;
use super::read::{Cursor, Fields, Named};
use super::shape::{Kind, OFF, Shape, key, required};
use super::{Action, Config, Listener, Pool};
use crate::model::Transport;

/// The whole file.
pub(super) static ROOT: Shape = Shape {
    name: "config",
    about: "A Pulsegate configuration. Keys that begin with `x-` are ignored in every mapping.",
    keys: &[
        required("version", Kind::Integer { min: 1, max: 1 }, "The version of the file's form."),
        key("defaults", Kind::Shape(&defaults::SHAPE), "What listeners, routes and pools inherit."),
        required(
            "listeners",
            Kind::Map { of: "listener", values: &Kind::Shape(&listener::SHAPE), x_keys: false },
            "Where clients connect.",
        ),
        key(
            "pools",
            Kind::Map { of: "pool", values: &Kind::Shape(&pool::SHAPE), x_keys: false },
            "The backends that routes lead to.",
        ),
        key(
            "degradation",
            Kind::List(&Kind::Shape(&degradation::SHAPE)),
            "Levels of degraded service that an operator may order; default none.",
        ),
        key("admin", Kind::Shape(&admin::SHAPE), "The admin API."),
        key(
            "webhooks",
            Kind::List(&Kind::Shape(&webhook::SHAPE)),
            "Who is told of transitions, escalations and restarts that are due; default nobody.",
        ),
        key("limits", Kind::Shape(&LIMITS), "Limits of the process as a whole."),
        key("state", Kind::Shape(&state::SHAPE), "Where state is kept across restarts."),
        key("reload", Kind::Shape(&RELOAD), "When the file is read again."),
        key(
            "workers",
            Kind::Integer { min: 1, max: 1024 },
            "Data-plane threads; the default is one per core.",
        ),
    ],
    later: &["cluster", "discovery", "dns", "alerts", "slo", "log", "tracing", "tls"],
};

static LIMITS: Shape = Shape {
    name: "process_limits",
    about: "Limits of the process as a whole.",
    keys: &[key(
        "buffers",
        Kind::AnyOf(&[OFF, Kind::Size { min: BUFFERS_MIN, max: 1 << 44 }]),
        "Memory of buffers in use, cut into as many parts as there are workers; from 75 % nobody \
         new is accepted, from 90 % requests are answered 503; default `off`.",
    )],
    later: &["memory", "connections"],
};

/// The least memory for buffers that a worker can do anything with.
const BUFFERS_MIN: u64 = 1 << 20;

static RELOAD: Shape = Shape {
    name: "reload",
    about: "When the file is read again, besides on SIGHUP and on command.",
    keys: &[key("watch", Kind::Boolean, "Reload when the file changes on disk; default `false`.")],
    later: &["confirm"],
};

/// What is expected of a path in the file system.
const PATH: &str = "a path, relative to the current directory or absolute";

/// The pools of the file by name, and which of them some route leads to.
struct Pools<'a> {
    indices: HashMap<&'a str, usize>,
    used: RefCell<Vec<bool>>,
    /// Requests that each takes at once.
    concurrent: Vec<Option<u32>>,
}

impl<'a> Pools<'a> {
    fn new(named: &[Named<'a>], pools: &[Pool]) -> Self {
        let indices = named.iter().enumerate().map(|(i, pool)| (pool.name, i)).collect();
        let of = |named: &Named<'_>| pools.iter().find(|pool| *pool.name == *named.name);
        let concurrent = named.iter().map(|named| of(named)?.concurrent).collect();
        Self { indices, used: RefCell::new(vec![false; named.len()]), concurrent }
    }

    /// The index of the pool of this name; a name that no pool has is reported by `problem`.
    fn index(&self, name: &str, problem: impl FnOnce(String)) -> Option<usize> {
        if let Some(index) = self.indices.get(name) {
            if let Some(used) = self.used.borrow_mut().get_mut(*index) {
                *used = true;
            }
            return Some(*index);
        }
        let mut names: Vec<&str> = self.indices.keys().copied().collect();
        names.sort_unstable();
        let cure = match nearest(name, names.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None if names.is_empty() => "the file has no `pools`".to_owned(),
            None if names.len() > 8 => "expected the name of one under `pools`".to_owned(),
            None => format!("expected one of: {}", names.join(", ")),
        };
        problem(format!("there is no pool {} ({cure})", shown(name)));
        None
    }
}

/// Reads the whole file.
pub(super) fn check(root: &Node, report: &Report, origin: Option<&Path>) -> Option<Config> {
    let fields = Cursor::root(root, report).fields(&ROOT)?;
    fields.integer::<u32>("version");
    let inherited = Inherited::read(fields.fields("defaults").as_ref());

    let named_pools = fields.entries("pools").unwrap_or_default();
    let pools: Vec<Pool> =
        named_pools.iter().filter_map(|named| pool::check(named, &inherited)).collect();
    let names = Pools::new(&named_pools, &pools);
    let mut listeners = listeners(&fields, &inherited, &names);
    reserve_headers(&mut listeners);
    warn_unused(&named_pools, &names);
    forwarding_only(&named_pools, &pools, &listeners);
    udp::pools_fit(&named_pools, &pools, &listeners);
    http_only::judge(&named_pools, &pools, &listeners);
    probing::warn(&fields, &named_pools, &pools);

    let all: Vec<&Listener> = listeners.iter().map(|(_, listener)| listener).collect();
    let degradation = degradation::check(&fields, &all);
    let admin = admin::check(fields.fields("admin").as_ref());
    unique_binds(&fields, &listeners, &admin.bind);
    let webhooks = fields.list("webhooks").unwrap_or_default();
    let state = fields.fields("state").as_ref().map(state::check).unwrap_or_default();
    let watch = fields.fields("reload").and_then(|reload| reload.boolean("watch"));
    let workers = fields.integer::<usize>("workers").and_then(NonZeroUsize::new);
    let workers = workers.unwrap_or_else(one_per_core);
    Some(Config {
        path: origin.map(Path::to_owned),
        watch: watch.unwrap_or(false),
        degradation,
        listeners: listeners.into_iter().map(|(_, listener)| listener).collect(),
        pools,
        admin,
        webhooks: webhooks.iter().filter_map(webhook::check).collect(),
        state_dir: state.dir,
        record_bytes: state.record_bytes,
        event_log: state.event_log,
        buffer_bytes: buffers(&fields, workers),
        workers,
    })
}

/// How much memory buffers may take, of which each worker needs a part.
fn buffers(fields: &Fields<'_>, workers: NonZeroUsize) -> Option<u64> {
    let limits = fields.fields("limits")?;
    let bytes = limits.size_or_off("buffers").flatten()?;
    let least = BUFFERS_MIN.saturating_mul(workers.get() as u64);
    if let Some(cursor) = limits.get("buffers").filter(|_| bytes < least) {
        cursor.problem(format!(
            "it is cut into {workers} parts, one per worker, of 1MiB at least (expected `{}` or more)",
            super::value::size(least)
        ));
    }
    Some(bytes)
}

fn one_per_core() -> NonZeroUsize {
    std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN)
}

fn listeners<'a>(
    fields: &Fields<'a>,
    inherited: &Inherited,
    pools: &Pools<'_>,
) -> Vec<(Named<'a>, Listener)> {
    let Some(named) = fields.entries("listeners") else { return Vec::new() };
    if let (true, Some(cursor)) = (named.is_empty(), fields.get("listeners"))
        && cursor.is_mapping()
    {
        cursor.problem("there is no listener here (expected at least one)");
    }
    named
        .into_iter()
        .filter_map(|named| listener::check(&named, inherited, pools).map(|l| (named, l)))
        .collect()
}

/// What proves who a client is on one listener must not be claimed on another.
fn reserve_headers(listeners: &mut [(Named<'_>, Listener)]) {
    let terms = listeners.iter().filter_map(|(_, listener)| listener.tls.as_ref());
    let names: BTreeSet<_> =
        terms.flat_map(|tls| tls.identity_headers.all().cloned().collect::<Vec<_>>()).collect();
    let names: Arc<[Arc<str>]> = names.into_iter().collect();
    listeners.iter_mut().for_each(|(_, it)| it.reserved_headers = Arc::clone(&names));
}

fn warn_unused(named: &[Named<'_>], pools: &Pools<'_>) {
    for (pool, used) in named.iter().zip(pools.used.borrow().iter()) {
        if !used {
            pool.warning("no route leads to this pool");
        }
    }
}

/// HTTP keeps connections to backends and shares them among requests: neither is there a limit on
/// them (on requests there is), nor could one client's address be told on them, so nothing may be promised.
fn forwarding_only(named: &[Named<'_>], pools: &[Pool], listeners: &[(Named<'_>, Listener)]) {
    let forwards = |pool: &Pool| {
        let zones = pool.regions.iter().flat_map(|region| &region.zones);
        let mut backends = zones.flat_map(|zone| &zone.backends);
        pool.proxy_protocol.is_some()
            || backends.any(|backend| backend.limits.connections.is_some())
    };
    let routes = listeners.iter().flat_map(|(_, listener)| &listener.routes);
    let mut told = vec![false; named.len()];
    for route in routes {
        let Action::Pools(split) = &route.action else { continue };
        for &(index, _) in split {
            let (Some(named), Some(told)) = (named.get(index), told.get_mut(index)) else {
                continue;
            };
            if pools.iter().any(|pool| *pool.name == *named.name && forwards(pool)) && !*told {
                *told = true;
                named.problem(
                    "`max_connections` and `proxy_protocol` are for `tcp` listeners only, and a \
                     route of an `http` listener leads here (use `max_requests`, or give each a \
                     pool of its own)",
                );
            }
        }
    }
}

/// Two listeners on one address would share what comes in there at random: the kernel allows it,
/// because every worker has a socket of its own on the same port. One of TCP and one of UDP share
/// nothing.
fn unique_binds(fields: &Fields<'_>, listeners: &[(Named<'_>, Listener)], admin: &[SocketAddr]) {
    let mut taken: HashMap<(SocketAddr, Transport), &str> = HashMap::new();
    for (named, listener) in listeners {
        for bind in listener.bind.iter().filter(|bind| bind.port() != 0) {
            let place = (*bind, listener.protocol.transport());
            match taken.get(&place) {
                Some(&other) if other == named.name => {
                    named.problem(format!("{bind} is bound twice by this listener"));
                }
                Some(other) => {
                    named.problem(format!("{bind} is already bound by listener `{other}`"));
                }
                None => {
                    taken.insert(place, named.name);
                }
            }
        }
    }
    for bind in admin.iter().filter(|bind| bind.port() != 0) {
        if let (Some(other), Some(cursor)) =
            (taken.get(&(*bind, Transport::Tcp)), fields.get("admin"))
        {
            cursor.problem(format!("{bind} is already bound by listener `{other}`"));
        }
    }
}
