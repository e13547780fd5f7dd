//! Numbers the lines of a process, and chains a digest through its inputs.

use twox_hash::XxHash3_64;

use super::wire::{Event, Line};
use crate::model::UnixMillis;

/// Where a process's log is.
#[derive(Clone, Debug, Default)]
pub struct Chain {
    last: u64,
    inputs: u64,
}

impl Chain {
    /// The next line.
    pub fn next(&mut self, at: UnixMillis, event: Event) -> Line {
        self.last += 1;
        if event.is_input() {
            // Not the time: the same inputs a day later are the same inputs.
            let text = serde_json::to_vec(&event).unwrap_or_default();
            self.inputs = XxHash3_64::oneshot_with_seed(self.inputs, &text);
        }
        let inputs = format!("{:016x}", self.inputs);
        Line { seq: self.last, at: at.to_string(), at_ms: at.0, inputs, event }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(addresses: usize) -> Event {
        Event::Resolved { pool: "api".to_owned(), backend: "app".to_owned(), addresses }
    }

    fn published() -> Event {
        Event::Published { generation: 2, moves: Vec::new(), because: Vec::new() }
    }

    #[test]
    fn the_digest_tells_inputs_apart_and_nothing_else() {
        let digest = |events: &[Event], from: u64| {
            let mut chain = Chain::default();
            let lines = events.iter().zip(from..);
            let last = lines.map(|(event, at)| chain.next(UnixMillis(at), event.clone())).last();
            last.map(|line| line.inputs)
        };
        let one = digest(&[resolved(1), resolved(2)], 0);
        assert_eq!(one, digest(&[resolved(1), published(), resolved(2), published()], 1_000));
        assert_ne!(one, digest(&[resolved(2), resolved(1)], 0));
        assert_ne!(one, digest(&[resolved(1)], 0));
    }

    #[test]
    fn lines_are_numbered_from_one() {
        let mut chain = Chain::default();
        let numbers = [(); 3].map(|()| chain.next(UnixMillis(5), published()).seq);
        assert_eq!(numbers, [1, 2, 3]);
    }
}
