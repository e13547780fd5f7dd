//! Where records are opened and sealed.

use std::cell::{RefCell, RefMut};

/// Bytes taken from a socket at once; more than one record of the largest size.
const IN_BYTES: usize = 64 * 1024;
/// Plain bytes sealed at once, in records of 16 KiB.
pub(super) const SEALED_AT_ONCE: usize = 64 * 1024;
/// The room for them, with what each record and the messages before them add.
const OUT_BYTES: usize = SEALED_AT_ONCE + 16 * 1024;

/// A worker's room for records on their way through: only used while one connection reads or writes.
#[derive(Debug)]
pub struct Scratch {
    incoming: RefCell<Box<[u8]>>,
    outgoing: RefCell<Box<[u8]>>,
    gathered: RefCell<Vec<u8>>,
}

impl Default for Scratch {
    fn default() -> Self {
        let room = |bytes| RefCell::new(vec![0; bytes].into_boxed_slice());
        Self { incoming: room(IN_BYTES), outgoing: room(OUT_BYTES), gathered: RefCell::default() }
    }
}

impl Scratch {
    /// For what comes from a socket.
    pub(super) fn incoming(&self) -> RefMut<'_, Box<[u8]>> {
        self.incoming.borrow_mut()
    }

    /// For what goes to a socket.
    pub(super) fn outgoing(&self) -> RefMut<'_, Box<[u8]>> {
        self.outgoing.borrow_mut()
    }

    /// For pieces that shall become one record.
    pub(super) fn gathered(&self) -> RefMut<'_, Vec<u8>> {
        self.gathered.borrow_mut()
    }
}
