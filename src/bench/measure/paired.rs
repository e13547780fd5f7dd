//! Is B slower than A, or is it the weather?
//!
//! Measurements that were made side by side are compared pair by pair: what both met alike (a busy
//! machine, a slow minute) cancels in the ratio. How far such ratios stray when nothing differs is
//! known from A itself: each of its measurements over the one before it. A difference counts when
//! the ratios B/A are on one side of 1 beyond chance *and* their median is outside what A over A
//! does.

/// What pairs show.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Paired {
    /// How many pairs.
    pub pairs: usize,
    /// The median of A.
    pub a: f64,
    /// The median of B.
    pub b: f64,
    /// The median of B over A.
    pub ratio: f64,
    /// Where that median lies with 95 % confidence; wide open with fewer than six pairs.
    pub interval: (f64, f64),
    /// The same interval of A over A: what no difference looks like.
    pub spread: (f64, f64),
}

/// What that means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Difference {
    /// B is lower.
    Lower,
    /// B is higher.
    Higher,
    /// Nothing that these pairs could show.
    None,
}

impl Paired {
    /// Compares pairs of (A, B), in the order they were measured; only positive values count.
    #[must_use]
    pub fn of(pairs: &[(f64, f64)]) -> Option<Self> {
        let pairs: Vec<_> = pairs.iter().filter(|(a, b)| *a > 0.0 && *b > 0.0).collect();
        let ratios = sorted(pairs.iter().map(|(a, b)| b / a));
        let same = sorted(pairs.windows(2).map(|two| two[1].0 / two[0].0));
        (!ratios.is_empty()).then(|| Self {
            pairs: ratios.len(),
            a: median(&sorted(pairs.iter().map(|pair| pair.0))),
            b: median(&sorted(pairs.iter().map(|pair| pair.1))),
            ratio: median(&ratios),
            interval: interval(&ratios),
            spread: symmetric(interval(&same)),
        })
    }

    /// What it means.
    #[must_use]
    pub fn difference(&self) -> Difference {
        let inside = |(low, high): (f64, f64), value: f64| low <= value && value <= high;
        if inside(self.interval, 1.0) || inside(self.spread, self.ratio) {
            return Difference::None;
        }
        if self.ratio < 1.0 { Difference::Lower } else { Difference::Higher }
    }
}

fn sorted(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values
}

fn median(sorted: &[f64]) -> f64 {
    let middle = sorted.len() / 2;
    if sorted.len().is_multiple_of(2) {
        sorted[middle - 1].midpoint(sorted[middle])
    } else {
        sorted[middle]
    }
}

/// As wide above 1 as below: which of two measurements of A came first says nothing.
fn symmetric((low, high): (f64, f64)) -> (f64, f64) {
    (low.min(1.0 / high), high.max(1.0 / low))
}

/// Between which of the values the true median lies with 95 % confidence, whatever their
/// distribution: each is above it with probability one half, so ranks follow the binomial law
/// (the interval of the sign test; Hollander and Wolfe, *Nonparametric Statistical Methods*, 3.6).
fn interval(sorted: &[f64]) -> (f64, f64) {
    let n = sorted.len();
    let mut tail = 0.0;
    let mut probability = 0.5_f64.powi(i32::try_from(n).unwrap_or(i32::MAX));
    let mut rank = 0;
    // Beyond a thousand values the probability of the first ranks is no number any more; nor is it
    // needed, as the interval is narrow long before.
    while rank < n / 2 && tail + probability <= 0.025 {
        tail += probability;
        probability *= (n - rank) as f64 / (rank + 1) as f64;
        rank += 1;
    }
    match rank {
        0 => (0.0, f64::INFINITY),
        rank => (sorted[rank - 1], sorted[n - rank]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_are_those_of_the_sign_test() {
        let ranks = |n: usize| {
            let values: Vec<f64> = (1..=n).map(|rank| rank as f64).collect();
            interval(&values)
        };
        // From the tables of the binomial law.
        assert_eq!(ranks(5), (0.0, f64::INFINITY));
        assert_eq!(ranks(6), (1.0, 6.0));
        assert_eq!(ranks(10), (2.0, 9.0));
        assert_eq!(ranks(20), (6.0, 15.0));
        assert_eq!(ranks(100), (40.0, 61.0));
    }

    #[test]
    fn a_difference_must_be_beyond_chance_and_beyond_the_spread() {
        let pairs = |factor: f64| {
            let mut rng = fastrand::Rng::with_seed(7);
            let mut noise = || 0.9 + 0.2 * rng.f64();
            let pairs: Vec<_> = (0..40).map(|_| (noise(), noise() * factor)).collect();
            Paired::of(&pairs).unwrap()
        };
        assert_eq!(pairs(1.0).difference(), Difference::None);
        assert_eq!(pairs(1.5).difference(), Difference::Higher);
        assert_eq!(pairs(0.6).difference(), Difference::Lower);
        let few = Paired::of(&[(1.0, 2.0); 5]).unwrap();
        assert_eq!(few.difference(), Difference::None, "five pairs can show nothing");
    }

    #[test]
    fn a_difference_that_a_shows_against_itself_is_none() {
        // A grows by a fifth from each measurement to the next, and B is a tenth above it.
        let pair = |n: i32| (1.2_f64.powi(n), 1.1 * 1.2_f64.powi(n));
        let paired = Paired::of(&(0..40).map(pair).collect::<Vec<_>>()).unwrap();
        assert!((paired.ratio - 1.1).abs() < 1e-9);
        assert!((paired.spread.0 - 1.0 / 1.2).abs() < 1e-9 && (paired.spread.1 - 1.2).abs() < 1e-9);
        assert_eq!(paired.difference(), Difference::None);
    }

    #[test]
    fn nothing_is_said_of_nothing() {
        assert_eq!(Paired::of(&[]), None);
        assert_eq!(Paired::of(&[(0.0, 1.0), (1.0, 0.0)]), None);
    }
}
