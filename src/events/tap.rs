//! Hands lines on to whoever tells others about them, without ever waiting for it.

use std::sync::Arc;

use tokio::sync::mpsc;

use super::Losses;
use super::wire::{Event, Line};

/// The end that events go into.
#[derive(Clone, Debug)]
pub struct Tap {
    lines: mpsc::Sender<Arc<Line>>,
    losses: Losses,
}

impl Tap {
    /// One of so many places; the other end gives the lines.
    #[must_use]
    pub fn new(places: usize) -> (Self, mpsc::Receiver<Arc<Line>>) {
        let (lines, taken) = mpsc::channel(places);
        (Self { lines, losses: Losses::default() }, taken)
    }

    /// Hands a line over if anybody could want it; counts it if there is no place.
    pub fn offer(&self, line: &Arc<Line>) {
        let news = matches!(
            line.event,
            Event::Moved { .. }
                | Event::Health { .. }
                | Event::CommonCause { .. }
                | Event::Headroom { .. }
        );
        if news && self.lines.try_send(Arc::clone(line)).is_err() {
            self.losses.add_one();
        }
    }

    /// Lines that found no place.
    #[must_use]
    pub fn losses(&self) -> Losses {
        self.losses.clone()
    }
}
