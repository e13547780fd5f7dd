//! Request ids: unique over workers and restarts, and cheap.

use std::cell::Cell;

/// Makes 32 hexadecimal digits: a random part per worker and start, then a counter.
#[derive(Debug)]
pub(crate) struct RequestIds {
    prefix: u64,
    next: Cell<u64>,
}

impl RequestIds {
    /// `prefix` must be random.
    pub(crate) fn new(prefix: u64) -> Self {
        Self { prefix, next: Cell::new(0) }
    }

    /// The next id, as ASCII.
    pub(crate) fn next(&self) -> [u8; 32] {
        let n = self.next.get();
        self.next.set(n.wrapping_add(1));
        let mut id = [0; 32];
        for (half, value) in id.chunks_exact_mut(16).zip([self.prefix, n]) {
            for (at, digit) in half.iter_mut().enumerate() {
                *digit = b"0123456789abcdef"[(value >> (60 - 4 * at)) as usize & 15];
            }
        }
        id
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_the_prefix_and_a_counter() {
        let ids = RequestIds::new(0xab);
        assert_eq!(&ids.next(), b"00000000000000ab0000000000000000");
        assert_eq!(&ids.next(), b"00000000000000ab0000000000000001");
    }
}
