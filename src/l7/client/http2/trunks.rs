//! A worker's trunks to its backends: few, as full as they may be, and another one only when none has
//! room.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use tokio::time::Instant;

use crate::config::BackendHttp2;
use crate::l7::client::destination::Destination;
use crate::l7::client::pool::ById;
use crate::net;
use crate::table::Backend;
use crate::worker;

use super::line::Line;
use super::trunk::{Terms, Ticket, Trunk};

/// A worker's trunks, by the backend's live id.
#[derive(Debug, Default)]
pub(crate) struct Trunks {
    /// Of the backends that take traffic.
    backends: RefCell<HashMap<u64, Kept, ById>>,
}

/// What is kept for one backend.
#[derive(Debug, Default)]
struct Kept {
    /// Where its trunks lead, once there was one.
    to: Option<Destination>,
    trunks: Vec<Rc<Trunk>>,
    /// How many are being opened.
    opening: Rc<Cell<usize>>,
    line: Rc<Line>,
    /// Set while the backends that take traffic are gone through.
    taking: bool,
}

/// What becomes of a request that wants room.
#[derive(Debug)]
pub(crate) enum Place {
    /// There is some.
    Taken(Ticket),
    /// It is to open another trunk.
    Open(Opening),
    /// It is to wait.
    Wait {
        /// Where.
        line: Rc<Line>,
        /// Not for one that is being opened: it waits until another request ends.
        full: bool,
    },
}

/// A trunk that is being opened. When this is dropped before it is, the next in line may try.
#[derive(Debug)]
pub(crate) struct Opening {
    opening: Rc<Cell<usize>>,
    line: Rc<Line>,
}

impl Kept {
    fn room(&self) -> usize {
        self.trunks.iter().map(|trunk| trunk.room()).sum()
    }

    fn retire(&mut self) {
        self.trunks.drain(..).for_each(|trunk| trunk.retire());
    }

    fn open(&self) -> Opening {
        self.opening.set(self.opening.get() + 1);
        Opening { opening: Rc::clone(&self.opening), line: Rc::clone(&self.line) }
    }
}

impl Trunks {
    /// Room for a request to this backend; `in_line` = it has waited, and is called.
    pub(crate) fn take(&self, to: &Backend, terms: BackendHttp2, in_line: bool) -> Place {
        let mut backends = self.backends.borrow_mut();
        // A backend that takes no traffic as a rule gets a connection for this request alone.
        let Some(kept) = backends.get_mut(&to.live.id) else {
            return Place::Open(Kept::default().open());
        };
        if !kept.to.as_ref().is_some_and(|destination| destination.is(to)) {
            kept.retire();
            kept.to = Some(Destination::of(to));
        }
        let wait = |full| Place::Wait { line: Rc::clone(&kept.line), full };
        let ahead = kept.line.waiting().saturating_sub(usize::from(in_line));
        if !in_line && ahead > 0 && kept.room() > 0 {
            kept.line.call(1);
            return wait(false);
        }
        if let Some(ticket) = kept.trunks.iter().find_map(Trunk::take) {
            kept.line.call(kept.room());
            return Place::Taken(ticket);
        }
        kept.trunks.retain(|trunk| trunk.is_open());
        let opening = kept.opening.get();
        let enough = opening * terms.max_streams as usize > ahead;
        if enough || kept.trunks.len() + opening >= terms.max_connections as usize {
            return wait(!enough);
        }
        Place::Open(kept.open())
    }

    /// Makes a trunk of a connection that was opened, and takes room on it for who has opened it. It is
    /// kept while its backend takes traffic, until it was idle for so long.
    ///
    /// # Errors
    /// The backend does not speak HTTP/2, or the connection broke.
    pub(crate) async fn add(
        &self,
        worker: &Rc<worker::Worker>,
        (to, terms): (&Backend, BackendHttp2),
        stream: net::Stream,
        opening: Opening,
        idle: Duration,
    ) -> io::Result<Ticket> {
        let terms = Terms { streams_max: terms.max_streams as usize, idle };
        let trunk = Trunk::begin(worker, stream, terms, &opening.line).await?;
        let ticket = trunk.take().ok_or(io::ErrorKind::ConnectionReset)?;
        let mut backends = self.backends.borrow_mut();
        match backends.get_mut(&to.live.id) {
            Some(kept) if kept.to.as_ref().is_some_and(|destination| destination.is(to)) => {
                kept.line.call(trunk.room());
                kept.trunks.push(trunk);
            }
            _ => trunk.retire(),
        }
        Ok(ticket)
    }

    /// Retires what was idle for too long.
    pub(crate) fn sweep(&self, now: Instant) {
        for kept in self.backends.borrow_mut().values_mut() {
            kept.trunks.iter().for_each(|trunk| trunk.sweep(now));
            kept.trunks.retain(|trunk| trunk.is_open());
        }
    }

    /// Retires all trunks to backends other than these, and keeps none from now on.
    pub(crate) fn retain(&self, ids: impl Iterator<Item = u64>) {
        let mut backends = self.backends.borrow_mut();
        backends.values_mut().for_each(|kept| kept.taking = false);
        for id in ids {
            backends.entry(id).or_default().taking = true;
        }
        backends.retain(|_, kept| {
            if !kept.taking {
                kept.retire();
                kept.line.call_all();
            }
            kept.taking
        });
    }

    /// Trunks on which nothing is under way.
    pub(crate) fn idle(&self) -> usize {
        let backends = self.backends.borrow();
        let trunks = backends.values().flat_map(|kept| &kept.trunks);
        trunks.filter(|trunk| trunk.is_idle()).count()
    }
}

impl Drop for Opening {
    fn drop(&mut self) {
        self.opening.set(self.opening.get() - 1);
        self.line.call(1);
    }
}
