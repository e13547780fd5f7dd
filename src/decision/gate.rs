//! Sequential tests: how much evidence is enough, without choosing beforehand how long to look.
//!
//! A fixed threshold on a few requests rolls good zones back and lets bad ones pass, and looking
//! again each second until something shows makes any fixed test wrong sooner or later. A sequential
//! probability ratio test (Wald, *Sequential Tests of Statistical Hypotheses*, 1945) may be looked
//! at after each request. It follows the ratio of two likelihoods: of what was seen if the zone is
//! *worse*, and if it is *as good* as the others. By Ville's inequality (1939) the ratio of a zone
//! that is as good exceeds `1/α` with a probability of at most `α`, however long it runs; and that
//! of a worse one falls below `β` with a probability of at most `β`.

/// How often a bad thing happened among how many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) bad: u64,
    pub(super) all: u64,
}

/// One running test.
///
/// Once it has accepted, it begins anew, so that a zone that turns bad later is still found soon.
/// The chance `α` of a false alarm is spent over the rounds as `α / (k (k + 1))` for round `k`,
/// whose sum over any number of rounds stays below `α`.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Test {
    log_ratio: f64,
    accepted: u32,
    worse: bool,
}

/// The two error rates of a test, above 0 and below 1.
#[derive(Clone, Copy, Debug)]
pub(super) struct Errors {
    /// How likely one as good as the others may be called worse.
    pub(super) alpha: f64,
    /// How likely a worse one may be accepted.
    pub(super) beta: f64,
}

impl Test {
    /// Takes in what was seen of the zone and of the others in the same time.
    ///
    /// How often bad things happen is unknown and changes with the hour, so only their *places* are
    /// judged: of all bad things that happened, as many as its part of all requests are the zone's
    /// if it is as good as the others, and more if each of its requests is `worse_by` times as
    /// likely to be bad. Given how many there were in all, the rate itself cancels out (the
    /// conditional test of two Poisson rates; Przyborowski and Wilenski 1940, sequentially as in Li
    /// and Kulldorff 2010).
    pub(super) fn compare(&mut self, zone: Counts, others: Counts, worse_by: f64, errors: Errors) {
        let (own, rest) = (zone.all as f64, others.all as f64);
        if own <= 0.0 || rest <= 0.0 {
            return;
        }
        let as_good = own / (own + rest);
        let as_bad = worse_by * own / (worse_by * own + rest);
        self.log_ratio += zone.bad as f64 * (as_bad / as_good).ln()
            + others.bad as f64 * ((1.0 - as_bad) / (1.0 - as_good)).ln();
        self.settle(errors);
    }

    /// Takes in what was seen of the zone alone, against a rate that is too much and a tenth of it.
    pub(super) fn measure(&mut self, zone: Counts, too_much: f64, errors: Errors) {
        let fine = too_much / 10.0;
        let good = zone.all.saturating_sub(zone.bad) as f64;
        self.log_ratio += zone.bad as f64 * (too_much / fine).ln()
            + good * ((1.0 - too_much) / (1.0 - fine)).ln();
        self.settle(errors);
    }

    /// It has been accepted once at least.
    pub(super) fn accepted(&self) -> bool {
        self.accepted > 0
    }

    /// It has turned out to be worse.
    pub(super) fn worse(&self) -> bool {
        self.worse
    }

    fn settle(&mut self, errors: Errors) {
        let round = f64::from(self.accepted) + 1.0;
        self.worse |= self.log_ratio >= (round * (round + 1.0) / errors.alpha).ln();
        if self.log_ratio <= errors.beta.ln() {
            self.accepted = self.accepted.saturating_add(1);
            self.log_ratio = 0.0;
        }
    }
}
