//! Where it arrives: the listener that is asked about, or the one at the address it is sent to.

use std::sync::Arc;

use super::question::Arrival;
use super::{Question, nearest};
use crate::config::Protocol;
use crate::table::{Listener, Table};

/// The listener that it arrives at.
pub(super) fn listener<'t>(table: &'t Table, question: &Question) -> Result<&'t Listener, String> {
    let names = table.listeners.iter().map(|listener| &listener.settings.name);
    if let Some(wanted) = &question.listener {
        let mut listeners = table.listeners.iter();
        let found = listeners.find(|listener| *listener.settings.name == **wanted);
        let found = found.ok_or_else(|| nearest("listener", wanted, names))?;
        return match serves(found, question) {
            true => Ok(found),
            false => Err(format!("the listener `{wanted}` does not speak {}", speech(question))),
        };
    }
    let of_kind = || table.listeners.iter().filter(|listener| serves(listener, question));
    let by_address = of_kind().find(|listener| is_at(listener, question, true));
    let by_port = || of_kind().find(|listener| is_at(listener, question, false));
    // A name may stand for anything in front; bytes are sent to the very address.
    let first = || of_kind().next().filter(|_| is_request(question));
    let found = by_address.or_else(by_port).or_else(first);
    found.map(|found| &**found).ok_or_else(|| nobody(of_kind(), question))
}

/// Others that it could have arrived at; none where it is sent to the very address.
pub(super) fn others(table: &Table, question: &Question, listener: &Listener) -> Vec<String> {
    if question.listener.is_some() || !is_request(question) {
        return Vec::new();
    }
    let listeners = table.listeners.iter().filter(|other| serves(other, question));
    let names = listeners.map(|other| &other.settings.name);
    names.filter(|name| **name != listener.settings.name).map(ToString::to_string).collect()
}

fn is_request(question: &Question) -> bool {
    matches!(question.arrival, Arrival::Request(_))
}

fn serves(listener: &Listener, question: &Question) -> bool {
    match &question.arrival {
        Arrival::Request(_) => matches!(listener.settings.protocol, Protocol::Http),
        Arrival::Connection(_) => listener.settings.tcp().is_some(),
        Arrival::Datagram => matches!(listener.settings.protocol, Protocol::Udp(_)),
    }
}

fn speech(question: &Question) -> &'static str {
    match &question.arrival {
        Arrival::Request(_) => "http",
        Arrival::Connection(_) => "tcp",
        Arrival::Datagram => "udp",
    }
}

/// Does it listen on the port, and, if that matters, on the very address or on all of them?
fn is_at(listener: &Listener, question: &Question, exactly: bool) -> bool {
    let bound = listener.sockets.iter().map(|socket| socket.local);
    let mut all = bound.chain(listener.settings.bind.iter().copied());
    all.any(|at| {
        let same = |address| at.ip() == address || at.ip().is_unspecified();
        question.port == Some(at.port()) && (!exactly || question.address.is_none_or(same))
    })
}

fn nobody<'t>(listeners: impl Iterator<Item = &'t Arc<Listener>>, question: &Question) -> String {
    let speech = speech(question);
    let known: Vec<String> = listeners
        .map(|listener| {
            let bound = listener.sockets.iter().map(|socket| socket.local);
            let at = bound.chain(listener.settings.bind.iter().copied()).next();
            let at = at.map_or(String::new(), |at| format!(" at {at}"));
            format!("{}{at}", listener.settings.name)
        })
        .collect();
    match known[..] {
        [] => format!("no listener speaks {speech}"),
        _ => format!("no {speech} listener has that port (there are: {})", known.join(", ")),
    }
}
