//! Rise and fall: how many answers in a row make a verdict.
//!
//! One lost packet must not empty a pool, and one lucky answer must not fill it again. So a
//! verdict changes only after a run of equal answers, and any answer of the other kind starts the
//! count again.

/// What one check, or one layer, says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// No verdict yet.
    Unknown,
    /// No verdict yet, but counted as up: added by a reload to a backend that was up.
    Presumed,
    /// Answers as expected.
    Up,
    /// Does not.
    Down,
}

impl Verdict {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Unknown, Self::Presumed, Self::Up, Self::Down];

    /// The closed set of names used in metrics and views.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Presumed => "presumed",
            Self::Up => "up",
            Self::Down => "down",
        }
    }
}

/// How many answers in a row make a verdict; 0 counts as 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Thresholds {
    /// Passes until up, from down.
    pub(super) rise: u32,
    /// Failures until down.
    pub(super) fall: u32,
}

/// The detector of one check. At most one of the two counts is above 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RiseFall {
    verdict: Verdict,
    passes: u32,
    fails: u32,
}

impl RiseFall {
    pub(super) fn new(verdict: Verdict) -> Self {
        Self { verdict, passes: 0, fails: 0 }
    }

    /// One that goes on where another ended.
    pub(super) fn resumed(verdict: Verdict, passes: u32, fails: u32) -> Self {
        Self { verdict, passes, fails: if passes == 0 { fails } else { 0 } }
    }

    pub(super) fn verdict(&self) -> Verdict {
        self.verdict
    }

    /// Passes in a row, up to now.
    pub(super) fn passes(&self) -> u32 {
        self.passes
    }

    /// Failures in a row, up to now.
    pub(super) fn fails(&self) -> u32 {
        self.fails
    }

    /// Counts a pass; true if the verdict changed.
    pub(super) fn pass(&mut self, thresholds: Thresholds) -> bool {
        self.fails = 0;
        self.passes = self.passes.saturating_add(1);
        match self.verdict {
            Verdict::Unknown | Verdict::Presumed => self.turn(Verdict::Up),
            Verdict::Down if self.passes >= thresholds.rise => self.turn(Verdict::Up),
            Verdict::Down | Verdict::Up => false,
        }
    }

    /// Counts a failure; true if the verdict changed.
    pub(super) fn fail(&mut self, thresholds: Thresholds) -> bool {
        self.passes = 0;
        self.fails = self.fails.saturating_add(1);
        self.verdict != Verdict::Down && self.fails >= thresholds.fall && self.turn(Verdict::Down)
    }

    /// Whether enough has failed since the last pass for a silence to mean something: one failure
    /// alone may be one lost packet.
    pub(super) fn in_doubt(&self, thresholds: Thresholds) -> bool {
        self.verdict != Verdict::Down && self.fails >= thresholds.fall.clamp(1, 2)
    }

    /// The silence has lasted too long; true if the verdict changed.
    pub(super) fn overdue(&mut self) -> bool {
        self.verdict != Verdict::Down && self.turn(Verdict::Down)
    }

    fn turn(&mut self, verdict: Verdict) -> bool {
        self.verdict = verdict;
        true
    }
}
