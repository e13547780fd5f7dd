//! What the workers count about clients and about themselves.

use std::sync::Arc;

use crate::access_log::Losses;
use crate::live::{Counter, Listener, ListenerCounters, Live, WorkerCounters};
use crate::metrics::{Exposition, Family, names};
use crate::model::{
    AcceptPause, BadProxyHeader, BadRequest, BadResponse, Coding, ConnectionRefused,
    DatagramDropped, Ended, ForwardEnded, Http2Abuse, SlowClient, TlsFailure,
};

/// Names of the status classes, as counters are indexed.
pub(super) const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

type Accessor = fn(&ListenerCounters) -> &[Counter];

/// Families by listening address.
pub(super) fn listeners(out: &mut Exposition, open: &[Arc<Listener>]) {
    let labelled: Vec<_> = open.iter().map(|it| (it, it.bind.to_string())).collect();
    let mut connections = out.family(&names::CONNECTIONS);
    for (listener, address) in &labelled {
        connections.add(&[&listener.name, address], f64::from(listener.open()));
    }
    let mut accepted = out.family(&names::ACCEPTED);
    for (listener, address) in &labelled {
        let total: u64 = listener.workers().map(|worker| worker.accepted.get()).sum();
        accepted.add(&[&listener.name, address], total as f64);
    }
    let refused: Vec<_> = ConnectionRefused::ALL.iter().map(|it| it.name()).collect();
    let pauses: Vec<_> = AcceptPause::ALL.iter().map(|it| it.name()).collect();
    let by_reason: [(&Family, _, Accessor); 2] = [
        (&names::REFUSED, refused, |worker| &worker.refused),
        (&names::ACCEPT_PAUSES, pauses, |worker| &worker.pauses),
    ];
    for (family, reasons, counters) in by_reason {
        let mut samples = out.family(family);
        for (listener, address) in &labelled {
            for (index, reason) in reasons.iter().enumerate() {
                let total: u64 = listener.workers().map(|it| counters(it)[index].get()).sum();
                samples.add(&[&listener.name, address, reason], total as f64);
            }
        }
    }
    let mut handshakes = out.family(&names::HANDSHAKES_OPEN);
    for (listener, address) in &labelled {
        handshakes.add(&[&listener.name, address], f64::from(listener.handshakes()));
    }
    let mut requests = out.family(&names::REQUESTS);
    for (listener, address) in &labelled {
        for (index, class) in CLASSES.iter().enumerate() {
            let total: u64 = listener.workers().map(|worker| worker.responses[index].get()).sum();
            requests.add(&[&listener.name, address, class], total as f64);
        }
        let total: u64 = listener.workers().map(|worker| worker.unanswered.get()).sum();
        requests.add(&[&listener.name, address, "none"], total as f64);
    }
}

/// Families that belong to no listener and no backend.
pub(super) fn workers(out: &mut Exposition, live: &Live, losses: &Losses) {
    let ended = Ended::ALL.iter().map(|it| it.name());
    by_index(out, &names::ENDED, live, ended, |worker| &worker.ended);
    let ended = ForwardEnded::ALL.iter().map(|it| it.name());
    by_index(out, &names::FORWARDED, live, ended, |worker| &worker.forwarded);
    let reasons = DatagramDropped::ALL.iter().map(|it| it.name());
    by_index(out, &names::DROPPED_DATAGRAMS, live, reasons, |worker| &worker.dropped_datagrams);
    let reasons = BadProxyHeader::ALL.iter().map(|it| it.name());
    by_index(out, &names::BAD_PROXY_HEADERS, live, reasons, |worker| &worker.bad_proxy_headers);
    handshakes(out, live);
    let reasons = Http2Abuse::ALL.iter().map(|it| it.name());
    by_index(out, &names::CLIENT_ABUSES, live, reasons, |worker| &worker.http2_abuses);
    let codings = Coding::ALL.iter().map(|it| it.name());
    by_index(out, &names::COMPRESSED, live, codings, |worker| &worker.compressed);
    let reasons = SlowClient::ALL.iter().map(|it| it.name());
    by_index(out, &names::CLIENT_TIMEOUTS, live, reasons, |worker| &worker.slow_clients);
    let reasons = BadRequest::ALL.iter().map(|it| it.name());
    by_index(out, &names::BAD_REQUESTS, live, reasons, |worker| &worker.bad_requests);
    let reasons = BadResponse::ALL.iter().map(|it| it.name());
    by_index(out, &names::BAD_RESPONSES, live, reasons, |worker| &worker.bad_responses);

    let sum = |counter: fn(&WorkerCounters) -> &Counter| -> f64 {
        live.workers().map(|worker| counter(worker).get()).sum::<u64>() as f64
    };
    let (used, max) = live.buffers();
    out.family(&names::BUFFERS).add(&[], used as f64);
    out.family(&names::BUFFERS_MAX).add(&[], max.unwrap_or(0) as f64);
    let idle: i64 = live.workers().map(|worker| worker.pooled.get()).sum();
    out.family(&names::UPSTREAM_IDLE).add(&[], idle as f64);
    out.family(&names::UPSTREAM_STALE).add(&[], sum(|worker| &worker.pooled_stale));
    let mut lost = out.family(&names::LOG_LOST);
    lost.add(&["behind"], sum(|worker| &worker.log_dropped));
    lost.add(&["write"], losses.lines() as f64);
}

/// One sample per member of a closed set, whose counters are indexed alike.
fn handshakes(out: &mut Exposition, live: &Live) {
    let mut samples = out.family(&names::TLS_HANDSHAKES);
    let agreed: u64 = live.workers().map(|worker| worker.tls_handshakes.get()).sum();
    samples.add(&["agreed"], agreed as f64);
    for failure in TlsFailure::ALL {
        let counters = live.workers().map(|worker| &worker.tls_failures[*failure as usize]);
        samples.add(&[failure.name()], counters.map(Counter::get).sum::<u64>() as f64);
    }
}

fn by_index<'a>(
    out: &mut Exposition,
    family: &Family,
    live: &Live,
    members: impl Iterator<Item = &'a str>,
    counters: fn(&WorkerCounters) -> &[Counter],
) {
    let mut samples = out.family(family);
    for (index, name) in members.enumerate() {
        let total: u64 = live.workers().map(|worker| counters(worker)[index].get()).sum();
        samples.add(&[name], total as f64);
    }
}
