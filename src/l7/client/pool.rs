//! Idle connections to backends, kept per worker until they are wanted, stale or too old.
//!
//! The newest is used first: it is the least likely to be closed by the backend, and its buffers
//! are warm. A connection on which anything arrived while it was idle (bytes nobody asked for, or
//! its end) is never used again.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::time::Duration;

use tokio::time::Instant;

use crate::net::Stream;
use crate::table::Backend;

use super::destination::Destination;
use super::http2;

/// A connection to a backend, in use.
#[derive(Debug)]
pub(crate) struct Upstream {
    /// The connection, or the part of it that is in use.
    pub(crate) link: Link,
    /// It was used before, so it may turn out to be stale.
    pub(crate) reused: bool,
    /// How long opening it took; zero for a kept one.
    pub(crate) connect: Duration,
    /// When it was obtained.
    pub(crate) at: Instant,
}

/// What carries a request to a backend, and its answer back.
#[derive(Debug)]
pub(crate) enum Link {
    /// A connection of its own, which speaks HTTP/1.1.
    Http1(Stream),
    /// A stream of a connection that it shares with others.
    Http2(Box<http2::Stream>),
}

impl Upstream {
    /// If it broke off: was it dead before it was used?
    pub(crate) fn was_stale(&self) -> bool {
        let silent = match &self.link {
            Link::Http1(_) => true,
            Link::Http2(stream) => stream.is_silent(),
        };
        self.reused && silent
    }
}

#[derive(Debug)]
struct Idle {
    stream: Stream,
    since: Instant,
    until: Instant,
}

/// What is kept for one backend.
#[derive(Debug, Default)]
struct Kept {
    /// Where the connections lead, once there was one.
    to: Option<Destination>,
    idle: Vec<Idle>,
    /// Set while the backends that take traffic are gone through.
    taking: bool,
}

impl Kept {
    /// Do its connections lead to the backend as it is now?
    fn leads(&self, to: &Backend) -> bool {
        self.to.as_ref().is_some_and(|destination| destination.is(to))
    }
}

/// By the backend's live id.
pub(super) type ById = BuildHasherDefault<IdHasher>;

/// A worker's idle upstream connections, by the backend's live id.
#[derive(Debug, Default)]
pub(crate) struct IdlePool {
    /// Of the backends that take traffic.
    backends: RefCell<HashMap<u64, Kept, ById>>,
    stale: Cell<u64>,
    len: Cell<usize>,
}

impl IdlePool {
    /// The most recently used connection to this backend that is still good and has been idle for
    /// at most `age`.
    pub(crate) fn take(&self, to: &Backend, age: Option<Duration>, now: Instant) -> Option<Stream> {
        let mut backends = self.backends.borrow_mut();
        let kept = backends.get_mut(&to.live.id)?;
        if !kept.leads(to) {
            return None;
        }
        while let Some(last) = kept.idle.last() {
            if age.is_some_and(|age| now.duration_since(last.since) > age) {
                return None;
            }
            let found = kept.idle.pop()?;
            self.len.set(self.len.get() - 1);
            if now >= found.until {
                continue;
            }
            if !found.stream.is_quiet() {
                self.stale.set(self.stale.get() + 1);
                continue;
            }
            return Some(found.stream);
        }
        None
    }

    /// Keeps a connection for `keep`, unless `max` are kept for its backend already or the backend
    /// takes no more traffic.
    pub(crate) fn put(
        &self,
        to: &Backend,
        stream: Stream,
        keep: Duration,
        max: usize,
        now: Instant,
    ) {
        let mut backends = self.backends.borrow_mut();
        let Some(kept) = backends.get_mut(&to.live.id) else { return };
        if !kept.leads(to) {
            self.len.set(self.len.get() - kept.idle.len());
            kept.to = Some(Destination::of(to));
            kept.idle.clear();
        }
        if kept.idle.len() < max && !keep.is_zero() {
            kept.idle.push(Idle { stream, since: now, until: now + keep });
            self.len.set(self.len.get() + 1);
        }
    }

    /// Closes what is stale or too old.
    pub(crate) fn sweep(&self, now: Instant) {
        let mut backends = self.backends.borrow_mut();
        let (mut stale, mut len) = (0, 0);
        for kept in backends.values_mut() {
            kept.idle.retain(|idle| {
                let gone = !idle.stream.is_quiet();
                stale += u64::from(gone);
                !gone && now < idle.until
            });
            len += kept.idle.len();
        }
        self.stale.set(self.stale.get() + stale);
        self.len.set(len);
    }

    /// Closes all connections to backends other than these, and keeps none from now on.
    pub(crate) fn retain(&self, ids: impl Iterator<Item = u64>) {
        let mut backends = self.backends.borrow_mut();
        backends.values_mut().for_each(|kept| kept.taking = false);
        for id in ids {
            backends.entry(id).or_default().taking = true;
        }
        backends.retain(|_, kept| kept.taking);
        self.len.set(backends.values().map(|kept| kept.idle.len()).sum());
    }

    /// Does this backend take traffic, as far as the last [`retain`](Self::retain) knew?
    pub(crate) fn takes(&self, id: u64) -> bool {
        self.backends.borrow().contains_key(&id)
    }

    /// Connections kept now.
    pub(crate) fn len(&self) -> usize {
        self.len.get()
    }

    /// Connections found stale since the last call.
    pub(crate) fn take_stale(&self) -> u64 {
        self.stale.take()
    }
}

/// Live ids are small distinct numbers: spreading them is hash enough.
#[derive(Debug, Default)]
pub(super) struct IdHasher(u64);

impl Hasher for IdHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(self.0 ^ u64::from(*byte));
        }
    }

    fn write_u64(&mut self, id: u64) {
        self.0 = id.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}
