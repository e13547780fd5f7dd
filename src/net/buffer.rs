//! Fixed buffers that are borrowed from a worker's stock only while there is something in them.
//!
//! A buffer per connection would cost 16 KiB for each of thousands of idle clients. The stock is
//! last-in first-out, so the busy few stay warm in the cache.
//!
//! What is borrowed is counted, on each worker for itself: a ceiling on the whole is cut into as many
//! parts. Near it large bodies move in small buffers and nobody new is accepted, nearer requests are
//! refused, and at it not even a head is read any more. So a crowd that takes nothing of what it asked
//! for costs it an answer, not everybody the process.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use super::Pipe;

/// Buffers kept in stock; more are freed as they come back.
const STOCK: usize = 128;
/// Pipes kept in stock: a user's pipes may hold 64 MiB in all.
const PIPE_STOCK: usize = 64;
/// A vector that grew beyond this is freed rather than kept.
const VEC_BYTES_MAX: usize = 64 * 1024;
/// The size of a head buffer, unless a larger one is asked for.
const HEAD_BYTES_MIN: usize = 16 * 1024;
/// The size of a bulk buffer: large bodies move in few system calls.
const BULK_BYTES: usize = 128 * 1024;

/// A fixed stretch of memory with a filled part: bytes are read in at its end and consumed at its
/// start.
#[derive(Debug)]
pub struct Buffer {
    data: Box<[u8]>,
    start: u32,
    end: u32,
    /// Where it is counted while it is borrowed.
    borrowed: Option<Rc<Borrowed>>,
}

/// What is borrowed from a worker's stock.
#[derive(Debug)]
struct Borrowed {
    bytes: Cell<usize>,
    /// How much may be.
    max: Cell<usize>,
}

/// How near what is borrowed is to the ceiling.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Pressure {
    /// Far away.
    None,
    /// Nothing new is to be begun that can wait (from 75 %).
    Tight,
    /// Nothing new is to be begun (from 90 %).
    Spent,
    /// Nothing more is to be borrowed.
    Full,
}

impl Buffer {
    /// An empty buffer of this capacity.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        let data = vec![0; capacity.min(u32::MAX as usize)].into_boxed_slice();
        Self { data, start: 0, end: 0, borrowed: None }
    }

    /// The bytes read and not yet consumed.
    #[must_use]
    pub fn filled(&self) -> &[u8] {
        &self.data[self.start as usize..self.end as usize]
    }

    /// Room for more bytes; empty when the buffer is full to its end.
    pub fn spare(&mut self) -> &mut [u8] {
        &mut self.data[self.end as usize..]
    }

    /// Counts `n` bytes of [`spare`](Self::spare) as filled.
    pub fn advance(&mut self, n: usize) {
        self.end = (self.end as usize + n).min(self.data.len()) as u32;
    }

    /// Copies what there is room for to the end; returns how many bytes that was.
    pub fn fill(&mut self, bytes: &[u8]) -> usize {
        let room = self.spare();
        let n = room.len().min(bytes.len());
        room[..n].copy_from_slice(&bytes[..n]);
        self.advance(n);
        n
    }

    /// Drops `n` bytes from the start.
    pub fn consume(&mut self, n: usize) {
        self.start = (self.start as usize + n).min(self.end as usize) as u32;
        if self.start == self.end {
            self.clear();
        }
    }

    /// Drops everything.
    pub fn clear(&mut self) {
        (self.start, self.end) = (0, 0);
    }

    /// Moves the filled part to the front, so that all free room is spare.
    pub fn compact(&mut self) {
        if self.start > 0 {
            self.data.copy_within(self.start as usize..self.end as usize, 0);
            self.end -= self.start;
            self.start = 0;
        }
    }

    /// Is nothing filled?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Bytes it can hold.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.data.len()
    }
}

impl Buffer {
    /// Counts it as borrowed.
    fn lend(mut self, borrowed: &Rc<Borrowed>) -> Self {
        borrowed.bytes.set(borrowed.bytes.get() + self.data.len());
        self.borrowed = Some(Rc::clone(borrowed));
        self
    }

    /// Counts it as given back.
    fn give_back(&mut self) {
        if let Some(borrowed) = self.borrowed.take() {
            borrowed.bytes.set(borrowed.bytes.get().saturating_sub(self.data.len()));
        }
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        self.give_back();
    }
}

impl Default for Borrowed {
    fn default() -> Self {
        Self { bytes: Cell::new(0), max: Cell::new(usize::MAX) }
    }
}

/// A worker's stock of buffers.
#[derive(Debug, Default)]
pub struct Buffers {
    borrowed: Rc<Borrowed>,
    heads: RefCell<Vec<Buffer>>,
    bulk: RefCell<Vec<Buffer>>,
    vecs: RefCell<Vec<Vec<u8>>>,
    pipes: RefCell<Vec<Pipe>>,
}

impl Buffers {
    /// An empty buffer that holds at least `capacity` bytes, and never less than 16 KiB: room for
    /// any chunk-size line or trailer section.
    pub fn take(&self, capacity: usize) -> Buffer {
        let capacity = capacity.max(HEAD_BYTES_MIN);
        let kept = self.heads.borrow_mut().pop().filter(|kept| kept.capacity() >= capacity);
        kept.unwrap_or_else(|| Buffer::new(capacity)).lend(&self.borrowed)
    }

    /// From now on so many bytes may be borrowed; `None` = as many as it takes.
    pub fn limit(&self, max: Option<usize>) {
        self.borrowed.max.set(max.unwrap_or(usize::MAX));
    }

    /// Bytes that are borrowed.
    #[must_use]
    pub fn borrowed(&self) -> usize {
        self.borrowed.bytes.get()
    }

    /// How near that is to what may be.
    #[must_use]
    pub fn pressure(&self) -> Pressure {
        let (bytes, max) = (self.borrowed.bytes.get(), self.borrowed.max.get());
        // The usual case first.
        if bytes < max / 4 * 3 {
            Pressure::None
        } else if bytes < max / 10 * 9 {
            Pressure::Tight
        } else if bytes < max {
            Pressure::Spent
        } else {
            Pressure::Full
        }
    }

    /// An empty buffer that nobody uses meanwhile; `None` if there is none.
    pub fn take_spare(&self) -> Option<Buffer> {
        self.heads.borrow_mut().pop().map(|kept| kept.lend(&self.borrowed))
    }

    /// An empty buffer for large bodies, which under pressure is no larger than others.
    pub fn take_bulk(&self) -> Buffer {
        if self.pressure() > Pressure::None {
            return self.take(0);
        }
        let kept = self.bulk.borrow_mut().pop();
        kept.unwrap_or_else(|| Buffer::new(BULK_BYTES)).lend(&self.borrowed)
    }

    /// Takes a buffer of either kind back.
    pub fn put(&self, mut buffer: Buffer) {
        buffer.give_back();
        let stock = if buffer.capacity() >= BULK_BYTES { &self.bulk } else { &self.heads };
        let mut stock = stock.borrow_mut();
        if stock.len() < STOCK {
            buffer.clear();
            stock.push(buffer);
        }
    }

    /// An empty pipe; `None` if this machine grants none.
    pub fn take_pipe(&self) -> Option<Pipe> {
        self.pipes.borrow_mut().pop().or_else(|| Pipe::new().ok())
    }

    /// Takes an empty pipe back. One with bytes in it is closed: they must not come out elsewhere.
    pub fn put_pipe(&self, pipe: Pipe) {
        let mut stock = self.pipes.borrow_mut();
        if pipe.is_empty() && stock.len() < PIPE_STOCK {
            stock.push(pipe);
        }
    }

    /// An empty vector, for bytes to be written.
    pub fn take_vec(&self) -> Vec<u8> {
        self.vecs.borrow_mut().pop().unwrap_or_default()
    }

    /// Takes a vector back.
    pub fn put_vec(&self, mut vec: Vec<u8>) {
        let mut stock = self.vecs.borrow_mut();
        if stock.len() < STOCK * 2 && vec.capacity() <= VEC_BYTES_MAX {
            vec.clear();
            stock.push(vec);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_out_in_the_order_they_went_in() {
        let mut buffer = Buffer::new(8);
        buffer.spare()[..6].copy_from_slice(b"abcdef");
        buffer.advance(6);
        buffer.consume(4);
        assert_eq!(buffer.filled(), b"ef");
        assert_eq!(buffer.spare().len(), 2);
        buffer.compact();
        assert_eq!(buffer.filled(), b"ef");
        assert_eq!(buffer.spare().len(), 6);
        buffer.consume(2);
        assert!(buffer.is_empty());
        assert_eq!(buffer.spare().len(), 8);
    }

    #[test]
    fn a_buffer_that_is_too_small_is_not_handed_out() {
        let stock = Buffers::default();
        stock.put(Buffer::new(1024));
        assert_eq!(stock.take(32 * 1024).capacity(), 32 * 1024);
    }

    #[test]
    fn what_is_borrowed_is_counted_until_it_comes_back_or_is_dropped() {
        let stock = Buffers::default();
        assert_eq!(stock.pressure(), Pressure::None);
        stock.limit(Some(160 * 1024));
        let bulk = stock.take_bulk();
        assert_eq!((stock.borrowed(), stock.pressure()), (128 * 1024, Pressure::Tight));
        let small = stock.take_bulk();
        assert_eq!(small.capacity(), 16 * 1024, "under pressure");
        assert_eq!(stock.pressure(), Pressure::Spent);
        let last = stock.take(0);
        assert_eq!(stock.pressure(), Pressure::Full);
        stock.put(bulk);
        drop(small);
        assert_eq!((stock.borrowed(), stock.pressure()), (16 * 1024, Pressure::None));
        stock.put(last);
        assert_eq!(stock.borrowed(), 0);
        stock.put(Buffer::new(16 * 1024));
        assert_eq!(stock.borrowed(), 0, "one from elsewhere was never borrowed");
    }
}
