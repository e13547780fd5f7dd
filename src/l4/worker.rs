//! What all that is forwarded on a worker shares.

use std::cell::RefCell;
use std::collections::HashSet;
use std::ops::Deref;
use std::rc::{Rc, Weak};

use crate::config::OnDown;
use crate::net::Batch;
use crate::table::Table;
use crate::worker;

use super::stays::Stays;
use super::udp::Service;

/// The part of a worker that forwards.
#[derive(Debug)]
pub(super) struct Worker {
    /// What it shares with all others.
    core: Rc<worker::Worker>,
    /// Who holds a drain open.
    pub(super) stays: Stays,
    /// The live ids of backends whose connections are to end, because they are down.
    dead: RefCell<HashSet<u64>>,
    /// Where datagrams are received, one after the other.
    pub(super) datagrams: RefCell<Batch>,
    /// The addresses at which datagrams come in.
    services: RefCell<Vec<Weak<Service>>>,
}

impl Deref for Worker {
    type Target = Rc<worker::Worker>;

    fn deref(&self) -> &Self::Target {
        &self.core
    }
}

impl Worker {
    pub(super) fn new(core: &Rc<worker::Worker>) -> Rc<Self> {
        let core = Rc::clone(core);
        Rc::new(Self {
            core,
            stays: Stays::default(),
            dead: RefCell::default(),
            datagrams: RefCell::default(),
            services: RefCell::default(),
        })
    }

    /// Are connections to this backend to end, because it is down?
    pub(super) fn is_dead(&self, backend: u64) -> bool {
        let dead = self.dead.borrow();
        !dead.is_empty() && dead.contains(&backend)
    }

    /// Takes from a new table which backends are down, and has what is connected to them look.
    pub(super) fn follow(&self, table: &Table) {
        let pools = table.pools().filter(|pool| pool.on_down == OnDown::Close);
        let zones = pools.flat_map(|pool| &pool.zones);
        let closing: HashSet<u64> =
            zones.flat_map(|zone| zone.backends()).map(|backend| backend.live.id).collect();
        let down = table.down().map(|backend| backend.live.id);
        let dead: HashSet<u64> = down.filter(|id| closing.contains(id)).collect();
        if !dead.is_subset(&self.dead.replace(dead.clone())) {
            self.timers.wake_all();
        }
        self.each_service(|service| service.follow(table));
    }

    /// One more address at which datagrams come in, for as long as it is served.
    pub(super) fn add_service(&self, service: &Rc<Service>) {
        self.services.borrow_mut().push(Rc::downgrade(service));
    }

    /// Ends the flows that are due.
    pub(super) fn tick(&self) {
        self.services.borrow_mut().retain(|service| service.strong_count() > 0);
        self.each_service(Service::tick);
    }

    fn each_service(&self, mut look: impl FnMut(&Service)) {
        // Looked at outside of the borrow.
        let services = self.services.borrow().clone();
        services.iter().filter_map(Weak::upgrade).for_each(|service| look(&service));
    }
}
