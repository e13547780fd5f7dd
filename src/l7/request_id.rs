//! Request ids: unique over workers and restarts, and cheap.

use std::cell::Cell;

/// Makes 32 hexadecimal digits: a random part per worker and start, then a counter.
#[derive(Debug)]
pub(crate) struct RequestIds {
    prefix: [u8; 16],
    next: Cell<u64>,
}

impl RequestIds {
    /// `prefix` must be random.
    pub(crate) fn new(prefix: u64) -> Self {
        Self { prefix: digits(prefix), next: Cell::new(0) }
    }

    /// The next id, as ASCII.
    pub(crate) fn next(&self) -> [u8; 32] {
        let n = self.next.get();
        self.next.set(n.wrapping_add(1));
        let mut id = [0; 32];
        id[..16].copy_from_slice(&self.prefix);
        id[16..].copy_from_slice(&digits(n));
        id
    }
}

fn digits(value: u64) -> [u8; 16] {
    std::array::from_fn(|at| b"0123456789abcdef"[(value >> (60 - 4 * at)) as usize & 15])
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
