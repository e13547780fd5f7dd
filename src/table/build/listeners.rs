//! Listeners with their open sockets, and routes with their pools' numbers.

use std::sync::Arc;

use super::Inputs;
use crate::balance::ip_hash;
use crate::config::{self, LimitKey, Protocol};
use crate::live::{self, LimiterKey, Live};
use crate::net::tls;
use crate::table::{Action, Forward, Listener, Pool, RateLimit, Route, Split};

pub(super) fn build(inputs: &Inputs<'_>, pools: &[Arc<Pool>]) -> Vec<Arc<Listener>> {
    let settings = inputs.config.listeners.iter();
    settings.enumerate().map(|(at, settings)| listener(inputs, pools, at, settings)).collect()
}

fn listener(
    inputs: &Inputs<'_>,
    pools: &[Arc<Pool>],
    at: usize,
    settings: &config::Listener,
) -> Arc<Listener> {
    let sockets = sockets(inputs.listeners, settings);
    // Pools keep their numbers, so the same config makes the same routes.
    let before = inputs
        .previous
        .filter(|previous| Arc::ptr_eq(&previous.config, inputs.config))
        .and_then(|previous| previous.listeners.get(at));
    match before {
        Some(before) if same_sockets(&before.sockets, &sockets) => Arc::clone(before),
        Some(before) => {
            let settings = Arc::clone(&before.settings);
            let (routes, forwards) = (before.routes.clone(), before.forwards.clone());
            let limits = Arc::clone(&before.rate_limits);
            let tls = before.tls.clone();
            Arc::new(Listener::new(settings, tls, limits, sockets, routes, forwards))
        }
        None => {
            let routes =
                settings.routes.iter().map(|policy| route(inputs.live, settings, policy, pools));
            let forwards = forwards(settings).iter().map(|policy| forward(settings, policy, pools));
            Arc::new(Listener::new(
                Arc::new(settings.clone()),
                tls(inputs, settings),
                rate_limits(inputs.live, settings, None, &settings.rate_limits).into(),
                sockets,
                routes.collect(),
                forwards.collect(),
            ))
        }
    }
}

/// What clients agree on, the same as before where nothing of it has changed.
fn tls(inputs: &Inputs<'_>, settings: &config::Listener) -> Option<Arc<tls::Context>> {
    let terms = settings.tls.as_ref()?;
    let mut before = inputs.previous.iter().flat_map(|previous| &previous.listeners);
    let http2 = settings.http2.is_some();
    let is_same = |before: &&Arc<Listener>| {
        let before = &before.settings;
        before.tls.as_ref() == Some(terms) && before.http2.is_some() == http2
    };
    let same = before.find(is_same);
    let same = same.and_then(|before| before.tls.clone());
    Some(same.unwrap_or_else(|| {
        Arc::new(tls::Context::new(terms, http2, inputs.live.tickets().as_ref()))
    }))
}

/// The listener's open sockets, in the order of its addresses.
fn sockets(open: &[Arc<live::Listener>], settings: &config::Listener) -> Vec<Arc<live::Listener>> {
    let transport = settings.protocol.transport();
    let ours = open.iter().filter(|it| it.name == settings.name && it.transport == transport);
    let of = |bind| ours.clone().find(|open| open.bind == bind);
    settings.bind.iter().filter_map(|bind| of(*bind)).map(Arc::clone).collect()
}

fn same_sockets(a: &[Arc<live::Listener>], b: &[Arc<live::Listener>]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| Arc::ptr_eq(a, b))
}

fn route(
    live: &Live,
    listener: &config::Listener,
    policy: &config::Route,
    pools: &[Arc<Pool>],
) -> Arc<Route> {
    let queue = policy.concurrent.map(|_| live.route_queue(&listener.name, &policy.name));
    let action = match &policy.action {
        config::Action::Pools(split) => {
            Action::Pools(self::split(listener, &policy.name, split, pools))
        }
        config::Action::Redirect(redirect) => Action::Redirect(redirect.clone()),
        config::Action::Fixed(fixed) => Action::Fixed(fixed.clone()),
        config::Action::Ready => Action::Ready,
    };
    let rate_limits = rate_limits(live, listener, Some(&policy.name), &policy.rate_limits);
    Arc::new(Route { policy: policy.clone(), rate_limits, queue, action })
}

fn rate_limits(
    live: &Live,
    listener: &config::Listener,
    route: Option<&Arc<str>>,
    limits: &[config::RateLimit],
) -> Vec<RateLimit> {
    let one = |limit: &config::RateLimit| {
        let (listener, limit_name) = (Arc::clone(&listener.name), Arc::clone(&limit.name));
        let key = LimiterKey { listener, route: route.cloned(), limit: limit_name };
        let keys_max = (limit.by != LimitKey::All).then_some(limit.keys as usize);
        RateLimit::new(limit, live.limiter(key, keys_max))
    };
    limits.iter().map(one).collect()
}

fn forwards(listener: &config::Listener) -> &[config::Forward] {
    match &listener.protocol {
        Protocol::Udp(options) => &options.forwards,
        Protocol::Http | Protocol::Tcp(_) => {
            listener.tcp().map_or(&[], |options| &options.forwards)
        }
    }
}

fn forward(
    listener: &config::Listener,
    policy: &config::Forward,
    pools: &[Arc<Pool>],
) -> Arc<Forward> {
    let split = split(listener, &policy.name, &policy.pools, pools);
    Arc::new(Forward { policy: policy.clone(), split })
}

fn split(
    listener: &config::Listener,
    name: &str,
    split: &[(usize, u32)],
    pools: &[Arc<Pool>],
) -> Split {
    let split: Vec<_> = split.iter().map(|(index, weight)| (pools[*index].id, *weight)).collect();
    Split::new(&split, ip_hash::key(format!("{}/{name}", listener.name).as_bytes()))
}
