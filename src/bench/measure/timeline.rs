//! Latency and rate over time: what happened to the requests that were due in each short window.
//!
//! A request belongs to the window it was *due* in, not the one it was answered in: a stall then
//! shows where it began, and how long it held up whom.

use std::time::Duration;

use hdrhistogram::Histogram;

use super::tally::LATENCY_MAX_NS;

/// Windows in a run, at most: enough for a picture, and a bound on memory.
const WINDOWS_MAX: u64 = 600;
/// No window is shorter.
const WIDTH_MS_MIN: u64 = 100;
/// Digits of a window's histogram: 1 % is finer than a picture.
const DIGITS: u8 = 2;

/// The windows of a run.
#[derive(Clone, Debug)]
pub struct Timeline {
    width: Duration,
    windows: Vec<Window>,
}

/// What became of the requests due in one window.
#[derive(Clone, Debug, Default)]
pub struct Window {
    /// How many were due.
    pub due: u64,
    /// How many have a good answer.
    pub answered: u64,
    /// How many failed.
    pub failed: u64,
    /// Nanoseconds from due to answered; `None` before the first answer.
    latency: Option<Histogram<u32>>,
}

impl Timeline {
    /// Windows for a run of this length.
    #[must_use]
    pub fn new(length: Duration) -> Self {
        let share_ms = (length.as_millis() as u64).div_ceil(WINDOWS_MAX);
        let width_ms = share_ms.next_multiple_of(WIDTH_MS_MIN).max(WIDTH_MS_MIN);
        let count = (length.as_millis() as u64).div_ceil(width_ms).max(1);
        let windows = vec![Window::default(); count as usize];
        Self { width: Duration::from_millis(width_ms), windows }
    }

    /// How long a window is.
    #[must_use]
    pub fn width(&self) -> Duration {
        self.width
    }

    /// The windows in order, from the run's start.
    #[must_use]
    pub fn windows(&self) -> &[Window] {
        &self.windows
    }

    pub(super) fn due(&mut self, at_ns: u64) {
        self.at(at_ns).due += 1;
    }

    pub(super) fn answered(&mut self, due_ns: u64, latency_ns: u64) {
        let window = self.at(due_ns);
        window.answered += 1;
        if window.latency.is_none() {
            window.latency = Histogram::new_with_bounds(1_000, LATENCY_MAX_NS, DIGITS).ok();
        }
        if let Some(histogram) = &mut window.latency {
            histogram.saturating_record(latency_ns);
        }
    }

    pub(super) fn failed(&mut self, due_ns: u64) {
        self.at(due_ns).failed += 1;
    }

    fn at(&mut self, due_ns: u64) -> &mut Window {
        let index = (due_ns / self.width.as_nanos() as u64) as usize;
        let last = self.windows.len() - 1;
        &mut self.windows[index.min(last)]
    }
}

impl Window {
    /// Latency at this quantile (0..=1) in nanoseconds, to 1 %; `None` without an answer.
    #[must_use]
    pub fn latency_ns(&self, quantile: f64) -> Option<u64> {
        self.latency.as_ref().map(|histogram| histogram.value_at_quantile(quantile))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_are_as_many_as_a_picture_needs() {
        let shape = |seconds| {
            let timeline = Timeline::new(Duration::from_secs(seconds));
            (timeline.width().as_millis(), timeline.windows().len())
        };
        assert_eq!(shape(1), (100, 10));
        assert_eq!(shape(30), (100, 300));
        assert_eq!(shape(61), (200, 305));
        assert_eq!(shape(86_400), (144_000, 600));
    }

    #[test]
    fn a_request_belongs_to_the_window_it_was_due_in() {
        let mut timeline = Timeline::new(Duration::from_secs(1));
        timeline.due(150_000_000);
        timeline.answered(150_000_000, 700_000_000);
        timeline.failed(950_000_000);
        assert_eq!(timeline.windows()[1].answered, 1);
        let latency = timeline.windows()[1].latency_ns(0.5).unwrap();
        assert!(latency.abs_diff(700_000_000) <= 7_000_000, "{latency}");
        assert_eq!(timeline.windows()[9].failed, 1);
        assert_eq!(timeline.windows()[8].latency_ns(0.5), None);
    }
}
