//! What a listener that forwards datagrams has of its own, and which keys have no meaning there.

use super::Pools;
use super::tcp::{HTTP_LIMITS, all_forwards, refuse};
use crate::config::read::{Fields, Named};
use crate::config::{Listener, NetworkAsk, Pool, Protocol, Target, Udp, defaults};

/// Keys of a listener that need a connection.
const CONNECTION_ONLY: [&str; 7] =
    ["tls", "http2", "trusted_proxies", "paths", "proxy_protocol", "retries", "client_hello"];
/// Likewise within `timeouts`.
const TIMEOUTS: [&str; 6] =
    ["head", "first_byte", "body_idle", "total", "lifetime", "connect_total"];
const ELSEWHERE: &str = "http` or `tcp";

/// Reads what a `protocol: udp` listener has of its own.
pub(super) fn check(fields: &Fields<'_>, pools: &Pools<'_>) -> Udp {
    let timeouts = fields.fields("timeouts");
    refuse(Some(fields), &CONNECTION_ONLY, ELSEWHERE);
    refuse(Some(fields), &["rate_limit"], "http");
    refuse(timeouts.as_ref(), &TIMEOUTS, ELSEWHERE);
    refuse(fields.fields("limits").as_ref(), &HTTP_LIMITS, "http");
    let idle = timeouts.and_then(|timeouts| timeouts.duration("idle"));
    // A datagram says nothing that routes could go by.
    let forwards = all_forwards(fields, pools, &["match"]);
    Udp { idle: idle.unwrap_or(defaults::UDP_IDLE_TIMEOUT), forwards }
}

/// Looks whether datagrams can be sent to the pools that they lead to.
pub(super) fn pools_fit(named: &[Named<'_>], pools: &[Pool], listeners: &[(Named<'_>, Listener)]) {
    let mut led_to = vec![false; named.len()];
    for (_, listener) in listeners {
        let Protocol::Udp(udp) = &listener.protocol else { continue };
        for (index, _) in udp.forwards.iter().flat_map(|forward| &forward.pools) {
            led_to.get_mut(*index).into_iter().for_each(|led| *led = true);
        }
    }
    for (named, _) in named.iter().zip(led_to).filter(|(_, led_to)| *led_to) {
        // One with mistakes of its own is not there.
        if let Some(pool) = pools.iter().find(|pool| *pool.name == *named.name) {
            pool_fits(named, pool);
        }
    }
}

fn pool_fits(named: &Named<'_>, pool: &Pool) {
    if pool.proxy_protocol.is_some() {
        named.problem(
            "`proxy_protocol` is for `tcp` listeners only, and a `udp` listener leads here (give \
             each a pool of its own)",
        );
    }
    let zones = pool.regions.iter().flat_map(|region| &region.zones);
    let mut targets = zones.flat_map(|zone| &zone.backends).map(|backend| &backend.target);
    if targets.any(|target| matches!(target, Target::Unix(_))) {
        named.problem("a unix socket takes no datagrams from a `udp` listener");
    }
    if pool.health.network.as_ref().is_some_and(|network| network.ask == NetworkAsk::Tcp) {
        named.warning(
            "a `udp` listener leads here, and its backends are up only if they take TCP \
             connections as well (`health: { network: { type: icmp } }` asks their hosts, \
             `health: off` nobody)",
        );
    }
}
