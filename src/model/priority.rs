//! Whose requests go first when not all can be served.

use std::fmt;

/// The priority class of a request, connection or flow, the least important first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PriorityClass {
    /// Can be done without for a while: crawlers, reports, prefetching.
    Low,
    /// What nobody has said anything about.
    #[default]
    Normal,
    /// What users wait for.
    High,
    /// What must work while everything else does not.
    Critical,
}

/// The number of priority classes.
pub const PRIORITY_CLASSES: usize = PriorityClass::ALL.len();

impl PriorityClass {
    /// Every class, in the order in which they are shed: `ALL[x as usize] == x`.
    pub const ALL: [Self; 4] = [Self::Low, Self::Normal, Self::High, Self::Critical];

    /// The name in config, metrics and views.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Normal => "normal",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }

    /// From how many on one of this class is refused, where the lowest class is from `lowest` on:
    /// each later than the one before, and the critical one at twice as many.
    #[must_use]
    pub fn limit(self, lowest: u32) -> u32 {
        let quarters: u64 = match self {
            Self::Low => 4,
            Self::Normal => 5,
            Self::High => 6,
            Self::Critical => 8,
        };
        u32::try_from(u64::from(lowest) * quarters / 4).unwrap_or(u32::MAX)
    }

    /// The same of what is limited anyway: from which part of it on, 0..=1, where the lowest class is
    /// refused from `lowest` on. The critical one has all of it.
    #[must_use]
    pub fn part(self, lowest: f64) -> f64 {
        lowest + (1.0 - lowest) * f64::from(self as u8) / (PRIORITY_CLASSES - 1) as f64
    }

    /// The class of this name, whatever the case of its letters.
    #[must_use]
    pub fn named(name: &[u8]) -> Option<Self> {
        let named = |class: &Self| class.name().as_bytes().eq_ignore_ascii_case(name);
        Self::ALL.into_iter().find(named)
    }
}

/// The part of each class's requests that is let in, 0..=1, indexed by [`PriorityClass`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Admission(pub [f64; PRIORITY_CLASSES]);

impl Admission {
    /// Everything is let in.
    pub const ALL: Self = Self([1.0; PRIORITY_CLASSES]);

    /// The part of this class's requests that is let in, 0..=1.
    #[must_use]
    pub fn of(&self, class: PriorityClass) -> f64 {
        self.0[class as usize]
    }
}

impl Default for Admission {
    fn default() -> Self {
        Self::ALL
    }
}

impl fmt::Display for Admission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, class) in PriorityClass::ALL.into_iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            write!(f, "{comma}{} {:.1} %", class.name(), self.of(class) * 100.0)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lowest_class_goes_first_and_the_critical_one_last() {
        assert_eq!(PriorityClass::ALL.map(|class| class.limit(40)), [40, 50, 60, 80]);
        assert_eq!(PriorityClass::ALL.map(|class| class.limit(u32::MAX))[3], u32::MAX);
        let parts = PriorityClass::ALL.map(|class| (class.part(0.4) * 100.0).round());
        assert_eq!(parts, [40.0, 60.0, 80.0, 100.0]);
    }
}
