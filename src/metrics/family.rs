//! The description of a metric family.

/// What kind of numbers a family has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only grows while the process lives; the name ends in `_total`.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Counts per bucket, and a sum.
    Histogram,
}

/// A metric family: its name, what it tells, and its labels.
#[derive(Clone, Copy, Debug)]
pub struct Family {
    /// The name, with prefix and unit.
    pub name: &'static str,
    /// One sentence for the operator.
    pub help: &'static str,
    /// What kind of numbers it has.
    pub kind: Kind,
    /// Label names, in the order in which samples give their values.
    pub labels: &'static [&'static str],
}
