//! What a pool may have only if nothing but requests is sent to it.

use std::collections::BTreeSet;

use crate::config::read::Named;
use crate::config::{Listener, Pool, Protocol};

/// Reports what has no meaning for pools that bytes are forwarded to as they come.
pub(super) fn judge(named: &[Named<'_>], pools: &[Pool], listeners: &[(Named<'_>, Listener)]) {
    let forwards = listeners.iter().flat_map(|(_, listener)| {
        let passed = listener.passthrough.iter().flat_map(|it| &it.forwards);
        let own = match &listener.protocol {
            Protocol::Http => &[][..],
            Protocol::Tcp(tcp) => &tcp.forwards,
            Protocol::Udp(udp) => &udp.forwards,
        };
        own.iter().chain(passed)
    });
    let led_to: BTreeSet<usize> =
        forwards.flat_map(|forward| &forward.pools).map(|(index, _)| *index).collect();
    for named in led_to.into_iter().filter_map(|index| named.get(index)) {
        // One with mistakes of its own is not there.
        let Some(pool) = pools.iter().find(|pool| *pool.name == *named.name) else { continue };
        // It is encrypted by the client, or by nobody.
        if pool.tls.is_some() {
            named.problem(
                "`tls` is for pools of `http` routes, and bytes are passed through to here as they \
                 come (give each a pool of its own; its probes have a `tls` of their own)",
            );
        }
        if pool.breaker.is_some() {
            named.problem(
                "`breaker` is for pools of `http` routes, and bytes are passed through to here as they \
                 come (give each a pool of its own)",
            );
        }
        // What is forwarded gets no answers that could tell anything, and would come in all the same.
        if pool.shed.is_some() {
            named.problem(
                "`shed` is for pools of `http` routes, and bytes are passed through to here as they \
                 come (give each a pool of its own)",
            );
        }
    }
}
