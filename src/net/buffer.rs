//! Fixed buffers that are borrowed from a worker's stock only while there is something in them.
//!
//! A buffer per connection would cost 16 KiB for each of thousands of idle clients. The stock is
//! last-in first-out, so the busy few stay warm in the cache.

use std::cell::RefCell;

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
    start: usize,
    end: usize,
}

impl Buffer {
    /// An empty buffer of this capacity.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self { data: vec![0; capacity].into_boxed_slice(), start: 0, end: 0 }
    }

    /// The bytes read and not yet consumed.
    #[must_use]
    pub fn filled(&self) -> &[u8] {
        &self.data[self.start..self.end]
    }

    /// Room for more bytes; empty when the buffer is full to its end.
    pub fn spare(&mut self) -> &mut [u8] {
        &mut self.data[self.end..]
    }

    /// Counts `n` bytes of [`spare`](Self::spare) as filled.
    pub fn advance(&mut self, n: usize) {
        self.end = (self.end + n).min(self.data.len());
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
        self.start = (self.start + n).min(self.end);
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
            self.data.copy_within(self.start..self.end, 0);
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

/// A worker's stock of buffers.
#[derive(Debug, Default)]
pub struct Buffers {
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
        match self.heads.borrow_mut().pop() {
            Some(buffer) if buffer.capacity() >= capacity => buffer,
            _ => Buffer::new(capacity),
        }
    }

    /// An empty buffer that nobody uses meanwhile; `None` if there is none.
    pub fn take_spare(&self) -> Option<Buffer> {
        self.heads.borrow_mut().pop()
    }

    /// An empty buffer for large bodies.
    pub fn take_bulk(&self) -> Buffer {
        self.bulk.borrow_mut().pop().unwrap_or_else(|| Buffer::new(BULK_BYTES))
    }

    /// Takes a buffer of either kind back.
    pub fn put(&self, mut buffer: Buffer) {
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
}
