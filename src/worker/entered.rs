//! A client's connection or flow as the limits see it: counted in once, and out when it is dropped.
//!
//! The count travels with the connection, from the acceptor to whoever serves it, so that it is
//! given up exactly when the connection is, however that comes about.

use std::fmt;
use std::net::IpAddr;
use std::ops::Deref;
use std::rc::Rc;

use crate::config::{Clients, ListenerLimits};
use crate::live::Visit;
use crate::model::ConnectionRefused;

use super::Acceptor;

/// A client that may be here, counted among the connections that it has.
#[derive(Debug)]
pub struct Admitted {
    acceptor: Rc<Acceptor>,
    /// `None` where nobody counts them.
    visit: Option<Visit>,
}

/// A connection or flow that is open, until dropped. It knows where it came in.
pub struct Entered(Admitted);

/// A TLS handshake under way, until dropped.
#[derive(Debug)]
pub(super) struct Handshake(Rc<Acceptor>);

impl Admitted {
    /// Nobody is known yet.
    pub(super) fn unknown(acceptor: &Rc<Acceptor>) -> Self {
        Self { acceptor: Rc::clone(acceptor), visit: None }
    }

    /// Judges a client by these lists and limits.
    ///
    /// # Errors
    /// It may not be here.
    pub(super) fn judge(
        &mut self,
        clients: Option<&Clients>,
        limits: &ListenerLimits,
        client: IpAddr,
    ) -> Result<(), ConnectionRefused> {
        if clients.is_some_and(|clients| !clients.admit(client)) {
            return Err(ConnectionRefused::Denied);
        }
        if let Some(max) = limits.per_client {
            let visit = self.acceptor.live.visitors.enter(client, max);
            self.visit = Some(visit.ok_or(ConnectionRefused::PerClient)?);
        }
        Ok(())
    }

    /// Counts it as open, unless `max` are.
    #[must_use]
    pub fn enter(self, max: u32) -> Option<Entered> {
        let worker = &self.acceptor.worker;
        if !self.acceptor.live.open_one(max) {
            return None;
        }
        worker.open.set(worker.open.get() + 1);
        Some(Entered(self))
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        if let Some(visit) = self.visit.take() {
            self.acceptor.live.visitors.leave(visit);
        }
    }
}

impl Entered {
    /// Judges its client, once that is known; counts one that may not be here.
    pub(super) fn admits(
        &mut self,
        clients: Option<&Clients>,
        limits: &ListenerLimits,
        client: IpAddr,
    ) -> bool {
        let judged = self.0.judge(clients, limits, client);
        if let Err(why) = judged {
            self.refused(why);
        }
        judged.is_ok()
    }
}

/// Where it came in.
impl Deref for Entered {
    type Target = Rc<Acceptor>;

    fn deref(&self) -> &Self::Target {
        &self.0.acceptor
    }
}

impl fmt::Debug for Entered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        let worker = &self.worker;
        self.live.closed();
        worker.open.set(worker.open.get() - 1);
        worker.closed.notify_one();
        worker.live.room.freed();
    }
}

impl Handshake {
    /// One more, unless `max` are under way.
    pub(super) fn begin(acceptor: &Rc<Acceptor>, max: u32) -> Option<Self> {
        acceptor.live.begin_handshake(max).then(|| Self(Rc::clone(acceptor)))
    }
}

impl Drop for Handshake {
    fn drop(&mut self) {
        self.0.live.end_handshake();
        self.0.worker.live.room.freed();
    }
}
