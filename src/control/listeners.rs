//! Opens the listeners a configuration asks for, and keeps those that are open already.

use std::collections::BTreeSet;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use crate::config::{self, Config};
use crate::live;

/// Opens one address of a listener with one socket per worker: `(listener, address, workers)`.
pub type Open =
    dyn Fn(&config::Listener, SocketAddr, usize) -> io::Result<live::Listener> + Send + Sync;

/// Every listening address of `config` but those of `drained` listeners: taken from `current` where
/// the same listener has it open, opened where not.
///
/// # Errors
///
/// One line for each address that could not be opened, naming the listener and the address. What
/// was opened before is closed again.
pub(super) fn open_all(
    config: &Config,
    current: &[Arc<live::Listener>],
    drained: &BTreeSet<Arc<str>>,
    workers: usize,
    open: &Open,
) -> Result<Vec<Arc<live::Listener>>, Vec<String>> {
    let mut listeners = Vec::new();
    let mut problems = Vec::new();
    for listener in config.listeners.iter().filter(|it| !drained.contains(&it.name)) {
        for &bind in &listener.bind {
            let transport = listener.protocol.transport();
            let same = |held: &&Arc<live::Listener>| {
                held.name == listener.name && held.bind == bind && held.transport == transport
            };
            if let Some(held) = current.iter().find(same) {
                listeners.push(Arc::clone(held));
                continue;
            }
            match open(listener, bind, workers) {
                Ok(opened) => listeners.push(Arc::new(opened)),
                Err(error) => problems.push(problem(listener, bind, &error, current)),
            }
        }
    }
    if problems.is_empty() { Ok(listeners) } else { Err(problems) }
}

fn problem(
    listener: &config::Listener,
    bind: SocketAddr,
    error: &io::Error,
    current: &[Arc<live::Listener>],
) -> String {
    let (name, transport) = (&listener.name, listener.protocol.transport());
    let mut same = current.iter().filter(|held| held.transport == transport);
    let holder = same.find(|held| held.bind == bind || held.local == bind);
    let hint = match holder {
        Some(held) => format!(" (held by listener `{}` of this process)", held.name),
        None => String::new(),
    };
    format!("listener `{name}`: cannot listen on {bind}: {error}{hint}")
}
